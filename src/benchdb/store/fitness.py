"""Whether rows hold what their columns may hold: a digest only says that they are as they were.

SQLite lets any column hold anything. What another database can't take, or no command can read,
must not travel: one such value would keep out all that comes with it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from benchdb.store.database import FileConnection
from benchdb.store.digest import SESSION_TABLES
from benchdb.store.values import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benchdb.store.connection import Connection

_DIGITS: Final = "[0-9]"
_INSTANT: Final = "-".join(_DIGITS * many for many in (4, 2, 2)) + " {}:{}:{}.{}".format(
    *(_DIGITS * many for many in (2, 2, 2, 6))
)

#: What SQLite says of a value that fits its column, by the column's kind.
_FITS: Final = {
    "text": "typeof({0})='text' AND instr({0}, char(0))=0",
    "integer": "typeof({0})='integer'",
    "boolean": "typeof({0})='integer' AND {0} IN (0, 1)",
    "float": "typeof({0}) IN ('real', 'integer')",
    "instant": f"typeof({{0}})='text' AND {{0}} GLOB '{_INSTANT}' "
    "AND datetime(substr({0}, 1, 19), '+0 seconds') IS substr({0}, 1, 19) "
    "AND substr({0}, 1, 4) BETWEEN '0001' AND '9999'",
}

#: The latest of several annotations holds: nothing could come after one of the last year.
_NOT_LAST: Final = " AND substr({0}, 1, 4) < '9999'"

#: People ask SQL for what is in it, which fails for all of them where it is none.
_IS_OBJECT: Final = "CASE WHEN json_valid({0}) THEN json_type({0}) = 'object' ELSE 0 END"

#: Columns that hold less than others of their kind.
_NARROWER: Final = {
    ("annotation", "made"): _NOT_LAST,
    ("annotation", "locations"): f" AND {_IS_OBJECT}",
}

#: Tables whose texts are decoded anyway, when digests are made of them.
_DECODED: Final = frozenset(SESSION_TABLES[1:])

_SAID: Final = "has a value that nothing could read"

#: Columns that are looked at by one statement: SQLite's expressions have a depth.
_AT_ONCE: Final = 200

#: The rows that a session shares with others, by how they are found from its id.
_SHARED: Final = {
    "environment": "fingerprint IN (SELECT environment FROM session WHERE id=:row)",
    "revision": "id IN (SELECT revision FROM session WHERE id=:row)",
    "revision_package": "revision IN (SELECT revision FROM session WHERE id=:row)",
    "package_set": "id IN (SELECT package_set FROM session WHERE id=:row)",
    "package": "id IN (SELECT package FROM package_set_package WHERE package_set IN "
    "(SELECT package_set FROM session WHERE id=:row))",
    "cluster": "id IN (SELECT cluster FROM test_run WHERE session_id=:row)",
}

#: Its own rows.
_OWNED: Final = dict.fromkeys(SESSION_TABLES, "session_id=:row") | {"session": "id=:row"}

#: Of so many sessions one at least: all are looked at.
_GOOD_PART: Final = 4


class Fitness:
    """Tells of sessions whether their rows hold what their columns can.

    Parameters
    ----------
    connection
        On a database at the newest schema. One on a server holds nothing that doesn't fit.
    sessions
        How many sessions of it will be asked for: where that is a good part, one look at all rows
        is cheaper than one at each session's.
    """

    def __init__(self, connection: Connection, sessions: int) -> None:
        self._connection = connection if isinstance(connection, FileConnection) else None
        self._asked = sessions
        self._is_sound: bool | None = None

    def unfit(self, row: int) -> str | None:
        """Return what of a session's rows its column can't hold; None where all is well.

        Parameters
        ----------
        row
            The session's id.
        """
        if self._connection is None:
            return None
        if self._is_sound is None:
            self._is_sound = self._has_most() and self._all_fit()
        if self._is_sound:
            return None
        for table, condition in (_OWNED | _SHARED).items():
            for said in _unfit(self._connection, table, condition, {"row": row}):
                return said
        return None

    def _has_most(self) -> bool:
        assert self._connection is not None
        (held,) = self._connection.execute("SELECT count(*) FROM session").fetchone()
        return bool(self._asked * _GOOD_PART >= held)

    def _all_fit(self) -> bool:
        assert self._connection is not None
        connection = self._connection
        return not any(
            True for table in _OWNED | _SHARED for _ in _unfit(connection, table, "1", {})
        )


def unfit_sessions(connection: Connection) -> dict[tuple[str, str], str]:
    """Return which sessions have a row of their own, one of ``session``, that doesn't fit.

    Without one of these no command can tell of the session. What its test runs hold isn't looked
    at: that takes as long as to copy them.
    """
    if not isinstance(connection, FileConnection):
        return {}
    found = {}
    for row, said in _unfit_rows(connection, "session", "digest IS NOT NULL", {}):
        query = "SELECT CAST(uid AS BLOB), CAST(digest AS BLOB) FROM session WHERE rowid=?"
        uid, digest = connection.execute(query, (row,)).fetchone()
        found[_decoded(uid), _decoded(digest)] = said
    return found


def unfit_annotations(
    connection: Connection, keys: Collection[str] | None = None
) -> dict[str, str]:
    """Return which annotations hold what they can't, by key; of all by default."""
    if not isinstance(connection, FileConnection):
        every = _unfit_locations(connection)
        return {key: said for key, said in every.items() if keys is None or key in keys}
    found = {}
    for row, said in _unfit_rows(connection, "annotation", "1", {}):
        query = "SELECT CAST(key AS BLOB) FROM annotation WHERE rowid=?"
        key = _decoded(connection.execute(query, (row,)).fetchone()[0])
        if keys is None or key in keys:
            found[key] = said
    return found


def _unfit_locations(server: Connection) -> dict[str, str]:
    """Return which annotations on a server have locations that SQLite couldn't look into."""
    query = "SELECT key, locations FROM annotation WHERE locations IS NOT NULL"
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        return {
            key: f"{shown(held)} can't stand in annotation.locations"
            for key, held in server.execute(query)
            if not memory.execute(f"SELECT {_IS_OBJECT.format('?1')}", (held,)).fetchone()[0]
        }


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def first_unfit(connection: Connection) -> str | None:
    """Return a line about a session that holds what it can't; None where none does."""
    query = "SELECT id, uid FROM session WHERE digest IS NOT NULL"
    rows = connection.execute(query).fetchall()
    fitness = Fitness(connection, len(rows))
    for row, uid in rows:
        if said := fitness.unfit(row):
            return session_line(uid, said)
    return None


def session_line(uid: str, unfit: str) -> str:
    """Return what is wrong about a session that must not travel."""
    return f"session {uid} {_SAID}: {unfit}"


def annotation_line(key: str, unfit: str) -> str:
    """Return what is wrong about an annotation that must not travel."""
    return f"annotation {key} {_SAID}: {unfit}"


def is_unfit(line: str) -> bool:
    """Tell whether a line says so of a session or an annotation."""
    return _SAID in line


def _unfit(
    connection: FileConnection, table: str, condition: str, values: dict[str, int]
) -> Iterator[str]:
    for _, said in _unfit_rows(connection, table, condition, values):
        yield said


def _unfit_rows(
    connection: FileConnection, table: str, condition: str, values: dict[str, int]
) -> Iterator[tuple[int, str]]:
    """Give the row id of each row that holds what it can't, and a line about the first such."""
    fits = {}
    for name, kind in connection.column_kinds(table).items():
        if kind in _FITS:
            said = _FITS[kind]
            if kind == "text" and table not in _DECODED:
                said += " AND is_utf8(CAST({0} AS BLOB))"
            said += _NARROWER.get((table, name), "")
            fits[name] = said.format(f'"{name}"')
    connection.create_function("is_utf8", 1, _is_utf8, deterministic=True)
    rows: set[int] = set()
    for some in _groups(list(fits.items())):
        every = " AND ".join(f'("{name}" IS NULL OR ({one}))' for name, one in some)
        query = f"SELECT rowid FROM {table} WHERE ({condition}) AND NOT ({every})"
        rows.update(row for (row,) in connection.execute(query, values))
    for row in sorted(rows):
        for name, one in fits.items():
            query = (
                f'SELECT CAST(quote("{name}") AS BLOB) FROM {table} WHERE rowid=? AND NOT ({one})'
            )
            held = connection.execute(query, (row,)).fetchone()
            if held and held[0] != b"NULL":
                said = _readable(held[0].decode("utf-8", "backslashreplace"))
                yield row, f"{said} can't stand in {table}.{name}"
                break


def _groups(columns: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(columns), _AT_ONCE):
        yield columns[start : start + _AT_ONCE]


def _is_utf8(text: bytes | None) -> bool:
    try:
        (text or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _readable(quoted: str) -> str:
    return shown(quoted[1:-1] if quoted.startswith("'") else quoted)


def is_undecodable(error: Exception) -> bool:
    """Tell whether SQLite says that a text is none: it has other bytes than those of UTF-8."""
    return isinstance(error, sqlite3.OperationalError) and "decode" in str(error)
