"""What the store needs of an open database, in SQLite as in PostgreSQL: SQL with ``?`` marks.

So there is one logic of recording, ending, digesting, merging and pruning, and it is plain SQL, as
a session into a SQLite file must cost no import of SQLAlchemy. What databases do each in their own
way is a method here: `benchdb.store.database` has them for SQLite, and `benchdb.store.postgresql`
for PostgreSQL. Errors are sqlite3's, which the latter raises, too: both are those of the DB-API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from benchdb.config import Location

_Made = TypeVar("_Made")


class Rows(Protocol):
    """What a statement gave."""

    @property
    def description(self) -> Any:
        """Its columns; of each the first item is the name."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote."""

    def fetchone(self) -> Any:
        """Return the next row, None where there is none."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Claim(Protocol):
    """That a session's process lives."""

    def release(self) -> None:
        """Give it back; does nothing twice."""


class Connection(Protocol):
    """An open database, in autocommit mode.

    Attributes
    ----------
    bytewise : str
        What follows a column in SQL that is to be compared byte by byte.
    """

    bytewise: str

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction or a snapshot is open."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run a statement with a ``?`` for each parameter."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        """Run a statement for each row of parameters."""

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Insert a row into a table that has row ids, and return its own."""

    def stream(
        self, sql: str, parameters: Sequence[Any] = (), most: int = 500
    ) -> Iterator[Sequence[Any]]:
        """Give the rows of a query in a snapshot, so many of them in memory at most."""

    def transaction(self, *, alone: bool = True) -> AbstractContextManager[None]:
        """Make what is written in the block one commit, or all or nothing of a larger one.

        Parameters
        ----------
        alone
            Whether no other such transaction may run meanwhile, as is needed where it depends on
            other sessions' rows. In a SQLite file nobody else writes, anyway.
        """

    def snapshot(self) -> AbstractContextManager[None]:
        """Let all that is read in the block be from one moment; it doesn't write.

        In a transaction it is that one's.
        """

    def again(self, action: Callable[[], _Made]) -> _Made:
        """Do one transaction, and again where the database undid it for the sake of others."""

    def tables(self) -> set[str]:
        """Return the names of the tables."""

    def column_kinds(self, table: str) -> dict[str, str]:
        """Return the kind of each column of a table, by name, in the table's order: `kind_of`."""

    def claim(self, location: Location, uid: str) -> Claim:
        """Say that a session lives that is recorded into the database at `location`."""

    def is_claimed(self, location: Location, uid: str) -> bool:
        """Tell whether a process that lives has claimed a session; where in doubt, it does."""

    def checkpoint(self) -> bool:
        """Write what stands in a log into the file itself; False where there is no such log.

        What is in the log is safe, so one that fails loses nothing, and raises nothing.
        """

    def leave(self) -> None:
        """Leave the database as its last writer does: a SQLite file without its log."""

    def close(self) -> None:
        """Close it."""
