"""Long writing in short transactions, so that whoever records beside waits for one of them only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from benchdb.store.database import FileConnection
from benchdb.store.queries import of_uids
from benchdb.store.statements import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchdb.store.connection import Connection

_Item = TypeVar("_Item")

#: Rows that are written in one transaction: a fraction of a second; but whole sessions.
BATCH_ROWS: Final = 50_000

#: So many times as many where nobody records: each commit writes the same pages of indexes again.
_ALONE: Final = 4

#: Seconds of a pause. SQLite looks every 0.1 s whether it is its turn.
_PAUSE: Final = 0.12

#: Seconds of work between two pauses where nobody seems to wait.
_WORK: Final = 2.0


def batches(
    items: Iterable[tuple[_Item, int]], turns: Turns | None = None
) -> Iterator[list[_Item]]:
    """Group items, each given with its number of rows, into batches of at least `BATCH_ROWS`.

    Where `turns` sees nobody else record, they are larger.
    """
    batch: list[_Item] = []
    held = 0
    for item, rows in items:
        batch.append(item)
        held += rows
        if held >= BATCH_ROWS and (turns is None or turns.is_over(held)):
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def sizes_of(connection: Connection, uids: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Give each uid with about the number of rows that its sessions have, all forms together."""
    columns = (
        "uid, 1 + (SELECT count(*) FROM test_run WHERE session_id = id) + "
        "(SELECT count(*) FROM measurement WHERE session_id = id)"
    )
    for some in chunks(list(uids)):
        found = dict.fromkeys(some, 0)
        for uid, rows in of_uids(connection, columns, some):
            found[uid] += rows
        yield from found.items()


def is_recorded_into(connection: Connection) -> bool:
    """Tell whether the database has a session that is open."""
    query = "SELECT 1 FROM session WHERE state='open' LIMIT 1"
    return connection.execute(query).fetchone() is not None


class Turns:
    """Gives other writers their turn between two transactions.

    Without a pause one that waits would hardly ever find the file free.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._since = time.monotonic()

    def give(self) -> None:
        """Pause, if somebody records into the file, or others have had no turn for long."""
        if not isinstance(self._connection, FileConnection):
            return  # a server serves who waits longest
        if self._is_recorded_into() or time.monotonic() - self._since > _WORK:
            time.sleep(_PAUSE)
            self._since = time.monotonic()

    def is_over(self, rows: int) -> bool:
        """Tell whether a transaction of so many rows is long enough, given who else may wait."""
        alone = isinstance(self._connection, FileConnection) and not self._is_recorded_into()
        return rows >= BATCH_ROWS * (_ALONE if alone else 1)

    def _is_recorded_into(self) -> bool:
        # A recorder has made it a write-ahead log before it waits to write; on a network file
        # system it has none.
        (journal,) = self._connection.execute("PRAGMA main.journal_mode").fetchone()
        return journal == "wal" or is_recorded_into(self._connection)
