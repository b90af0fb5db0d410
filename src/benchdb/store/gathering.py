"""Gathering the sessions of many small files in one, which is then merged as a whole.

To attach a file and copy from it by statements takes some milliseconds whatever is in it. Of a
small file it is faster to read the rows, where it is open anyway, and to write them here. Row ids
differ between files, so rows that sessions share are known by their natural keys. They stay when
the sessions have been handed on: the packages of an environment are read of one file, not of all.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchdb.records import ANNOTATION
from benchdb.store.columns import insertion, quoted
from benchdb.store.digest import SESSION_TABLES, SHARED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from benchdb.store.database import FileConnection

    _Row = Sequence[Any]

#: The tables that are gathered, to the column that is made anew in the gathering file.
_OWNERS: Final = {
    "session": "id",
    **dict.fromkeys(SESSION_TABLES[1:], "session_id"),
    "environment": "",
    "annotation": "",
    "revision": "id",
    "revision_package": "revision",
    "package_set": "id",
    "cluster": "id",
}


@dataclass(slots=True)
class _Shared:
    """A row that sessions share, and what belongs to it."""

    row: _Row
    members: list[_Row] = field(default_factory=list)


@dataclass(slots=True)
class Rows:
    """What was read of a file; ids are those that the rows have there.

    Parameters
    ----------
    sessions
        The id and the row of each, by uid and digest.
    belonging
        The rows of each session in the tables that hold a session's own.
    shared
        Rows by table and id.
    environments
        Rows.
    annotations
        The row of each, by key and `ANNOTATION`.
    """

    sessions: dict[tuple[str, str], tuple[int, _Row]] = field(default_factory=dict)
    belonging: dict[tuple[str, int], list[_Row]] = field(default_factory=dict)
    shared: dict[tuple[str, int], _Shared] = field(default_factory=dict)
    environments: list[_Row] = field(default_factory=list)
    annotations: dict[tuple[str, str], list[_Row]] = field(default_factory=dict)

    def __len__(self) -> int:
        """About how many rows of the gathering file they become."""
        return sum(map(len, self.belonging.values())) + sum(
            len(one.members) for one in self.shared.values()
        )


class Gathering:
    """A file of its own that takes sessions and annotations of others; nobody else uses it.

    Parameters
    ----------
    connection
        On the file, at the newest schema and empty.

    Attributes
    ----------
    keys : set
        Of what is in it.
    """

    def __init__(self, connection: FileConnection) -> None:
        self._connection = connection
        # All that is written was verified in its own file.
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA journal_mode=MEMORY")
        self.keys: set[tuple[str, str]] = set()
        self._names = {
            table: [name for name in connection.column_kinds(table) if name != owner]
            for table, owner in _OWNERS.items()
        }
        self._selects = {
            # A name without its table would be taken for a string where there is no such column.
            table: f"SELECT {', '.join(f'row.{one}' for one in quoted(names).split(', '))} "
            f"FROM {table} AS row WHERE row."
            for table, names in self._names.items()
        }
        self._inserts = {
            table: insertion(table, (owner, *self._names[table]))
            if owner
            else f"{insertion(table, self._names[table])} ON CONFLICT DO NOTHING"
            for table, owner in _OWNERS.items()
        }
        self._ids: dict[tuple[str, object], int] = {}
        self._last = 0
        connection.execute("BEGIN")

    def read(self, theirs: FileConnection, keys: Collection[tuple[str, str]]) -> Rows:
        """Read what is to be gathered of a file; any thread may do so.

        Parameters
        ----------
        theirs
            On the file, at the newest schema.
        keys
            (uid, digest) of sessions, (key, `ANNOTATION`) of annotations; it has all of them.

        Raises
        ------
        sqlite3.Error
            If it lacks a column.
        """
        rows = Rows()
        for key, kind in keys:
            if kind == ANNOTATION:
                rows.annotations[key, kind] = self._select(theirs, "annotation", "key", key)
            else:
                self._read_session(theirs, rows, key, kind)
        return rows

    def _read_session(self, theirs: FileConnection, rows: Rows, uid: str, digest: str) -> None:
        query = "SELECT id FROM session WHERE uid=? AND digest=?"
        (number,) = theirs.execute(query, (uid, digest)).fetchone()
        (session,) = self._select(theirs, "session", "id", number)
        rows.sessions[uid, digest] = number, session
        for table in SESSION_TABLES[1:]:
            rows.belonging[table, number] = self._select(theirs, table, "session_id", number)
        named = self._named("session", session)
        rows.environments += self._select(
            theirs, "environment", "fingerprint", named["environment"]
        )
        for (table, column), shared in SHARED.items():
            place = self._names[table].index(column)
            owned = [session] if table == "session" else rows.belonging[table, number]
            for referred in {row[place] for row in owned} - {None}:
                if (shared, referred) not in rows.shared:
                    rows.shared[shared, referred] = self._read_shared(theirs, shared, referred)

    def _read_shared(self, theirs: FileConnection, table: str, number: int) -> _Shared:
        (row,) = self._select(theirs, table, "id", number)
        shared = _Shared(row)
        if (table, self._named(table, row)["key"]) in self._ids:
            return shared  # it is here, and stays
        if table == "revision":
            shared.members = self._select(theirs, "revision_package", "revision", number)
        elif table == "package_set":
            shared.members = theirs.execute(_PACKAGES, (number,)).fetchall()
        return shared

    def _select(self, theirs: FileConnection, table: str, column: str, value: object) -> list[_Row]:
        return theirs.execute(f"{self._selects[table]}{column}=?", (value,)).fetchall()

    def _named(self, table: str, row: _Row) -> dict[str, Any]:
        return dict(zip(self._names[table], row, strict=True))

    def add(self, rows: Rows) -> None:
        """Write what was read of a file and isn't here: all of it, or nothing where it fails.

        Raises
        ------
        sqlite3.IntegrityError
            If they are no rows of ours.
        """
        made: dict[tuple[str, object], int] = {}
        with self._savepoint():
            self._insert("environment", "", rows.environments)
            for key in rows.annotations.keys() - self.keys:
                self._insert("annotation", "", rows.annotations[key])
            ours = {
                (table, number): self._id_of_shared(table, shared, made)
                for (table, number), shared in rows.shared.items()
            }
            for key in rows.sessions.keys() - self.keys:
                number, row = rows.sessions[key]
                new = self._new_id()
                self._insert("session", "id", self._as_ours("session", [row], ours), new)
                for table in SESSION_TABLES[1:]:
                    belonging = self._as_ours(table, rows.belonging[table, number], ours)
                    self._insert(table, "session_id", belonging, new)
        self._ids.update(made)
        self.keys.update(rows.annotations, rows.sessions)

    def finish(self) -> None:
        """Write what was added to the file, so that it can be read."""
        self._connection.execute("COMMIT")

    def go_on(self) -> None:
        """Take more, without what was added before."""
        self._connection.execute("BEGIN")
        for table in (*reversed(SESSION_TABLES), "annotation"):
            self._connection.execute(f"DELETE FROM {table}")
        self.keys = set()

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT file")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO file")
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE file")

    def _new_id(self) -> int:
        self._last += 1
        return self._last

    def _insert(self, table: str, owner: str, rows: Sequence[_Row], number: int = 0) -> None:
        """Insert rows, with a number in the column `owner`; those that are there already too."""
        if rows:
            made = [(number, *row) for row in rows] if owner else rows
            self._connection.executemany(self._inserts[table], made)

    def _as_ours(
        self, table: str, rows: Sequence[_Row], ours: dict[tuple[str, int], int]
    ) -> Sequence[_Row]:
        """Return rows with our ids of shared rows in the place of theirs."""
        for (owner, column), shared in SHARED.items():
            if owner == table:
                place = self._names[table].index(column)
                rows = [
                    row
                    if row[place] is None
                    else (*row[:place], ours[shared, row[place]], *row[place + 1 :])
                    for row in rows
                ]
        return rows

    def _id_of_shared(
        self, table: str, shared: _Shared, made: dict[tuple[str, object], int]
    ) -> int:
        key = table, self._named(table, shared.row)["key"]
        found = self._ids.get(key) or made.get(key)
        if found is None:
            found = made[key] = self._new_id()
            self._insert(table, "id", [shared.row], found)
            if table == "revision":
                self._insert("revision_package", "revision", shared.members, found)
            elif table == "package_set":
                self._insert_packages(found, shared.members, made)
        return found

    def _insert_packages(
        self, package_set: int, packages: Sequence[_Row], made: dict[tuple[str, object], int]
    ) -> None:
        new = []
        members = []
        for package in packages:
            key = "package", package
            found = self._ids.get(key) or made.get(key)
            if found is None:
                found = made[key] = self._new_id()
                new.append((found, *package))
            members.append((package_set, found))
        self._connection.executemany(_INSERT_PACKAGE, new)
        self._connection.executemany(_INSERT_MEMBER, members)


_INSERT_PACKAGE: Final = insertion("package", ("id", "name", "version", "source"))
_INSERT_MEMBER: Final = insertion("package_set_package", ("package_set", "package"))
_PACKAGES: Final = (
    "SELECT row.name, row.version, row.source FROM package_set_package AS member "
    "CROSS JOIN package AS row ON row.id = member.package WHERE member.package_set=?"
)
