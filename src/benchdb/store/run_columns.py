"""Test runs by column, for those who analyse a whole history: many at a time, few queries."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from benchdb.store.cases import column_metrics
from benchdb.store.columns import quoted
from benchdb.store.digest import DROPPED
from benchdb.store.queries import FAILED, HUNG
from benchdb.store.statements import chunks, marks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from benchdb.records import Metric
    from benchdb.store.connection import Connection

#: Rows that are in memory as Python's objects at once.
_BLOCK: Final = 50_000

#: What stands before the values of metrics in a block of `run_columns`.
RUN_COLUMNS: Final = (
    "session_id",
    "ordinal",
    "name",
    "path",
    "version",
    "cluster",
    "passed",
    "failed",
    "lost",
    "hung",
)


def run_columns(
    connection: Connection, *, sessions: Collection[int] | None = None
) -> tuple[tuple[Metric, ...], Iterator[tuple[Sequence[object], ...]]]:
    """Return the metrics that are columns, and the test runs that ended, in blocks.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    sessions
        Ids of those whose test runs are wanted; all by default.

    Returns
    -------
    metrics, blocks
        Each block is a tuple of columns of equal length: those of `RUN_COLUMNS`, then one for each
        metric, with None for what was not measured. ``passed`` (its call), ``failed`` (a phase),
        ``lost`` and ``hung`` are 0 or 1.
    """
    metrics = column_metrics(connection)
    columns = quoted(["session_id", "ordinal", "name", "path", "version", "cluster"])
    query = (
        f"SELECT {columns}, CASE WHEN call_outcome = 'passed' THEN 1 ELSE 0 END, {FAILED}, "
        f"CASE WHEN state = 'lost' THEN 1 ELSE 0 END, {HUNG}, "
        f"{quoted([one.name for one in metrics])} "
        "FROM test_run WHERE state != 'open'"
    )
    return metrics, _blocks(connection, query, "session_id", sessions)


def chosen_columns(
    connection: Connection,
    wanted: Sequence[str],
    *,
    sessions: Collection[int] | None = None,
    names: Collection[str] | None = None,
) -> Iterator[tuple[Sequence[object], ...]]:
    """Yield test runs that ended, in blocks of columns as they are stored.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    wanted
        Names of columns of ``test_run``.
    sessions
        Ids of those whose test runs are wanted; all by default.
    names
        Names of the cases that are wanted; all by default.
    """
    query = f"SELECT {quoted(wanted)} FROM test_run WHERE state != 'open'"
    if names is None:
        return _blocks(connection, query, "session_id", sessions)
    blocks = _blocks(connection, query, "name", names)
    if sessions is None:
        return blocks
    at, kept = list(wanted).index("session_id"), set(sessions)
    return (tuple(zip(*rows, strict=True)) for rows in _of(blocks, at, kept) if rows)


def _of(
    blocks: Iterator[tuple[Sequence[object], ...]], at: int, kept: Collection[object]
) -> Iterator[list[tuple[object, ...]]]:
    """Yield the rows of blocks whose column `at` is one of these."""
    for block in blocks:
        yield [row for row in zip(*block, strict=True) if row[at] in kept]


def measurement_columns(
    connection: Connection, *, sessions: Collection[int] | None = None
) -> Iterator[tuple[Sequence[object], ...]]:
    """Yield blocks of measurements that have a value, each a tuple of columns.

    They are session, ordinal, metric, unit, direction, value.
    """
    query = (
        "SELECT session_id, ordinal, metric, unit, direction, value FROM measurement "
        f"WHERE value IS NOT NULL AND unit NOT LIKE '{DROPPED}%'"
    )
    return _blocks(connection, query, "session_id", sessions)


def _blocks(
    connection: Connection, query: str, column: str, wanted: Collection[Any] | None
) -> Iterator[tuple[Sequence[object], ...]]:
    if wanted is None:
        yield from _in_blocks(connection, query, ())
        return
    for some in chunks(sorted(wanted)):
        yield from _in_blocks(connection, f"{query} AND {column} IN ({marks(some)})", some)


def _in_blocks(
    connection: Connection, query: str, values: Sequence[object]
) -> Iterator[tuple[Sequence[object], ...]]:
    rows = connection.stream(query, values, _BLOCK)
    while block := list(islice(rows, _BLOCK)):
        yield tuple(zip(*block, strict=True))
