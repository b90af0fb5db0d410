"""Change points: where the level of a series changed, by how much, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import noise, noise_at_last
from benchdb.analysis.prediction import baseline_of
from benchdb.analysis.prepared import Prepared
from benchdb.analysis.results import ChangePoints
from benchdb.analysis.segmentation import make_exact, segment
from benchdb.analysis.sensitivity import RULES, noise_floor
from benchdb.analysis.stack import Cuts, Stack
from benchdb.analysis.steps import Cut, Steps, confirm, tested
from benchdb.analysis.trend import is_like_a_line, jumps, steps_beside_trend, wanders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike

    from benchdb.analysis.noise import Bools, Floats, Integers
    from benchdb.analysis.results import ChangePoint, Kind
    from benchdb.analysis.sensitivity import Rules, Sensitivity

#: About how many points are cut up at once.
_POINTS_AT_ONCE: Final = 50_000


def find_change_points(
    values: ArrayLike, times: ArrayLike | None = None, *, sensitivity: Sensitivity = "report"
) -> ChangePoints:
    """Find where the level of a series changed.

    Parameters
    ----------
    values
        The points of a series in their order, in any unit; NaN where one is missing. What is
        further from 0 than 1e307 counts as that.
    times
        When they were taken, in any unit, none before the one ahead of it: a drift is a trend over
        these. By default it is one over the points.
    sensitivity
        "report" looks at a whole history, to be read. "suspect" and "confirmed" look at the last
        150 points for changes that began among the last 20, as a gate does after each run; of
        these the one alarms early, the other rarely falsely.

    Returns
    -------
    ChangePoints
        The steps, and the drift if there is one.

    Raises
    ------
    ValueError
        For values that are no row of numbers, infinite ones, times that aren't as many or go back,
        and an unknown sensitivity.

    Notes
    -----
    The series is cut into segments by dynamic programming with a bounded loss (compare Fearnhead
    and Rigaill, "Changepoint detection in the presence of outliers", JASA 114, 2019), each cut is
    tested by Student's t with the noise's memory taken into account (Brockwell and Davis, Time
    Series: Theory and Methods, 7.1), and a smooth trend is preferred to steps where it explains
    the series as well. Positive values are compared as logarithms, so that effects are relative;
    others in units of their typical size. What can't be told from a change that is smaller than
    1 % (of the gate's sensitivities: 2 %) is none.
    """
    return find_change_points_many(
        [values], None if times is None else [times], sensitivity=sensitivity
    )[0]


def find_change_points_many(
    series: Iterable[ArrayLike],
    times: Iterable[ArrayLike] | None = None,
    *,
    sensitivity: Sensitivity = "report",
) -> list[ChangePoints]:
    """Find where the levels of many series changed, at less cost than one by one.

    Parameters
    ----------
    series, times
        The values and times of each, as `find_change_points` takes them: each in its own unit.
    sensitivity
        As there.

    Returns
    -------
    list of ChangePoints
        What `find_change_points` gives for each.

    Raises
    ------
    ValueError
        As there, of any of the series; and for times that aren't as many as the series.
    """
    if sensitivity not in RULES:
        known = ", ".join(RULES)
        raise ValueError(f"sensitivity {sensitivity!r} is unknown: take one of {known}")
    rules = RULES[sensitivity]
    given = list(series)
    when = [None] * len(given) if times is None else list(times)
    if len(when) != len(given):
        raise ValueError(f"there are {len(given)} series, but times for {len(when)}")
    made = [Prepared.of(*one, rules.last) for one in zip(given, when, strict=True)]
    changing = [at for at, one in enumerate(made) if one.may_change]
    changing.sort(key=lambda at: len(made[at].heights))
    found: dict[int, ChangePoints] = {}
    for chunk in _chunks(changing, made):
        found |= zip(chunk, _found([made[at] for at in chunk], rules), strict=True)
    return [found[at] if at in found else one.unchanged() for at, one in enumerate(made)]


def _chunks(order: list[int], made: list[Prepared]) -> Iterator[list[int]]:
    """Yield series in parts of a bounded number of points."""
    chunk: list[int] = []
    for at in order:
        chunk.append(at)
        if len(chunk) * len(made[at].heights) >= _POINTS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _found(chunk: Sequence[Prepared], rules: Rules) -> list[ChangePoints]:
    """Find the changes of series of about one length, the shortest first."""
    if not chunk:
        return []
    lengths = np.array([len(one.heights) for one in chunk], dtype=np.intp)
    inside = np.arange(lengths[-1]) < lengths[:, None]
    rows = np.full(inside.shape, np.nan)
    rows[inside] = np.concatenate([one.heights for one in chunk])
    scale, straying = noise(rows, lengths)
    stack = Stack.of([one.heights for one in chunk], scale, straying[inside])
    cuts = make_exact(
        stack, Cuts.of(segment(rows, lengths, scale, rules.penalties(lengths), rules.bound))
    )
    cuts, dropped, memory = confirm(stack, cuts, rules.while_fitting)
    times = [one.times for one in chunk]
    kept, degrees = steps_beside_trend(stack, cuts, times, memory)
    return _Results(chunk, stack, cuts, dropped, kept, degrees, memory).told(rules)


class _Results(NamedTuple):
    """What was found in a chunk, to be told series by series."""

    chunk: Sequence[Prepared]
    stack: Stack
    confirmed: Cuts
    dropped: Steps | None
    kept: Cuts
    degrees: Integers
    memory: Floats

    def told(self, rules: Rules) -> list[ChangePoints]:
        """Return what was found, series by series, by what the rules show of it."""
        stack = self.stack
        cut = Cut.of(stack, self.kept)
        steps = tested(stack, self.kept, cut, self.memory)
        recent = stack.lengths - (rules.recent or stack.lengths)
        looked_at = steps.cut >= recent[steps.series]
        shown = looked_at & rules.at_last.are_met(steps)
        if rules.recent is not None:
            shown &= self._stand_out(steps, shown, rules, cut.deviations)
        changes = self._changes(steps.only(shown), "step")
        weak = [steps.only(looked_at & ~shown), self._part_of_drift()]
        if self.dropped is not None:
            weak.append(self.dropped.only(self.dropped.cut >= recent[self.dropped.series]))
        candidates = self._changes(Steps(*map(np.concatenate, zip(*weak, strict=True))), "step")
        drifts = self._changes(self._halves(), "drift")
        ends = np.searchsorted(cut.segments.edges, stack.starts).tolist()
        edges, levels, squares, memory, scale = (
            column.tolist()
            for column in (cut.segments.edges, cut.levels, cut.squares, self.memory, stack.scale)
        )
        found = []
        for at, (one, first, last) in enumerate(zip(self.chunk, ends, ends[1:], strict=False)):
            start = edges[first]
            own = [edge - start for edge in edges[first : last + 1]]
            found.append(
                ChangePoints(
                    steps=tuple(changes[at]),
                    drift=drifts[at][0] if drifts[at] else None,
                    candidates=tuple(sorted(candidates[at], key=lambda change: change.index)),
                    segments=one.segments(own, levels[first:last], squares[first:last]),
                    noise=scale[at],
                    noise_floor=noise_floor(own[-1] - own[-2], scale[at], memory[at]),
                    points=own[-1],
                    baseline=baseline_of(
                        cut.deviations[start : start + own[-1]],
                        levels[first:last],
                        own,
                        noise=scale[at],
                        remembered=memory[at],
                        unit=one.scale.unit,
                    ),
                )
            )
        return found

    def _stand_out(self, steps: Steps, shown: Bools, rules: Rules, deviations: Floats) -> Bools:
        """Tell which steps stand out from the noise of late, and from drift."""
        result = shown.copy()
        for at in np.flatnonzero(shown).tolist():
            step = steps.only(np.array([at]))
            (row,) = step.rows()
            scale = float(self.stack.scale[row.series])
            heights = self.chunk[row.series].heights
            start, stop = self.stack.starts[row.series : row.series + 2]
            louder = max(noise_at_last(heights) / scale, 1.0)
            number = int((steps.series == row.series).sum())
            result[at] = (
                rules.at_last.are_met(step._replace(size=step.size / louder))[0]
                and not (
                    row.place_p > rules.at_last.sure_p
                    and is_like_a_line(heights[row.first : row.last], scale, row.cut - row.first)
                )
                and (
                    not wanders(heights, deviations[start:stop], number) or jumps(heights, row.cut)
                )
            )
        return result

    def _changes(self, steps: Steps, kind: Kind) -> list[list[ChangePoint]]:
        """Return changes in the user's terms, by series."""
        found: list[list[ChangePoint]] = [[] for _ in self.chunk]
        for step in steps.rows():
            noise = float(self.stack.scale[step.series])
            found[step.series].append(self.chunk[step.series].change(step, noise, kind))
        return found

    def _part_of_drift(self) -> Steps:
        """Return the steps that a trend explains as well."""
        every = tested(self.stack, self.confirmed, Cut.of(self.stack, self.confirmed), self.memory)
        return every.only(~self._among(self.confirmed, self.kept))

    def _among(self, some: Cuts, others: Cuts) -> Bools:
        among: Bools = np.isin(self._at(some), self._at(others))
        return among

    def _at(self, cuts: Cuts) -> Integers:
        at: Integers = self.stack.starts[cuts.series] + cuts.places
        return at

    def _halves(self) -> Steps:
        """Return the later half of each series that drifts, against the earlier."""
        series = np.flatnonzero(self.degrees)
        halves = Cuts(series, self.stack.lengths[series] // 2)
        return tested(self.stack, halves, Cut.of(self.stack, halves), self.memory)
