"""The measurements of many test runs as arrays, by metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchdb.records import Direction, Metric
from benchdb.store.run_columns import measurement_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from benchdb.store.connection import Connection

    Rows = NDArray[np.int64]
    Find = Callable[[Sequence[object], Sequence[object]], Rows]


class Ids(dict[Any, int]):
    """Numbers from 0 for whatever is met, in the order of meeting."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number


def run_finder(at: Rows, ordinal: Rows) -> Callable[[Rows, Rows], Rows]:
    """Return what finds test runs by session and ordinal, -1 for what is not there.

    Parameters
    ----------
    at, ordinal
        Of each test run the number of its session, and its own in that.
    """
    width = int(ordinal.max(initial=0)) + 1
    keys = at * width + ordinal
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]

    def find(at: Rows, ordinals: Rows) -> Rows:
        """Return the numbers of test runs."""
        if not len(ordered):
            return np.full_like(at, -1)
        wanted = at * width + ordinals
        places = np.searchsorted(ordered, wanted)
        places[places == len(ordered)] = 0
        there = (ordered[places] == wanted) & (at >= 0) & (ordinals < width)
        return np.where(there, order[places], -1)

    return find


def measurements(
    connection: Connection,
    columns: Sequence[Metric],
    find: Find,
    sessions: Collection[int] | None = None,
) -> Iterator[tuple[Metric, Rows, NDArray[np.float64]]]:
    """Yield of each metric the test runs that have a measurement of it, and the values.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    columns
        The metrics that are columns; a measurement of the same name and unit is one of these.
    find
        Returns test runs by the ids of their sessions and ordinals, -1 for those not wanted.
    sessions
        Ids of those to read; all by default.
    """
    by_name = {metric.name: metric for metric in columns}
    ids, told = Ids(), Ids()
    of_told: list[int] = []  # the metric of each name, unit and direction
    ways: dict[tuple[object, object], object] = {}
    found: list[tuple[Rows, Rows, NDArray[np.float64]]] = []
    for at, ordinals, names, units, directions, values in measurement_columns(
        connection, sessions=sessions
    ):
        numbers = [told[key] for key in zip(names, units, directions, strict=True)]
        for name, unit, way in list(told)[len(of_told) :]:  # in the order of meeting
            of_told.append(ids[name, unit])
            if ways.get((name, unit)) is None:
                ways[name, unit] = way
        metric = np.array(of_told, dtype=np.int64)[numbers]
        run = find(at, ordinals)
        kept = run >= 0
        found.append((metric[kept], run[kept], np.array(values, dtype=np.float64)[kept]))
    if not found:
        return
    metric, run, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
    for (name, unit), number in ids.items():
        mine = np.flatnonzero(metric == number)
        if mine.size:
            column = by_name.get(name)
            if column is None or column.unit != unit:
                way = Direction.__members__.get(str(ways[name, unit] or ""))
                column = Metric(name, unit, way)
            yield column, run[mine], value[mine]
