"""Writing the rows of one session: one writer, small commits, prepared statements.

Opening and closing a row through the ORM costs ten times what these statements cost, and loading
SQLAlchemy as much as the rest of a session's start. The columns are those of the open database, so
a new one needs nothing here.
"""

from __future__ import annotations

import contextlib
import sqlite3
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from benchdb.store import shared
from benchdb.store.columns import insertion
from benchdb.store.database import FileConnection
from benchdb.store.live import IS_OPEN, LiveSession
from benchdb.store.rows import ARTIFACT, MEASUREMENT, fit_artifacts, fit_columns, fit_measurements
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from benchdb import records
    from benchdb.config import Location

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
        self._ordinal = 0
        self._clusters: dict[records.Cluster, int] = {}
        self._updates: dict[tuple[str, ...], str] = {}
        self._opened: dict[int, tuple[Any, ...]] = {}
        self._committed: tuple[int, int, dict[int, tuple[Any, ...]]] | None = None
        self.session = self._open_session(facts, self._opened)
        self.session_id = self.session.id
        self._raw = self.session.connection
        try:
            self._kinds = self._raw.column_kinds("test_run")
            self._opening = self._prepare_opening(constant)
        except BaseException:
            self.let_go()
            raise

    def _open_session(self, facts: records.SessionFacts, running: Collection[int]) -> LiveSession:
        return LiveSession(self.location, facts, running)

    def _prepare_opening(self, constant: Mapping[str, object]) -> tuple[str, tuple[Any, ...]]:
        """Return the statement that opens a row, and the values that are always the same."""
        fixed = {
            "session_id": self.session_id,
            "beside": 0,
            "state": "open",
            "phase": "setup",
            **fit_columns(constant, self._kinds, []),
        }
        return insertion("test_run", (*fixed, *_OPENING), IS_OPEN), tuple(fixed.values())

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
        self.session.write(sql, fixed + fresh)
        self._opened[ordinal] = fresh
        self._ordinal = ordinal
        self.rows += 1
        self.session.checkpoint_if_due()
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
        self.session.write(
            _ADVANCE[ended], (phase, stored_instant(since), outcome, self.session_id, ordinal)
        )
        self.session.checkpoint_if_due()

    def identify(
        self,
        ordinal: int,
        attempt: int,
        round: int,
        version: str | None,
        start: datetime | None = None,
    ) -> None:
        """Note what is only known of an open row when its worker's first report is here.

        Parameters
        ----------
        ordinal
            The row.
        attempt, round, version
            As in the columns.
        start
            When its setup began, where its worker told that: it was heard of later.
        """
        opened = self._opened.get(ordinal)
        if opened is None or (version, attempt, round) != opened[4:7]:
            self._update(ordinal, {"attempt": attempt, "round": round, "version": version})
        if start is not None:
            instant = stored_instant(start)
            self._update(ordinal, {"start": instant, "phase_start": instant})

    def remove(self, ordinal: int) -> None:
        """Take back an open row: the test asks for nothing of benchdb."""
        self.session.write(
            f"DELETE FROM test_run WHERE session_id=? AND ordinal=? AND {IS_OPEN}",
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
        return self.session.end(stored_instant(finished))

    def let_go(self) -> None:
        """Close the database; an open session is lost by that."""
        self.session.let_go()

    def hold(self) -> bool:
        """Have what follows become one commit, by `release`; tell whether it will.

        A server undoes more than what failed, so there each verb stays a commit of its own.
        """
        if not isinstance(self._raw, FileConnection):
            return False
        self._raw.execute("BEGIN IMMEDIATE")
        self._committed = (self.rows, self._ordinal, dict(self._opened))
        return True

    def release(self) -> None:
        """Commit what was held, if anything was."""
        if self._committed is None:
            return
        self._raw.execute("COMMIT")
        self._committed = None
        self.session.checkpoint_if_due()

    def undo(self) -> None:
        """Be as if what is held had never been; for who goes on in another database."""
        if self._committed is None:
            return
        if self._raw.in_transaction:  # a full disk has ended it already
            with contextlib.suppress(sqlite3.Error):
                self._raw.execute("ROLLBACK")
        self.rows, self._ordinal, opened = self._committed
        self._replace_opened(opened)
        self._committed = None

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
        self._replace_opened(before._opened)
        try:
            from benchdb.store.carry import carry_over

            assert isinstance(self._raw, FileConnection)
            with source or contextlib.nullcontext(before.location) as path:
                carry_over(self._raw, self.session_id, path, self.uid)
        except (sqlite3.Error, OSError):
            self.rows = len(self._opened)
            sql, fixed = self._opening
            for fresh in self._opened.values():
                self.session.write(sql, fixed + fresh)
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

    def _replace_opened(self, opened: Mapping[int, tuple[Any, ...]]) -> None:
        # In place: the session has it, too.
        self._opened.clear()
        self._opened.update(opened)

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
                f"UPDATE test_run SET {assignments} WHERE session_id=? AND ordinal=? AND {IS_OPEN}"
            )
            self._updates[names] = sql
        self.session.write(sql, (*row.values(), self.session_id, ordinal))


_ADVANCE: Final = {
    ended: f"UPDATE test_run SET phase=?, phase_start=?, {ended}_outcome=? "
    f"WHERE session_id=? AND ordinal=? AND {IS_OPEN}"
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
