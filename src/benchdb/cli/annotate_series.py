"""``benchdb annotate series``: says how changes of series in a range of revisions stand."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, locate, rate_option
from benchdb.cli.output import say, write
from benchdb.cli.saying import add, checked, said_state, saying_options, this_user

if TYPE_CHECKING:
    from benchdb.config import Location, Settings
    from benchdb.findings import Saying

_COMMIT: Final = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)


def _revision(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return a commit or an instant as annotations hold it."""
    if given is None:
        return None
    said = given.strip()
    if _COMMIT.fullmatch(said):
        return said.lower()
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise click.BadParameter(
            f"{given!r} is neither a commit nor a time: write a hash, or 2026-01-31T12:00"
        ) from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found.isoformat().replace("+00:00", "Z")


@click.command("series", short_help="Say how changes of series in a range of commits stand.")
@click.argument("series", nargs=-1, required=True, metavar="SERIES...")
@click.option(
    "--after", metavar="COMMIT_OR_TIME", callback=_revision, help="They began behind this one."
)
@click.option(
    "--until",
    metavar="COMMIT_OR_TIME",
    callback=_revision,
    help="They began with this one at the latest.",
)
@click.option(
    "--direction", type=click.Choice(["up", "down"]), help="Only those of this direction."
)
@saying_options
@rate_option
@database_option
def command(
    *,
    series: tuple[str, ...],
    after: str | None,
    until: str | None,
    direction: str | None,
    text: str | None,
    author: str | None,
    rate: float,
    db: str | None,
    **states: Any,
) -> None:
    """Say how changes of SERIES stand, before or after they are found.

    A SERIES is `path::name metric unit`, as `benchdb ack --list` shows them; * and ? stand for
    anything, and an end may be left out. What is said holds for every change of these series whose
    range of commits overlaps this one. Nothing is removed: of several the latest holds.
    """
    context = click.get_current_context()
    state = said_state(states)
    if state is None:
        raise click.UsageError(
            "give one of --expected, --noise, --fixed-by, --wont-fix, --open", context
        )
    if after is None and until is None:
        raise click.UsageError("give --after or --until: a commit or a time", context)
    unfit = [one for one in series if not one.strip() or "\n" in one]
    if unfit:
        raise click.UsageError(f"{unfit[0]!r} names no series", context)
    from benchdb.findings import Saying
    from benchdb.store.values import new_uid

    path, settings = locate(db)
    commit = states["commit"]
    if commit is not None:
        commit, _ = checked(path, settings, commit)
    saying = Saying(
        key=new_uid(),
        made=datetime.now(UTC),
        state=state,
        follows=None,
        author=author or this_user(),
        text=text,
        series=tuple(dict.fromkeys(series)),
        after=after,
        until=until,
        direction=direction,
        session=None,
        commit=commit,
    )
    _tell(path, settings, add(path, [saying])[0], rate)


def _tell(path: Location, settings: Settings, saying: Saying, rate: float) -> None:
    """Say what was noted, and of which events it holds by now."""
    from benchdb.report.sayings import said
    from benchdb.report.text import counted, literal
    from benchdb.review.acknowledged import unknown_series
    from benchdb.review.events import find_changes
    from benchdb.store.opening import reading

    keep_freed_memory()
    with reading(path, say) as connection:
        changes = find_changes(connection, settings, rate=rate)
    covered = [
        one.id for one in changes.events if one.saying is not None and one.saying.key == saying.key
    ]
    events = f"holds for {', '.join(covered)}" if covered else "no event of now is among them"
    unknown = unknown_series(saying, [one.key for one in changes.watched], settings.renamed)
    if unknown:
        first, *others = unknown
        most = f" and {counted(len(others), 'other')}" if others else ""
        events += f"; no series here is called {first!r}{most}"
    one, *more = saying.series
    series = f"{one} and {counted(len(more), 'other')}" if more else one
    write(literal(f"{series}: {said(saying)}; {events}") + "\n")
