"""``benchdb merge``: local files into one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from benchdb.cli.options import database_option, locate, prepare
from benchdb.cli.output import say, write
from benchdb.cli.progress import progress_bar
from benchdb.cli.saving import save
from benchdb.config import location
from benchdb.errors import NoDatabase, UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from benchdb.config import Location, Settings
    from benchdb.store.merge import Merged

#: So many sessions are named where some are left out.
_NAMED: Final = 5


def _located(_: click.Context, __: click.Parameter, files: tuple[str, ...]) -> tuple[Location, ...]:
    return tuple(location(file, Path()) for file in files)


@click.command("merge", short_help="Merge files into the database.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, callback=_located)
@click.option("--all", "bring_back", is_flag=True, help="Take back what was pruned before, too.")
@click.option(
    "--untrusted",
    is_flag=True,
    help="Take only contenders' sessions, and nothing that people said: of a fork's job.",
)
@click.option(
    "--sessions",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="LIST",
    help="Name the sessions of each FILE that are in the database now, a line each, as "
    "`benchdb gate` takes them.",
)
@database_option
def command(
    files: tuple[Location, ...],
    *,
    bring_back: bool,
    untrusted: bool,
    sessions: Path | None,
    db: str | None,
) -> None:
    """Merge the sessions of each FILE into the database, which is made if there is none.

    A FILE, as the database, may be the URL of a database on a PostgreSQL server, too.

    Whole sessions are copied, and each once: to merge again, or in another order, changes nothing.
    The files stay as they are. Where one can't be read the others are merged, and the exit code is
    2, as it is when a session is first found in two forms that differ. Where a name is of no file,
    none is merged.

    Whoever wrote a file says what is in it. With --untrusted, sessions that say they are of the
    trunk, whose uid another one has here, or that hold what nothing could read, are left out and
    named, and annotations are left.
    """
    from benchdb.report.text import literal
    from benchdb.store.merge import merging

    path, settings = locate(db)
    for file in files:
        if isinstance(file, Path) and not os.path.lexists(file):
            raise NoDatabase(f"there is no file {file}: nothing was merged, check the name")
    sift = _Sift(path, settings if untrusted else None)
    with progress_bar() as progress:
        done = list(
            merging(
                path,
                files,
                lambda: prepare(path, progress),
                bring_back=bring_back,
                wanted=sift if untrusted else None,
                progress=progress,
            )
        )
    failed = False
    for file, merged in done:
        if isinstance(merged, UserError):
            failed = True
            say(str(merged))
        else:
            write(literal(f"{file}: {_line(merged)}") + "\n")
            for line in merged.unfit:
                say(f"{file}: {line}: it was left out")
            failed = failed or bool(merged.conflicts or merged.unfit)
    whole = [file for file, merged in done if not isinstance(merged, UserError)]
    if whole:
        tell_conflicts(path)
    if sessions is not None:
        named = dict.fromkeys(uid for file in whole for uid in sift.held(file))
        save([("list", sessions)], lambda _: (f"session:{uid}\n" for uid in named))
    if failed:
        click.get_current_context().exit(2)


class _Sift:
    """Says which sessions of a file may be merged, and names the others.

    Parameters
    ----------
    path
        The database that receives.
    settings
        They name the trunk, where files are not trusted; else None.
    """

    def __init__(self, path: Location, settings: Settings | None) -> None:
        self._path = path
        self._settings = settings
        self._wanted: dict[Location, Collection[tuple[str, str]]] = {}

    def __call__(self, file: Location) -> Collection[tuple[str, str]]:
        """Return the keys of those that may: (uid, digest)."""
        from benchdb.report.text import counted
        from benchdb.review.untrusted import sifted
        from benchdb.store.check import unsound
        from benchdb.store.opening import connected, explaining, newest

        assert self._settings is not None
        with newest(file) as at, explaining(file), connected(at) as connection:
            found = sifted(connection, self._keys(self._path), self._settings)
            wrong = unsound(at, found.keys)
        for uids, why in (
            (found.trunk, "of the trunk, by what it says"),
            (found.doubtful, "another form of one that is here"),
            (found.odd, "with a uid that no session gets"),
        ):
            if uids:
                say(f"{file}: left out {counted(len(uids), 'session')}, {why}: {_named(uids)}")
        for line in sorted(wrong.values()):
            say(f"{file}: {line}: it was left out")
        self._wanted[file] = found.keys - wrong.keys()
        return self._wanted[file]

    def held(self, file: Location) -> list[str]:
        """Return the uids of a file's sessions that the database has now, as they are there."""
        keys: Collection[tuple[str, str | None]] = (
            self._keys(file) if self._settings is None else self._wanted[file]
        )
        there = set(keys).intersection(self._keys(self._path))
        return sorted(uid for uid, digest in there if digest is not None)

    def _keys(self, location: Location) -> list[tuple[str, str | None]]:
        from benchdb.store.opening import connected, explaining, newest

        with newest(location) as at, explaining(location), connected(at) as connection:
            rows = connection.execute("SELECT uid, digest FROM session").fetchall()
            return [(uid, digest) for uid, digest in rows]


def _named(uids: Sequence[str]) -> str:
    more = ", …" if len(uids) > _NAMED else ""
    return f"{', '.join(map(_told, uids[:_NAMED]))}{more}"


def _told(uid: str) -> str:
    from benchdb.store.values import shown

    return uid if re.fullmatch(r"[\w-]+", uid) else shown(uid)


def tell_conflicts(path: Location) -> None:
    """Name the sessions of which there are several forms."""
    from benchdb.report.sessions import conflict_line
    from benchdb.report.text import plain
    from benchdb.store.forms import conflicts
    from benchdb.store.opening import connected, explaining

    with explaining(path), connected(path) as connection:
        if double := conflicts(connection):
            say(plain(conflict_line(double)))


def _line(merged: Merged) -> str:
    """Return what merging one file did."""
    from benchdb.report.text import counted

    if merged.itself:
        return "it is the database itself, and holds all that it has"
    said = [f"{counted(merged.added, 'session')} with {counted(merged.runs, 'test run')} added"]
    if not merged.added:
        said = ["nothing to add"]
    if merged.annotations:
        said.append(counted(len(merged.annotations), "annotation"))
    if merged.held:
        said.append(f"{merged.held:,} held already")
    if merged.live:
        said.append(f"{merged.live:,} still being recorded")
    if merged.pruned:
        said.append(f"{merged.pruned:,} pruned before (--all takes them back)")
    if merged.conflicts:
        said.append(f"{len(merged.conflicts):,} in conflict")
    return ", ".join(said)
