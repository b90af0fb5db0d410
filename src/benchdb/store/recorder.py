"""Writing the rows of one session: one writer, small commits, prepared statements.

Opening and closing a row through the ORM costs ten times what these statements cost, and loading
SQLAlchemy as much as the rest of a session's start. The columns are those of the open database, so
a new one needs nothing here.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from benchdb.store import shared
from benchdb.store.columns import column_kinds, insertion
from benchdb.store.database import (
    Schema,
    connect,
    create_schema,
    inspect,
    leave_single_file,
    transaction,
    use_journal,
)
from benchdb.store.locks import ProcessLock, session_lock
from benchdb.store.lost import close_lost_sessions, described, end_session, unclosed
from benchdb.store.rows import ARTIFACT, MEASUREMENT, fit_artifacts, fit_columns, fit_measurements
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from benchdb import records

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
    path
        A SQLite file: missing, empty, or at the newest schema.
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
        path: Path,
        facts: records.SessionFacts,
        constant: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self.uid = facts.uid
        self.rows = 0
        self.reopened = False
        self._ordinal = 0
        self._checkpoint = time.monotonic()
        self._clusters: dict[records.Cluster, int] = {}
        self._updates: dict[tuple[str, ...], str] = {}
        self._opened: dict[int, tuple[Any, ...]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        was_there = path.exists()
        self._raw = connect(path, write=True, create=True)
        self._lock: ProcessLock | None = None
        try:
            if inspect(self._raw, path).schema is Schema.EMPTY:
                create_schema(self._raw)
            use_journal(self._raw, path)
            self.found_lost = described(self._raw, close_lost_sessions(self._raw, path))
            self.found_lost += unclosed(self._raw, path)
            self._lock = session_lock(path, facts.uid)
            self.session_id = self._begin(facts)
            self._own = (self.session_id, facts.uid)
            self._kinds = column_kinds(self._raw, "test_run")
            self._opening = self._prepare_opening(constant)
        except BaseException:
            self.let_go()
            if not was_there:
                _remove_empty(path)
            raise

    def _begin(self, facts: records.SessionFacts) -> int:
        with transaction(self._raw):
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
            made = self._raw.execute(insertion("session", values), tuple(values.values()))
            self._raw.execute("INSERT OR IGNORE INTO local_fresh (uid) VALUES (?)", (facts.uid,))
        self._make_checkpoint()
        return int(made.lastrowid or 0)

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
            with transaction(self._raw):
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
        if self._lock is not None:
            self._lock.release()

    def take_over(self, before: Recorder) -> None:
        """Go on where another recorder of this session had to stop, with a copy of its rows.

        Raises
        ------
        sqlite3.Error
            If its rows can't be read; those of tests that run now are here then, and go on.
        """
        self.rows = before.rows
        self._ordinal = before._ordinal
        self._opened = dict(before._opened)
        try:
            from benchdb.store.carry import carry_over

            carry_over(self._raw, self.session_id, before.path, self.uid)
        except sqlite3.Error:
            self.rows = len(self._opened)
            sql, fixed = self._opening
            for fresh in self._opened.values():
                self._write(sql, fixed + fresh)
            raise

    def keep_package_scan(self, key: str, packages: str) -> None:
        """Keep the installed packages for the next session: see `benchdb.store.package_cache`."""
        with transaction(self._raw):
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
            with transaction(self._raw):
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
        if self._lock is not None:
            self._lock.release(remove=False)
        self._lock = session_lock(self.path, self.uid)
        within = self._raw.in_transaction
        with contextlib.nullcontext() if within else transaction(self._raw):
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
