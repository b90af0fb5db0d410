"""A history of half a million rows, and what SQLite alone takes to copy it."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: With a thousand test runs each, and measurements beside them.
SESSIONS: Final = 125
MEASUREMENTS: Final = 3

_NUMBERS: Final = """with recursive turn(number) as (
    select {first} union all select number + 1 from turn where number < {last}
) """


def rows(path: Path) -> int:
    """Return how many test runs and measurements a file holds."""
    query = "select (select count(*) from test_run) + (select count(*) from measurement)"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(query).fetchone()[0])


def multiply(recorded: Path, into: Path) -> None:
    """Make a file with many sessions like the first of another, each with measurements."""
    with (
        contextlib.closing(sqlite3.connect(recorded)) as source,
        contextlib.closing(sqlite3.connect(into)) as connection,
    ):
        source.backup(connection)
        for table in ("measurement", "test_run"):
            connection.execute(f"delete from {table} where session_id > 1")
        connection.execute("delete from session where id > 1")
        connection.execute(
            _NUMBERS.format(first=1, last=MEASUREMENTS)
            + "insert into measurement (session_id, ordinal, metric, unit, value) "
            "select session_id, ordinal, 'metric ' || number, '1', ordinal / 7.0 + number "
            "from test_run, turn"
        )
        for table in ("session", "test_run", "measurement"):
            changed = {"session_id": "number"}
            if table == "session":
                changed = {"id": "number", "uid": "'history-' || number"}
                changed["digest"] = "hex(randomblob(32))"
            names = _columns(connection, table)
            values = ", ".join(changed.get(name, f'"{name}"') for name in names)
            key = "id" if table == "session" else "session_id"
            connection.execute(
                _NUMBERS.format(first=2, last=SESSIONS)
                + f"insert into {table} select {values} from {table}, turn where {key} = 1"
            )
        connection.commit()


def insert_bare(target: Path, source: Path) -> None:
    """Copy all rows in one transaction, without looking at any.

    The condition keeps SQLite from copying whole records, as it does into an empty table only.
    """
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("attach ? as source", (str(source),))
        query = "select name from source.sqlite_master where type = 'table'"
        for (table,) in connection.execute(query).fetchall():
            connection.execute(
                f"insert or ignore into main.{table} select * from source.{table} where true"
            )
        connection.commit()


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"pragma table_info({table})")]
