"""What a database file is and holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchdb.store.database import Schema, size_of
from benchdb.store.opening import explaining, look_at
from benchdb.store.recording import aside_of
from benchdb.store.values import read_instant

if TYPE_CHECKING:
    from datetime import datetime

    from benchdb.config import Location
    from benchdb.store.connection import Connection


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a database file is and holds.

    Parameters
    ----------
    size
        Bytes, with the log that may lie beside a file; of its tables, on a server.
    schema
        The revision of its schema; `newest` tells whether it is this benchdb's.
    sessions, test_runs, measurements
        Numbers of rows.
    first, last
        When the first and the last session started.
    backups, aside
        Files beside it: copies from before an upgrade; sessions that could not be recorded into it.
    """

    path: Location
    size: int
    schema: str
    newest: bool
    sessions: int
    test_runs: int
    measurements: int
    first: datetime | None
    last: datetime | None
    backups: tuple[Path, ...]
    aside: tuple[Path, ...]


def file_facts(path: Location, connection: Connection) -> FileFacts:
    """Return what a file is and holds.

    Parameters
    ----------
    path
        The file.
    connection
        From `reading`.
    """
    found = look_at(path)
    started = connection.execute("SELECT min(started), max(started) FROM session").fetchone()
    first, last = map(read_instant, started)
    sessions, test_runs, measurements = (
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("session", "test_run", "measurement")
    )
    aside: tuple[Path, ...] = ()
    backups: tuple[Path, ...] = ()
    if isinstance(path, Path):
        size = size_of(path)
        with explaining(path):
            aside = aside_of(path)
            backups = tuple(
                sorted(
                    one
                    for one in path.parent.iterdir()
                    if one.name.startswith(f"{path.name}.before-")
                )
            )
    else:
        size = _tables_size(connection)
    return FileFacts(
        path=path,
        size=size,
        schema=found.revision or "",
        newest=found.schema is Schema.NEWEST,
        sessions=sessions,
        test_runs=test_runs,
        measurements=measurements,
        first=first,
        last=last,
        backups=backups,
        aside=aside,
    )


def _tables_size(connection: Connection) -> int:
    query = (
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)"
    )
    return int(connection.execute(query).fetchone()[0] or 0)
