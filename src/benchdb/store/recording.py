"""Recording that never breaks the tests: where the file can't take a session, another one does.

A `Recording` has the verbs of a `Recorder` and raises nothing. What went wrong, where the rows are
and how they come into the database is said in `Recording.notes`, for the summary.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.config import DEFAULT_DATABASE
from benchdb.errors import UserError
from benchdb.store.database import Schema, connect, inspect, on_network
from benchdb.store.lost import open_sessions
from benchdb.store.opening import explaining, roll_back
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from benchdb import records
    from benchdb.config import Location
    from benchdb.store.connection import Connection
    from benchdb.store.shadow import Shadow

#: Bytes; a larger file is not upgraded while tests wait for it.
MOST_TO_UPGRADE: Final = 1_000_000_000

#: Most seconds that what is held waits for its commit: others wait as long to write theirs.
HELD_SECONDS: Final = 0.02

#: Of these no file is to blame but a value, and another file would refuse it, too.
_FAULTS_OF_A_ROW: Final = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    ArithmeticError,
)

_FAILURES: Final = (sqlite3.Error, OSError, UserError)


class Recording:
    """A session that is recorded into the wanted file, or beside it, or in a temporary folder.

    Parameters
    ----------
    wanted
        The database that the user named.
    facts
        What is known of the session.
    constant
        Columns that every row of the session starts with.
    folder
        Where to record what a server doesn't take; beside a file by default.

    Attributes
    ----------
    location : Path or Server or None
        What receives the rows; None once nothing can be recorded any more.
    notes : list of str
        Lines for the summary.
    incomplete : bool
        Whether something could not be stored.
    rows : int
        Test runs recorded.
    """

    def __init__(
        self,
        wanted: Location,
        facts: records.SessionFacts,
        constant: Mapping[str, object],
        folder: Path | None = None,
    ) -> None:
        self.wanted = wanted
        self.folder = folder or (wanted.parent if isinstance(wanted, Path) else Path.cwd())
        self.facts = facts
        self.constant = constant
        self.notes: list[str] = []
        self.incomplete = False
        self._failed: list[str] = []
        self._moved: list[str] = []
        self._pid = os.getpid()
        self._last: tuple[Location | None, int] = (None, 0)
        self._recorder: Recorder | None = None
        self._shadow: Shadow | None = None
        self._held: list[tuple[str, tuple[Any, ...]]] | None = None
        self._held_since = 0.0
        try:
            if isinstance(wanted, Path):
                self._make_ready(wanted)
            self._recorder = Recorder(wanted, facts, constant)
            if not isinstance(wanted, Path):
                from benchdb.store.shadow import Shadow

                self._shadow = Shadow(facts, constant)
            self.notes += self._recorder.session.found_lost
        except _FAILURES as error:
            self._go_aside(error)

    @property
    def location(self) -> Location | None:
        """What receives the rows, or did until nothing more could be recorded."""
        return self._last[0] if self._recorder is None else self._recorder.location

    @property
    def rows(self) -> int:
        """The number of test runs recorded."""
        return self._last[1] if self._recorder is None else self._recorder.rows

    def open(
        self,
        start: datetime,
        names: tuple[str, str, str | None],
        attempt: int = 1,
        round: int = 1,
        version: str | None = None,
    ) -> int:
        """See `Recorder.open`; returns 0 where nothing is recorded."""
        return self._do("open", start, names, attempt, round, version) or 0

    def advance(self, ordinal: int, ended: str, outcome: str, since: datetime) -> None:
        """See `Recorder.advance`."""
        self._do("advance", ordinal, ended, outcome, since)

    def identify(
        self,
        ordinal: int,
        attempt: int,
        round: int,
        version: str | None,
        start: datetime | None = None,
    ) -> None:
        """See `Recorder.identify`."""
        self._do("identify", ordinal, attempt, round, version, start)

    def remove(self, ordinal: int) -> None:
        """See `Recorder.remove`."""
        self._do("remove", ordinal)

    def close(self, ordinal: int, run: records.ClosedTestRun, beside: int = 0) -> list[str]:
        """See `Recorder.close`."""
        return self._do("close", ordinal, run, beside) or []

    def abandon(self, ordinal: int, state: str, end: datetime, beside: int = 0) -> None:
        """See `Recorder.abandon`."""
        self._do("abandon", ordinal, state, end, beside)

    def correct_beside(self, ordinal: int, beside: int) -> None:
        """See `Recorder.correct_beside`."""
        self._do("correct_beside", ordinal, beside)

    def hold(self) -> None:
        """Have what follows become one commit: by `settle`, which must follow soon."""
        if self._held is None and self._do("hold"):
            self._held = []
            self._held_since = time.monotonic()

    def settle(self, *, more: bool = False) -> None:
        """Commit what is held; while there is more to come at once, only what waited for long.

        Where that fails, all of it is done again in another file, as every other verb is.
        """
        if self._held is None or (more and time.monotonic() - self._held_since < HELD_SECONDS):
            return
        self._do("release")
        self._held = None

    def finish(self, finished: datetime) -> None:
        """See `Recorder.finish`."""
        self.settle()
        place = self.location
        self._do("finish", finished)
        if self._recorder is not None and self._recorder.session.reopened:
            self.notes.append(
                f"another process had closed the session as lost, as {place} has lost its lock "
                "file; it was opened again: remove no lock file while pytest runs"
            )
        if isinstance(place, Path) and not place.exists():
            self.incomplete = True
            self.notes.append(f"{place} was removed while it was recorded into: its rows are gone")

    @property
    def aside(self) -> bool:
        """Whether the rows are in another file than the one that was wanted."""
        return self.location not in (None, self.wanted)

    def let_go(self) -> None:
        """Close the file; a session that was not finished is lost by that."""
        self.settle()
        if self._recorder is not None and os.getpid() == self._pid:
            self._recorder.let_go()
            if self._shadow is not None:
                self._shadow.let_go()

    def keep_package_scan(self, key: str, packages: str) -> None:
        """See `Recorder.keep_package_scan`."""
        self._do("keep_package_scan", key, packages)

    def _do(self, verb: str, *arguments: Any) -> Any:
        # A forked child that returns into pytest must not touch its parent's connection.
        if self._recorder is None or os.getpid() != self._pid:
            return None
        try:
            made = self._try(self._recorder, verb, arguments)
            if self._held is not None:
                self._held.append((verb, arguments))
            return made
        except _FAILURES as error:
            self._go_aside(error)
        if self._recorder is None:
            return None
        try:
            return self._try(self._recorder, verb, arguments)
        except _FAILURES as error:
            self._give_up(error)
        return None

    def _try(self, recorder: Recorder, verb: str, arguments: tuple[Any, ...]) -> Any:
        """Do it, or leave out what a value of the row is to blame for."""
        try:
            return self._tell(recorder, verb, arguments)
        except _FAULTS_OF_A_ROW as error:
            self.incomplete = True
            if verb == "close":
                return self._close_bare(recorder, arguments, error)
            self.notes.append(f"a row was not written as it should be ({verb}): {_reason(error)}")
            return None

    def _tell(self, recorder: Recorder, verb: str, arguments: tuple[Any, ...]) -> Any:
        made = recorder.do(verb, arguments)
        if self._shadow is not None:
            self._shadow.follow(verb, arguments)
        return made

    def _close_bare(
        self, recorder: Recorder, arguments: tuple[Any, ...], error: Exception
    ) -> list[str]:
        """Close a row without what a test put into it, as the database refuses that."""
        ordinal, run, beside = arguments
        bare = replace(run, columns={}, measurements=(), artifacts=(), cluster=None)
        problems = [f"what it measured was not stored: {_reason(error)}"]
        try:
            self._tell(recorder, "close", (ordinal, bare, beside))
        except _FAULTS_OF_A_ROW as again:
            problems.append(f"its row was not closed: {_reason(again)}")
        return problems

    def _make_ready(self, path: Path) -> None:
        """Upgrade an older file, where that can be done at once."""
        if not path.exists():
            return
        with explaining(path):
            roll_back(path)
            with contextlib.closing(connect(path)) as connection:
                found = inspect(connection, path)
                live, _ = open_sessions(connection, path)
                foreign = _hosts(connection, live) - {self.facts.host or ""} if live else set()
        if foreign and on_network(path):
            raise UserError(
                f"{path} is being recorded into from the host {min(foreign)}, and on a network "
                "file system one host can at a time: let that one end first"
            )
        if found.schema is not Schema.OLDER:
            return
        if live:
            raise UserError(
                f"{path} is being recorded into by an older benchdb: let that session end first"
            )
        if path.stat().st_size > MOST_TO_UPGRADE:
            raise UserError(
                f"{path} has an older schema and over a gigabyte: "
                f"run `benchdb db upgrade --db {shlex.quote(str(path))}` once"
            )
        from benchdb.store.migrate import upgrade

        if copy := upgrade(path):  # else another process has done it meanwhile
            self.notes.append(f"upgraded {path.name} to this benchdb's schema; {copy} is as it was")

    def _go_aside(self, error: Exception) -> None:
        """Record into another file from here on, with what was recorded so far."""
        before = self._recorder
        held, self._held = self._held or [], None
        self._recorder = None
        if before is not None:
            before.undo()
        for path in candidates(self.wanted, self.facts.uid, self.folder)[1:]:
            assert isinstance(path, Path)
            if before is not None and path == before.location:
                continue
            was_there = path.exists()
            try:
                aside = Recorder(path, self.facts, self.constant)
            except _FAILURES:
                if not was_there:
                    with contextlib.suppress(OSError):
                        path.unlink()
                continue
            self._recorder = aside
            if before is not None:
                self._carry_over(before, aside)
            self._tell_moved(self.wanted if before is None else before.location, error, path)
            for verb, arguments in held:
                self._do(verb, *arguments)
            return
        self._recorder = before
        self._give_up(error)

    def _tell_moved(self, failed: Location, error: Exception, to: Path) -> None:
        """Note where the rows are, and how they come into the wanted file: once, however often."""
        self.notes = [note for note in self.notes if note not in self._moved]
        self._failed.append(f"{failed} ({_reason(error, failed)})")
        names = f"--db {shlex.quote(str(self.wanted))} {shlex.quote(str(to))}"
        self._moved = [
            f"could not record into {', nor into '.join(self._failed)}: recorded into {to}",
            f"once that can be recorded into again: benchdb merge {names}",
        ]
        self.notes += self._moved

    def _carry_over(self, before: Recorder, aside: Recorder) -> None:
        place = before.location
        shadow, self._shadow = self._shadow, None
        try:
            aside.take_over(before, shadow.saved() if shadow else None)
        except _FAILURES as error:
            self.incomplete = True
            stayed = before.rows - aside.rows
            self.notes.append(f"the first {stayed} rows stayed in {place} ({_reason(error)})")
        before.let_go()

    def _give_up(self, error: Exception) -> None:
        if self._recorder is not None:
            self._last = (self._recorder.location, self._recorder.rows)
            self._recorder.let_go()
        self._recorder = None
        self.incomplete = True
        self.notes.append(f"nothing more could be recorded: {_reason(error)}")


def candidates(wanted: Location, uid: str, folder: Path) -> tuple[Location, Path, Path]:
    """Return where a session may be recorded: as wanted, in a folder, in the temporary one."""
    named = wanted if isinstance(wanted, Path) else Path(DEFAULT_DATABASE)
    name = f"{named.stem}-{uid}{named.suffix or '.db'}"
    return wanted, folder / name, Path(tempfile.gettempdir()) / name


def aside_of(path: Path) -> tuple[Path, ...]:
    """Return the files beside a database that `candidates` gave for what it couldn't take."""
    called = re.compile(
        rf"{re.escape(path.stem)}-[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}"
        rf"{re.escape(path.suffix or '.db')}"
    )
    return tuple(sorted(file for file in path.parent.iterdir() if called.fullmatch(file.name)))


def _hosts(connection: Connection, uids: list[str]) -> set[str]:
    marks = ",".join("?" * len(uids))
    query = f"select host from session where uid in ({marks}) and host is not null"
    return {host for (host,) in connection.execute(query, uids)}


def _reason(error: Exception, named: Location | None = None) -> str:
    """Return one line for what happened, in the user's words; `named` is named before it."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.strerror}: {os.fspath(error.filename)}" if error.filename else error.strerror
        )
    said = error.with_option("--benchmark-db") if isinstance(error, UserError) else str(error)
    if named is not None and said.startswith(f"{named} "):
        said = f"it {said.removeprefix(f'{named} ')}"
    return " ".join(said.split())
