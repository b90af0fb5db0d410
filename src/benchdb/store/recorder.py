"""Writing the rows of one session: one writer, small commits, prepared statements.

Opening and closing a row through the ORM costs ten times what these statements cost. Their text is
made from the models, so a new column needs nothing here.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from benchdb.store import shared
from benchdb.store.database import (
    Schema,
    connect,
    create_schema,
    inspect,
    leave_single_file,
    use_journal,
)
from benchdb.store.digest import column_kind
from benchdb.store.locks import ProcessLock, session_lock
from benchdb.store.lost import close_lost_sessions, described, end_session
from benchdb.store.models import Artifact, Base, Measurement, Session
from benchdb.store.values import UnfitValue, fitting, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from benchdb import records

#: Seconds between checkpoints: what a copy of the file alone, without its log, may lack.
CHECKPOINT_SECONDS: Final = 2.0

_INSTANT_LENGTH: Final = len("2026-01-01 00:00:00.000000")

#: Columns that the recorder keeps; a test's own values for them are refused.
OWN_COLUMNS: Final = frozenset(
    {
        "session_id",
        "ordinal",
        "name",
        "originalname",
        "path",
        "version",
        "setup_outcome",
        "call_outcome",
        "teardown_outcome",
        "state",
        "phase",
        "phase_start",
        "attempt",
        "round",
        "beside",
        "cluster",
    }
)

#: What a user may set on a test run: column name to kind.
SETTABLE: Final = {
    column.name: column_kind(column)
    for column in Base.metadata.tables["test_run"].columns
    if column.name not in OWN_COLUMNS
}

#: A closed row is bounded by both.
_NEVER_NULL: Final = frozenset({"start", "end"})


def stored_instant(value: datetime) -> str:
    """Return an instant as SQLite holds it: the form of SQLAlchemy's DateTime."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:_INSTANT_LENGTH]


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
        self.facts = facts
        self.uid = facts.uid
        self.rows = 0
        self._ordinal = 0
        self._checkpoint = time.monotonic()
        self._clusters: dict[records.Cluster, int] = {}
        self._updates: dict[tuple[str, ...], str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._raw = connect(path, write=True, create=True)
        self._lock: ProcessLock | None = None
        self._connection: Any = None  # SQLAlchemy's, over the other
        try:
            if inspect(self._raw, path).schema is Schema.EMPTY:
                create_schema(self._raw)
            use_journal(self._raw, path)
            self._connection = _on(self._raw)
            gone = close_lost_sessions(self._connection, path)
            self.found_lost = described(self._connection, gone) if gone else []
            self._lock = session_lock(path, facts.uid)
            self.session_id = self._begin(facts)
            self._opening = self._prepare_opening(constant)
        except BaseException:
            self.let_go()
            raise

    def _begin(self, facts: records.SessionFacts) -> int:
        with self._connection.begin():
            values = {
                "uid": facts.uid,
                "started": facts.started,
                "state": "open",
                "ci_run_url": facts.ci_run_url and text(facts.ci_run_url),
                "command_line": text(facts.command_line),
                "branch": facts.branch and text(facts.branch),
                "dirty": facts.dirty,
                "tags": shared.json_object(facts.tags),
                "host": facts.host and text(facts.host),
                "xdist_workers": facts.xdist_workers,
                "benchdb_version": facts.benchdb_version,
                "environment": shared.environment(self._connection, facts.environment),
                "revision": shared.revision(self._connection, facts.revision),
                "package_set": shared.package_set(self._connection, facts.packages),
            }
            made = self._connection.execute(insert(Session), values)
            session_id = int(made.inserted_primary_key[0])
        self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return session_id

    def _prepare_opening(self, constant: Mapping[str, object]) -> tuple[str, tuple[Any, ...]]:
        """Return the statement that opens a row, and the values that are always the same."""
        fixed = {
            "session_id": self.session_id,
            "beside": 0,
            "state": "open",
            "phase": "setup",
            **self._fit(constant, []),
        }
        return _insert("test_run", (*fixed, *_OPENING)), tuple(fixed.values())

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
        self._ordinal += 1
        instant = stored_instant(start)
        name, originalname, path = names
        sql, fixed = self._opening
        fresh = (
            self._ordinal,
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
        self.rows += 1
        return self._ordinal

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

    def identify(self, ordinal: int, attempt: int, round: int, version: str | None) -> None:
        """Note what is only known of an open row when its worker's first report is here."""
        if (attempt, round, version) != (1, 1, None):
            self._update(ordinal, {"attempt": attempt, "round": round, "version": version})

    def remove(self, ordinal: int) -> None:
        """Take back an open row: the test asks for nothing of benchdb."""
        self._write(
            "DELETE FROM test_run WHERE session_id=? AND ordinal=?", (self.session_id, ordinal)
        )
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
            **self._fit(run.columns, problems),
        }
        if run.cluster is not None:
            row["cluster"] = self._cluster(run.cluster)
        if not run.measurements and not run.artifacts:
            self._update(ordinal, row)
            return problems
        with self._transaction():
            self._update(ordinal, row)
            self._insert_measurements(ordinal, run.measurements, problems)
            for artifact in run.artifacts:
                self._insert_artifact(ordinal, artifact)
        return problems

    def abandon(self, ordinal: int, state: str, end: datetime, beside: int = 0) -> None:
        """End a row whose test never did: ``lost`` with its process, or ``interrupted``."""
        self._update(ordinal, {"state": state, "end": stored_instant(end), "beside": beside})

    def correct_beside(self, ordinal: int, beside: int) -> None:
        """Correct how many tests ran beside one, while the session is open."""
        self._update(ordinal, {"beside": beside})

    def finish(self, finished: datetime) -> str:
        """End the session; rows still open are interrupted. Returns its digest."""
        self._write(
            "UPDATE test_run SET state='interrupted', \"end\"=? "
            "WHERE session_id=? AND state='open'",
            (stored_instant(finished), self.session_id),
        )
        with self._connection.begin():
            digest = end_session(self._connection, self.session_id, "finished", finished)
        leave_single_file(self._raw)
        self.let_go()
        return digest

    def let_go(self) -> None:
        """Close the connection and give the lock back; an open session is lost by that."""
        with contextlib.suppress(sqlite3.Error, SQLAlchemyError):
            if self._connection is not None:
                self._connection.close()
        with contextlib.suppress(sqlite3.Error):
            self._raw.close()
        if self._lock is not None:
            self._lock.release()

    def take_over(self, before: Recorder) -> None:
        """Go on where another recorder of this session had to stop; its rows are copied here."""
        self.rows = before.rows
        self._ordinal = before._ordinal

    def keep_package_scan(self, key: str, packages: str) -> None:
        """Keep the installed packages for the next session: see `benchdb.store.package_cache`."""
        self._write("DELETE FROM local_package_scan WHERE key<>?", (key,))
        self._write("INSERT OR REPLACE INTO local_package_scan VALUES (?, ?)", (key, packages))

    def _fit(self, values: Mapping[str, object], problems: list[str]) -> dict[str, Any]:
        fit: dict[str, Any] = {}
        for name, value in values.items():
            kind = SETTABLE.get(name)
            if kind is None:
                if name in OWN_COLUMNS:
                    problems.append(f"test_run.{name} is kept by benchdb and was not changed")
                continue
            try:
                held = fitting(kind, value)
            except UnfitValue as error:
                problems.append(f"test_run.{name} was not stored: {error}")
                continue
            if held is None and name in _NEVER_NULL:
                problems.append(f"test_run.{name} can't be None and was not changed")
                continue
            fit[name] = stored_instant(held) if kind == "instant" and held else held
        return fit

    def _cluster(self, cluster: records.Cluster) -> int:
        if cluster not in self._clusters:
            with self._connection.begin():
                self._clusters[cluster] = shared.cluster(self._connection, cluster)
        return self._clusters[cluster]

    def _insert_measurements(
        self, ordinal: int, measurements: Sequence[records.Measurement], problems: list[str]
    ) -> None:
        rows = []
        for one in measurements:
            try:
                rows.append((self.session_id, ordinal, *_measured(one)))
            except UnfitValue as error:
                problems.append(f"the metric {text(one.metric)} was not stored: {error}")
        self._raw.executemany(_insert("measurement", tuple(_MEASUREMENT)), rows)

    def _insert_artifact(self, ordinal: int, one: records.Artifact) -> None:
        values = (text(one.kind), text(one.name), one.url and text(one.url), one.size, one.sha256)
        self._raw.execute(
            _insert("artifact", tuple(_ARTIFACT)), (self.session_id, ordinal, *values)
        )

    def _update(self, ordinal: int, row: dict[str, Any]) -> None:
        names = tuple(row)
        sql = self._updates.get(names)
        if sql is None:
            assignments = ", ".join(f'"{name}"=?' for name in names)
            sql = f"UPDATE test_run SET {assignments} WHERE session_id=? AND ordinal=?"
            self._updates[names] = sql
        self._write(sql, (*row.values(), self.session_id, ordinal))

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._raw.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._raw.execute("ROLLBACK")
            raise

    def _write(self, sql: str, parameters: tuple[Any, ...]) -> None:
        self._raw.execute(sql, parameters)
        now = time.monotonic()
        if now - self._checkpoint > CHECKPOINT_SECONDS and not self._raw.in_transaction:
            # The rows are in the log already: a checkpoint that fails loses nothing.
            with contextlib.suppress(sqlite3.Error):
                self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._checkpoint = now


_ADVANCE: Final = {
    ended: f"UPDATE test_run SET phase=?, phase_start=?, {ended}_outcome=? "
    "WHERE session_id=? AND ordinal=?"
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

_MEASUREMENT: Final = Measurement.__table__.columns.keys()
_ARTIFACT: Final = Artifact.__table__.columns.keys()


def _measured(one: records.Measurement) -> tuple[Any, ...]:
    rounds = [fitting("float", value) for value in one.rounds]
    return (
        text(one.metric),
        text(one.unit),
        one.direction,
        fitting("float", one.value),
        json.dumps(rounds) if rounds else None,
        one.n,
        *(fitting("float", value) for value in (one.min, one.max, one.mean, one.sd)),
    )


def _insert(table: str, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"


def _on(raw: sqlite3.Connection) -> Connection:
    """Return a SQLAlchemy connection over one of sqlite3's, for what is written once a session."""
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not raw.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine.connect()
