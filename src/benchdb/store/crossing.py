"""Copying sessions from one open database into another, row by row: where one is on a server.

Between two files `benchdb.store.copying` does it within SQLite, an order of magnitude faster.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from benchdb.store.columns import insertion, quoted
from benchdb.store.digest import SESSION_TABLES, SHARED, session_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchdb.store.connection import Connection

#: What belongs to a shared row, and is copied with it.
_MEMBERS: Final = {"revision": "revision_package"}


def copy_sessions(
    ours: Connection, theirs: Connection, keys: Iterable[tuple[str, str]]
) -> tuple[int, int]:
    """Copy sessions with all that belongs to them; must run in a transaction of `ours`.

    Parameters
    ----------
    ours, theirs
        Two databases at the newest schema; the latter is only read.
    keys
        (uid, digest) of each; ours has none of them.

    Returns
    -------
    tuple of int
        How many sessions and test runs were copied.

    Raises
    ------
    sqlite3.IntegrityError
        If rows refer to others that there are not, or a session would not stay what it was.
    """
    with theirs.snapshot():
        return _Crossing(ours, theirs).copy(list(keys))


class _Crossing:
    """Copies sessions; row ids of shared rows are known to it for one transaction."""

    def __init__(self, ours: Connection, theirs: Connection) -> None:
        self._ours = ours
        self._theirs = theirs
        self._ids: dict[tuple[str, int], int] = {}

    def copy(self, keys: Sequence[tuple[str, str]]) -> tuple[int, int]:
        """Copy sessions; return how many, and how many test runs.

        Whatever they are, tables come in the same order and rows in that of their keys.
        """
        query = (
            "SELECT id, uid, digest, environment, revision, package_set FROM session "
            "WHERE uid=? AND digest=?"
        )
        rows = (self._theirs.execute(query, key).fetchone() for key in keys)
        found = [row for row in rows if row is not None]  # else pruned meanwhile
        for fingerprint in sorted({row[3] for row in found if row[3] is not None}):
            self._copy_environment(fingerprint)
        for place, table in ((4, "revision"), (5, "package_set")):
            for row_id in sorted({row[place] for row in found if row[place] is not None}):
                self._ids[table, row_id] = self._shared(table, row_id)
        runs = sum(self._copy_session(*row[:3]) for row in found)
        return len(found), runs

    def _copy_environment(self, fingerprint: str) -> None:
        names, kept = self._columns("environment")
        query = f"SELECT {quoted(names)} FROM environment WHERE fingerprint=?"
        sql = f"{insertion('environment', names)} ON CONFLICT DO NOTHING"
        for row in self._theirs.execute(query, (fingerprint,)):
            self._ours.execute(sql, kept(row))

    def _shared(self, table: str, row_id: int) -> int:
        """Return our id of a row of theirs that has a key, after writing it if it is new."""
        names, kept = self._columns(table)
        query = f"SELECT {quoted(names)} FROM {table} WHERE id=?"
        row = self._theirs.execute(query, (row_id,)).fetchone()
        if row is None:
            raise sqlite3.IntegrityError(f"rows refer to no row of {table}")
        values = dict(zip(names, kept(row), strict=True))
        query = f"SELECT id FROM {table} WHERE key=?"
        found = self._ours.execute(query, (values["key"],)).fetchone()
        if found is not None:
            return int(found[0])
        made = self._ours.insert(table, values)
        if table in _MEMBERS:
            self._copy_belonging(_MEMBERS[table], table, row_id, made)
        elif table == "package_set":
            self._copy_packages(row_id, made)
        return made

    def _copy_packages(self, row_id: int, made: int) -> None:
        query = (
            "SELECT name, version, source FROM package_set_package "
            "JOIN package ON package.id = package WHERE package_set=?"
        )
        packages = sorted(tuple(row) for row in self._theirs.execute(query, (row_id,)))
        self._ours.executemany(
            "INSERT INTO package (name, version, source) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            packages,
        )
        self._ours.executemany(
            "INSERT INTO package_set_package (package_set, package) "
            "SELECT ?, id FROM package WHERE name=? AND version=? AND source=?",
            [(made, *one) for one in packages],
        )

    def _copy_session(self, row_id: int, uid: str, digest: str) -> int:
        """Copy a session of which the shared rows are there; return how many test runs it has."""
        query = "SELECT DISTINCT cluster FROM test_run WHERE session_id=? AND cluster IS NOT NULL"
        for (cluster,) in sorted(self._theirs.execute(query, (row_id,)).fetchall()):
            if ("cluster", cluster) not in self._ids:
                self._ids["cluster", cluster] = self._shared("cluster", cluster)
        names, kept = self._columns("session")
        query = f"SELECT {quoted(names)} FROM session WHERE id=?"
        row = self._theirs.execute(query, (row_id,)).fetchone()
        made = self._ours.insert("session", dict(zip(names, kept(row), strict=True)))
        runs, *_ = (
            self._copy_belonging(table, "session_id", row_id, made) for table in SESSION_TABLES[1:]
        )
        if (
            session_digest(self._ours, made) != digest
            and session_digest(self._theirs, row_id) == digest
        ):
            raise sqlite3.IntegrityError(f"session {uid} has values that can't be held here")
        return runs

    def _copy_belonging(self, table: str, owner: str, theirs: int, ours: int) -> int:
        """Copy the rows that belong to one row; return how many."""
        names, kept = self._columns(table, owner)
        count = 0

        def rows() -> Iterator[Sequence[Any]]:
            nonlocal count
            query = f"SELECT {quoted(names)} FROM {table} WHERE {owner}=?"
            for row in self._theirs.execute(query, (theirs,)):
                count += 1
                yield (ours, *kept(row))

        self._ours.insert_many(table, (owner, *names), rows())
        return count

    def _columns(
        self, table: str, owner: str = "id"
    ) -> tuple[tuple[str, ...], Callable[[Sequence[Any]], list[Any]]]:
        """Return the columns that both have, without `owner`, and what makes a row of theirs ours.

        Ids of shared rows are ours then, and values as our database takes them.
        """
        known = self._theirs.column_kinds(table)
        kinds = {
            name: kind
            for name, kind in self._ours.column_kinds(table).items()
            if name != owner and name in known
        }
        shared = [SHARED.get((table, name)) for name in kinds]

        def kept(row: Sequence[Any]) -> list[Any]:
            return [
                value
                if value is None
                else self._ids[refers, value]
                if refers
                else bool(value)
                if kind == "boolean" and value in (0, 1)
                else value
                for value, kind, refers in zip(row, kinds.values(), shared, strict=True)
            ]

        return tuple(kinds), kept
