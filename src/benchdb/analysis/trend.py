"""Telling steps from drift: a slow change passes for a flight of steps.

Models with a smooth trend below the steps are compared with the steps alone. The one that explains
the series at the least cost wins, and the steps that it needs are the ones that are left.

All models of a series are fitted from the same sums: powers of time, and their products with the
values, over each segment. What strays far from its neighbours has next to no weight in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import MAD
from benchdb.analysis.segmentation import BOUND, loss
from benchdb.analysis.stack import Cuts, Segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.noise import Bools, Floats, Integers
    from benchdb.analysis.stack import Stack

#: What a step and a degree of the trend cost, in units of log-likelihood.
_STEP, _DEGREE = 6.0, 4.0

#: The highest degree of the trend.
_MOST_DEGREES: Final = 5

#: Below so many points a trend can't be told from steps.
_LEAST_POINTS: Final = 20

#: The weight of points that stray.
_WEIGHT_OUTSIDE: Final = 0.001

#: For a line: how many points near a step, the least of them, the turns of fitting, and how much
#: worse it may explain them.
_NEAR, _LEAST_NEAR, _TURNS, _ABOUT = 40, 12, 4, 1.3

#: Of noise that remembers long: the correlations that are tried, the quantile of deviations that is
#: compared, and how many standard deviations of its usual jumps a step must be.
_LONG_MEMORIES, _TYPICAL, _JUMP = (0.7, 0.8, 0.9, 1.0), 0.7, 4.5

#: Below so many points such noise can't be told from steps.
_LEAST_TO_WANDER: Final = 40

#: From so many steps on one is taken out of an inverse, which then needn't be made anew.
_MANY: Final = 64

#: Added to the squares of the columns, so that there is always one solution.
_RIDGE: Final = 1e-9


def steps_beside_trend(
    stack: Stack, cuts: Cuts, times: Sequence[Floats], memory: Floats
) -> tuple[Cuts, Integers]:
    """Return the steps that series have beside a smooth trend.

    Parameters
    ----------
    stack, cuts
        The series, and the candidates.
    times
        When the points of each were taken, ascending and not all at once.
    memory
        Of the noise of each series, by which its deviations tell less.

    Returns
    -------
    Cuts
        Some of the candidates; all of a series that has no trend.
    array
        The degree of each series' trend; 0 where there is none.
    """
    number = len(stack.scale)
    degrees = np.zeros(number, dtype=np.intp)
    counts = np.bincount(cuts.series, minlength=number)
    kept = np.ones(len(cuts.places), dtype=bool)
    long_enough = stack.lengths >= _LEAST_POINTS
    for count in np.unique(counts[long_enough & (counts > 0)]):
        chosen = np.flatnonzero(long_enough & (counts == count))
        fits = _Fits.of(
            stack.some(chosen),
            cuts.among(chosen, number),
            [times[one] for one in chosen.tolist()],
        )
        worth = (1 - memory[chosen]) / (1 + memory[chosen])
        held, degrees[chosen] = _chosen(fits, worth, int(count))
        kept[np.isin(cuts.series, chosen)] = held.ravel()
    return cuts.only(kept), degrees


def _chosen(fits: _Fits, worth: Floats, count: int) -> tuple[Bools, Integers]:
    """Return which steps the best model of each series has, and the degree of its trend."""
    number = len(worth)
    every = np.tile(np.arange(count), (number, 1))
    _, flat, _ = fits.fitted(0, every)
    best = flat * worth + _STEP * count
    kept, degrees = np.ones((number, count), dtype=bool), np.zeros(number, dtype=np.intp)
    for degree in range(1, _MOST_DEGREES + 1):
        left, inverse = every, None
        while True:
            strengths, cost, inverse = fits.fitted(degree, left, inverse)
            total = cost * worth + _STEP * left.shape[1] + _DEGREE * degree
            better = np.flatnonzero(total < best)
            best[better], degrees[better] = total[better], degree
            kept[better] = False
            kept[better[:, None], left[better]] = True
            if left.shape[1] == 0:
                break
            weakest = strengths.argmin(axis=1)
            others = np.arange(left.shape[1]) != weakest[:, None]
            left = left[others].reshape(number, -1)
            inverse = _without(inverse, degree + 1 + weakest) if count > _MANY else None
    return kept, degrees


def _without(inverses: Floats, gone: Integers) -> Floats:
    """Return the inverses of symmetric matrices that lack a row and its column each.

    They follow from the inverses of the whole ones, by the formula for those of blocks.
    """
    number, size, _ = inverses.shape
    rows = np.arange(number)
    column = inverses[rows, :, gone]
    pivot = column[rows, gone]
    less = inverses - column[:, :, None] * column[:, None, :] / pivot[:, None, None]
    stay = np.arange(size) != gone[:, None]
    both = stay[:, :, None] & stay[:, None, :]
    left: Floats = less[both].reshape(number, size - 1, size - 1)
    return left


def is_like_a_line(heights: Floats, scale: float, cut: int) -> bool:
    """Tell whether a straight line explains points about as well as a step does.

    Parameters
    ----------
    heights, scale
        The two segments, and the noise.
    cut
        Where the second begins.
    """
    start, stop = max(0, cut - _NEAR), min(len(heights), cut + _NEAR)
    near, cut = heights[start:stop] / scale, cut - start
    if len(near) < _LEAST_NEAR:
        return False
    sides = (near[:cut], near[cut:])
    as_step = sum(float(loss(side - np.median(side)).sum()) for side in sides)
    times = np.arange(len(near)) - cut
    weights = np.ones(len(near))
    for _ in range(_TURNS):
        share = weights / weights.sum()
        time, level = float(share @ times), float(share @ near)
        slope = float(share @ ((times - time) * (near - level)) / (share @ (times - time) ** 2))
        beside = near - level - slope * (times - time)
        weights = np.where(np.abs(beside) < BOUND, 1.0, _WEIGHT_OUTSIDE)
    return float(loss(beside).sum()) <= _ABOUT * as_step


def wanders(heights: Floats, deviations: Floats, steps: int) -> bool:
    """Tell whether noise that remembers long explains a series better than its steps do.

    Parameters
    ----------
    heights
        The series.
    deviations
        Its points' from their levels between the steps.
    steps
        How many steps it is cut into.

    Notes
    -----
    The typical innovation of an autoregressive process is held against the typical deviation, both
    as likelihoods, with a penalty for each step but the one on trial.
    """
    if len(heights) < _LEAST_TO_WANDER:
        return False
    around = heights - np.median(heights)
    innovations = min(
        float(np.quantile(np.abs(around[1:] - memory * around[:-1]), _TYPICAL))
        for memory in _LONG_MEMORIES
    )
    typical = float(np.quantile(np.abs(deviations), _TYPICAL))
    if innovations == 0 or typical == 0:
        return False
    gain = len(heights) * np.log(typical / innovations) + _STEP * (steps - 1)
    return bool(gain > 0)


def jumps(heights: Floats, cut: int) -> bool:
    """Tell whether a wandering series jumps at a point by far more than it does elsewhere."""
    around = np.lib.stride_tricks.sliding_window_view(heights, 3)
    middles = np.median(around, axis=1)
    sizes = np.abs(middles[3:] - middles[:-3])  # of three points, against the three before
    at = cut - 3
    if not 0 <= at < len(sizes):
        return False
    elsewhere = sizes[: max(at - 2, 0)]
    if len(elsewhere) < _LEAST_NEAR:
        return True
    return bool(sizes[at] >= _JUMP * MAD * np.median(elsewhere))


class _Fits(NamedTuple):
    """Series with as many steps each, ready to be fitted.

    Parameters
    ----------
    squares
        For each series the products of all columns with one another, summed over its points:
        powers of time up to the highest degree, then a step at each boundary.
    products
        The same with the values.
    place, values
        The time of each point from -1 to 1, and its value in standard deviations.
    segments
        Of the stack.
    lengths
        Of the series.
    starts
        Of the series in the stack.
    """

    squares: Floats
    products: Floats
    place: Floats
    values: Floats
    segments: Segments
    lengths: Integers
    starts: Integers

    @classmethod
    def of(cls, stack: Stack, cuts: Cuts, times: Sequence[Floats]) -> _Fits:
        """Sum up all products that any of the models needs."""
        begin = stack.of_points(np.array([one[0] for one in times]))
        end = stack.of_points(np.array([one[-1] for one in times]))
        place = 2 * (np.concatenate(times) - begin) / (end - begin) - 1
        # Around the middle level, so that little is lost in the sums.
        values = stack.heights / stack.of_points(stack.scale)
        lengths, starts = stack.lengths, stack.starts[:-1]
        values = values - np.repeat(np.add.reduceat(values, starts) / lengths, lengths)
        segments = Segments.of(stack, cuts)
        number, powers = len(lengths), _MOST_DEGREES + 1
        steps = len(cuts.places) // number
        weighted = np.where(stack.straying, _WEIGHT_OUTSIDE**2, 1.0)
        moments, products = [], []
        for power in range(2 * powers - 1):
            moments.append(_from_here_on(segments.sums(weighted), number))
            if power < powers:
                products.append(_from_here_on(segments.sums(weighted * values), number))
            weighted = weighted * place
        size = powers + steps
        squares = np.empty((number, size, size))
        for row in range(powers):
            for column in range(powers):
                squares[:, row, column] = moments[row + column][:, 0]
            squares[:, row, powers:] = moments[row][:, 1:]
            squares[:, powers:, row] = moments[row][:, 1:]
        for row in range(steps):
            for column in range(steps):
                squares[:, powers + row, powers + column] = moments[0][:, 1 + max(row, column)]
        squares[:, np.arange(size), np.arange(size)] += _RIDGE
        left = np.stack([product[:, 0] for product in products], axis=1)
        right = np.concatenate([left, products[0][:, 1:]], axis=1)
        return cls(squares, right, place, values, segments, lengths, starts)

    def fitted(
        self, degree: int, steps: Integers, inverse: Floats | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Fit a trend of some degree and some of the steps, as many of each series.

        Parameters
        ----------
        degree, steps
            Which columns to fit.
        inverse
            Of the products of these columns with one another, where it is known.

        Returns
        -------
        array
            The strength of each step: its height without sign over its standard error.
        array
            The bounded loss of each series.
        array
            The inverse.
        """
        number = len(self.lengths)
        powers = _MOST_DEGREES + 1
        trend = np.tile(np.arange(degree + 1), (number, 1))
        columns = np.concatenate([trend, powers + steps], axis=1)
        rows = np.arange(number)[:, None]
        if inverse is None:
            some = rows[:, :, None], columns[:, :, None], columns[:, None, :]
            inverse = np.linalg.inv(self.squares[some])
        products = self.products[rows, columns]
        coefficients = (inverse * products[:, None, :]).sum(axis=2)
        curve = np.repeat(coefficients[:, degree], self.lengths)
        for power in range(degree - 1, -1, -1):
            curve = curve * self.place + np.repeat(coefficients[:, power], self.lengths)
        heights = np.zeros((number, len(self.segments.edges) // number))
        heights[rows, steps + 1] = coefficients[:, degree + 1 :]
        level = np.cumsum(heights, axis=1).ravel()[self.segments.of_points]
        lost = np.add.reduceat(loss(self.values - curve - level), self.starts)
        errors = np.sqrt(np.maximum(np.diagonal(inverse, axis1=1, axis2=2), 1e-12))
        strengths = np.abs(coefficients) / errors
        return strengths[:, degree + 1 :], lost, inverse


def _from_here_on(sums: Floats, number: int) -> Floats:
    """Return for each segment the sum over it and those behind it in its series."""
    by_series = sums.reshape(number, -1)
    return np.cumsum(by_series[:, ::-1], axis=1)[:, ::-1]
