"""What two sides of a comparison measured, by case and metric and then by conditions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchdb.metrics import counts_outcomes
from benchdb.series import median

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from benchdb.records import Metric
    from benchdb.review.history import History, HistorySeries
    from benchdb.series import Case, Conditions


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """What one side has of a series, in the order in which its sessions and test runs ran.

    Parameters
    ----------
    at
        Of each value the number of its session, in the order of their starts.
    values
        In the metric's unit; of what counts outcomes one a session, else one a test run.
    """

    at: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def sessions(self) -> int:
        """In how many sessions it was measured."""
        return len(np.unique(self.at))

    def by_session(self) -> Half:
        """Return the median of each session."""
        at, begins = np.unique(self.at, return_index=True)
        if len(at) == len(self.at):
            return self
        parts = np.split(self.values, begins[1:])
        return Half(at, np.array([median(part.tolist()) for part in parts]))


#: What one side has of a case and a metric.
ByConditions = dict["Conditions", Half]

#: What both sides have, by case and metric.
BySides = defaultdict[tuple["Case", "Metric"], tuple[ByConditions, ByConditions]]


class Halves:
    """Both sides of a history.

    Parameters
    ----------
    history
        Of the sessions of both sides, with a point for each test run.
    baseline
        The ids of the sessions of that side; all others are the contender's.
    cases
        Those to keep; all by default.

    Attributes
    ----------
    measured, counted
        By case and metric what each side has: of the metrics that were measured, and of those that
        count outcomes, which every test run of a case is in.
    infinite
        Of each side the cases and metrics of which a value is infinite, and is left out.
    """

    def __init__(
        self, history: History, baseline: Collection[int], cases: Collection[Case] | None
    ) -> None:
        # Noise remembers the order in which sessions ran, not that of their commits.
        ran = sorted(
            range(len(history.sessions)),
            key=lambda at: (history.sessions[at].started, history.sessions[at].uid),
        )
        self._number = np.empty(len(ran), dtype=np.int64)
        self._number[ran] = np.arange(len(ran))
        self._is_baseline = np.array(
            [history.sessions[at].row in baseline for at in ran], dtype=np.bool_
        )
        self.measured: BySides = defaultdict(lambda: ({}, {}))
        self.counted: BySides = defaultdict(lambda: ({}, {}))
        self.infinite: tuple[set[tuple[Case, Metric]], ...] = (set(), set())
        for one in history.infinite:
            for names, half in zip(self.infinite, self._halves(one), strict=True):
                if len(half.at):
                    names.add((one.key.case, one.key.metric))
        wanted = None if cases is None else set(cases)
        for one in history.series:
            if wanted is not None and one.key.case not in wanted:
                continue
            into = self.counted if counts_outcomes(one.key.metric) else self.measured
            sides = into[one.key.case, one.key.metric]
            for side, half in zip(sides, self._halves(one), strict=True):
                if len(half.at):
                    side[one.key.conditions] = half

    def _halves(self, series: HistorySeries) -> Iterator[Half]:
        at = self._number[series.at]
        order = np.argsort(at, kind="stable")
        at, values = at[order], series.values[order]
        of_baseline = self._is_baseline[at]
        for mine in (of_baseline, ~of_baseline):
            yield Half(at[mine], values[mine])

    def metrics(self) -> list[str]:
        """Return the names of all metrics, sorted."""
        return sorted({metric.name for _, metric in (*self.measured, *self.counted)})

    def ran(self) -> dict[Case, tuple[int, int]]:
        """Return in how many sessions of each side every case ran, whatever became of it."""
        found: dict[Case, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
        for (case, _), sides in self.counted.items():
            for into, side in zip(found[case], sides, strict=True):
                for half in side.values():
                    into.update(half.at.tolist())
        return {case: (len(one), len(two)) for case, (one, two) in found.items()}


def happened(side: ByConditions) -> int:
    """Return in how many sessions an outcome was counted at all."""
    return len({at for half in side.values() for at in half.at[half.values > 0].tolist()})
