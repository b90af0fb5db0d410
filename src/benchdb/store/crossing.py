"""Sessions on their way from or to a server: carried over row by row, then copied by statements.

They are carried into temporary tables of the server, or into a file of their own, before others
have to wait. From there one statement for each table copies them to where they belong, as
`benchdb.store.copying` does between two files.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from benchdb.scratch import scratch_folder
from benchdb.store import copying
from benchdb.store.columns import insertion, quoted
from benchdb.store.database import FileConnection, connect, create_schema
from benchdb.store.digest import SESSION_TABLES, session_digest
from benchdb.store.queries import of_uids
from benchdb.store.statements import chunks, marks

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from benchdb.store.connection import Connection
    from benchdb.store.postgresql import ServerConnection

#: Rows that are in memory at a time; each may have a thousand rounds.
_ROWS: Final = 500

#: What belongs to a shared row, and is copied with it.
_MEMBERS: Final = {"revision": "revision_package", "package_set": "package_set_package"}

#: How temporary tables on a server are called.
_STAGED: Final = "staged_"

#: In a server's tables values of these types are what a file held, bit by bit.
_EXACT: Final = {
    "text": "text",
    "integer": "bigint",
    "float": "double precision",
    "boolean": "boolean",
    "instant": "timestamp without time zone",
}


class Way(Protocol):
    """How sessions come into a database."""

    def carry(self, keys: Collection[tuple[str, str]]) -> bool:
        """Bring sessions near, in no transaction; False where some are not there any more."""

    def copy(self) -> tuple[int, int]:
        """Copy what was brought, in a transaction; returns how many sessions, and test runs."""


@contextlib.contextmanager
def way(ours: Connection, theirs: Connection) -> Iterator[Way]:
    """Give the way from one database into another; one of them at least is on a server.

    Parameters
    ----------
    ours, theirs
        Two databases at the newest schema; the latter is only read.
    """
    if not isinstance(ours, FileConnection):
        from benchdb.store.postgresql import ServerConnection

        assert isinstance(ours, ServerConnection)
        yield _ToServer(ours, theirs)
        return
    with scratch_folder() as folder:
        path = folder / "carried.db"
        with contextlib.closing(connect(path, write=True, create=True)) as carried:
            create_schema(carried)
            # It is thrown away whatever happens, and read by session alone.
            for setting in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF"):
                carried.execute(f"PRAGMA {setting}")
            carried.execute("DROP INDEX ix_test_run_name_path")
            with copying.attached(ours, path):
                yield _ToFile(ours, theirs, carried)


def fetch(into: FileConnection, theirs: Connection, keys: Collection[tuple[str, str]]) -> bool:
    """Copy sessions of a server into an empty file; False where some are not there any more.

    Foreign keys must not be enforced there, as rows that are referred to may come later.
    """

    def put(table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        return into.executemany(insertion(table, names), rows).rowcount

    with theirs.snapshot():
        source = _Source(theirs, keys)
        source.refuse_more_than(into)
        with into.transaction():
            source.carry(into, put)
    return len(source.keys) == len(keys)


class _ToFile:
    """Into a file, by way of another: see `Way`."""

    def __init__(self, ours: FileConnection, theirs: Connection, carried: FileConnection) -> None:
        self._ours = ours
        self._theirs = theirs
        self._carried = carried
        self._keys: Collection[tuple[str, str]] = ()

    def carry(self, keys: Collection[tuple[str, str]]) -> bool:
        """See `Way.carry`."""
        self._keys = keys
        for table in self._carried.tables() - {"alembic_version"}:
            self._carried.execute(f"DELETE FROM {table}")
        return fetch(self._carried, self._theirs, keys)

    def copy(self) -> tuple[int, int]:
        """See `Way.copy`."""
        return copying.copy_sessions(self._ours, self._keys)


class _Source:
    """Sessions of a database, and all that belongs to them; in a snapshot of it.

    Attributes
    ----------
    keys : dict
        Uid and digest of those that are there, by row id.
    """

    def __init__(self, theirs: Connection, keys: Collection[tuple[str, str]]) -> None:
        self._theirs = theirs
        wanted = set(keys)
        self.keys: dict[int, tuple[str, str]] = {}
        for row, uid, digest in of_uids(theirs, "id, uid, digest", {uid for uid, _ in wanted}):
            if (uid, digest) in wanted:
                self.keys[row] = uid, digest

    def carry(
        self,
        ours: Connection,
        put: Callable[[str, Sequence[str], Iterable[Sequence[Any]]], int],
    ) -> dict[str, int]:
        """Hand on all rows, table by table; returns how many of each.

        Parameters
        ----------
        ours
            The database that takes them: which columns it has.
        put
            Takes a table, the columns that both have, and rows; returns their number.

        Raises
        ------
        sqlite3.IntegrityError
            If rows refer to others that there are not.
        """
        sessions = sorted(self.keys)
        ids: dict[str, list[Any]] = {
            table: self._distinct(table, "session", "id", sessions)
            for table in ("environment", "revision", "package_set")
        }
        ids["package"] = self._distinct(
            "package", "package_set_package", "package_set", ids["package_set"]
        )
        ids["cluster"] = self._distinct("cluster", "test_run", "session_id", sessions)
        parts = [
            (table, "fingerprint" if table == "environment" else "id", found)
            for table, found in ids.items()
        ]
        parts += [(table, owner, ids[owner]) for owner, table in _MEMBERS.items()]
        parts += [("session", "id", sessions)]
        parts += [(table, "session_id", sessions) for table in SESSION_TABLES[1:]]
        counts = {}
        for table, column, wanted in parts:
            known = self._theirs.column_kinds(table)
            names = [name for name in ours.column_kinds(table) if name in known]
            with contextlib.closing(self._rows(table, names, column, wanted)) as rows:
                counts[table] = put(table, names, rows)
            if table in ids and counts[table] != len(wanted):
                raise sqlite3.IntegrityError(f"rows refer to no row of {table}")
        return counts

    def _distinct(self, column: str, table: str, owner: str, ids: Sequence[Any]) -> list[Any]:
        found: set[Any] = set()
        for some in chunks(list(ids)):
            query = f"SELECT DISTINCT {column} FROM {table} WHERE {owner} IN ({marks(some)})"
            found.update(value for (value,) in self._theirs.execute(query, some))
        return sorted(found - {None})

    def _rows(
        self, table: str, names: Sequence[str], column: str, wanted: Sequence[Any]
    ) -> Generator[Sequence[Any]]:
        for some in chunks(list(wanted)):
            query = f"SELECT {quoted(names)} FROM {table} WHERE {column} IN ({marks(some)})"
            yield from self._theirs.stream(query, some, _ROWS)

    def refuse_more_than(self, ours: Connection) -> None:
        """Raise where a session has values in columns that ours doesn't have.

        Raises
        ------
        sqlite3.IntegrityError
            If there are such.
        """
        for table in SESSION_TABLES:
            own = ours.column_kinds(table)
            more = [name for name in self._theirs.column_kinds(table) if name not in own]
            owner = "id" if table == "session" else "session_id"
            for name in more:
                for some in chunks(sorted(self.keys)):
                    query = (
                        f'SELECT {owner} FROM {table} WHERE "{name}" IS NOT NULL '
                        f"AND {owner} IN ({marks(some)}) LIMIT 1"
                    )
                    for (row,) in self._theirs.execute(query, some):
                        uid, _ = self.keys[row]
                        raise sqlite3.IntegrityError(
                            f"session {uid} has values in {table}.{name}, which there is not here"
                        )


class _ToServer:
    """Into a server, by way of temporary tables: see `Way`.

    They hold a session's rows under the id that it will have.
    """

    def __init__(self, ours: ServerConnection, theirs: Connection) -> None:
        self._ours = ours
        self._theirs = theirs
        self._made = False
        self._source: _Source | None = None
        self._own: dict[int, int] = {}
        self._counts: Mapping[str, int] = {}
        self._names: dict[str, list[str]] = {}

    def carry(self, keys: Collection[tuple[str, str]]) -> bool:
        """See `Way.carry`."""
        with self._theirs.snapshot():
            self._source = _Source(self._theirs, keys)
            self._source.refuse_more_than(self._ours)
            with self._ours.transaction(alone=False):
                self._own = dict(
                    zip(sorted(self._source.keys), self._new_ids(len(keys)), strict=False)
                )
                for table in (*SESSION_TABLES, "environment", "package", "cluster"):
                    self._empty(table)
                for owner, table in _MEMBERS.items():
                    self._empty(owner)
                    self._empty(table)
                self._made = True
                self._counts = self._source.carry(self._ours, self._put)
        return len(self._source.keys) == len(keys)

    def _new_ids(self, count: int) -> list[int]:
        query = (
            "SELECT nextval(pg_get_serial_sequence('session', 'id')) "
            "FROM generate_series(1, CAST(? AS bigint))"
        )
        return [made for (made,) in self._ours.execute(query, (count,))]

    def _empty(self, table: str) -> None:
        if self._made:
            self._ours.execute(f"TRUNCATE {_STAGED}{table}")
            return
        columns = ", ".join(
            f'"{name}" {_EXACT[kind]}' for name, kind in self._ours.column_kinds(table).items()
        )
        self._ours.execute(f"CREATE TEMPORARY TABLE {_STAGED}{table} ({columns})")

    def _put(self, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        self._names[table] = list(names)
        kinds = self._ours.column_kinds(table)
        owner = "id" if table == "session" else "session_id" if table in SESSION_TABLES else None
        forms: list[tuple[int, Callable[[Any], Any]]] = []
        for number, name in enumerate(names):
            if name == owner:
                forms.append((number, self._own.__getitem__))
            elif form := _FORMS.get(kinds[name]):
                forms.append((number, form))
        place = None if owner is None else list(names).index(owner)
        types = [_EXACT[kinds[name]] for name in names]
        count = 0
        with self._ours.copying(f"{_STAGED}{table}", names, types) as write:
            for row in rows:
                made = list(row)
                try:
                    for number, form in forms:
                        if made[number] is not None:
                            made[number] = form(made[number])
                    write(made)
                except (TypeError, ValueError, LookupError, ArithmeticError) as error:
                    whose = table
                    if place is not None and self._source is not None:
                        whose = f"session {self._source.keys[row[place]][0]}"
                    raise sqlite3.IntegrityError(
                        f"{whose} has values that can't be held here: {error}"
                    ) from error
                count += 1
        return count

    def copy(self) -> tuple[int, int]:
        """See `Way.copy`."""
        if self._ours.trust_references(list(self._names)):
            self._refuse_orphans()
        for table in ("environment", "package", "cluster"):
            self._copy_new(table)
        for owner, table in _MEMBERS.items():
            self._copy_new(owner, table)
        for table in SESSION_TABLES:
            if self._copy(table) != self._counts[table]:
                raise sqlite3.IntegrityError(f"rows of {table} refer to others that there are not")
        self._compare()
        return self._counts["session"], self._counts["test_run"]

    def _refuse_orphans(self) -> None:
        """Do at once what the server does for each row: see that what it refers to is there.

        What is not so by construction, that is: shared rows were counted as they were carried.
        """
        for table, key in (("environment", ("fingerprint",)), *copying.KEYS.items()):
            same = " AND ".join(f"{table}.{name} = its.{name}" for name in key)
            # Nobody may remove those that are there already.
            self._ours.execute(
                f"SELECT 1 FROM {_STAGED}{table} AS its JOIN {table} ON {same} "
                f"FOR KEY SHARE OF {table}"
            )
        for table in SESSION_TABLES[2:]:
            # An anti-join of tables without statistics may become one of nested loops.
            orphan = (
                f"SELECT session_id, ordinal FROM {_STAGED}{table} "
                f"EXCEPT SELECT session_id, ordinal FROM {_STAGED}test_run LIMIT 1"
            )
            if self._ours.execute(orphan).fetchone():
                raise sqlite3.IntegrityError(f"rows of {table} refer to no test run")

    def _copy_new(self, table: str, members: str | None = None) -> None:
        """Copy shared rows that are new, with what belongs to them."""
        names = quoted(name for name in self._names[table] if name != "id")
        insert = (
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {_STAGED}{table} "
            "ON CONFLICT DO NOTHING"
        )
        if members is None:
            self._ours.execute(insert)
            return
        columns = [name for name in self._names[members] if name != table]
        values, joins = self._mapped(members, columns)
        self._ours.execute(
            f"WITH made AS ({insert} RETURNING id, key) "
            f"INSERT INTO {members} ({table}, {quoted(columns)}) SELECT made.id, {values} "
            f"FROM made JOIN {_STAGED}{table} AS own ON own.key = made.key "
            f"JOIN {_STAGED}{members} AS kept ON kept.{table} = own.id {joins}"
        )

    def _copy(self, table: str) -> int:
        """Copy the rows of a session's table; returns how many."""
        names = self._names[table]
        values, joins = self._mapped(table, names)
        order = "ORDER BY kept.started, kept.uid" if table == "session" else ""
        made = self._ours.execute(
            f"INSERT INTO {table} ({quoted(names)}) SELECT {values} "
            f"FROM {_STAGED}{table} AS kept {joins} {order}"
        )
        return int(made.rowcount)

    @staticmethod
    def _mapped(table: str, names: Iterable[str]) -> tuple[str, str]:
        """Return values of staged rows with our ids of shared rows, and what to join for it."""
        values, joins = [], []
        for name in names:
            shared = copying.REFERENCES.get((table, name))
            if shared is None:
                values.append(f'kept."{name}"')
                continue
            values.append(f"{shared}.id")
            same = " AND ".join(
                f"{shared}.{key} = its_{shared}.{key}" for key in copying.KEYS[shared]
            )
            joins.append(
                f"LEFT JOIN ({_STAGED}{shared} AS its_{shared} JOIN {shared} ON {same}) "
                f'ON its_{shared}.id = kept."{name}"'
            )
        return ", ".join(values), " ".join(joins)

    def _compare(self) -> None:
        """Read the sessions back where a column has a type that may change a value."""
        if self._source is None or all(
            self._ours.column_types(table) <= set(_EXACT.values()) for table in SESSION_TABLES
        ):
            return
        for theirs, (uid, digest) in self._source.keys.items():
            if (
                session_digest(self._ours, self._own[theirs]) != digest
                and session_digest(self._theirs, theirs) == digest
            ):
                raise sqlite3.IntegrityError(f"session {uid} has values that can't be held here")


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError(f"{value!r} is neither true nor false")
    return bool(value)


def _instant(value: Any) -> datetime:
    made = datetime.fromisoformat(value)
    if made.isoformat(" ", "microseconds") != value:
        raise ValueError(f"{value!r} is no instant")
    return made


_FORMS: Final[Mapping[str, Callable[[Any], Any]]] = {"boolean": _truth, "instant": _instant}
