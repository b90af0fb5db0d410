"""``benchdb db prune``: remove sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import click

from benchdb.cli.instants import instant
from benchdb.cli.options import database_option, format_option, leading_subjects, locate, prepare
from benchdb.cli.output import on_terminal, say, write, write_tables
from benchdb.cli.progress import progress_bar
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from benchdb.config import Location, Settings
    from benchdb.series import CountedSession, StoredSession
    from benchdb.store.prune import Pruned

_Session = TypeVar("_Session", bound="StoredSession")

#: Fewer characters of a uid or a digest name no session: a slip must remove nothing.
_LEAST: Final = 6


@click.command("prune", short_help="Remove sessions.")
@click.option(
    "--before",
    metavar="DATE|90d",
    help="Sessions that started before a date, an instant (UTC), or that many days ago.",
)
@click.option(
    "--keep-last", metavar="N", type=click.IntRange(1), help="All sessions but the newest N."
)
@click.option(
    "--session",
    "named",
    metavar="UID",
    multiple=True,
    help="This session: beginning or end of its uid or digest; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@database_option
@format_option
def command(
    *,
    before: str | None,
    keep_last: int | None,
    named: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    db: str | None,
    form: str,
) -> None:
    """Remove sessions from the database, and give their room back to the system.

    With --before and --keep-last together a session must be both, older and not among the newest.
    What is being recorded stays. What was removed is noted, so that `benchdb merge` doesn't bring
    it back. Files of test runs stay in their folder. On a terminal it asks first.
    """
    from benchdb.store.opening import reading
    from benchdb.store.prune import prune
    from benchdb.store.queries import counted_sessions

    if before is None and keep_last is None and not named:
        raise click.UsageError(
            "say what to remove, by --before, --keep-last or --session",
            click.get_current_context(),
        )
    if named and (before is not None or keep_last is not None):
        raise click.UsageError(
            "--session goes with neither --before nor --keep-last", click.get_current_context()
        )
    limit = None if before is None else instant(before, "--before")
    path, settings = locate(db)
    with reading(path, say) as connection:
        every = counted_sessions(connection, hidden=True)
    chosen = named_sessions(every, named, path) if named else _older(every, limit, keep_last)
    if dry_run or not chosen:
        _report(chosen, None, path, settings, form)
        return
    if on_terminal() and not yes:
        _ask(chosen, path)
    with progress_bar() as progress:
        prepare(path, progress)
        done = prune(path, [(one.uid, one.digest or "") for one in chosen], progress)
    _report(chosen, done, path, settings, form)


def _older(
    every: Sequence[CountedSession], limit: datetime | None, keep_last: int | None
) -> list[CountedSession]:
    newest = {one.row for one in every[: keep_last or 0]}
    return [
        one
        for one in every
        if one.digest is not None
        and one.row not in newest
        and (limit is None or one.started < limit)
    ]


def named_sessions(
    every: Sequence[_Session], named: Sequence[str], path: Location, *, forms: bool = False
) -> list[_Session]:
    """Return the sessions that are meant by parts of their uids or digests.

    Parameters
    ----------
    every
        The sessions that there are.
    named
        What was typed.
    path
        The database, for messages.
    forms
        Whether a part may mean all forms of one session.
    """
    chosen: dict[int, _Session] = {}
    for given in named:
        wanted = given.strip().lower()
        found = [
            one
            for one in every
            if one.uid == given
            or (
                len(wanted) >= _LEAST
                and any(
                    known.startswith(wanted) or known.endswith(wanted)
                    for known in (one.uid.lower(), one.digest or "")
                )
            )
        ]
        if not found:
            raise UserError(f"no session {given!r} in {path}: `benchdb show` lists them")
        several = len({one.uid for one in found}) > 1
        if several or (len(found) > 1 and not forms):
            which = "a longer part of its uid" if several else "the digest of one"
            raise UserError(f"{len(found)} sessions are {given!r}: give {which}")
        if found[0].digest is None:
            raise UserError(f"session {given!r} is being recorded: try again when it is done")
        chosen.update((one.row, one) for one in found)
    return list(chosen.values())


def _ask(chosen: Sequence[CountedSession], path: Location) -> None:
    from benchdb.report.text import counted

    runs = counted(sum(one.runs for one in chosen), "test run")
    said = f"Remove {counted(len(chosen), 'session')} with {runs} from {path}?"
    click.confirm(said, abort=True, err=True)


def _report(
    chosen: Sequence[CountedSession],
    done: Pruned | None,
    path: Location,
    settings: Settings,
    form: str,
) -> None:
    from benchdb.report import schemas
    from benchdb.report.sessions import sessions_table
    from benchdb.report.table import Table
    from benchdb.report.text import counted
    from benchdb.report.units import with_unit

    if form == "json":
        named = ("uid", "digest", "started", "runs")
        content = {
            "dry_run": done is None,
            "sessions": [{name: getattr(one, name) for name in named} for one in chosen],
            "freed": 0 if done is None else done.freed,
        }
        write(schemas.document(schemas.PRUNE, path, content))
        return
    runs = sum(one.runs for one in chosen) if done is None else done.test_runs
    count = len(chosen) if done is None else done.sessions
    what = f"{counted(count, 'session')} with {counted(runs, 'test run')}"
    if not chosen:
        write_tables([Table((), (), remarks=(f"nothing to remove from {path}",))], form)
    elif done is None:
        remark = Table((), (), remarks=(f"would remove {what} from {path}",))
        write_tables([sessions_table(chosen, leading_subjects(settings)), remark], form)
    else:
        room = (
            f"{with_unit(done.freed, 'B')} given back"
            if done.kept is None
            else f"the room stays in the database and is used again, as {done.kept}"
        )
        write_tables([Table((), (), remarks=(f"removed {what} from {path}; {room}",))], form)
