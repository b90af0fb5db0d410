"""Pairs of sides compared, for the compare page and the releases page.

A session is one value of a series, as in `benchdb compare`; a session of both sides is the
contender's. Series are matched as there, and each is compared by `benchdb.compare`'s method.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.comparison_many import Comparisons, compare_many
from benchdb.analysis.overall import overall_of
from benchdb.dashboard.halves import Matching
from benchdb.review.comparison import FALSE_DISCOVERIES
from benchdb.review.differences import commit_ranges, differences
from benchdb.store.circumstances import stored_circumstances

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.dashboard.data import Side
    from benchdb.dashboard.halves import Half, Halves
    from benchdb.findings import Circumstances, CommitRange, Difference
    from benchdb.records import Metric
    from benchdb.review.history import History
    from benchdb.store.connection import Connection

#: Tolerances for which the number of further sessions is told.
LADDER: Final = (0.01, 0.02, 0.03, 0.05, 0.1)

#: Rows of all comparisons together: about 50 bytes each.
MOST_ROWS: Final = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Two sides compared.

    Parameters
    ----------
    series, against
        The numbers of the series that are compared: the contender's, and the baseline's, which are
        others where conditions are on trial.
    found
        Of each.
    sure
        Whether chance, which finds a few among many, is no explanation.
    overall
        By metric the geometric mean of the ratios with its interval.
    alone
        How many series only the baseline has, and only the contender.
    """

    baseline: Side
    contender: Side
    series: NDArray[np.int64]
    against: NDArray[np.int64]
    found: Comparisons
    sure: NDArray[np.bool_]
    overall: dict[Metric, tuple[float, float, float]]
    alone: tuple[int, int]
    differences: tuple[Difference, ...]
    ranges: tuple[CommitRange, ...]


class Comparing:
    """Compares sides of one history.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    sides
        All that will be compared.
    """

    def __init__(
        self, connection: Connection, settings: Settings, history: History, sides: Sequence[Side]
    ) -> None:
        self._history = history
        self._matching = Matching(connection, settings, history)
        self._values: dict[str, Halves] = {}
        rows = {history.sessions[number].row for one in sides for number in one.sessions}
        self._circumstances: dict[int, Circumstances] = stored_circumstances(connection, rows)

    @property
    def series(self) -> int:
        """How many series a comparison may have."""
        return len(self._matching.measuring)

    def compare(self, baseline: Side, contender: Side) -> Compared:
        """Compare two sides; the baseline has a session that the contender hasn't."""
        shared = set(baseline.sessions) & set(contender.sessions)
        numbers = [number for number in baseline.sessions if number not in shared]
        one = self._matching.of(numbers) if shared else self._kept(baseline)
        two = self._kept(contender)
        both = self._matching.matched(one, two)
        halves = [self._matching.by_few(pair, one[pair[0]], two[pair[1]]) for pair in both]
        found = compare_many(
            [half.values for half, _ in halves], [half.values for _, half in halves]
        )
        sessions = self._history.sessions
        circumstances = [
            [self._circumstances[sessions[number].row] for number in some]
            for some in (numbers, contender.sessions)
        ]
        return Compared(
            baseline,
            contender,
            np.array([two for _, two in both], dtype=np.int64),
            np.array([one for one, _ in both], dtype=np.int64),
            found,
            found.discoveries(FALSE_DISCOVERIES),
            self._overall(both, found, halves),
            (len(one) - len(both), len(two) - len(both)),
            differences(*circumstances),
            commit_ranges(sessions[numbers[-1]], sessions[contender.sessions[-1]]),
        )

    def _kept(self, side: Side) -> Halves:
        if side.key not in self._values:
            self._values[side.key] = self._matching.of(side.sessions)
        return self._values[side.key]

    def _overall(
        self,
        both: Sequence[tuple[int, int]],
        found: Comparisons,
        halves: Sequence[tuple[Half, Half]],
    ) -> dict[Metric, tuple[float, float, float]]:
        """Return the geometric mean of each metric, over series whose values are all positive."""
        by_metric: dict[Metric, list[int]] = defaultdict(list)
        positive = np.isnan(found.bearable) & np.isfinite(found.difference)
        for at, (_, number) in enumerate(both):
            if positive[at]:
                by_metric[self._history.series[number].key.metric].append(at)
        means: dict[Metric, tuple[float, float, float]] = {}
        for metric, some in by_metric.items():
            if len(some) == 1:
                (at,) = some
                effect, low, high = found.effect[at], found.low[at], found.high[at]
                means[metric] = float(effect), float(low), float(high)
                continue
            mean = overall_of(
                found.difference[some],
                ([halves[at][0].values for at in some], [halves[at][0].at for at in some]),
                ([halves[at][1].values for at in some], [halves[at][1].at for at in some]),
                direction=metric.direction,
                tolerance=0.0,
            )
            means[metric] = mean.effect, mean.low, mean.high
        return means


@dataclass(frozen=True, slots=True)
class Cell:
    """Some series of a comparison: their geometric mean, and how many are worse, better."""

    effect: float | None
    worse: int
    better: int


def cells(
    compared: Compared, groups: NDArray[np.int64], worse: NDArray[np.int64], tolerance: float
) -> Iterator[tuple[int, Cell]]:
    """Yield of each group of series what is known of it.

    Parameters
    ----------
    groups
        Of each series of the comparison its group.
    worse
        Of each the way that is worse: 1, -1, or 0 where neither is.
    tolerance
        A series counts where all of its interval is beyond, and chance is no explanation.
    """
    found = compared.found
    up, down = compared.sure & (found.low > tolerance), compared.sure & (found.high < -tolerance)
    is_worse = (up & (worse == 1)) | (down & (worse == -1))
    is_better = (up & (worse == -1)) | (down & (worse == 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log1p(found.effect)
    for group in np.unique(groups):
        own = groups == group
        some = logs[own]
        some = some[np.isfinite(some)]
        effect = math.expm1(float(some.mean())) if len(some) else None
        yield int(group), Cell(effect, int(is_worse[own].sum()), int(is_better[own].sum()))
