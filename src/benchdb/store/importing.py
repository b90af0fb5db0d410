"""Writing what other tools recorded: finished sessions, in a file of its own that is then merged.

All files are read before anything is written into the database, so that a bad line leaves it as it
was, and rows become sessions in a scratch file, so that others may record into the database
meanwhile. A session is a function of what it was read from: its uid is a hash of its rows, which
are sorted by what they say. Rows are compared, with those of earlier imports, by a hash of case,
start, environment, outcome and values.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from benchdb.store import shared
from benchdb.store.columns import insertion, quoted
from benchdb.store.database import connect, create_schema
from benchdb.store.digest import session_digest
from benchdb.store.imported import (
    BITS,
    ENDED,
    ENDS,
    importable_columns,
    imported_sessions,
    overlaps,
    present,
    row_hash,
    spans,
    stored_hashes,
)
from benchdb.store.progress import untold
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from benchdb.records import Imported, ImportedRun, ImportedSession
    from benchdb.store.connection import Connection
    from benchdb.store.progress import Progress

#: Sessions between two words on how far it is.
_OFTEN: Final = 20


@dataclass(slots=True)
class _Session:
    """A session that is being read.

    Parameters
    ----------
    number
        Its row.
    total
        The sum of its rows' hashes: whatever their order.
    """

    said: ImportedSession
    number: int
    rows: int = 0
    total: int = 0

    @property
    def environment(self) -> str:
        """Its fingerprint."""
        return self.said.environment.fingerprint if self.said.environment else ""

    @property
    def uid(self) -> str:
        """A UUIDv8 (RFC 9562): a hash of all that it says."""
        one = self.said
        content = [
            one.command_line,
            one.branch or "",
            self.environment,
            one.packages.key if one.packages else "",
            one.revision.key if one.revision else "",
            shared.json_object(one.tags) or "",
            str(self.rows),
            f"{self.total % 2**BITS:032x}",
        ]
        hashed = hashlib.sha256("\0".join(content).encode("utf-8", "surrogatepass")).digest()
        number = int.from_bytes(hashed[:16], "big")
        number = number & ~(0xF << 76) & ~(0b11 << 62) | 0x8 << 76 | 0b10 << 62
        return str(uuid.UUID(int=number))


@dataclass(slots=True)
class _Staged:
    """A file that was read into a table."""

    table: str
    imported: Imported
    sessions: list[_Session]


class Importing:
    """Takes files in, and makes sessions of them.

    Parameters
    ----------
    path
        The scratch file to make.
    progress
        Is told how far it is.

    Attributes
    ----------
    columns : dict
        The columns of ``test_run`` that files may give, and their kinds.
    """

    def __init__(self, path: Path, progress: Progress = untold) -> None:
        self._progress = progress
        self._connection = connection = connect(path, write=True, create=True)
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA cache_size=-131072")
        create_schema(connection)
        # Of no use here, and a fifth of the work where a file is sorted by time.
        connection.execute("DROP INDEX ix_test_run_name_path")
        self.columns = importable_columns(connection)
        self._staged: list[_Staged] = []
        self._sessions = 0

    def close(self) -> None:
        """Close the scratch file."""
        self._connection.close()

    def take(self, imported: Imported) -> None:
        """Read a file.

        Raises
        ------
        UserError
            For what can't be imported.
        """
        table = f"staged_{len(self._staged)}"
        staged = _Staged(table, imported, [])
        columns = [f'"{name}" BLOB' for name in (*imported.columns, *_metric_columns(imported))]
        names = ", ".join(["session", "hash", "path", "name", "start", '"end"', *ENDED, *columns])
        self._connection.execute(f"CREATE TABLE {table} ({names})")
        marks = ", ".join("?" * (6 + len(ENDED) + len(columns)))
        with self._connection.transaction():
            self._connection.executemany(
                f"INSERT INTO {table} VALUES ({marks})", self._rows_of(staged)
            )
        self._staged.append(staged)

    def _rows_of(self, staged: _Staged) -> Iterator[tuple[Any, ...]]:
        imported, sessions = staged.imported, staged.sessions
        labels = [*imported.columns, *(f"{one.name}\0{one.unit}" for one in imported.metrics)]
        all_labels = "\0\0".join(labels)
        texts = [place for place, name in enumerate(imported.columns) if self._is_text(name)]
        duration = imported.columns.index("duration") if "duration" in imported.columns else None
        for run in imported.runs:
            if run.session >= len(sessions):
                self._sessions += 1
                sessions.append(_Session(imported.sessions[run.session], self._sessions))
            session = sessions[run.session]
            start = stored_instant(run.start)
            values = [*run.columns, *run.values]
            for place in texts:
                values[place] = self._as_stored(values[place])
            path, name = run.path and text(run.path), text(run.name)
            ended = ENDS[run.outcome]
            names = (session.environment, path, name, start, run.outcome)
            if None in values:
                hashed = row_hash(names, *present(labels, values))
            else:
                hashed = row_hash(names, all_labels, values)
            session.rows += 1
            session.total += int.from_bytes(hashed, "big")
            took = None if duration is None else run.columns[duration]
            end = start if run.end is None and not took else stored_instant(_end(run, took))
            yield session.number, hashed, path, name, start, end, *ended, *values

    def _is_text(self, column: str) -> bool:
        return self.columns[column] in ("text", "instant")

    @staticmethod
    def _as_stored(value: Any) -> Any:
        if value is None:
            return None
        return text(value) if isinstance(value, str) else stored_instant(value)

    # -- what is there already

    def build(self, target: Connection) -> int:
        """Make sessions of what was read and the database doesn't have.

        Parameters
        ----------
        target
            On the database, at the newest schema.

        Returns
        -------
        int
            How many test runs were left out, as the database or a file before has them.
        """
        held = 0
        for staged in self._staged:
            read = sum(one.rows for one in staged.sessions)
            self._progress("comparing", 0, 0)
            with self._connection.transaction(), target.snapshot():
                self._leave_out(staged, (target, self._connection))
                left = [one for one in staged.sessions if one.rows]
                for session in left:
                    self._insert_session(session)
                self._insert_rows(staged)
                self._connection.execute(f"DROP TABLE {staged.table}")
            self._digest(left)
            held += read - sum(one.rows for one in left)
        self._staged = []
        return held

    def _leave_out(self, staged: _Staged, others: Sequence[Connection]) -> None:
        """Take away what was imported before: whole sessions, and rows of others."""
        held = [(on, *row) for on in others for row in imported_sessions(on)]
        uids = {uid for _, _, uid, *_ in held}
        for session in staged.sessions:
            if session.uid in uids:
                session.rows = 0
            uids.add(session.uid)
        new = [one for one in staged.sessions if one.rows]
        if not held or not new:
            return
        environments = {one.number: one.environment for one in new}
        apart = spans(self._connection, staged.table, environments)
        counts: Counter[bytes] = Counter()
        for on, row, _, environment, first, last in held:
            if overlaps(apart.get(environment or "", ([], [])), first, last):
                counts.update(stored_hashes(on, row, environment or ""))
        if counts:
            self._leave_out_rows(staged, counts)

    def _leave_out_rows(self, staged: _Staged, counts: Counter[bytes]) -> None:
        connection = self._connection
        numbers = {one.number: one for one in staged.sessions if one.rows}
        gone = []
        for row, number, hashed in connection.execute(
            f"SELECT rowid, session, hash FROM {staged.table}"
        ):
            if number in numbers and counts[hashed] > 0:
                counts[hashed] -= 1
                numbers[number].rows -= 1
                numbers[number].total -= int.from_bytes(hashed, "big")
                gone.append((row,))
        connection.executemany(f"DELETE FROM {staged.table} WHERE rowid=?", gone)

    # -- what is new

    def _insert_session(self, session: _Session) -> None:
        connection, said = self._connection, session.said
        values: dict[str, Any] = {
            "id": session.number,
            "uid": session.uid,
            "started": "",
            "state": "finished",
            "command_line": text(said.command_line),
            "branch": None if said.branch is None else text(said.branch),
            "tags": shared.json_object(said.tags),
        }
        if said.environment is not None:
            values["environment"] = shared.environment(connection, said.environment)
        if said.revision is not None:
            values["revision"] = shared.revision(connection, said.revision)
        if said.packages is not None:
            values["package_set"] = shared.package_set(connection, said.packages)
        connection.execute(insertion("session", values), tuple(values.values()))

    def _insert_rows(self, staged: _Staged) -> None:
        """Write the rows of the sessions that are there, sorted by what they say."""
        imported, connection = staged.imported, self._connection
        self._progress("writing", 0, 0)
        ordered = (
            "SELECT row_number() OVER (PARTITION BY session ORDER BY start, path, name, hash) "
            f"AS ordinal, * FROM {staged.table} WHERE session IN (SELECT id FROM session)"
        )
        same = ("path", "name", "start", "end", *ENDED, *imported.columns)
        original = "CASE instr(name, '[') WHEN 0 THEN name "
        original += "ELSE substr(name, 1, instr(name, '[') - 1) END"
        connection.execute(
            "INSERT INTO test_run (session_id, ordinal, originalname, attempt, round, beside, "
            f"{quoted(same)}) SELECT session, ordinal, {original}, 1, 1, 0, {quoted(same)} "
            f"FROM ({ordered})"
        )
        if imported.metrics:
            self._insert_measurements(imported, ordered)
        connection.execute(
            "UPDATE session SET started = (SELECT min(start) FROM test_run WHERE session_id = id), "
            'finished = (SELECT max("end") FROM test_run WHERE session_id = id) '
            "WHERE started = ''"
        )

    def _insert_measurements(self, imported: Imported, ordered: str) -> None:
        connection = self._connection
        connection.execute("CREATE TEMP TABLE metric (number INTEGER PRIMARY KEY, m, u, d)")
        connection.executemany(
            "INSERT INTO metric VALUES (?, ?, ?, ?)",
            [
                (number, text(one.name), text(one.unit), one.direction)
                for number, one in enumerate(imported.metrics)
            ],
        )
        cases = " ".join(
            f'WHEN {number} THEN "{name}"' for number, name in enumerate(_metric_columns(imported))
        )
        connection.execute(
            "INSERT INTO measurement (session_id, ordinal, metric, unit, direction, value) "
            f"SELECT session, ordinal, m, u, d, CASE number {cases} END AS made "
            f"FROM ({ordered}) CROSS JOIN temp.metric WHERE made IS NOT NULL"
        )
        connection.execute("DROP TABLE temp.metric")

    def _digest(self, sessions: Sequence[_Session]) -> None:
        for start in range(0, len(sessions), _OFTEN):
            self._progress("sealing", start, len(sessions))
            made = [
                (session_digest(self._connection, one.number), one.number)
                for one in sessions[start : start + _OFTEN]
            ]
            self._connection.executemany("UPDATE session SET digest=? WHERE id=?", made)


def _metric_columns(imported: Imported) -> list[str]:
    return [f"metric {number}" for number in range(len(imported.metrics))]


def _end(run: ImportedRun, duration: float | None) -> datetime:
    """Return when a test run ended, as far as its file tells."""
    if run.end is not None:
        return run.end
    try:
        return run.start + timedelta(seconds=max(duration or 0.0, 0.0))
    except (OverflowError, ValueError):
        return run.start
