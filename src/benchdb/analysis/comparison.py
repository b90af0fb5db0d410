"""Two sides compared: the effect with its interval, and a verdict."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import LEAST
from benchdb.analysis.scale import Scale, one_row
from benchdb.analysis.steps import DRAWN_IN, inflation, memories
from benchdb.analysis.student import two_sided_p, two_sided_quantile
from benchdb.records import Direction, Verdict, verdict_on_change

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from benchdb.analysis.noise import Floats

#: The share of values that is left out at either end, so that spikes have no say: from 7 on.
TRIMMED: Final = 0.15

#: What an interval leaves out.
OUTSIDE: Final = 0.05

#: More runs than this are no advice.
MOST_RUNS: Final = 1000

#: From so many values a side on, values that are all equal are believed to have no noise.
STILL: Final = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """A baseline and a contender, compared.

    Parameters
    ----------
    effect
        Level of the contender / level of the baseline - 1, as measured: above 0 is more, whether
        that is better or not. Of a baseline below 0, the difference / its size: from -1 to -1.2 is
        -20 %. NaN where a side has no value, infinite where the baseline is 0.
    low, high
        The bounds of its 95 % interval; infinite, or -1, where nothing is known.
    effect_size
        The difference of the levels in standard deviations of the values.
    p
        The chance of so large a difference, either way, with no change.
    verdict
        REGRESSED or IMPROVED where the interval leaves out 0 and the effect is beyond the
        tolerance; UNCHANGED where the interval lies within the tolerance; else UNDECIDED.
    more_runs
        About how many more runs of each side would decide; 0 where it is decided, None where
        a thousand wouldn't.
    baseline, contender
        The two levels, in the unit of the values.
    baseline_runs, contender_runs
        How many values there were that aren't missing.
    tolerance
        As it was given.
    """

    effect: float
    low: float
    high: float
    effect_size: float
    p: float
    verdict: Verdict
    more_runs: int | None
    baseline: float
    contender: float
    baseline_runs: int
    contender_runs: int
    tolerance: float


def compare(
    baseline: ArrayLike,
    contender: ArrayLike,
    *,
    direction: Direction | None = Direction.LOWER_IS_BETTER,
    tolerance: float = 0.02,
) -> Comparison:
    """Compare two sides, and say what that proves.

    Parameters
    ----------
    baseline, contender
        The values of each side in the order they were taken, in one unit; NaN, or masked, where
        one is missing.
    direction
        Which way the values get better. None where neither way does: then nothing regresses.
    tolerance
        The effect that doesn't matter, either way, as a share: 0.02 for 2 %.

    Returns
    -------
    Comparison
        The effect as measured, with its interval; the verdict takes the direction into account.

    Raises
    ------
    ValueError
        For values that are no row of numbers, infinite ones, a tolerance below 0, and an unknown
        direction.

    Notes
    -----
    Welch's t on means that leave out 15 % of the values at either end (Yuen, "The two-sample
    trimmed t for unequal population variances", Biometrika 61, 1974), on logarithms where all
    values are positive, so that the interval is one of the ratio. Otherwise the interval is
    Fieller's. Where noise remembers, the interval is wider by what the lag-1 correlation within the
    sides says; runs that alternate between the sides need no such estimate, and are better.
    That nothing changed is proved as by two one-sided tests (Schuirmann 1987) at 2.5 % each.
    A side with one value borrows the spread of the other; with one value each nothing is known.
    """
    direction = None if direction is None else Direction(direction)
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a share from 0 on, not {tolerance}")
    rows = [one_row(baseline), one_row(contender)]
    given = [row[~np.isnan(row)] for row in rows]
    runs = [len(side) for side in given]
    if not all(runs):
        levels = [float(np.median(side)) if len(side) else math.nan for side in given]
        return Comparison(
            effect=math.nan,
            low=-math.inf,
            high=math.inf,
            effect_size=math.nan,
            p=1.0,
            verdict=Verdict.UNDECIDED,
            more_runs=2,
            baseline=levels[0],
            contender=levels[1],
            baseline_runs=runs[0],
            contender_runs=runs[1],
            tolerance=tolerance,
        )
    scale = Scale.of(np.concatenate(given))
    one, two = (_Side.of(scale.heights(side)) for side in given)
    apart = _Apart.of(one, two)
    effect, low, high = _effect(scale, one, two, apart)
    verdict = verdict_of(effect, low, high, direction, tolerance)
    return Comparison(
        effect=effect,
        low=low,
        high=high,
        effect_size=apart.in_spreads,
        p=apart.p,
        verdict=verdict,
        more_runs=0 if verdict != Verdict.UNDECIDED else _more_runs(scale, one, apart, tolerance),
        baseline=scale.level(one.mean),
        contender=scale.level(two.mean),
        baseline_runs=runs[0],
        contender_runs=runs[1],
        tolerance=tolerance,
    )


class _Side(NamedTuple):
    """One side: its trimmed mean, and what is known of its spread.

    Parameters
    ----------
    mean
        Without the outermost values.
    kept
        How many values that is the mean of.
    variance
        The square of the mean's standard error times `kept`; NaN for a single value.
    heights
        All values, as they are compared.
    """

    mean: float
    kept: int
    variance: float
    heights: Floats

    @classmethod
    def of(cls, heights: Floats) -> _Side:
        """Trim the values of a side."""
        n = len(heights)
        cut = int(TRIMMED * n)
        ordered = np.sort(heights)
        mean = float(ordered[cut : n - cut].mean())
        if n == 1:
            return cls(mean, 1, math.nan, heights)
        drawn = np.clip(ordered, ordered[cut], ordered[n - cut - 1])
        kept = n - 2 * cut
        squares = float(((drawn - drawn.mean()) ** 2).sum())
        return cls(mean, kept, squares / (kept - 1), heights)

    @property
    def sd(self) -> float:
        """The standard deviation of the values, as if they were normal without their tails."""
        n = len(self.heights)
        cut = int(TRIMMED * n) / n
        return math.sqrt(self.variance * (self.kept - 1) / (n - 1) / drawn_variance(cut))


def drawn_variance(cut: float) -> float:
    """Return the variance of a standard normal whose outermost shares are drawn in."""
    if cut == 0:
        return 1.0
    normal = NormalDist()
    z = normal.inv_cdf(1 - cut)
    return 1 - 2 * cut - 2 * z * normal.pdf(z) + 2 * cut * z * z


class _Apart(NamedTuple):
    """How far two sides are apart, and how sure that is.

    Parameters
    ----------
    difference
        Contender less baseline.
    error_one, error_two
        The standard errors of the two levels; infinite where nothing is known.
    freedom
        Degrees of freedom.
    p
        Of no difference, two-sided.
    in_spreads
        The difference in standard deviations of the values.
    """

    difference: float
    error_one: float
    error_two: float
    freedom: float
    p: float
    in_spreads: float

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return math.hypot(self.error_one, self.error_two)

    @classmethod
    def of(cls, one: _Side, two: _Side) -> _Apart:
        """Hold the contender against the baseline."""
        difference = two.mean - one.mean
        known = [side for side in (one, two) if len(side.heights) > 1]
        if not known:
            return cls(difference, math.inf, math.inf, 1.0, 1.0, math.nan)
        lent = known[0].variance
        variances = [
            (side.variance if len(side.heights) > 1 else lent) / side.kept for side in (one, two)
        ]
        if not any(variances) and min(len(one.heights), len(two.heights)) < STILL:
            variances = [LEAST**2 / side.kept for side in (one, two)]
        wider = _inflation(one, two) ** 2
        first, second = (math.sqrt(variance * wider) for variance in variances)
        freedom = _freedom(variances, [one.kept, two.kept])
        pooled = math.sqrt(sum(side.sd**2 for side in known) / len(known))
        error = math.hypot(first, second)
        if error == 0:
            p = 1.0 if difference == 0 else 0.0
        else:
            p = two_sided_p(difference / error, freedom)
        size = difference / pooled if pooled else math.copysign(math.inf, difference)
        return cls(difference, first, second, freedom, p, size if difference else 0.0)


def _inflation(one: _Side, two: _Side) -> float:
    """Return by how much the noise's memory makes the errors larger."""
    known = [side.variance for side in (one, two) if not math.isnan(side.variance)]
    spread = math.sqrt(sum(known) / len(known))
    if spread == 0:
        return 1.0
    deviations = [
        np.clip((side.heights - np.median(side.heights)) / spread, -DRAWN_IN, DRAWN_IN)
        for side in (one, two)
    ]
    starts = np.array([0, len(one.heights) + len(two.heights)])
    return inflation(float(memories(np.concatenate(deviations), starts)[0]))


def _freedom(variances: list[float], kept: list[int]) -> float:
    """Return Welch's degrees of freedom, of the sides that have a spread of their own."""
    parts = [
        (variance, number - 1)
        for variance, number in zip(variances, kept, strict=True)
        if number > 1
    ]
    if len(parts) == 1:
        return float(parts[0][1])
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return float(sum(number for _, number in parts))
    return total**2 / sum(variance**2 / number for variance, number in parts)


def _effect(scale: Scale, one: _Side, two: _Side, apart: _Apart) -> tuple[float, float, float]:
    """Return the effect and the bounds of its interval."""
    difference = apart.difference
    effect = scale.effect(one.mean, difference)
    least = -1.0 if scale.unit is None else -math.inf
    if math.isinf(apart.error):
        return effect, least, math.inf
    reach = two_sided_quantile(OUTSIDE, apart.freedom)
    if scale.unit is None:
        low, high = (
            scale.effect(one.mean, difference + way * reach * apart.error) for way in (-1, 1)
        )
        return effect, low, high
    if apart.error == 0:
        return effect, effect, effect
    # Fieller's bounds of two.mean / one.mean: where the baseline may be 0, the ratio may be any.
    from_zero = one.mean**2 - (reach * apart.error_one) ** 2
    if from_zero <= 0:
        certain = one.mean == 0 and apart.error_one == 0 and apart.p < OUTSIDE
        return (effect, effect, effect) if certain else (effect, least, math.inf)
    middle = one.mean * two.mean
    inside = middle**2 - from_zero * (two.mean**2 - (reach * apart.error_two) ** 2)
    root = math.sqrt(max(inside, 0.0))
    sign = math.copysign(1.0, one.mean)
    ends = sorted(sign * ((middle + way * root) / from_zero - 1) for way in (-1, 1))
    return effect, ends[0], ends[1]


def verdict_of(
    effect: float, low: float, high: float, direction: Direction | None, tolerance: float
) -> Verdict:
    """Return what an effect with its interval proves."""
    if -tolerance <= low and high <= tolerance:
        return Verdict.UNCHANGED
    if low <= 0 <= high or abs(effect) <= tolerance:
        return Verdict.UNDECIDED
    return verdict_on_change(effect, direction) or Verdict.UNDECIDED


def _more_runs(scale: Scale, one: _Side, apart: _Apart, tolerance: float) -> int | None:
    """Return how many more runs of each side would decide, if the levels are as they seem."""
    if math.isinf(apart.error):
        return 2
    bearable = math.log1p(tolerance) if scale.unit is None else tolerance * abs(one.mean)
    distance = abs(apart.difference)
    needed = distance if distance > bearable else bearable - distance
    runs = apart.freedom + 2

    def decides(more: int) -> bool:
        error = apart.error * math.sqrt(runs / (runs + 2 * more))
        return two_sided_quantile(OUTSIDE, round(apart.freedom + 2 * more)) * error < needed

    more = 1 + bisect.bisect_left(range(1, MOST_RUNS + 1), True, key=decides)
    return more if more <= MOST_RUNS else None
