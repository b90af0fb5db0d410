"""The shards with points: each case with all of its series."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.dashboard.columns import finite, listed, rounded
from benchdb.dashboard.data import CaseHistory, CaseShard, Change, Drift, PointSeries, Segment
from benchdb.dashboard.series import verdict_number
from benchdb.dashboard.shards import shard_of, shards_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.dashboard.data import Artifact
    from benchdb.dashboard.outcomes import Outcomes
    from benchdb.dashboard.survey import Survey
    from benchdb.series import Case

#: Points in one shard: it is read as fast as the page is drawn.
_POINTS: Final = 15_000


def case_shards(survey: Survey) -> int:
    """Return in how many shards the cases are."""
    return shards_for(len(survey.points) / _POINTS)


class CaseHistories:
    """The making of shards.

    Parameters
    ----------
    artifacts
        Of each case.
    """

    def __init__(
        self, survey: Survey, outcomes: Outcomes, artifacts: dict[Case, list[Artifact]]
    ) -> None:
        self._survey = survey
        self._outcomes = outcomes
        self._artifacts = artifacts
        self._changes = self._established()
        self._drifts = survey.drifts()
        self._slopes = survey.slopes()
        self._under = outcomes.shown_under()
        self._series: dict[Case, list[int]] = defaultdict(list)
        for number, one in enumerate(survey.series):
            self._series[one.key.case].append(number)
        segments, points = survey.segments, survey.points
        start = segments.begins - points.starts[segments.owner]
        levels = (segments.level, segments.low, segments.high)
        self._segments = [start.tolist(), *(rounded(one).tolist() for one in levels)]
        self._edges = segments.starts.tolist()
        self._values = rounded(points.values)
        self._begins = points.starts.tolist()
        #: The sessions of the series before in the file.
        self._before: list[int] = []

    def shards(self) -> Iterator[tuple[int, CaseShard]]:
        """Yield each shard with its number."""
        shards = case_shards(self._survey)
        found: dict[int, list[Case]] = {number: [] for number in range(shards)}
        for case in self._survey.cases:
            found[shard_of(case.id, shards)].append(case)
        for number, cases in found.items():
            self._before = []
            yield number, CaseShard([self._history(case) for case in cases])

    def _history(self, case: Case) -> CaseHistory:
        series: list[PointSeries] = []
        for number in self._series.get(case, ()):
            at = np.diff(self._survey.series[number].at, prepend=0).tolist()
            series.append(self._point_series(number, [] if at == self._before else at))
            self._before = at
        failed, lost, hung = self._harm(case)
        return CaseHistory(case.id, series, failed, lost, hung, self._artifacts.get(case, []))

    def _point_series(self, number: int, at: list[int]) -> PointSeries:
        own = slice(self._edges[number], self._edges[number + 1])
        drift = self._drifts.get(number)
        first, last = self._slopes.get(number, (None, None))
        return PointSeries(
            number,
            at,
            listed(self._values[self._begins[number] : self._begins[number + 1]]),
            [Segment(*each) for each in zip(*(one[own] for one in self._segments), strict=True)],
            self._changes.get(number, []),
            None
            if drift is None
            else Drift(
                finite(drift.before),
                finite(drift.effect),
                finite(drift.low),
                finite(drift.high),
                verdict_number(drift.verdict),
                None if first is None else finite(first),
                None if last is None else finite(last),
            ),
        )

    def _established(self) -> dict[int, list[Change]]:
        """Return the changes of each series that events are of."""
        survey = self._survey
        found: dict[int, list[Change]] = defaultdict(list)
        for event, one in enumerate(survey.events()):
            for number, moved in survey.moved(one):
                session = survey.numbers[moved.first_after.row]
                found[number].append(
                    Change(
                        int(np.searchsorted(survey.series[number].at, session)),
                        finite(moved.before),
                        finite(moved.effect),
                        finite(moved.low),
                        finite(moved.high),
                        float(f"{moved.p:.3g}"),
                        verdict_number(moved.verdict),
                        event,
                    )
                )
        return {number: sorted(some, key=lambda one: one.point) for number, some in found.items()}

    def _harm(self, case: Case) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
        """Return in which sessions runs of a case failed, were lost and hung, by conditions."""
        found: tuple[list[list[int]], ...] = ([], [], [])
        for some in (self._outcomes.trunk, self._outcomes.aside):
            for ran in some.get(case, ()):
                bare = self._survey.numbered(ran.conditions)
                number = self._under.get((case, bare), bare)
                for pairs, counts in zip(found, (ran.failed, ran.lost, ran.hung), strict=True):
                    pairs += [[number, at] for at in ran.at[counts > 0].tolist()]
        failed, lost, hung = (sorted(pairs) for pairs in found)
        return failed, lost, hung
