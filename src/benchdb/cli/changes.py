"""``benchdb changes``: what changed in a history, folded into events and ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.instants import instant
from benchdb.cli.options import database_option, format_option, locate, rate_option
from benchdb.cli.output import say, write, write_tables
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from benchdb.findings import Changes, Event
    from benchdb.series import Case, SeriesKey


@click.command("changes", short_help="What changed since when: events, ranked, with suspects.")
@click.argument("cases", metavar="[CASE]...", nargs=-1)
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric; may be repeated."
)
@click.option("--since", metavar="WHEN", help="Only what began since 2026-01-31, or in 30d.")
@rate_option
@click.option("--closed", is_flag=True, help="Show events that people settled, too.")
@click.option(
    "--all", "every_session", is_flag=True, help="Use sessions off the trunk in series too."
)
@click.option(
    "--verbose", is_flag=True, help="Show every row, and what each series can tell from noise."
)
@database_option
@format_option
def command(
    *,
    cases: tuple[str, ...],
    metrics: tuple[str, ...],
    since: str | None,
    rate: float,
    closed: bool,
    every_session: bool,
    verbose: bool,
    db: str | None,
    form: str,
) -> None:
    """Show what changed in the history: by how much, since when, and what is to be suspected.

    All series of the trunk are searched for changes of their level. Those that may have one cause
    are one event: it has the commits, packages and machines that differ on both sides, and an id
    for `benchdb ack`. With a CASE (a name or a pattern, as `benchdb show` takes them) only events
    of these are shown; all series are judged as one family nonetheless.
    """
    from benchdb.report import schemas
    from benchdb.report.changes import changes_content, changes_tables
    from benchdb.report.text import database
    from benchdb.review.cases import matching_cases
    from benchdb.review.events import find_changes
    from benchdb.review.remembered import Kept
    from benchdb.store.opening import reading

    keep_freed_memory()
    start = None if since is None else instant(since, "--since")
    path, settings = locate(db)
    kept = Kept()
    with reading(path, say) as connection:
        wanted = set(matching_cases(connection, cases)) if cases else None
        every = find_changes(
            connection, settings, rate=rate, every_session=every_session, kept=kept
        )
    kept.store(path)
    whole = every
    every = _narrowed(whole, wanted, metrics)
    shown = [one for one in every.events if _is_shown(one, start, closed=closed)]
    if form == "json":
        for part in schemas.parts(schemas.CHANGES, path, changes_content(every, shown)):
            write(part)
    else:
        tables = changes_tables(
            every,
            shown,
            settings.trunk,
            whole=whole,
            since=start,
            verbose=verbose,
            place=database(db),
        )
        write_tables(tables, form)


def _is_shown(event: Event, start: datetime | None, *, closed: bool) -> bool:
    from benchdb.findings import State

    open_ = event.state is State.OPEN or closed
    return open_ and (start is None or event.first_after.place >= start)


def _narrowed(changes: Changes, wanted: set[Case] | None, metrics: Sequence[str]) -> Changes:
    """Leave out what is about other cases and metrics."""
    from dataclasses import replace

    known = {one.key.metric.name for one in changes.watched}
    for name in metrics:
        if name not in known:
            raise UserError(
                f"no metric {name!r} was measured here: use one of {', '.join(sorted(known))}"
            )

    def is_meant(key: SeriesKey) -> bool:
        return (wanted is None or key.case in wanted) and (
            not metrics or key.metric.name in metrics
        )

    if wanted is None and not metrics:
        return changes
    return replace(
        changes,
        events=tuple(
            one for one in changes.events if any(is_meant(moved.key) for moved in one.moved)
        ),
        drifts=tuple(one for one in changes.drifts if is_meant(one.key)),
        watched=tuple(one for one in changes.watched if is_meant(one.key)),
        fallback=tuple(one for one in changes.fallback if wanted is None or one in wanted),
    )
