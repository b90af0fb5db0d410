"""What a session measured beyond what the past of its series lets one expect, of all sessions.

A value is held against the last segment before it, by the prediction interval of the gate. Segments
are those of the whole history: what later sessions told of a boundary is known here, so the first
sessions behind one are unusual by the level before it, until the new level has a past of its own.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchdb.analysis.noise import LEAST
from benchdb.analysis.prediction import baseline_of, judge_points
from benchdb.analysis.scale import Scale
from benchdb.analysis.steps import DRAWN_IN
from benchdb.analysis.student import two_sided_quantile
from benchdb.dashboard.columns import bounded, finite
from benchdb.dashboard.data import Unusual
from benchdb.dashboard.series import verdict_number
from benchdb.metrics import counts_outcomes
from benchdb.records import verdict_on_change
from benchdb.review.expecting import LAST
from benchdb.review.judged import LEAST_PAST, UNSURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.dashboard.survey import Survey


class _New(NamedTuple):
    """Values to be judged.

    Parameters
    ----------
    series
        Of each the number of its series.
    stop
        How many points of all series stand before it: its past ends there.
    values, sessions
        What was measured, and where.
    """

    series: NDArray[np.int64]
    stop: NDArray[np.int64]
    values: NDArray[np.float64]
    sessions: NDArray[np.int64]


class Findings:
    """What is unusual, by session.

    Parameters
    ----------
    judged
        Of each session how many values were held against a past.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._points, self._segments = survey.points, survey.segments
        self._scales, self._heights = self._as_compared()
        self._noise = self._spreads()
        measures = [not counts_outcomes(one.key.metric) for one in survey.series]
        self._measures = np.array(measures, dtype=np.bool_)
        tolerance = [
            survey.settings.tolerance_of(one.key.case.id, one.key.metric.name)
            for one in survey.series
        ]
        self._tolerance = np.array(tolerance, dtype=np.float64)
        size = len(survey.sessions)
        self.judged = np.zeros(size, dtype=np.int64)
        self._found: list[list[tuple[float, Unusual]]] = [[] for _ in range(size)]
        points = self._points
        own = np.flatnonzero(self._measures[points.owner]) if len(points) else points.at
        self._judge(_New(points.owner[own], own, points.values[own], points.at[own]))
        self._judge(self._contenders())

    def of(self, session: int) -> list[Unusual]:
        """Return what is unusual in a session, the worst first."""
        ranked = sorted(
            self._found[session], key=lambda one: (-one[1].verdict, one[0], one[1].series)
        )
        return [one for _, one in ranked]

    def _as_compared(self) -> tuple[list[Scale], NDArray[np.float64]]:
        """Return how the values of each series are compared, and all values so."""
        points = self._points
        lowest = np.full(len(points.lengths), np.inf)
        np.minimum.at(lowest, points.owner, points.values)
        with np.errstate(divide="ignore", invalid="ignore"):
            heights = np.log(points.values)
        scales = [Scale(None)] * len(points.lengths)
        for number in np.flatnonzero(lowest <= 0).tolist():
            own = slice(points.starts[number], points.starts[number + 1])
            scales[number] = Scale.of(points.values[own])
            heights[own] = scales[number].heights(points.values[own])
        return scales, heights

    def _spreads(self) -> NDArray[np.float64]:
        """Return the noise of each series as its values are compared."""
        survey = self._survey
        spreads = survey.searched.noise[survey.shown].copy()
        for number, scale in enumerate(self._scales):
            if scale.unit is not None:
                own = slice(self._points.starts[number], self._points.starts[number + 1])
                level = scale.heights(self._segments.level[self._segments.of[own]])
                spreads[number] = float(np.std(self._heights[own] - level))
        return np.maximum(np.nan_to_num(spreads, posinf=1.0), LEAST)

    def _contenders(self) -> _New:
        """Return what sessions off the trunk measured, by the trunk's series at their places."""
        survey, points = self._survey, self._points
        columns: tuple[list[int], list[int], list[float], list[int]] = ([], [], [], [])
        if survey.aside:
            known = {one.key: number for number, one in enumerate(survey.series)}
            for one in survey.aside:
                number = known.get(one.key)
                if number is None or not self._measures[number]:
                    continue
                before = np.searchsorted(survey.series[number].at, one.at)
                columns[0].extend([number] * len(one.at))
                columns[1].extend((points.starts[number] + before).tolist())
                columns[2].extend(one.values.tolist())
                columns[3].extend(one.at.tolist())
        series, stop, values, sessions = columns
        return _New(
            np.array(series, np.int64),
            np.array(stop, np.int64),
            np.array(values, np.float64),
            np.array(sessions, np.int64),
        )

    def _judge(self, new: _New) -> None:
        """Judge values: most are so near that a look at all of them at once is enough."""
        past = new.stop - self._points.starts[new.series]
        kept = np.flatnonzero(past >= LEAST_PAST)
        if not len(kept):
            return
        new = _New(new.series[kept], new.stop[kept], new.values[kept], new.sessions[kept])
        past = past[kept]
        self.judged += np.bincount(new.sessions, minlength=len(self.judged))
        begin, end = self._last_segment(new.stop)
        level = self._levels(begin, end)
        noise = self._noise[new.series]
        freedom = np.minimum(past, LAST) - 1
        reach = np.array(
            [two_sided_quantile(2 * UNSURE, max(one, 1)) for one in range(LAST)], dtype=np.float64
        )[np.minimum(freedom, LAST - 1)]
        with np.errstate(invalid="ignore"):
            far = np.abs(self._new_heights(new) - level)
        # The past's own noise, with its tails, can only be taken to be larger.
        near = far <= reach * noise * np.sqrt(1 + 1 / (end - begin))
        logarithms = np.array([one.unit is None for one in self._scales], dtype=np.bool_)
        tolerated = np.minimum(-np.log1p(-self._tolerance), np.log1p(self._tolerance))
        near |= logarithms[new.series] & (far <= tolerated[new.series])
        for at in np.flatnonzero(~near).tolist():
            self._look(
                int(new.series[at]),
                (int(begin[at]), int(end[at])),
                float(level[at]),
                float(new.values[at]),
                int(new.sessions[at]),
            )

    def _last_segment(self, stop: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return from where to where the segment goes that values behind `stop` are held against.

        One that has only just begun is no past.
        """
        segments = self._segments
        last = segments.of[stop - 1]
        young = stop - segments.begins[last] < LEAST_PAST
        has_former = np.concatenate([[False], segments.owner[1:] == segments.owner[:-1]])[last]
        back = young & has_former
        chosen = np.where(back, last - 1, last)
        return segments.begins[chosen], np.where(back, segments.begins[last], stop)

    def _levels(self, begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the levels of stretches of segments: their means, with what strays drawn in."""
        level = self._segment_heights[self._segments.of]
        reach = DRAWN_IN * self._noise[self._points.owner]
        drawn = np.clip(np.nan_to_num(self._heights - level), -reach, reach)
        summed = np.concatenate([[0.0], np.cumsum(drawn)])
        found: NDArray[np.float64] = level[begin] + (summed[end] - summed[begin]) / (end - begin)
        return found

    @cached_property
    def _segment_heights(self) -> NDArray[np.float64]:
        segments = self._segments
        with np.errstate(divide="ignore", invalid="ignore"):
            heights = np.log(segments.level)
        for number, scale in enumerate(self._scales):
            if scale.unit is not None:
                own = slice(segments.starts[number], segments.starts[number + 1])
                heights[own] = scale.heights(segments.level[own])
        return heights

    def _new_heights(self, new: _New) -> NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            heights = np.log(new.values)
        units = np.array([one.unit or np.nan for one in self._scales])[new.series]
        found: NDArray[np.float64] = np.where(np.isnan(units), heights, new.values / units)
        return found

    def _look(
        self, number: int, segment: tuple[int, int], level: float, value: float, session: int
    ) -> None:
        """Judge one value by the past of its series."""
        begin, end = segment
        start = max(int(self._points.starts[number]), end - LAST)
        begin = max(begin, start)
        scale = self._scales[number]
        edges, levels, deviations = self._past(start, begin)
        own = self._heights[begin:end] - level
        noise = float(self._noise[number])
        baseline = baseline_of(
            np.concatenate([*deviations, own]),
            [*levels, level],
            [*edges, begin - start, end - start],
            noise=noise,
            remembered=0.0,
            unit=scale.unit,
        )
        said = judge_points(baseline, value)
        if min(said.p_above, said.p_below) > UNSURE or math.isnan(said.effect):
            return
        if abs(said.effect) <= self._tolerance[number]:
            return
        low, high = _usual(said.effect, said.low, said.high, logarithms=scale.unit is None)
        direction = self._survey.series[number].key.metric.direction
        self._found[session].append(
            (
                min(said.p_above, said.p_below),
                Unusual(
                    number,
                    bounded(value, 1e300),
                    bounded(said.level, 1e300),
                    finite(said.effect),
                    finite(low),
                    finite(high),
                    verdict_number(verdict_on_change(said.effect, direction)),
                ),
            )
        )

    def _past(
        self, start: int, stop: int
    ) -> tuple[list[int], list[float], list[NDArray[np.float64]]]:
        """Return the segments of a past before its last: where they begin, levels, deviations."""
        segments = self._segments
        edges: list[int] = []
        levels: list[float] = []
        deviations: list[NDArray[np.float64]] = []
        at = start
        while at < stop:
            number = int(segments.of[at])
            end = min(int(segments.begins[number] + segments.sizes[number]), stop)
            level = float(self._segment_heights[number])
            edges.append(at - start)
            levels.append(level)
            deviations.append(self._heights[at:end] - level)
            at = end
        return edges, levels, deviations


def _usual(effect: float, low: float, high: float, *, logarithms: bool) -> tuple[float, float]:
    """Return between which effects 95 of 100 values lie, from the interval of one that doesn't."""
    if not logarithms:
        return effect - high, effect - low
    below = (1 + effect) / (1 + high) - 1 if math.isfinite(high) else -1.0
    above = (1 + effect) / (1 + low) - 1 if low > -1 else math.inf
    return below, above


def cases_of(some: Sequence[Unusual], survey: Survey) -> list[int]:
    """Return the numbers of the cases of what is unusual, each once, in order."""
    return list(
        dict.fromkeys(survey.case_numbers[survey.series[one.series].key.case] for one in some)
    )
