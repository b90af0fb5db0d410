"""Sides compared, as the compare page and the releases page are given them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.dashboard.columns import bounded, column, listed, rounded
from benchdb.dashboard.data import HeatMap, HeatMetric, Pair, Side
from benchdb.dashboard.events import commit_ranges, difference_rows
from benchdb.dashboard.pairs import LADDER, MOST_ROWS, Comparing, cells
from benchdb.dashboard.sides import FEW, chosen_pairs, release_columns, sides_of
from benchdb.metrics import counts_outcomes
from benchdb.review.history import HistorySeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchdb.dashboard.data import Release
    from benchdb.dashboard.pairs import Compared
    from benchdb.dashboard.repository import Repository
    from benchdb.dashboard.survey import Survey
    from benchdb.records import Metric
    from benchdb.store.connection import Connection

#: Numbers larger than any that is measured, and finite.
_HUGE: Final = 1e300


class SidesCompared:
    """All comparisons of a site.

    Parameters
    ----------
    sides
        What can be compared.
    pairs
        Which of them are: the numbers of baseline and contender.
    """

    def __init__(self, connection: Connection, survey: Survey, found: Sequence[Release]) -> None:
        self._survey = survey
        self._releases = found
        self.sides = sides_of(survey.history, found)
        self._suite = _suite_sides(survey)
        history = replace(survey.history, series=_with_aside(survey))
        self._comparing = Comparing(
            connection, survey.settings, history, [*self.sides, *self._suite]
        )
        self.pairs = chosen_pairs(self.sides, found, MOST_ROWS // max(self._comparing.series, 1))
        self._compared: dict[tuple[str, str], Compared] = {}

    def suite(self) -> dict[Metric, tuple[float, float, float]]:
        """Return by metric the whole suite now against before the recent sessions."""
        if len(self._suite) < 2:
            return {}
        return self._comparing.compare(*self._suite).overall

    def each(self, repository: Repository) -> Iterator[Pair]:
        """Yield every comparison."""
        needed = set(release_columns(self.sides, self._releases))
        for one, two in self.pairs:
            baseline, contender = self.sides[one], self.sides[two]
            compared = self._comparing.compare(baseline, contender)
            if (baseline.key, contender.key) in needed:
                self._compared[baseline.key, contender.key] = compared
            yield self._pair(compared, repository)

    def _pair(self, compared: Compared, repository: Repository) -> Pair:
        found = compared.found
        alike = bool((compared.series == compared.against).all())
        return Pair(
            baseline=compared.baseline.key,
            contender=compared.contender.key,
            differences=difference_rows(compared.differences),
            ranges=commit_ranges(compared.ranges, repository),
            series=compared.series.tolist(),
            against=[] if alike else compared.against.tolist(),
            chance=np.flatnonzero(~compared.sure & ((found.low > 0) | (found.high < 0))).tolist(),
            effect=column(found.effect),
            low=column(found.low),
            high=column(found.high),
            size=column(found.effect_size),
            before=listed(rounded(_finite(found.baseline))),
            after=listed(rounded(_finite(found.contender))),
            ladder=list(LADDER),
            more=[found.more_runs(one).tolist() for one in LADDER] if len(compared.series) else [],
            alone=list(compared.alone),
            overall=[
                [self._survey.metric_numbers[metric.name, metric.unit], *map(bounded, numbers)]
                for metric, numbers in compared.overall.items()
            ],
        )

    def heat_map(self, tolerance: float) -> HeatMap:
        """Return the heat map; all comparisons were made."""
        survey = self._survey
        columns = [
            key for key in release_columns(self.sides, self._releases) if key in self._compared
        ]
        modules = sorted({one.path for one in survey.cases})
        number = {path: at + 1 for at, path in enumerate(modules)}
        module_of = np.array([number[one.key.case.path] for one in survey.series], dtype=np.int64)
        shown = (
            [at for at, one in enumerate(survey.metrics) if not counts_outcomes(one)]
            if columns
            else []
        )
        rows = len(modules) + 1
        effect: dict[int, list[list[float | None]]] = {
            metric: [[None] * len(columns) for _ in range(rows)] for metric in shown
        }
        worse = {metric: [[0] * len(columns) for _ in range(rows)] for metric in shown}
        better = {metric: [[0] * len(columns) for _ in range(rows)] for metric in shown}
        for at, key in enumerate(columns):
            compared = self._compared[key]
            metric_of = survey.metric_of[compared.series]
            way = survey.worse_way[metric_of]
            by_module = metric_of * rows + module_of[compared.series]
            for groups in (metric_of * rows, by_module):
                for group, cell in cells(compared, groups, way, tolerance):
                    metric, row = divmod(group, rows)
                    effect[metric][row][at] = None if cell.effect is None else bounded(cell.effect)
                    worse[metric][row][at], better[metric][row][at] = cell.worse, cell.better
        return HeatMap(
            tolerance,
            [list(key) for key in columns],
            ["", *modules],
            [HeatMetric(one, effect[one], worse[one], better[one]) for one in shown],
        )


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nan_to_num(values, posinf=_HUGE, neginf=-_HUGE)


def _suite_sides(survey: Survey) -> list[Side]:
    """Return the newest sessions, and as many before the recent ones."""
    standing = survey.standing
    before = standing[standing < survey.recent][-FEW:].tolist()
    now = standing[standing >= survey.recent][-FEW:].tolist()
    if not before or not now:
        return []
    return [Side("before", "", "last", "", before), Side("now", "", "last", "", now)]


def _with_aside(survey: Survey) -> tuple[HistorySeries, ...]:
    """Return the series that are shown, with what sessions off the trunk measured of them."""
    if not survey.aside:
        return tuple(survey.series)
    aside = {one.key: one for one in survey.aside}
    found = []
    for one in survey.series:
        other = aside.get(one.key)
        if other is None:
            found.append(one)
            continue
        at = np.concatenate([one.at, other.at])
        order = np.argsort(at, kind="stable")
        values = np.concatenate([one.values, other.values])[order]
        runs = np.concatenate([one.runs, other.runs])[order]
        found.append(HistorySeries(one.key, at[order], values, runs))
    return tuple(found)
