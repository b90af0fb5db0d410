"""The digest of a session: SHA-256 over all its rows, the same wherever and in whatever schema.

Test runs are sorted by ordinal, what belongs to one by its line; a line is the names and values of
its columns that are not NULL, with natural keys in the place of row ids, floats by repr and
instants as whole microseconds. So a new nullable column changes no digest. Names are frozen for
ever:

- a renamed or retyped column keeps its first name and kind: see `benchdb.store.frozen`;
- the values of a dropped column of ``test_run`` become measurements whose unit is
  ``column:KIND`` (the migration does it), and are digested as the column that they were.

A value that its column's first kind can't hold is digested as it is, so none goes unseen.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from benchdb.store.frozen import frozen_kind, frozen_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchdb.store.connection import Connection

#: The tables whose rows belong to a session, a parent before its children.
SESSION_TABLES: Final = ("session", "test_run", "measurement", "artifact")

#: A measurement with a unit that starts so holds the value of a column that is no more.
DROPPED: Final = "column:"

#: Foreign keys to rows that sessions share, to the table whose ``key`` stands for them.
SHARED: Final = MappingProxyType(
    {
        ("session", "revision"): "revision",
        ("session", "package_set"): "package_set",
        ("test_run", "cluster"): "cluster",
    }
)

#: Columns of a session's own rows that are ids, or made from the rest.
_LEFT_OUT: Final = frozenset({"id", "digest", "session_id"})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FORMS: Final[dict[str, Any]] = {"float": float, "integer": int, "boolean": bool}
_KINDS: Final = frozenset({"text", "instant", *_FORMS})
#: What others wrote may be bytes, which JSON has no form for.
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr).encode


def session_digest(
    connection: Connection,
    session_id: int,
    replaced: Mapping[str, object] = MappingProxyType({}),
) -> str | None:
    """Return the digest of one session, from one state of its rows; None where it is gone.

    Parameters
    ----------
    connection
        On a database at the newest schema.
    session_id
        The row id of a session of which no test run is open.
    replaced
        Values of the session's own row, as they are going to be.
    """
    with connection.snapshot():
        session = next(_rows(connection, "session", session_id, replaced), None)
        runs = _run_lines(connection, session_id)
    if session is None:
        return None
    made = hashlib.sha256(_line("session", session))
    for _, lines in sorted(runs.items()):
        for line in lines:
            made.update(line)
    return made.hexdigest()


def run_digests(connection: Connection, session_id: int) -> dict[int, tuple[str, bool]]:
    """Return a digest of every test run of a session by ordinal, and whether the run is closed.

    Tells the forms of a session apart, so `beside` stays out: it is corrected when a session ends,
    after rows were closed.
    """
    digests = {}
    with connection.snapshot():
        runs = _run_lines(connection, session_id)
    for ordinal, (first, *lines) in runs.items():
        table, row = json.loads(first)
        del row["beside"]
        made = hashlib.sha256(_line(table, row))
        for line in lines:
            made.update(line)
        digests[ordinal] = made.hexdigest(), row["state"] == "closed"
    return digests


def _run_lines(connection: Connection, session_id: int) -> dict[int, list[bytes]]:
    """Return the lines of each test run by ordinal: its own, then those of what belongs to it."""
    runs = {row["ordinal"]: row for row in _rows(connection, "test_run", session_id)}
    children: list[tuple[int, bytes]] = []
    for row in _rows(connection, "measurement", session_id):
        if (dropped := _dropped(row)) is not None:
            runs[row["ordinal"]][row["metric"]] = dropped
        else:
            children.append((row["ordinal"], _line("measurement", row)))
    artifacts = _rows(connection, "artifact", session_id)
    children.extend((row["ordinal"], _line("artifact", row)) for row in artifacts)
    lines = {ordinal: [_line("test_run", row)] for ordinal, row in runs.items()}
    for ordinal, line in sorted(children):
        lines[ordinal].append(line)
    return lines


def _dropped(row: dict[str, Any]) -> Any:
    """Return the value of a column that is no more; None for any other measurement.

    So is one whose unit begins as theirs but which no migration wrote.
    """
    unit = str(row["unit"])
    kind = unit.removeprefix(DROPPED)
    if not unit.startswith(DROPPED) or kind not in _KINDS:
        return None
    try:
        values = json.loads(row["rounds"]) if "rounds" in row else [row.get("value")]
    except (ValueError, TypeError):
        return None
    is_one = isinstance(values, list) and len(values) == 1
    return _canonical(kind, values[0]) if is_one and values[0] is not None else None


def _line(table: str, row: dict[str, Any]) -> bytes:
    return _ENCODE([table, row]).encode() + b"\n"


def _rows(
    connection: Connection,
    table: str,
    session_id: int,
    replaced: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[dict[str, Any]]:
    selected = []
    parameters = []
    joined = []
    known = []
    for column, kind in connection.column_kinds(table).items():
        if column in _LEFT_OUT:
            continue
        shared = SHARED.get((table, column))
        if shared is None:
            selected.append("?" if column in replaced else f'{table}."{column}"')
            if column in replaced:
                parameters.append(replaced[column])
            known.append((frozen_name(table, column), frozen_kind(table, column, kind)))
        else:
            selected.append(f"{shared}.key")
            joined.append(f' LEFT JOIN {shared} ON {shared}.id = {table}."{column}"')
            known.append((frozen_name(table, column), "text"))
    owner = "id" if table == "session" else "session_id"
    query = f"SELECT {', '.join(selected)} FROM {table}{''.join(joined)} WHERE {table}.{owner}=?"
    for row in connection.execute(query, (*parameters, session_id)):
        yield {
            name: value if type(value) is str and kind == "text" else _canonical(kind, value)
            for (name, kind), value in zip(known, row, strict=True)
            if value is not None
        }


def _canonical(kind: str, value: Any) -> Any:
    """Return a value in the form of a kind, or as it is where that would lose some of it."""
    if kind == "instant" or isinstance(value, datetime):
        return _microseconds(value)
    if kind == "text":
        return str(value)
    form = _FORMS.get(kind)
    if form is None or type(value) is form:
        return value
    try:
        formed = form(int(value) if form is bool and isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
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
    elif not isinstance(value, datetime):
        return value
    return (value.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
