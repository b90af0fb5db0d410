"""Verdicts on the newest points of series: pure, from arrays.

A trunk session is judged as the end of its series: has the level changed in the last points, and is
that more than chance would do in a suite of so many series? A contender is judged by what the
trunk's past leads one to expect. One point alone is at most a suspect.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from benchdb.analysis.change_points import find_change_points_many
from benchdb.analysis.prediction import judge_points
from benchdb.analysis.quick_look import may_end_new_levels
from benchdb.analysis.student import two_sided_quantile
from benchdb.records import Verdict
from benchdb.review.expecting import LAST, Levelled, levelled, wary
from benchdb.review.judged import (
    LEAST_PAST,
    LOOKS,
    ONE_LOOK,
    SAME_PLACE,
    UNSURE,
    alarmed,
    is_change,
    same_event,
    still_there,
    undisturbed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchdb.analysis.results import Baseline, ChangePoints
    from benchdb.analysis.sensitivity import Sensitivity
    from benchdb.review.expecting import Values
    from benchdb.review.judged import Judged, Rule
    from benchdb.verdicts import Certainty

#: From so many points at the new level on a regression may be confirmed.
CONFIRMED_POINTS: Final = 3

#: So many points after it began a regression has been raised, or never was: for the gate it is new
#: as long as `benchdb.analysis.sensitivity.RULES` say, and may be seen to begin a little later.
_RAISED: Final = 20 + SAME_PLACE

#: Two steps for the worse that begin so many points apart are two, each raised by itself; nearer
#: ones may be one, whose first points strayed.
_APART: Final = 6

#: To be looked at as one of two, a point must be so far out, as a share of what it must be alone.
_PAIR: Final = 0.6


def judge_newest(
    series: Sequence[Values],
    rules: Sequence[Rule],
    accepted: Sequence[int] | None = None,
    *,
    first: bool = True,
) -> list[Judged]:
    """Judge the last point of each series, as one of the trunk.

    Parameters
    ----------
    series
        Points in order of place, none missing, at least one.
    rules
        By what each is judged.
    accepted
        How many points of each stand before the level that people took for the baseline.
    first
        Whether to tell when each alarm was raised first; without, it is as if that were now.
    """
    level = [levelled(*one) for one in _with_accepted(series, accepted)]
    judging = _Judging(level, rules)
    ends = {number: len(one.values) for number, one in enumerate(level)}
    found = judging.ending(ends)
    if first:
        alarms = {number: one for number, one in found.items() if one.certainty is not None}
        quiet = {number: end for number, end in ends.items() if found[number].begins == end}
        largest = {number: some[0] for number, some in judging.lasting(quiet).items()}
        lasts = judging.with_first(largest, within=_RAISED)
        found |= judging.with_first(alarms)
        found |= {number: one for number, one in lasts.items() if one.raised < ends[number]}
    return [_counted(found[number], one) for number, one in enumerate(level)]


def lasting(series: Sequence[Values], rules: Sequence[Rule]) -> list[list[Judged]]:
    """Return the regressions of each series that last, whenever they began, the largest first.

    Parameters
    ----------
    series, rules
        As `judge_newest` takes them.
    """
    level = [levelled(one, 0) for one in series]
    ends = {number: len(one) for number, one in enumerate(series)}
    found = _Judging(level, rules).lasting(ends)
    return [found.get(number, []) for number in ends]


def judge_contenders(
    series: Sequence[Values],
    contenders: Sequence[Values],
    rules: Sequence[Rule],
    accepted: Sequence[int] | None = None,
) -> list[Judged]:
    """Judge points off the trunk by the series that end where they left it.

    Parameters
    ----------
    series, rules, accepted
        As `judge_newest` takes them; a series may be empty.
    contenders
        The points of each to judge.
    """
    level = [levelled(*one) for one in _with_accepted(series, accepted)]
    past = find_change_points_many([one.values[-LAST:] for one in level], sensitivity="confirmed")
    return [
        _counted(_contender(one, new, rule, before), one)
        for one, new, rule, before in zip(level, contenders, rules, past, strict=True)
    ]


def _with_accepted(
    series: Sequence[Values], accepted: Sequence[int] | None
) -> Iterable[tuple[Values, int]]:
    return zip(series, [0] * len(series) if accepted is None else accepted, strict=True)


def _counted(judged: Judged, one: Levelled) -> Judged:
    """Count points in the series as it was given."""
    if not one.left_out:
        return judged
    return replace(
        judged,
        begins=judged.begins + one.left_out,
        raised=judged.raised + one.left_out,
        stood=judged.stood + one.left_out,
    )


def _contender(one: Levelled, new: Values, rule: Rule, past: ChangePoints) -> Judged:
    n = len(one.values)
    baseline = wary(past, one.values, one.known)
    said = judge_points(baseline, new)
    if n >= LEAST_PAST and is_change(said, rule, rule.limit / ONE_LOOK):
        certainty: Certainty = "confirmed" if said.points >= CONFIRMED_POINTS else "suspect"
        return alarmed(said, rule, baseline, certainty, begins=n, raised=n)
    return undisturbed(said, rule, baseline, n)


class _Judging:
    """The judging of series at their ends, and where they ended sooner: all in batches."""

    def __init__(self, level: Sequence[Levelled], rules: Sequence[Rule]) -> None:
        self._level = level
        self._rules = rules
        self._heights = [two_sided_quantile(2 * one.limit / ONE_LOOK, 1e6) for one in rules]
        #: By series and point: what the points before that lead one to expect.
        self._expected: dict[tuple[int, int], ChangePoints] = {}

    def ending(self, ends: Mapping[int, int]) -> dict[int, Judged]:
        """Judge the last point of series: first whether it ends a new level, then by itself.

        Parameters
        ----------
        ends
            By the number of a series, how many of its points there are.
        """
        return self._ending(ends, self._steps(ends, look_first=True))

    def _ending(
        self, ends: Mapping[int, int], steps: Mapping[int, Sequence[int]]
    ) -> dict[int, Judged]:
        self._look([(number, end - 1) for number, end in ends.items()])
        self._look([(number, cut) for number, cuts in steps.items() for cut in cuts])
        found: dict[int, Judged] = {}
        pairs = {}
        for number, end in ends.items():
            one = self._step(number, end, steps.get(number, ()))
            if one is None or one.verdict is not Verdict.REGRESSED:
                alone = self._one(number, end)
                # The last point may be where an improvement ends.
                if one is None or alone.verdict is Verdict.REGRESSED:
                    one = alone
            if one.begins == end and self._may_be_pair(number, end, one):
                pairs[number] = end - 2
            found[number] = one
        self._look(list(pairs.items()))
        for number, begins in pairs.items():
            found[number] = self._pair(number, begins) or found[number]
        return found

    def lasting(self, ends: Mapping[int, int]) -> dict[int, list[Judged]]:
        """Return by series the regressions that hold still, whenever they began: largest first."""
        steps = self._steps(ends, look_first=False, sensitivity="report")
        self._look([(number, cut) for number, cuts in steps.items() for cut in cuts])
        found: dict[int, list[Judged]] = {}
        for number, cuts in steps.items():
            held = [
                one
                for one in self._all_held(number, ends[number], cuts)
                if one.verdict is Verdict.REGRESSED
            ]
            if held:
                held.sort(key=lambda one: -abs(one.stepped_to - one.level))
                found[number] = held
        return found

    def with_first(
        self, alarms: Mapping[int, Judged], within: int | None = None
    ) -> dict[int, Judged]:
        """Add since when there are alarms: a step is one event however often it is seen.

        Parameters
        ----------
        alarms
            By series.
        within
            How many points of a new level to look at; all by default.
        """
        found = dict(alarms)
        left = {
            number: points
            for number, one in alarms.items()
            if (points := one.begins + 1) < len(self._level[number].values)
        }
        while left:
            steps = self._steps(left, look_first=True)
            # A step alone is as sure as one: where there is none, nothing else is asked.
            asked = {
                number: points
                for number, points in left.items()
                if steps.get(number) or alarms[number].certainty != "confirmed"
            }
            before = self._ending(asked, steps)
            later = {}
            for number, points in left.items():
                if number in before and same_event(alarms[number], before[number]):
                    found[number] = replace(alarms[number], raised=points)
                elif points + 1 < len(self._level[number].values) and (
                    within is None or points < alarms[number].begins + within
                ):
                    later[number] = points + 1
            left = later
        return found

    def _steps(
        self,
        ends: Mapping[int, int],
        *,
        look_first: bool,
        sensitivity: Sensitivity = "confirmed",
    ) -> dict[int, list[int]]:
        """Return where new levels began among the last points."""
        recent = {
            number: self._level[number].values[max(end - LAST - 1, 0) : end]
            for number, end in ends.items()
        }
        if look_first:
            heights = [self._heights[number] for number in recent]
            may = may_end_new_levels(list(recent.values()), heights)
            recent = {
                number: some for (number, some), one in zip(recent.items(), may, strict=True) if one
            }
        if sensitivity == "confirmed":  # of short series that is all that is known by then
            whole = [(number, ends[number]) for number in recent if ends[number] <= LAST]
            self._look(whole)
            known = {number: self._expected[number, end] for number, end in whole}
        else:
            known = {}
        new = {number: some for number, some in recent.items() if number not in known}
        changes = find_change_points_many(new.values(), sensitivity=sensitivity)
        known.update(zip(new, changes, strict=True))
        return {
            number: [step.index + max(ends[number] - LAST - 1, 0) for step in known[number].steps]
            for number in recent
        }

    def _look(self, places: Sequence[tuple[int, int]]) -> None:
        """Find what points lead one to expect of those behind."""
        new = [one for one in dict.fromkeys(places) if one not in self._expected]
        before = [
            self._level[number].values[max(stop - LAST, 0) : max(stop, 0)] for number, stop in new
        ]
        changes = find_change_points_many(before, sensitivity="confirmed")
        self._expected.update(zip(new, changes, strict=True))

    def _baseline(self, number: int, stop: int, known: int) -> Baseline | None:
        values = self._level[number].values[max(stop - LAST, 0) : stop]
        return wary(self._expected[number, stop], values, max(known, 1))

    def _one(self, number: int, end: int) -> Judged:
        """Judge the last point by itself."""
        one, rule = self._level[number], self._rules[number]
        baseline = self._baseline(number, end - 1, one.known)
        said = judge_points(baseline, one.values[end - 1 : end])
        if end > LEAST_PAST and is_change(said, rule, rule.limit / ONE_LOOK):
            return alarmed(said, rule, baseline, "suspect", begins=end - 1, raised=end)
        return undisturbed(said, rule, baseline, end)

    def _may_be_pair(self, number: int, end: int, said: Judged) -> bool:
        """Tell whether the point before the last may be as far out, and is no past to judge by."""
        rule = self._rules[number]
        far = _PAIR * two_sided_quantile(2 * rule.limit, 1e6) * said.noise
        return end > LEAST_PAST + 1 and abs(said.effect) > max(rule.tolerance, far)

    def _pair(self, number: int, begins: int) -> Judged | None:
        """Judge the last two points together."""
        one, rule, end = self._level[number], self._rules[number], begins + 2
        baseline = self._baseline(number, begins, one.known - 2)
        said = judge_points(baseline, one.values[begins:end])
        if not is_change(said, rule, rule.limit / LOOKS):
            return None
        return alarmed(said, rule, baseline, "suspect", begins=begins, raised=end)

    def _step(self, number: int, end: int, cuts: Sequence[int]) -> Judged | None:
        """Judge the steps among the last points: the newest for the worse, else the earliest."""
        held = self._all_held(number, end, cuts)
        worse = [one for one in held if one.verdict is Verdict.REGRESSED]
        for at in range(len(worse) - 1, -1, -1):
            if at == 0 or worse[at].begins - worse[at - 1].begins >= _APART:
                return worse[at]
        return held[0] if held else None

    def _all_held(self, number: int, end: int, cuts: Sequence[int]) -> list[Judged]:
        """Judge each of several steps by the segment before it; leave out what is none."""
        held = [self._held(number, end, cuts, at) for at in range(len(cuts))]
        return [one for one in held if one is not None]

    def _held(self, number: int, end: int, cuts: Sequence[int], at: int) -> Judged | None:
        """Judge one of several steps; None where it isn't one, or doesn't hold still."""
        one, rule, cut = self._level[number], self._rules[number], cuts[at]
        baseline = self._baseline(number, cut, one.known - (end - cut))
        edges = (*cuts[at:], end)
        first, *later = (
            judge_points(baseline, one.values[start:stop]) for start, stop in pairwise(edges)
        )
        if not is_change(first, rule, rule.limit / LOOKS):
            return None
        now = first
        if later:
            # What came later may have undone it: then what is there now is a change of its own.
            if not all(still_there(first, then, rule) for then in later[:-1]):
                return None
            now = later[-1]
            if not is_change(now, rule, UNSURE) or (now.effect > 0) != (first.effect > 0):
                return None
            now = replace(now, p_above=first.p_above, p_below=first.p_below, points=end - cut)
        judged = alarmed(now, rule, baseline, "confirmed", begins=cut, raised=end)
        before = self._expected[number, cut].segments
        judged = replace(judged, stood=max(cut - LAST, 0) + before[-1].start)
        return replace(judged, at_first=first.value) if later else judged
