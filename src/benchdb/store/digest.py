"""The digest of a session: SHA-256 over all its rows, the same wherever and in whatever schema.

Rows are sorted by natural key; a row is the names and values of its columns that are not NULL, with
natural keys in the place of row ids, floats by repr and instants as whole microseconds. So a new
nullable column changes no digest. Names are frozen for ever:

- a renamed column keeps its first name in ``info={"frozen": NAME}``;
- a column of another type keeps its first kind in ``info={"kind": KIND}``;
- the values of a dropped column of ``test_run`` become measurements whose unit is
  ``column:KIND`` (the migration does it), and are digested as the column that they were.

A value that its column's first kind can't hold is digested as it is, so none goes unseen.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Column, Connection, DateTime, Float, Integer, Table, select

from benchdb.store.models import (
    Artifact,
    Base,
    Cluster,
    Instant,
    Measurement,
    PackageSet,
    Revision,
    Session,
    TestRun,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A measurement with a unit that starts so holds the value of a column that is no more.
DROPPED: Final = "column:"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_KINDS: Final[dict[str, Any]] = {
    "instant": (Instant, DateTime),
    "boolean": Boolean,
    "float": Float,
    "integer": Integer,
}

#: Columns of a session's own rows that are ids, or made from the rest.
_LEFT_OUT: Final = frozenset({"id", "digest", "session_id"})

#: Foreign keys to rows that are shared between sessions, by the natural key they stand for.
SHARED: Final = {
    ("session", "revision"): Revision.__table__.c.key,
    ("session", "package_set"): PackageSet.__table__.c.key,
    ("test_run", "cluster"): Cluster.__table__.c.key,
}


def column_kind(column: Column[Any]) -> str:
    """Return what a column holds: ``text``, ``integer``, ``float``, ``boolean`` or ``instant``."""
    return kind_of(column.type)


def kind_of(sql_type: Any) -> str:
    """Return what columns of a type hold, be it of a model or as a database tells it."""
    for kind, types in _KINDS.items():
        if isinstance(sql_type, types):
            return kind
    return "text"


def frozen_name(column: Column[Any]) -> str:
    """Return the name that digests know a column by."""
    return str(column.info.get("frozen", column.name))


def session_digest(connection: Connection, session_id: int) -> str:
    """Return the digest of one session, from its rows.

    Parameters
    ----------
    connection
        On a database at the newest schema.
    session_id
        The row id of a session that is finished or lost.
    """
    made = hashlib.sha256()
    for line in _lines(connection, session_id):
        made.update(line.encode())
        made.update(b"\n")
    return made.hexdigest()


def run_digests(connection: Connection, session_id: int, *, closed: bool) -> dict[int, str]:
    """Return a digest for every test run of a session, or its closed ones, by ordinal.

    Tells the forms of a session apart, so `beside` stays out: it is corrected when a session ends,
    after rows were closed.
    """
    digests = {}
    for ordinal, (first, *lines) in _run_lines(connection, session_id).items():
        table, row = json.loads(first)
        del row["beside"]
        if not closed or row["state"] == "closed":
            whole = "\n".join([_line(table, row), *lines])
            digests[ordinal] = hashlib.sha256(whole.encode()).hexdigest()
    return digests


def _lines(connection: Connection, session_id: int) -> Iterator[str]:
    (session,) = _rows(connection, Session.__table__, session_id)
    yield _line("session", session)
    for _, lines in sorted(_run_lines(connection, session_id).items()):
        yield from lines


def _run_lines(connection: Connection, session_id: int) -> dict[int, list[str]]:
    """Return the lines of each test run by ordinal: its own, then those of what belongs to it."""
    runs = {row["ordinal"]: row for row in _rows(connection, TestRun.__table__, session_id)}
    children: list[tuple[int, str]] = []
    for row in _rows(connection, Measurement.__table__, session_id):
        unit = str(row["unit"])
        if unit.startswith(DROPPED):
            (value,) = json.loads(row["rounds"]) if "rounds" in row else (row["value"],)
            runs[row["ordinal"]][row["metric"]] = _canonical(unit.removeprefix(DROPPED), value)
        else:
            children.append((row["ordinal"], _line("measurement", row)))
    artifacts = _rows(connection, Artifact.__table__, session_id)
    children.extend((row["ordinal"], _line("artifact", row)) for row in artifacts)
    lines = {ordinal: [_line("test_run", row)] for ordinal, row in runs.items()}
    for ordinal, line in sorted(children):
        lines[ordinal].append(line)
    return lines


def _line(table: str, row: dict[str, Any]) -> str:
    return json.dumps([table, row], sort_keys=True, separators=(",", ":"))


def _rows(connection: Connection, table: Any, session_id: int) -> Iterator[dict[str, Any]]:
    assert isinstance(table, Table)
    columns = [column for column in table.columns if column.name not in _LEFT_OUT]
    source: Any = table
    selected: list[Any] = []
    for column in columns:
        shared = SHARED.get((table.name, column.name))
        if shared is None:
            selected.append(column)
        else:
            source = source.outerjoin(shared.table, shared.table.c.id == column)
            selected.append(shared)
    shapes = [
        (
            frozen_name(column),
            "text"
            if (table.name, column.name) in SHARED
            else column.info.get("kind", column_kind(column)),
        )
        for column in columns
    ]
    owner = table.c.id if table.name == "session" else table.c.session_id
    for row in connection.execute(select(*selected).select_from(source).where(owner == session_id)):
        yield {
            name: value if type(value) is str and kind == "text" else _canonical(kind, value)
            for (name, kind), value in zip(shapes, row, strict=True)
            if value is not None
        }


def _canonical(kind: str, value: Any) -> Any:
    """Return a value in the form of a kind, or as it is where that would lose some of it."""
    if kind == "instant" or isinstance(value, datetime):
        return _microseconds(value)
    if kind == "text":
        return str(value)
    form: Any = {"float": float, "integer": int, "boolean": bool}[kind]
    if type(value) is form:
        return value
    try:
        formed = form(int(value) if form is bool and isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return value
    # A column that became text spells the value that it had.
    spelled = str(int(formed) if form is bool else formed)
    return formed if value in (formed, spelled) else value


def _microseconds(value: Any) -> Any:
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            return value
        if instant.isoformat(" ", "microseconds") != value:
            return value
        value = instant
    return (value.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def digest_tables() -> list[Table]:
    """Return the tables whose rows belong to a session, a parent before its children."""
    names = ("session", "test_run", "measurement", "artifact")
    return [Base.metadata.tables[name] for name in names]
