"""Judging new points by what the past of their series leads one to expect."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import AT_85
from benchdb.analysis.results import Baseline
from benchdb.analysis.scale import Scale, one_row
from benchdb.analysis.steps import DRAWN_IN, inflation
from benchdb.analysis.student import two_sided_p, two_sided_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from benchdb.analysis.noise import Floats

#: The share of the past's deviations, at either end, that the tails are read from, and the most.
_TAIL, _MOST_KEPT = 0.1, 20

#: After so many points noise is taken to have forgotten; no more points than the other are counted.
_FORGOTTEN, _MOST_COUNTED = 100, 100

#: Of fewer numbers numpy's mean adds one after another, of more several at a time.
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Judgement:
    """New points against the last segment of their series.

    Parameters
    ----------
    effect
        Their level / the level of the last segment - 1. NaN where either is missing.
    low, high
        The bounds of its 95 % interval.
    p_above, p_below
        The chance of points so far above, or so far below, with no change.
    level
        Of the last segment, in the unit of the values.
    noise
        The standard deviation of the values around it, relative to it.
    points
        How many new points there were that aren't missing.
    value
        Their level; NaN where there is none.
    """

    effect: float
    low: float
    high: float
    p_above: float
    p_below: float
    level: float
    noise: float
    points: int
    value: float


def baseline_of(
    deviations: Floats,
    levels: Sequence[float],
    edges: Sequence[int],
    *,
    noise: float,
    remembered: float,
    unit: float | None,
) -> Baseline | None:
    """Return what the past of a series leads one to expect; None where there is no past.

    Parameters
    ----------
    deviations
        Of its points from their levels.
    levels, edges
        Of its segments: the levels, where each begins, and how many points there are.
    noise, remembered
        The standard deviation of the points around their levels, and its memory.
    unit
        As `Baseline` has it.
    """
    n = len(deviations)
    if n == 0:
        return None
    deviations = np.sort(deviations)
    spread = max(noise, _quantile(np.abs(deviations)) / AT_85)
    most = min(max(1, int(_TAIL * n)), _MOST_KEPT)
    return Baseline(
        height=levels[-1],
        unit=unit,
        spread=spread,
        memory=remembered,
        highest=tuple(deviations[: -most - 1 : -1].tolist()),
        lowest=tuple(deviations[:most].tolist()),
        points=edges[-1] - edges[-2],
        past=n,
        freedom=n - len(levels),
    )


def _quantile(sizes: Floats) -> float:
    return float(np.sort(sizes)[int(0.85 * (len(sizes) - 1))])


@functools.lru_cache(maxsize=1024)
def _tail_quantiles(n: int, most: int) -> tuple[float, ...]:
    """Return the quantiles of a normal distribution that the largest of n values estimate."""
    normal = NormalDist()
    # The largest of two, or of one, is no tail: its quantile would be 0 or near.
    return tuple(normal.inv_cdf(1 - k / (max(n, 3) + 1)) for k in range(1, most + 1))


def judge_points(baseline: Baseline | None, new: ArrayLike) -> Judgement:
    """Judge new points of a series, for instance those of a contender, by its past.

    Parameters
    ----------
    baseline
        What the past leads one to expect: `ChangePoints.baseline` of the trunk's points. Of a
        past of one point, or none, nothing is known: the interval is infinite and p is 1.
    new
        One new value or several of the same conditions, in the unit of the series; NaN where one is
        missing.

    Returns
    -------
    Judgement
        The effect as measured, with the chance that noise alone gives it, to either side.

    Raises
    ------
    ValueError
        For values that are no row of numbers, and infinite ones.

    Notes
    -----
    One point is held against the prediction interval of the last segment, whose width to either
    side takes into account how far the series' own spikes go. Of several points the mean is judged,
    with what strays drawn in, and beside it how likely it is that most of them lie so far out if
    each were as a single point: the larger p counts.
    """
    given = one_row(new if np.ndim(new) else np.array([new], dtype=float))
    given = given[~np.isnan(given)]
    unknown = (-math.inf, math.inf, 1.0, 1.0)
    if baseline is None:
        value = float(np.median(given)) if len(given) else math.nan
        return Judgement(math.nan, *unknown, math.nan, math.nan, len(given), value)
    scale = Scale(baseline.unit)
    level = scale.level(baseline.height)
    noise = scale.relative(baseline.spread, baseline.height)
    if len(given) == 0:
        return Judgement(math.nan, *unknown, level, noise, 0, math.nan)
    if baseline.unit is None and given.min() <= 0:  # a value that has no logarithm
        scale = Scale(level)
        baseline = _on_scale(baseline, level)
    heights = scale.heights(given)
    mean = _drawn_in_mean(heights, DRAWN_IN * baseline.spread)
    difference = mean - baseline.height
    k = len(heights)
    effect = scale.effect(baseline.height, difference)
    value = scale.level(mean)
    if baseline.freedom == 0:
        return Judgement(effect, *unknown, level, noise, k, value)
    sides = [_Side.of(baseline, way) for way in (1, -1)]
    errors = [side.error_of_one(baseline) for side in sides]
    if k > 1:
        errors = [_error_of_mean(baseline, k)] * 2
    width = two_sided_quantile(0.05, baseline.freedom)
    p_above, p_below = (
        max(
            _above(side.way * difference, error, baseline.freedom),
            side.mostly(heights, baseline) if k > 1 else 0.0,  # of one it is the same
        )
        for error, side in zip(errors, sides, strict=True)
    )
    return Judgement(
        effect=effect,
        low=scale.effect(baseline.height, difference - width * errors[0]),
        high=scale.effect(baseline.height, difference + width * errors[1]),
        p_above=p_above,
        p_below=p_below,
        level=level,
        noise=noise,
        points=k,
        value=value,
    )


def _drawn_in_mean(heights: Floats, reach: float) -> float:
    """Return the mean of points, those far from their median drawn in."""
    if len(heights) >= _FEW:
        middle = float(np.median(heights))
        return float(np.clip(heights, middle - reach, middle + reach).mean())
    # The same: to call numpy takes longer than to compute.
    given: list[float] = heights.tolist()
    few = sorted(given)
    middle = (few[(len(few) - 1) // 2] + few[len(few) // 2]) / 2
    total = 0.0
    for one in given:  # not by sum, which rounds otherwise from Python 3.12 on
        total += min(max(one, middle - reach), middle + reach)
    return total / len(given)


def _on_scale(baseline: Baseline, unit: float) -> Baseline:
    """Return a baseline of logarithms as one in units of its level."""
    return dataclasses.replace(baseline, height=1.0, unit=unit)


def _error_of_mean(baseline: Baseline, k: int) -> float:
    """Return the standard error of the mean of k points next to one another, less the level.

    Of an autoregressive process of the first order: Brockwell and Davis, 7.1.
    """
    r, n = baseline.memory, baseline.points
    together = 1 + 2 * sum((1 - j / k) * r**j for j in range(1, min(k, _FORGOTTEN)))
    return baseline.spread * math.sqrt(together / k + inflation(r) ** 2 / n)


def _above(difference: float, error: float, freedom: float) -> float:
    """Return the chance that a difference is larger than this one."""
    p = two_sided_p(difference / error, freedom) / 2
    return p if difference > 0 else 1 - p


class _Side(NamedTuple):
    """How far values stray to one side.

    Parameters
    ----------
    way
        1 for above, -1 for below.
    spread
        The standard deviation that the largest deviations speak of.
    outmost
        These deviations, without sign.
    """

    way: int
    spread: float
    outmost: tuple[float, ...]

    @classmethod
    def of(cls, baseline: Baseline, way: int) -> _Side:
        """Tell it from the outmost deviations of the past."""
        outmost = baseline.highest if way > 0 else tuple(-one for one in baseline.lowest)
        quantiles = _tail_quantiles(baseline.past, len(outmost))
        told = max(one / usual for one, usual in zip(outmost, quantiles, strict=True))
        return cls(way, max(told, baseline.spread), outmost)

    def error_of_one(self, baseline: Baseline) -> float:
        """Return the standard error of one point, less the level."""
        return self.spread * math.sqrt(1 + 1 / baseline.points)

    def mostly(self, heights: Floats, baseline: Baseline) -> float:
        """Return the chance that most points lie so far out: as far as all of the larger half."""
        k = min(len(heights), _MOST_COUNTED)
        least = k // 2 + 1
        far = sorted(self.way * (one - baseline.height) for one in heights.tolist())
        half = far[-(len(heights) // 2 + 1)]
        p = _above(half, self.error_of_one(baseline), baseline.freedom)
        if k > 1 and half > self.outmost[-1]:  # what has been seen in the past says more
            p = min(p, (1 + sum(one >= half for one in self.outmost)) / (1 + baseline.past))
        return sum(math.comb(k, j) * p**j * (1 - p) ** (k - j) for j in range(least, k + 1))


def smallest_effect(baseline: Baseline | None, p: float, points: int, way: int = 1) -> float:
    """Return the smallest effect that so many new points would show in four of five cases.

    Parameters
    ----------
    baseline
        What the past leads one to expect.
    p
        The chance that `judge_points` must give at most.
    points
        How many new points there would be.
    way
        1 for effects above 0, -1 for those below.

    Returns
    -------
    float
        Above 0 or below it; infinite, or -1 for logarithms, where none would.
    """
    if baseline is None or baseline.freedom == 0:
        return math.inf * way
    side = _Side.of(baseline, way)
    single = side.error_of_one(baseline)
    error = single if points == 1 else _error_of_mean(baseline, points)
    height = _height(p, baseline.freedom) * error
    # And so far out that most of them aren't there by chance.
    each = _largest_p(p, points)
    far = _height(each, baseline.freedom) * single
    if points > 1 and (1 + len(side.outmost)) / (1 + baseline.past) <= each:
        far = min(far, side.outmost[-1])
    elif points > 1 and each * (1 + baseline.past) >= 1:
        far = min(far, side.outmost[max(int(each * (1 + baseline.past)) - 1, 0)])
    height = max(height, far) + _POWER * baseline.spread / math.sqrt(points)
    scale = Scale(baseline.unit)
    return scale.effect(baseline.height, way * height)


#: How many standard errors beyond a limit four of five cases are.
_POWER: Final = 0.84


def _height(p: float, freedom: float) -> float:
    """Return the t that is exceeded to one side with chance `p`."""
    return two_sided_quantile(2 * p, freedom) if p < 0.5 else 0.0


@functools.lru_cache(maxsize=256)
def _largest_p(p: float, k: int) -> float:
    """Return the chance of each of k points at which most of them come with chance `p`."""
    low, high = 0.0, 1.0
    for _ in range(60):
        each = (low + high) / 2
        most = sum(
            math.comb(k, j) * each**j * (1 - each) ** (k - j) for j in range(k // 2 + 1, k + 1)
        )
        low, high = (each, high) if most <= p else (low, each)
    return low
