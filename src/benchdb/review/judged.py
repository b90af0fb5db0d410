"""The records of judging, how they are made, and the limits that all judging shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from benchdb.analysis.prediction import smallest_effect
from benchdb.records import Verdict, verdict_on_change, worse_way
from benchdb.review.causes import size

if TYPE_CHECKING:
    from benchdb.analysis.prediction import Judgement
    from benchdb.analysis.results import Baseline
    from benchdb.records import Direction
    from benchdb.verdicts import Certainty

#: Failures that began before these last points are the past of the session that is judged. What is
#: measured has a shorter memory: `benchdb.analysis.sensitivity.RULES` say which points are recent.
RECENT: Final = 40

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
UNSURE: Final = 0.001

#: Where nothing smaller than this would show, UNCHANGED would be a guess.
_BLIND: Final = 0.5

#: So many places may lie between where a change is seen to begin now and with fewer points.
SAME_PLACE: Final = 3

#: The points over which the smallest detectable slowdown is told.
RUNS: Final = 5


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
    at_first
        The new level up to the next step; None where there was none, and `value` tells it.
    stood
        The first point of the old level.
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
    at_first: float | None = None
    stood: int = 0

    @property
    def stepped_to(self) -> float:
        """The level just behind the step, whatever came later."""
        return self.value if self.at_first is None else self.at_first


def same_event(one: Judged, other: Judged) -> bool:
    """Tell whether two alarms of one series are about the same change, and as sure."""
    return (
        one.verdict is other.verdict
        and one.certainty == other.certainty
        and abs(one.begins - other.begins) <= SAME_PLACE
    )


def is_change(said: Judgement, rule: Rule, limit: float) -> bool:
    """Tell whether points are so far out that it matters, and more than chance in a limit."""
    return min(said.p_above, said.p_below) <= limit and abs(said.effect) > rule.tolerance


def still_there(first: Judgement, then: Judgement, rule: Rule) -> bool:
    """Tell whether a change is still there in later points: surely, or by the larger part."""
    if (then.effect > 0) != (first.effect > 0):
        return False
    return is_change(then, rule, UNSURE) or size(then.effect) > size(first.effect) / 2


def alarmed(
    said: Judgement,
    rule: Rule,
    baseline: Baseline | None,
    certainty: Certainty,
    *,
    begins: int,
    raised: int,
) -> Judged:
    """Return what is said of a change."""
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


def undisturbed(said: Judgement, rule: Rule, baseline: Baseline | None, n: int) -> Judged:
    """Return what is said where there is no change, of a series of `n` points."""
    made = _made(said, rule, baseline, Verdict.UNCHANGED, begins=n, raised=n)
    past = 0 if baseline is None else baseline.past
    why = ""
    if not said.points:
        why = "it has no value"
    elif not past:
        why = "new"
    elif past < LEAST_PAST:
        why = FEW_BEFORE
    elif is_change(said, rule, UNSURE):
        why = "beyond the tolerance, but not sure enough"
    elif made.smallest > _BLIND and said.level != 0:  # of a level of 0 no effect is a share
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
