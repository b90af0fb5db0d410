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

import functools
import hashlib
import json
import math
import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from benchdb.store.frozen import KINDS, NAMES, frozen_kind, frozen_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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

#: Rows that are put into lines at once.
_ROWS: Final = 1000

#: Of an instant as it is stored, and of its part before the seconds.
_INSTANT_LENGTH: Final = len("2026-01-01 00:00:00.000000")
_MINUTE: Final = len("2026-01-01 00:00:")

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - as instants are stored
_GREATEST: Final = sys.float_info.max
_FORMS: Final[dict[str, Any]] = {"float": float, "integer": int, "boolean": bool}
_KINDS: Final = frozenset({"text", "instant", *_FORMS})
#: What others wrote may be bytes, which JSON has no form for.
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr).encode

#: Is in the line of each measurement that holds the value of a column that is no more.
_COLUMN_LINE: Final = f'"unit":"{DROPPED}'.encode()


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
        session = next(_lines(connection, "session", session_id, replaced), None)
        runs = _run_lines(connection, session_id)
    if session is None:
        return None
    made = hashlib.sha256(session[1])
    for _, lines in sorted(runs.items()):
        made.update(b"".join(lines))
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
    lines = {ordinal: [line] for ordinal, line in _lines(connection, "test_run", session_id)}
    for ordinal, line in _lines(connection, "measurement", session_id):
        if _COLUMN_LINE in line:
            _, row = json.loads(line)
            if (dropped := _dropped(row)) is not None:
                table, run = json.loads(lines[ordinal][0])
                lines[ordinal][0] = _line(table, {**run, row["metric"]: dropped})
                continue
        lines[ordinal].append(line)
    for ordinal, line in _lines(connection, "artifact", session_id):
        lines[ordinal].append(line)
    for run in lines.values():
        if len(run) > 2:
            run[1:] = sorted(run[1:])
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


def _lines(
    connection: Connection,
    table: str,
    session_id: int,
    replaced: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[tuple[Any, bytes]]:
    """Give the ordinal of each row of a session (its first column) and its line.

    Lines are those of `_line`, put together column by column: a history has millions, and most of
    a session's columns hold nothing, or the same in every row.
    """
    kinds = tuple(connection.column_kinds(table).items())
    plan = _plan(table, kinds, frozenset(replaced), tuple(NAMES.items()), tuple(KINDS.items()))
    parameters = [replaced[name] for name in plan.replaced]
    rows = iter(connection.execute(plan.query, (*parameters, session_id)))
    start, end = f'["{table}",{{', "}]\n"
    while some := list(islice(rows, _ROWS)):
        ordinals, *columns = zip(*some, strict=True)
        if None in ordinals:
            raise KeyError("ordinal")
        fields = [
            made
            for (name, encode), values in zip(plan.columns, columns, strict=True)
            if (made := _fields(name, encode, values)) is not None
        ]
        for ordinal, row in zip(ordinals, zip(*fields, strict=True), strict=True):
            # A field begins with the comma that the first of a line must not have.
            yield ordinal, f"{start}{''.join(row)[1:]}{end}".encode()


def _fields(name: str, encode: Callable[[Any], str], values: Sequence[Any]) -> Iterable[str] | None:
    """Return what a column adds to the line of each row; None where that is nothing."""
    types = set(map(type, values))
    if types == {type(None)}:
        return None
    if types == {str} and encode is _encoded_text:
        made = {value: f",{name}{encode(value)}" for value in set(values)}
        return map(made.__getitem__, values)
    if (types == {float} and encode is _encoded_float and all(map(math.isfinite, values))) or (
        types == {int} and encode is _encoded_integer
    ):
        return [f",{name}{value!r}" for value in values]
    return ["" if value is None else f",{name}{encode(value)}" for value in values]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read a session's rows in a table.

    Parameters
    ----------
    query
        Takes the values of `replaced`, and the session's row id.
    replaced
        Columns whose values are given.
    columns
        What stands before a value in a line, and what encodes the value.
    """

    query: str
    replaced: tuple[str, ...]
    columns: tuple[tuple[str, Callable[[Any], str]], ...]


@functools.lru_cache(maxsize=64)
def _plan(
    table: str,
    kinds: tuple[tuple[str, str], ...],
    replaced: frozenset[str],
    *_frozen: tuple[tuple[str, str], ...],
) -> _Plan:
    # Columns are known by their first names and kinds, and come in the order of these names.
    known = sorted(
        (frozen_name(table, column), frozen_kind(table, column, kind), column)
        for column, kind in kinds
        if column not in _LEFT_OUT
    )
    selected = []
    joined = []
    columns = []
    for name, kind, column in known:
        shared = SHARED.get((table, column))
        if shared is None:
            selected.append("?" if column in replaced else f'{table}."{column}"')
            columns.append((f'"{name}":', _ENCODERS.get(kind) or functools.partial(_encoded, kind)))
        else:
            selected.append(f"{shared}.key")
            joined.append(f' LEFT JOIN {shared} ON {shared}.id = {table}."{column}"')
            columns.append((f'"{name}":', _encoded_text))
    owner, first = ("id", "id") if table == "session" else ("session_id", "ordinal")
    query = (
        f"SELECT {table}.{first}, {', '.join(selected)} FROM {table}{''.join(joined)} "
        f"WHERE {table}.{owner}=?"
    )
    return _Plan(
        query, tuple(column for _, _, column in known if column in replaced), tuple(columns)
    )


def _encoded(kind: str, value: Any) -> str:
    """Return any value of a column of some kind, as it stands in a line."""
    return _ENCODE(_canonical(kind, value))


def _encoded_text(value: Any) -> str:
    return encode_basestring_ascii(value) if type(value) is str else _encoded("text", value)


def _encoded_float(value: Any) -> str:
    if type(value) is float and -_GREATEST <= value <= _GREATEST:
        return repr(value)
    return _encoded("float", value)


def _encoded_integer(value: Any) -> str:
    return repr(value) if type(value) is int else _encoded("integer", value)


def _encoded_instant(value: Any) -> str:
    if type(value) is str and len(value) == _INSTANT_LENGTH and value[19] == ".":
        within = value[_MINUTE:19] + value[20:]
        # Of one minute there are many: only the rest is looked at each time.
        if within.isascii() and within.isdigit() and (of := int(within)) < 60_000_000:
            since = _minute(value[:_MINUTE])
            if since is not None:
                return repr(since + of)
    made = _microseconds(value)
    return repr(made) if type(made) is int else _ENCODE(made)


@functools.lru_cache(maxsize=4096)
def _minute(text: str) -> int | None:
    """Return the microseconds of the beginning of a minute; None where the text is none."""
    made = _microseconds(f"{text}00.000000")
    return made if type(made) is int else None


#: The same as `_encoded`, sooner for values that are of the kind already.
_ENCODERS: Final[dict[str, Callable[[Any], str]]] = {
    "text": _encoded_text,
    "float": _encoded_float,
    "integer": _encoded_integer,
    "instant": _encoded_instant,
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
    since = value.replace(tzinfo=None) - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds
