"""The points of many series in one row: so that all series are counted at once."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.results import ChangePoint
    from benchdb.review.history import HistorySeries

#: Of so many stretches of a series that drifts the medians are on its slope, or about.
_STRETCHES: Final = 8


class Points:
    """The points of series, one series behind the other.

    Parameters
    ----------
    series
        Their series.
    """

    def __init__(self, series: Sequence[HistorySeries]) -> None:
        none = np.zeros(0, dtype=np.int64)
        self.lengths = np.array([len(one.at) for one in series], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        self.owner = np.repeat(np.arange(len(series)), self.lengths)
        self.at = np.concatenate([none, *(one.at for one in series)])
        self.values = np.concatenate([none.astype(float), *(one.values for one in series)])

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return of each point its rank among all, and all values from the least on."""
        order = np.argsort(self.values, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return rank, self.values[order]

    def in_groups(self, group: NDArray[np.int64]) -> Grouped:
        """Return the values of groups of neighbouring points, sorted within each.

        Parameters
        ----------
        group
            Of each point its group, ascending.
        """
        rank, ascending = self._sorted
        size = max(len(self), 1)
        keys = np.sort(group * size + rank)
        begins = np.flatnonzero(np.diff(group, prepend=-1))
        sizes = np.diff(np.append(begins, len(group)))
        return Grouped(group[begins], begins, sizes, ascending[keys % size])


class Grouped:
    """Values of groups, sorted within each.

    Parameters
    ----------
    groups
        The groups that there are.
    begins, sizes
        Where the values of each begin, and how many they are.
    """

    def __init__(
        self,
        groups: NDArray[np.int64],
        begins: NDArray[np.int64],
        sizes: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        self.groups, self.begins, self.sizes, self._values = groups, begins, sizes, values

    def medians(self) -> NDArray[np.float64]:
        """Return the median of each group: of logarithms where both in the middle are positive."""
        low = self._values[self.begins + (self.sizes - 1) // 2]
        high = self._values[self.begins + self.sizes // 2]
        with np.errstate(over="ignore", invalid="ignore"):
            logs = np.sqrt(np.maximum(low, 0.0)) * np.sqrt(np.maximum(high, 0.0))
            middle = low / 2 + high / 2
        found: NDArray[np.float64] = np.where(low == high, low, np.where(low > 0, logs, middle))
        return found

    def spans(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return between which values at least nine of ten of each group lie."""
        most = self.sizes - 1
        low = self._values[self.begins + np.floor(0.05 * most).astype(np.int64)]
        high = self._values[self.begins + np.ceil(0.95 * most).astype(np.int64)]
        return low, high


class Segments:
    """The stretches of all series with one level.

    Parameters
    ----------
    points
        Of the series.
    steps
        Of each series that has some.
    told
        Where `benchdb changes` tells established steps, by series and place of the step: with
        the levels on both sides known, a neighbouring point may be likelier than the search's.
    counting
        Of each series whether it counts outcomes: as most sessions have none, its levels are means.
    """

    def __init__(
        self,
        points: Points,
        steps: dict[int, tuple[ChangePoint, ...]],
        told: dict[tuple[int, int], int],
        counting: NDArray[np.bool_],
    ) -> None:
        begins = points.starts[:-1]
        changed = [
            (int(begins[number]) + place, one.after)
            for number, some in steps.items()
            for place, one in zip(_places(number, some, told), some, strict=True)
        ]
        first = [(int(begins[number]), some[0].before) for number, some in steps.items()]
        edge = np.zeros(len(points), dtype=np.bool_)
        edge[begins[points.lengths > 0]] = True
        edge[[at for at, _ in changed]] = True
        #: Of each point its segment.
        self.of = np.cumsum(edge) - 1
        grouped = points.in_groups(self.of)
        #: Of each segment its first point, its series, its level, and where most values lie.
        self.begins = grouped.begins
        self.sizes = grouped.sizes
        self.owner = points.owner[grouped.begins]
        self.level = grouped.medians()
        known = [*first, *changed]
        self.level[self.of[[at for at, _ in known]]] = [level for _, level in known]
        self.low, self.high = grouped.spans()
        counts = counting[self.owner]
        self.level[counts] = self._mean(points.values)[counts]
        #: Of each segment the share of its points that aren't 0, where it counts outcomes.
        self.share = np.where(counts, self._mean((points.values != 0).astype(float)), np.nan)
        #: Of each series its segments begin here.
        self.starts = np.searchsorted(self.owner, np.arange(len(points.lengths) + 1))

    @property
    def last_level(self) -> NDArray[np.float64]:
        """The level that each series has come to; of one without points 0."""
        last = np.zeros(len(self.starts) - 1)
        has = np.diff(self.starts) > 0
        at = self.starts[1:][has] - 1
        last[has] = np.where(np.isnan(self.share[at]), self.level[at], self.share[at])
        return last

    def _mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return of each segment the mean of values of all points."""
        if not len(values):
            return np.zeros(0)
        with np.errstate(over="ignore"):
            found: NDArray[np.float64] = np.add.reduceat(values, self.begins) / self.sizes
        return found


def slope(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of a line through the medians of stretches of a series.

    None is beyond what was measured: a drift that came to its end is no line.
    """
    some = np.array_split(np.arange(len(values)), min(_STRETCHES, len(values)))
    middles = np.array([np.median(values[one]) for one in some])
    scale = float(np.abs(middles).max()) or 1.0
    line = np.polyfit([one.mean() for one in some], middles / scale, 1)
    first, last = np.clip(
        np.polyval(line, [0, len(values) - 1]) * scale, values.min(), values.max()
    )
    return float(first), float(last)


def _places(
    number: int, steps: Sequence[ChangePoint], told: dict[tuple[int, int], int]
) -> list[int]:
    """Return where the segments of a series begin: as told, if these are still in order."""
    found = [one.index for one in steps]
    places = [told.get((number, one), one) for one in found]
    return places if all(one < two for one, two in pairwise(places)) else found
