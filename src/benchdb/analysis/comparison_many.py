"""Many pairs of sides compared at once: what `benchdb.compare` finds of each, as columns."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.polynomial import Chebyshev

from benchdb.analysis.comparison import (
    MOST_RUNS,
    OUTSIDE,
    STILL,
    TRIMMED,
    drawn_variance,
)
from benchdb.analysis.family import largest_discovery
from benchdb.analysis.noise import LEAST
from benchdb.analysis.scale import HIGHEST
from benchdb.analysis.steps import DRAWN_IN, inflations, memories
from benchdb.analysis.student import two_sided_p, two_sided_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.noise import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Pairs of sides compared: arrays of equal length, whose words are those of `Comparison`.

    Parameters
    ----------
    difference, error, freedom
        Of the levels as they are compared (logarithms where all values are positive), the standard
        error of that, and its degrees of freedom.
    bearable
        What a tolerance of 1 is as such a difference where values are no logarithms; NaN for
        logarithms.
    """

    effect: Floats
    low: Floats
    high: Floats
    effect_size: Floats
    baseline: Floats
    contender: Floats
    difference: Floats
    error: Floats
    freedom: Floats
    bearable: Floats

    def discoveries(self, q: float) -> Bools:
        """Return which of these differ, as members of one family.

        Parameters
        ----------
        q
            As `benchdb.analysis.family.discoveries` takes it.
        """
        size = len(self.effect)
        found = np.zeros(size, dtype=np.bool_)
        exact = self.error == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.difference / self.error)
        # only those beyond their 5 % can be one
        some = np.flatnonzero((exact & (self.difference != 0)) | (t >= quantiles(self.freedom)))
        ps = np.array(
            [
                0.0 if exact[at] else two_sided_p(float(t[at]), float(self.freedom[at]))
                for at in some.tolist()
            ]
        )
        found[some] = ps <= largest_discovery(ps, q, size)
        return found

    def more_runs(self, tolerance: float) -> NDArray[np.int64]:
        """Return about how many more runs of each side would put the interval on one side.

        That is wholly beyond the tolerance, or wholly within it.

        Returns
        -------
        array
            0 where it is so, -1 where a thousand wouldn't do it.
        """
        limit = np.where(
            np.isnan(self.bearable), math.log1p(tolerance), tolerance * np.nan_to_num(self.bearable)
        )
        decided = (self.low > tolerance) | (self.high < -tolerance)
        decided |= (self.low >= -tolerance) & (self.high <= tolerance)
        needed = np.abs(np.abs(self.difference) - limit)
        runs = self.freedom + 2
        low = np.ones(len(self.effect), dtype=np.int64)
        high = np.full(len(self.effect), MOST_RUNS + 1, dtype=np.int64)
        known = np.isfinite(self.error)
        error = np.where(known, self.error, 0.0)
        while (low < high).any():  # the least number that decides, by halving
            middle = (low + high) // 2
            shrunk = error * np.sqrt(runs / (runs + 2 * middle))
            enough = quantiles(np.rint(self.freedom + 2.0 * middle)) * shrunk < needed
            high = np.where(enough & (low < high), middle, high)
            low = np.where(~enough & (low < high), middle + 1, low)
        more = np.where(low > MOST_RUNS, -1, low)
        more = np.where(known, more, 2)
        return np.where(decided, 0, more)


#: The two-sided quantile of 5 % is smooth in the inverse of the degrees of freedom.
_DEGREE: Final = 40


def _fitted() -> Chebyshev:
    nodes = (1 - np.cos(np.pi * (np.arange(4 * _DEGREE) + 0.5) / (4 * _DEGREE))) / 2
    values = [two_sided_quantile(OUTSIDE, float(1 / node)) for node in nodes]
    return Chebyshev.fit(nodes, values, _DEGREE, domain=[0, 1])


_QUANTILE: list[Chebyshev] = []


def quantiles(freedom: Floats) -> Floats:
    """Return for each number of degrees of freedom, from 1 on, the t that 5 % exceed."""
    if not _QUANTILE:
        _QUANTILE.append(_fitted())
    found: Floats = _QUANTILE[0](1 / np.maximum(freedom, 1.0))
    return found


def compare_many(baselines: Sequence[Floats], contenders: Sequence[Floats]) -> Comparisons:
    """Compare pairs of sides as `benchdb.compare` compares each.

    Parameters
    ----------
    baselines, contenders
        Of each pair the values, finite ones, one at least of each side.

    Returns
    -------
    Comparisons
        One for each pair, in their order.
    """
    shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (one, two) in enumerate(zip(baselines, contenders, strict=True)):
        shapes[len(one), len(two)].append(number)
    columns = np.full((10, len(baselines)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for numbers in shapes.values():
            one = np.array([baselines[number] for number in numbers])
            two = np.array([contenders[number] for number in numbers])
            columns[:, numbers] = _compared(one, two)
    return Comparisons(*columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The same side of many pairs: what `benchdb.analysis.comparison` calls a side, as columns."""

    heights: Floats
    mean: Floats
    kept: int
    variance: Floats

    @classmethod
    def of(cls, heights: Floats) -> _Sides:
        """Return the sides of equal numbers of runs, a row each."""
        n = heights.shape[1]
        cut = int(TRIMMED * n)
        ordered = np.sort(heights, axis=1)
        mean = ordered[:, cut : n - cut].mean(axis=1)
        if n == 1:
            return cls(heights, mean, 1, np.full(len(heights), np.nan))
        drawn = np.clip(ordered, ordered[:, [cut]], ordered[:, [n - cut - 1]])
        kept = n - 2 * cut
        squares = ((drawn - drawn.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        return cls(heights, mean, kept, squares / (kept - 1))

    @property
    def count(self) -> int:
        """How many values each has."""
        return int(self.heights.shape[1])

    @property
    def square(self) -> Floats:
        """The square of the standard deviation of the values."""
        n = self.count
        found: Floats = (
            self.variance * (self.kept - 1) / (n - 1) / drawn_variance(int(TRIMMED * n) / n)
        )
        return found


def _compared(baseline: Floats, contender: Floats) -> Floats:
    """Return the columns of `Comparisons` for pairs of sides of the same lengths."""
    both = np.concatenate([baseline, contender], axis=1)
    positive: Bools = np.all(both > 0, axis=1)
    unit = np.ones(len(both))
    for row in np.flatnonzero(~positive):
        sizes = np.abs(both[row][both[row] != 0])
        unit[row] = float(np.median(sizes)) if len(sizes) else 1.0
    heights = np.where(
        positive[:, None],
        np.log(np.where(positive[:, None], both, 1.0)),
        np.clip(both / unit[:, None], -HIGHEST, HIGHEST),
    )
    n = baseline.shape[1]
    one, two = _Sides.of(heights[:, :n]), _Sides.of(heights[:, n:])
    difference = two.mean - one.mean
    first, second, freedom, size = _apart(one, two, difference)
    error = np.hypot(first, second)
    reach = quantiles(freedom)
    effect, low, high = np.where(
        positive,
        [np.expm1(difference + way * reach * error) for way in (0.0, -1.0, 1.0)],
        _ratios(one.mean, two.mean, first, second, reach),
    )
    effect = np.where(positive, np.expm1(difference), effect)
    unknown = np.isinf(error)
    low = np.where(unknown, np.where(positive, -1.0, -np.inf), low)
    high = np.where(unknown, np.inf, high)
    levels = [
        np.where(positive, np.exp(np.minimum(side.mean, 709.0)), side.mean * unit)
        for side in (one, two)
    ]
    bearable = np.where(positive, np.nan, np.abs(one.mean))
    return np.array([effect, low, high, size, *levels, difference, error, freedom, bearable])


def _apart(one: _Sides, two: _Sides, difference: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the standard errors of both levels, degrees of freedom, and the effect sizes."""
    known = [side for side in (one, two) if side.count > 1]
    if not known:
        nowhere = np.full(len(difference), np.inf)
        return nowhere, nowhere, np.ones(len(difference)), np.full(len(difference), np.nan)
    lent = known[0].variance
    variances = [(side.variance if side.count > 1 else lent) / side.kept for side in (one, two)]
    if min(one.count, two.count) < STILL:
        still = (variances[0] == 0) & (variances[1] == 0)
        variances = [
            np.where(still, LEAST**2 / side.kept, variance)
            for side, variance in zip((one, two), variances, strict=True)
        ]
    wider = _inflation(one, two) ** 2
    first, second = (np.sqrt(variance * wider) for variance in variances)
    freedom = _freedom(variances, [one.kept, two.kept])
    pooled = np.sqrt(sum((side.square for side in known), start=np.zeros(1)) / len(known))
    size = np.where(pooled > 0, difference / pooled, np.copysign(np.inf, difference))
    return first, second, freedom, np.where(difference == 0, 0.0, size)


def _inflation(one: _Sides, two: _Sides) -> Floats:
    known = [side.variance for side in (one, two) if side.count > 1]
    spread = np.sqrt(sum(known, start=np.zeros(1)) / len(known))
    deviations = np.concatenate(
        [
            np.clip(
                (side.heights - np.median(side.heights, axis=1, keepdims=True))
                / np.where(spread > 0, spread, 1.0)[:, None],
                -DRAWN_IN,
                DRAWN_IN,
            )
            for side in (one, two)
        ],
        axis=1,
    )
    rows, width = deviations.shape
    remembered = memories(deviations.ravel(), np.arange(rows + 1) * width)
    return np.where(spread > 0, inflations(remembered), 1.0)


def _freedom(variances: list[Floats], kept: list[int]) -> Floats:
    parts = [
        (variance, number - 1)
        for variance, number in zip(variances, kept, strict=True)
        if number > 1
    ]
    if len(parts) == 1:
        return np.full(len(variances[0]), float(parts[0][1]))
    total = parts[0][0] + parts[1][0]
    squares = sum((variance**2 / number for variance, number in parts), start=np.zeros(1))
    all_of_them = float(sum(number for _, number in parts))
    found: Any = np.where(total > 0, total**2 / np.where(squares > 0, squares, 1.0), all_of_them)
    return np.asarray(found, dtype=float)


def _ratios(
    one: Floats, two: Floats, error_one: Floats, error_two: Floats, reach: Floats
) -> Floats:
    """Return the effects of levels that may be 0 or below, with Fieller's bounds."""
    difference = two - one
    effect = np.where(
        one == 0,
        np.where(difference == 0, 0.0, np.copysign(np.inf, difference)),
        difference / np.abs(one),
    )
    from_zero = one**2 - (reach * error_one) ** 2
    middle = one * two
    inside = middle**2 - from_zero * (two**2 - (reach * error_two) ** 2)
    root = np.sqrt(np.maximum(inside, 0.0))
    sign = np.copysign(1.0, one)
    ends = np.sort([sign * ((middle + way * root) / from_zero - 1) for way in (-1, 1)], axis=0)
    exact = (error_one == 0) & (error_two == 0)
    beyond = reach * np.hypot(error_one, error_two) < np.abs(difference)
    certain = (one == 0) & (error_one == 0) & beyond
    settled = exact | ((from_zero <= 0) & certain)
    low = np.where(settled, effect, np.where(from_zero <= 0, -np.inf, ends[0]))
    high = np.where(settled, effect, np.where(from_zero <= 0, np.inf, ends[1]))
    return np.array([effect, low, high])
