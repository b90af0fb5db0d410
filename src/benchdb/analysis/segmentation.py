"""Cutting series into segments of one level each, by dynamic programming.

The loss of a point is bounded, so that a spike costs no more than a point that fits nowhere, and
each change costs a penalty. The best path over a grid of levels is found exactly; a new point would
be one more step of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import running_median
from benchdb.analysis.stack import Cuts, Segments

if TYPE_CHECKING:
    from benchdb.analysis.noise import Bools, Floats, Integers
    from benchdb.analysis.stack import Stack

#: From so many standard deviations on a point costs no more.
BOUND: Final = 3.0

#: Distance of two levels of the grid, in standard deviations.
_SPACING: Final = 0.35

#: The most levels of a grid; series without noise could have one for each point.
_MOST_LEVELS: Final = 400

#: How far a boundary is moved at once when its place is made exact.
_REACH: Final = 8


def loss(deviations: Floats) -> Floats:
    """Return the bounded loss of deviations in standard deviations."""
    bounded = np.minimum(np.abs(deviations), BOUND)
    return bounded * bounded / 2


def segment(
    rows: Floats, lengths: Integers, scale: Floats, penalty: Floats, bound: float = BOUND
) -> list[list[int]]:
    """Find the boundaries of the segments of series.

    Parameters
    ----------
    rows
        Of shape (series, points), NaN behind a row's end.
    lengths
        Numbers of points, of shape (series,), ascending.
    scale
        The noise of each, of shape (series,).
    penalty
        What a change costs, in units of log-likelihood, of shape (series,).
    bound
        From so many standard deviations on a point costs no more.

    Returns
    -------
    list of list of int
        For each series the first points of its segments but the first, ascending.
    """
    levels = _levels(rows, lengths, scale)
    points = rows.shape[1]
    switched = np.zeros((points, *levels.shape), dtype=bool)
    best = np.zeros((points, len(rows)), dtype=np.intp)
    cost = np.zeros(levels.shape)
    scaled = np.where(np.isnan(levels), np.inf, levels / scale[:, None])
    standing = rows / scale[:, None]
    here = np.empty_like(cost)
    ended = np.searchsorted(lengths, np.arange(points), side="right").tolist()
    going, now, deviations, levels_now, penalty_now = 0, cost, here, scaled, penalty[:, None]
    for point in range(points):
        if ended[point] > going:
            going = ended[point]
            now, deviations, levels_now = cost[going:], here[going:], scaled[going:]
            penalty_now = penalty[going:, None]
        if point:
            best[point, going:] = now.argmin(axis=1)
            limit = now.min(axis=1, keepdims=True)
            limit += penalty_now
            np.greater(now, limit, out=switched[point, going:])
            np.minimum(now, limit, out=now)
        np.subtract(standing[going:, point, None], levels_now, out=deviations)
        _lose(deviations, bound)
        now += deviations
    return _traced(cost.argmin(axis=1), switched, best, lengths)


def are_whole(rows: Floats, scale: Floats, penalty: float, bound: float = BOUND) -> Bools:
    """Tell of which series `segment` would find no boundary.

    Parameters
    ----------
    rows
        Of shape (series, points), none of them missing.
    scale
        The noise of each, of shape (series,).
    penalty, bound
        As `segment` takes them, the same for each series.

    Notes
    -----
    The same search; of each path it is only known whether it was cut, which takes less than half
    the time.
    """
    number, points = rows.shape
    levels = _levels(rows, np.full(number, points), scale)
    standing = np.ascontiguousarray((rows / scale[:, None]).T)
    scaled = np.ascontiguousarray(np.where(np.isnan(levels), np.inf, levels / scale[:, None]).T)
    cost = np.zeros(scaled.shape)
    deviations = np.empty_like(cost)
    whole = np.ones(scaled.shape, dtype=np.bool_)
    stays = np.empty_like(whole)
    for point in range(points):
        if point:
            limit = cost.min(axis=0)
            limit += penalty
            np.less_equal(cost, limit, out=stays)
            whole &= stays
            np.minimum(cost, limit, out=cost)
        np.subtract(standing[point], scaled, out=deviations)
        _lose(deviations, bound)
        cost += deviations
    found: Bools = whole[cost.argmin(axis=0), np.arange(number)]
    return found


def _lose(deviations: Floats, bound: float) -> None:
    """Put the bounded loss of deviations in their place."""
    np.abs(deviations, out=deviations)
    np.minimum(deviations, bound, out=deviations)
    deviations *= deviations
    deviations *= 0.5


def _traced(
    level: Integers, switched: np.ndarray, best: Integers, lengths: Integers
) -> list[list[int]]:
    series = np.arange(len(lengths))
    found: list[list[int]] = [[] for _ in lengths]
    for point in range(len(best) - 1, 0, -1):
        cut = switched[point, series, level] & (point < lengths)
        if cut.any():
            for one in np.flatnonzero(cut):
                found[one].append(point)
            level = np.where(cut, best[point], level)
    return [boundaries[::-1] for boundaries in found]


def _levels(rows: Floats, lengths: Integers, scale: Floats) -> Floats:
    """Return the levels that each series may stand on, NaN behind the last."""
    medians = np.concatenate([running_median(rows, lengths, width) for width in (3, 5, 9)], axis=1)
    spacing = _SPACING * scale
    steps = np.sort(np.round(medians / spacing[:, None]), axis=1)  # NaN stands last
    first = np.zeros(steps.shape, dtype=bool)
    first[:, 0] = ~np.isnan(steps[:, 0])
    np.greater(np.diff(steps, axis=1), 0, out=first[:, 1:])
    for one in np.flatnonzero(first.sum(axis=1) > _MOST_LEVELS):
        places = np.flatnonzero(first[one])
        chosen = np.linspace(0, len(places) - 1, _MOST_LEVELS).round().astype(np.intp)
        first[one] = False
        first[one, places[chosen]] = True
    counts = first.sum(axis=1)
    result = np.full((len(rows), int(counts.max())), np.nan)
    held = np.arange(result.shape[1]) < counts[:, None]
    result[held] = (steps * spacing[:, None])[first]
    return result


def make_exact(stack: Stack, cuts: Cuts) -> Cuts:
    """Move boundaries to where the levels on their two sides fit best.

    Parameters
    ----------
    stack, cuts
        Series with their noise, and the boundaries that `segment` found.
    """
    if len(cuts.places) == 0:
        return cuts
    places = cuts.places.copy()
    # Every other boundary of a series is moved at once, so that neighbours stand still.
    numbers = np.arange(len(places)) - np.searchsorted(cuts.series, cuts.series)
    for parity in (0, 1, 0, 1):
        moving = np.flatnonzero(numbers % 2 == parity)
        if len(moving):
            places[moving] = _moved(stack, Cuts(cuts.series, places), moving)
    return Cuts(cuts.series, places)


def _moved(stack: Stack, cuts: Cuts, moving: Integers) -> Integers:
    segments = Segments.of(stack, cuts)
    medians = segments.medians(stack)
    behind = segments.behind[moving]
    first, cut, last = (segments.edges[behind + way] for way in (-1, 0, 1))
    low = np.maximum(first + 1, cut - _REACH)
    high = np.minimum(last - 1, cut + _REACH)
    near = low[:, None] + np.arange(2 * _REACH)
    heights = stack.heights[np.minimum(near, len(stack.heights) - 1)]
    scale = stack.scale[cuts.series[moving]][:, None]
    left = loss((heights - medians[behind - 1, None]) / scale)
    right = loss((heights - medians[behind, None]) / scale)
    gains = np.zeros((len(moving), 2 * _REACH + 1))
    np.cumsum(np.where(near < high[:, None], left - right, np.inf), axis=1, out=gains[:, 1:])
    places: Integers = low + gains.argmin(axis=1) - stack.starts[cuts.series[moving]]
    return places
