"""Writing the rows of one session: one writer, small commits, prepared statements.

Opening and closing a row through the ORM costs ten times what these statements cost, and loading
SQLAlchemy as much as the rest of a session's start. The columns are those of the open database, so
a new one needs nothing here.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from benchdb.store import shared
from benchdb.store.columns import insertion
from benchdb.store.database import (
    FileConnection,
    Schema,
    connect,
    create_schema,
    inspect,
    leave_single_file,
    use_journal,
)
from benchdb.store.locks import ProcessLock
from benchdb.store.lost import close_lost_sessions, described, end_session, unclosed
from benchdb.store.rows import ARTIFACT, MEASUREMENT, fit_artifacts, fit_columns, fit_measurements
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from benchdb import records
    from benchdb.config import Location
    from benchdb.store.connection import Claim, Connection

#: Most seconds from one checkpoint to the next test that has one before it runs.
CHECKPOINT_SECONDS: Final = 2.0

#: How many times as long as a checkpoint took its pause is, so that they take a hundredth of the
#: time; one that takes longer than a fiftieth of a second takes more.
_CHECKPOINT_SHARE: Final = 100

#: Environments whose installed packages are kept, for those who record from several in turn.
_SCANS: Final = 4


class Recorder:
    """The one writer of a session's rows.

    Parameters
    ----------
    location
        A SQLite file, missing, empty, or at the newest schema; or a server with such a database.
    facts
        What is known of the session.
    constant
        Columns that every row of the session starts with.

    Attributes
    ----------
    found_lost : list of str
        A line for each earlier session that was found lost, and closed.
    reopened : bool
        Whether another process had closed the session, as if this one were gone.

    Raises
    ------
    sqlite3.Error, OSError, UserError
        If the session can't be recorded there; the file is untouched.
    """

    def __init__(
        self,
        location: Location,
        facts: records.SessionFacts,
        constant: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.location = location
        self.uid = facts.uid
        self.rows = 0
        self.reopened = False
        self._ordinal = 0
        self._checkpoint = time.monotonic()
        self._clusters: dict[records.Cluster, int] = {}
        self._updates: dict[tuple[str, ...], str] = {}
        self._opened: dict[int, tuple[Any, ...]] = {}
        self._claim: Claim | None = None
        was_there = not isinstance(location, Path) or location.exists()
        try:
            self._raw = self._connect()
            self._start(facts, constant)
        except BaseException:
            if not was_there and isinstance(location, Path):
                _remove_empty(location)
            raise

    def _start(self, facts: records.SessionFacts, constant: Mapping[str, object]) -> None:
        try:
            self.found_lost = described(self._raw, close_lost_sessions(self._raw, self.location))
            self.found_lost += unclosed(self._raw, self.location)
            self._claim = self._raw.claim(self.location, facts.uid)
            self.session_id = self._raw.again(lambda: self._begin(facts))
            self._make_checkpoint()
            self._own = (self.session_id, facts.uid)
            self._kinds = self._raw.column_kinds("test_run")
            self._opening = self._prepare_opening(constant)
        except BaseException:
            self.let_go()
            raise

    def _connect(self) -> Connection:
        """Open the database, with the newest schema in it."""
        if not isinstance(self.location, Path):
            from benchdb.store.server import connect_to_record

            return connect_to_record(self.location)
        self.location.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(self.location, write=True, create=True)
        try:
            if inspect(connection, self.location).schema is Schema.EMPTY:
                create_schema(connection)
            use_journal(connection, self.location)
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin(self, facts: records.SessionFacts) -> int:
        with self._raw.transaction():
            values = {
                "uid": facts.uid,
                "started": stored_instant(facts.started),
                "state": "open",
                "ci_run_url": facts.ci_run_url and text(facts.ci_run_url),
                "command_line": text(facts.command_line),
                "branch": facts.branch and text(facts.branch),
                "dirty": facts.dirty,
                "tags": shared.json_object(facts.tags),
                "host": facts.host and text(facts.host),
                "xdist_workers": facts.xdist_workers,
                "benchdb_version": facts.benchdb_version,
                "environment": shared.environment(self._raw, facts.environment),
                "revision": shared.revision(self._raw, facts.revision),
                "package_set": shared.package_set(self._raw, facts.packages),
            }
            made = self._raw.insert("session", values)
            fresh = "INSERT INTO local_fresh (uid) VALUES (?) ON CONFLICT DO NOTHING"
            self._raw.execute(fresh, (facts.uid,))
            return made

    def _prepare_opening(self, constant: Mapping[str, object]) -> tuple[str, tuple[Any, ...]]:
        """Return the statement that opens a row, and the values that are always the same."""
        fixed = {
            "session_id": self.session_id,
            "beside": 0,
            "state": "open",
            "phase": "setup",
            **fit_columns(constant, self._kinds, []),
        }
        return insertion("test_run", (*fixed, *_OPENING), _IS_OPEN), tuple(fixed.values())

    def open(
        self,
        start: datetime,
        names: tuple[str, str, str | None],
        attempt: int = 1,
        round: int = 1,
        version: str | None = None,
    ) -> int:
        """Write the row of a test that starts, in its setup phase.

        Parameters
        ----------
        start
            When it started.
        names
            Its name, original name and path.
        attempt, round, version
            As in the columns.

        Returns
        -------
        int
            The row's ordinal in the session.
        """
        ordinal = self._ordinal + 1
        instant = stored_instant(start)
        name, originalname, path = names
        sql, fixed = self._opening
        fresh = (
            ordinal,
            text(name),
            text(originalname),
            None if path is None else text(path),
            None if version is None else text(version),
            attempt,
            round,
            instant,
            instant,
        )
        self._write(sql, fixed + fresh)
        self._opened[ordinal] = fresh
        self._ordinal = ordinal
        self.rows += 1
        self._checkpoint_if_due()
        return ordinal

    def advance(self, ordinal: int, ended: str, outcome: str, since: datetime) -> None:
        """Note that a phase of an open row ended, and that its next one began.

        Parameters
        ----------
        ordinal
            The row.
        ended
            ``"setup"`` or ``"call"``.
        outcome
            Its outcome; only after a setup that passed comes the call.
        since
            When the next phase began.
        """
        phase = "call" if ended == "setup" and outcome == "passed" else "teardown"
        self._write(
            _ADVANCE[ended], (phase, stored_instant(since), outcome, self.session_id, ordinal)
        )
        self._checkpoint_if_due()

    def identify(self, ordinal: int, attempt: int, round: int, version: str | None) -> None:
        """Note what is only known of an open row when its worker's first report is here."""
        opened = self._opened.get(ordinal)
        if opened is None or (version, attempt, round) != opened[4:7]:
            self._update(ordinal, {"attempt": attempt, "round": round, "version": version})

    def remove(self, ordinal: int) -> None:
        """Take back an open row: the test asks for nothing of benchdb."""
        self._write(
            f"DELETE FROM test_run WHERE session_id=? AND ordinal=? AND {_IS_OPEN}",
            (self.session_id, ordinal),
        )
        self._opened.pop(ordinal, None)
        self.rows -= 1

    def close(self, ordinal: int, run: records.ClosedTestRun, beside: int = 0) -> list[str]:
        """Close a row with all that was measured, in one commit.

        Returns
        -------
        list of str
            What could not be stored, a line each.
        """
        problems: list[str] = []
        row: dict[str, Any] = {
            "setup_outcome": run.setup_outcome,
            "call_outcome": run.call_outcome,
            "teardown_outcome": run.teardown_outcome,
            "version": run.version,
            "attempt": run.attempt,
            "round": run.round,
            "beside": beside,
            "state": "closed",
            "phase": None,
            "phase_start": None,
            "start": stored_instant(run.start),
            "end": stored_instant(run.end),
            **fit_columns(run.columns, self._kinds, problems),
        }
        if run.cluster is not None:
            row["cluster"] = self._cluster(run.cluster)
        if not run.measurements and not run.artifacts:
            self._update(ordinal, row)
        else:
            measurements = fit_measurements(run.measurements, problems)
            with self._raw.transaction(alone=False):
                self._update(ordinal, row)
                self._insert(_INSERT_MEASUREMENT, ordinal, measurements)
                self._insert(_INSERT_ARTIFACT, ordinal, fit_artifacts(run.artifacts))
        self._opened.pop(ordinal, None)
        return problems

    def abandon(self, ordinal: int, state: str, end: datetime, beside: int = 0) -> None:
        """End a row whose test never did: ``lost`` with its process, or ``interrupted``."""
        self._update(ordinal, {"state": state, "end": stored_instant(end), "beside": beside})
        self._opened.pop(ordinal, None)

    def correct_beside(self, ordinal: int, beside: int) -> None:
        """Correct how many tests ran beside one, while the session is open."""
        self._update(ordinal, {"beside": beside})

    def finish(self, finished: datetime) -> str:
        """End the session; rows still open are interrupted. Returns its digest."""
        end = stored_instant(finished)
        digest = self._end(end)
        if digest is None:
            self._reopen()
            digest = self._end(end)
        if isinstance(self._raw, FileConnection):
            leave_single_file(self._raw)
        self.let_go()
        return digest or ""

    def _end(self, end: str) -> str | None:
        still_open = "UPDATE test_run SET state='interrupted', \"end\"=? WHERE session_id=? "
        self._raw.execute(
            f"{still_open} AND state='open' AND {_IS_OPEN}", (end, self.session_id, *self._own)
        )
        return end_session(self._raw, self.session_id, "finished", end)

    def let_go(self) -> None:
        """Close the connection and give the lock back; an open session is lost by that."""
        with contextlib.suppress(sqlite3.Error):
            self._raw.close()
        if self._claim is not None:
            self._claim.release()

    def do(self, verb: str, arguments: tuple[Any, ...]) -> Any:
        """Call a method; again, where a server undid what it did for the sake of others."""
        return self._raw.again(lambda: getattr(self, verb)(*arguments))

    def take_over(
        self, before: Recorder, source: AbstractContextManager[Any] | None = None
    ) -> None:
        """Go on where another recorder of this session had to stop, with a copy of its rows.

        Parameters
        ----------
        before
            The other.
        source
            Gives a file with its rows; by default its own.

        Raises
        ------
        sqlite3.Error, OSError
            If its rows can't be read; those of tests that run now are here then, and go on.
        """
        self.rows = before.rows
        self._ordinal = before._ordinal
        self._opened = dict(before._opened)
        try:
            from benchdb.store.carry import carry_over

            assert isinstance(self._raw, FileConnection)
            with source or contextlib.nullcontext(before.location) as path:
                carry_over(self._raw, self.session_id, path, self.uid)
        except (sqlite3.Error, OSError):
            self.rows = len(self._opened)
            sql, fixed = self._opening
            for fresh in self._opened.values():
                self._write(sql, fixed + fresh)
            raise

    def keep_package_scan(self, key: str, packages: str) -> None:
        """Keep the installed packages for the next session: see `benchdb.store.package_cache`."""
        if not isinstance(self._raw, FileConnection):
            return  # many machines' would stand there
        with self._raw.transaction():
            self._raw.execute(
                "INSERT OR REPLACE INTO local_package_scan (key, packages) VALUES (?, ?)",
                (key, packages),
            )
            self._raw.execute(
                "DELETE FROM local_package_scan WHERE rowid NOT IN "
                "(SELECT rowid FROM local_package_scan ORDER BY rowid DESC LIMIT ?)",
                (_SCANS,),
            )

    def _cluster(self, cluster: records.Cluster) -> int:
        if cluster not in self._clusters:
            with self._raw.transaction():
                self._clusters[cluster] = shared.cluster(self._raw, cluster)
        return self._clusters[cluster]

    def _insert(self, sql: str, ordinal: int, rows: list[tuple[Any, ...]]) -> None:
        self._raw.executemany(sql, [(self.session_id, ordinal, *row) for row in rows])

    def _update(self, ordinal: int, row: dict[str, Any]) -> None:
        names = tuple(row)
        sql = self._updates.get(names)
        if sql is None:
            assignments = ", ".join(f'"{name}"=?' for name in names)
            sql = (
                f"UPDATE test_run SET {assignments} WHERE session_id=? AND ordinal=? AND {_IS_OPEN}"
            )
            self._updates[names] = sql
        self._write(sql, (*row.values(), self.session_id, ordinal))

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        """Write one row, while the session is open: a closed one is never changed."""
        if self._raw.execute(sql, values + self._own).rowcount:
            return
        if not self._raw.execute(f"SELECT {_IS_OPEN}", self._own).fetchone()[0]:
            self._reopen()
            self._raw.execute(sql, values + self._own)

    def _reopen(self) -> None:
        """Take the session back that another process closed, as its lock was not to be seen.

        Copies of it as it was closed are superseded by what it will be, which holds their rows.
        """
        if isinstance(self._claim, ProcessLock):  # a server's can be claimed again
            self._claim.release(remove=False)
        self._claim = self._raw.claim(self.location, self.uid)
        within = self._raw.in_transaction
        with contextlib.nullcontext() if within else self._raw.transaction():
            taken = self._raw.execute(
                "UPDATE session SET state='open', finished=NULL, digest=NULL "
                "WHERE id=? AND uid=? AND state='lost'",
                self._own,
            )
            if taken.rowcount == 0:
                raise sqlite3.DatabaseError("the session was removed from the file")
            self._raw.executemany(
                "UPDATE test_run SET state='open', \"end\"=NULL WHERE session_id=? AND ordinal=?",
                [(self.session_id, ordinal) for ordinal in self._opened],
            )
        self.reopened = True

    def _checkpoint_if_due(self) -> None:
        """Make a checkpoint as something of a test begins, which may hang."""
        if time.monotonic() - self._checkpoint > self._pause:
            self._make_checkpoint()

    def _make_checkpoint(self) -> None:
        """Write the log into the file, which a copy of it alone would lack."""
        if not isinstance(self._raw, FileConnection):
            self._pause = math.inf
            return
        begun = time.monotonic()
        # The rows are in the log already: a checkpoint that fails loses nothing.
        with contextlib.suppress(sqlite3.Error):
            self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._checkpoint = time.monotonic()
        self._pause = min(CHECKPOINT_SECONDS, _CHECKPOINT_SHARE * (self._checkpoint - begun))


#: Whether the session whose id and uid are given is still open; ids are used again.
_IS_OPEN: Final = "EXISTS (SELECT 1 FROM session WHERE id=? AND uid=? AND state='open')"

_ADVANCE: Final = {
    ended: f"UPDATE test_run SET phase=?, phase_start=?, {ended}_outcome=? "
    f"WHERE session_id=? AND ordinal=? AND {_IS_OPEN}"
    for ended in ("setup", "call")
}

#: What `Recorder.open` writes of each row beside what is the same for all.
_OPENING: Final = (
    "ordinal",
    "name",
    "originalname",
    "path",
    "version",
    "attempt",
    "round",
    "start",
    "phase_start",
)

_INSERT_MEASUREMENT: Final = insertion("measurement", ("session_id", "ordinal", *MEASUREMENT))
_INSERT_ARTIFACT: Final = insertion("artifact", ("session_id", "ordinal", *ARTIFACT))


def _remove_empty(path: Path) -> None:
    """Leave nothing of a file that was not to become a database."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
