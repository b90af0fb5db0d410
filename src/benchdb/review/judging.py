"""Verdicts on the newest points of series: pure, from arrays.

A trunk session is judged as the end of its series: has the level changed in the last points, and is
that more than chance would do in a suite of so many series? A contender is judged by what the
trunk's past leads one to expect. One point alone is at most a suspect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from benchdb.analysis.change_points import find_change_points, find_change_points_many
from benchdb.analysis.prediction import judge_points, smallest_effect
from benchdb.analysis.quick_look import may_end_new_levels
from benchdb.analysis.student import two_sided_quantile
from benchdb.records import Verdict, verdict_on_change, worse_way
from benchdb.review.expecting import LAST, Levelled, levelled, wary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchdb.analysis.prediction import Judgement
    from benchdb.analysis.results import Baseline, ChangePoints
    from benchdb.records import Direction
    from benchdb.review.expecting import Values

#: Failures that began before these last points are the past of the session that is judged. What is
#: measured has a shorter memory: `benchdb.analysis.sensitivity.RULES` say which points are recent.
RECENT: Final = 40

#: From so many points at the new level on a regression may be confirmed.
CONFIRMED_POINTS: Final = 3

#: With fewer points in the past nothing is said.
LEAST_PAST: Final = 4

FEW_BEFORE: Final = f"fewer than {LEAST_PAST} sessions before"

#: After each of the last points a change may have begun, and each new point is another look: that
#: alarms so many times as often as one look at a given place. By simulation, see docs/figures.md.
LOOKS: Final = 5.0

#: One look alone alarms more often than it should where noise has tails: in the four worlds no more
#: than 0.2 of a hundred sessions may, of a suite of one test.
ONE_LOOK: Final = 2.5

#: An effect that chance gives one series in so many sessions, and the gate can't be sure of.
_UNSURE: Final = 0.001

#: Where nothing smaller than this would show, UNCHANGED would be a guess.
_BLIND: Final = 0.5

#: To be looked at as one of two, a point must be so far out, as a share of what it must be alone.
_PAIR: Final = 0.6

#: So many places may lie between where a change is seen to begin now and with fewer points.
SAME_PLACE: Final = 3

#: The points over which the smallest detectable slowdown is told.
RUNS: Final = 5

Certainty = Literal["suspect", "confirmed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """By what a series is judged.

    Parameters
    ----------
    limit
        The chance of a false alarm that it may have in one session.
    tolerance
        The effect that doesn't matter, as a share.
    direction
        Which way its values get better; None where nothing regresses.
    """

    limit: float
    tolerance: float
    direction: Direction | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of the newest points of a series.

    Parameters
    ----------
    verdict
        With the direction applied.
    certainty
        How sure a regression or an improvement is; None of other verdicts.
    effect, low, high
        New level / old - 1 as measured, and its 95 % interval.
    p
        The chance of an effect like this with no change.
    level, value
        The old level and the new one.
    points
        How many points the new level has.
    past
        How many points the old level is known from.
    begins
        The first point of the new level, in the series; its length where that is the contender's.
    raised
        How many points the series had when this was first an alarm: its length where that is now.
    smallest
        The smallest effect for the worse that five sessions would show, without sign.
    noise
        The standard deviation of values around the old level, relative to it.
    why
        Why it is undecided; else empty.
    """

    verdict: Verdict
    certainty: Certainty | None
    effect: float
    low: float
    high: float
    p: float
    level: float
    value: float
    points: int
    past: int
    begins: int
    raised: int
    smallest: float
    noise: float
    why: str = ""


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
    recent = [one.values[-LAST - 1 :] for one in level]
    heights = [two_sided_quantile(2 * one.limit / ONE_LOOK, 1e6) for one in rules]
    moved = may_end_new_levels(recent, heights)
    looked_at = [one for one, may in zip(recent, moved, strict=True) if may]
    changes = iter(find_change_points_many(looked_at, sensitivity="confirmed"))
    whole = [next(changes) if may else None for may in moved]
    past = find_change_points_many([one[:-1] for one in recent], sensitivity="confirmed")
    found = [
        _ending(one, rule, now, before)
        for one, rule, now, before in zip(level, rules, whole, past, strict=True)
    ]
    if first:
        found = [_with_first(*one) for one in zip(found, level, rules, strict=True)]
    return [_counted(*one) for one in zip(found, level, strict=True)]


def newest_alone(values: Values, rule: Rule, accepted: int = 0) -> Judged:
    """Judge the last point of one series, as `judge_newest` does, whether it is new or not."""
    one = levelled(values, accepted)
    return _counted(_alone(one, rule), one)


def _alone(one: Levelled, rule: Rule) -> Judged:
    recent = one.values[-LAST - 1 :]
    whole, past = find_change_points_many([recent, recent[:-1]], sensitivity="confirmed")
    return _ending(one, rule, whole, past)


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
    return replace(judged, begins=judged.begins + one.left_out, raised=judged.raised + one.left_out)


def _contender(one: Levelled, new: Values, rule: Rule, past: ChangePoints) -> Judged:
    n = len(one.values)
    baseline = wary(past.baseline, one.values, one.known)
    said = judge_points(baseline, new)
    if n >= LEAST_PAST and _is_change(said, rule, rule.limit / ONE_LOOK):
        certainty: Certainty = "confirmed" if said.points >= CONFIRMED_POINTS else "suspect"
        return _judged(said, rule, baseline, certainty, begins=n, raised=n)
    return _undisturbed(said, rule, baseline, n)


def _ending(one: Levelled, rule: Rule, now: ChangePoints | None, past: ChangePoints) -> Judged:
    """Judge the last point: first whether it ends a new level, then by itself."""
    n = len(one.values)
    before = max(n - LAST - 1, 0)
    found = None if now is None else _step(one, before, rule, now)
    if found is not None:
        return found
    baseline = wary(past.baseline, one.values[:-1], one.known)
    said = judge_points(baseline, one.values[-1:])
    if n > LEAST_PAST and _is_change(said, rule, rule.limit / ONE_LOOK):
        return _judged(said, rule, baseline, "suspect", begins=n - 1, raised=n)
    far = _PAIR * two_sided_quantile(2 * rule.limit, 1e6) * said.noise
    if n > LEAST_PAST + 1 and abs(said.effect) > max(rule.tolerance, far):
        # The one before may be as far out, and is no past to judge it by.
        pair, older = one.values[-2:], one.values[max(n - LAST, 0) : -2]
        earlier = find_change_points(older, sensitivity="confirmed").baseline
        earlier = wary(earlier, older, max(one.known - 2, 1))
        both = judge_points(earlier, pair)
        if _is_change(both, rule, rule.limit / LOOKS):
            return _judged(both, rule, earlier, "suspect", begins=n - 2, raised=n)
    return _undisturbed(said, rule, baseline, n)


def _with_first(alarm: Judged, one: Levelled, rule: Rule) -> Judged:
    """Add since when there is this alarm: a step is one event however often it is seen."""
    if alarm.certainty is None:
        return alarm
    for points in range(alarm.begins + 1, len(one.values)):
        if same_event(alarm, _alone(Levelled(one.values[:points], one.known), rule)):
            return replace(alarm, raised=points)
    return alarm


def same_event(one: Judged, other: Judged) -> bool:
    """Tell whether two alarms of one series are about the same change, and as sure."""
    return (
        one.verdict is other.verdict
        and one.certainty == other.certainty
        and abs(one.begins - other.begins) <= SAME_PLACE
    )


def _step(one: Levelled, before: int, rule: Rule, found: ChangePoints) -> Judged | None:
    """Judge the steps among the last points: the earliest that holds still."""
    values, n = one.values, len(one.values)
    cuts = [step.index + before for step in found.steps]
    for number, cut in enumerate(cuts):
        older = values[max(cut - LAST, 0) : cut]
        baseline = find_change_points(older, sensitivity="confirmed").baseline
        baseline = wary(baseline, older, max(one.known - (n - cut), 1))
        said = judge_points(baseline, values[cut : (*cuts, n)[number + 1]])
        if not _is_change(said, rule, rule.limit / LOOKS):
            continue
        if number + 1 < len(cuts):
            # What came later may have undone it: the newest points alone tell what holds.
            last = judge_points(baseline, values[cuts[-1] :])
            if not _is_change(last, rule, _UNSURE) or (last.effect > 0) != (said.effect > 0):
                continue
        return _judged(said, rule, baseline, "confirmed", begins=cut, raised=n)
    return None


def _is_change(said: Judgement, rule: Rule, limit: float) -> bool:
    return min(said.p_above, said.p_below) <= limit and abs(said.effect) > rule.tolerance


def _judged(
    said: Judgement,
    rule: Rule,
    baseline: Baseline | None,
    certainty: Certainty,
    *,
    begins: int,
    raised: int,
) -> Judged:
    verdict = verdict_on_change(said.effect, rule.direction)
    return _made(
        said,
        rule,
        baseline,
        verdict or Verdict.UNDECIDED,
        begins=begins,
        raised=raised,
        certainty=certainty if verdict else None,
        why="" if verdict else "it moved, and neither way is better",
    )


def _undisturbed(said: Judgement, rule: Rule, baseline: Baseline | None, n: int) -> Judged:
    made = _made(said, rule, baseline, Verdict.UNCHANGED, begins=n, raised=n)
    past = 0 if baseline is None else baseline.past
    why = ""
    if not said.points:
        why = "it has no value"
    elif not past:
        why = "new"
    elif past < LEAST_PAST:
        why = FEW_BEFORE
    elif _is_change(said, rule, _UNSURE):
        why = "beyond the tolerance, but not sure enough"
    elif made.smallest > _BLIND:
        why = "too noisy"
    return replace(made, verdict=Verdict.UNDECIDED, why=why) if why else made


def _made(
    said: Judgement,
    rule: Rule,
    baseline: Baseline | None,
    verdict: Verdict,
    *,
    begins: int,
    raised: int,
    certainty: Certainty | None = None,
    why: str = "",
) -> Judged:
    smallest = smallest_effect(baseline, rule.limit / LOOKS, RUNS, worse_way(rule.direction))
    return Judged(
        verdict=verdict,
        certainty=certainty,
        effect=said.effect,
        low=said.low,
        high=said.high,
        p=min(1.0, 2 * min(said.p_above, said.p_below)),
        level=said.level,
        value=said.value,
        points=said.points,
        past=0 if baseline is None else baseline.past,
        begins=begins,
        raised=raised,
        smallest=max(abs(smallest), rule.tolerance),
        noise=said.noise,
        why=why,
    )
