"""Cutting series into segments of one level each, by dynamic programming.

The loss of a point is bounded, so that a spike costs no more than a point that fits nowhere, and
each change costs a penalty. The best path over a grid of levels is found exactly; a new point would
be one more step of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import running_median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.noise import Floats, Integers

#: From so many standard deviations on a point costs no more.
_BOUND: Final = 3.0

#: Distance of two levels of the grid, in standard deviations.
_SPACING: Final = 0.35

#: The most levels of a grid; series without noise could have one for each point.
_MOST_LEVELS: Final = 400

#: How far a boundary is moved at once when its place is made exact.
_REACH: Final = 8


def loss(deviations: Floats) -> Floats:
    """Return the bounded loss of deviations in standard deviations."""
    bounded = np.minimum(np.abs(deviations), _BOUND)
    return bounded * bounded / 2


def segment(rows: Floats, lengths: Integers, scale: Floats, penalty: Floats) -> list[list[int]]:
    """Find the boundaries of the segments of series.

    Parameters
    ----------
    rows
        Of shape (series, points), NaN behind a row's end.
    lengths
        Numbers of points, of shape (series,).
    scale
        The noise of each, of shape (series,).
    penalty
        What a change costs, in units of log-likelihood, of shape (series,).

    Returns
    -------
    list of list of int
        For each series the first points of its segments but the first, ascending.
    """
    levels = _levels(rows, lengths, scale)
    points = rows.shape[1]
    switched = np.zeros((points, *levels.shape), dtype=bool)
    best = np.zeros((points, len(rows)), dtype=np.intp)
    series = np.arange(len(rows))
    cost = np.zeros(levels.shape)
    scaled = np.nan_to_num(levels / scale[:, None], nan=np.inf)
    standing = rows / scale[:, None]
    for point in range(points):
        if point:
            cheapest = cost.argmin(axis=1)
            limit = (cost[series, cheapest] + penalty)[:, None]
            best[point] = cheapest
            np.greater(cost, limit, out=switched[point])
            cost = np.minimum(cost, limit)
        here = standing[:, point, None]
        cost += np.where(np.isnan(here), 0.0, loss(here - scaled))
    return _traced(cost.argmin(axis=1), switched, best, lengths)


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
    distinct = [_distinct(row) for row in steps]
    result = np.full((len(rows), max(map(len, distinct))), np.nan)
    for one, (row, width) in enumerate(zip(distinct, spacing, strict=True)):
        result[one, : len(row)] = row * width
    return result


def _distinct(ordered: Floats) -> Floats:
    ordered = ordered[: np.searchsorted(ordered, np.inf)]
    kept: Floats = ordered[np.concatenate([[True], np.diff(ordered) > 0])]
    if len(kept) > _MOST_LEVELS:
        kept = kept[np.linspace(0, len(kept) - 1, _MOST_LEVELS).round().astype(np.intp)]
    return kept


def make_exact(values: Floats, scale: float, boundaries: Sequence[int]) -> list[int]:
    """Move boundaries to where the levels on their two sides fit best.

    Parameters
    ----------
    values
        One series.
    scale
        Its noise.
    boundaries
        As `segment` found them.
    """
    edges = [0, *boundaries, len(values)]
    for _ in range(2):
        before = list(edges)
        for at in range(1, len(edges) - 1):
            first, cut, last = edges[at - 1 : at + 2]
            low, high = max(first + 1, cut - _REACH), min(last - 1, cut + _REACH)
            if low > high:
                continue
            near = values[low:high]
            left = loss((near - np.median(values[first:cut])) / scale)
            right = loss((near - np.median(values[cut:last])) / scale)
            gain = np.concatenate([[0.0], np.cumsum(left - right)])
            edges[at] = low + int(gain.argmin())
        if edges == before:
            break
    return sorted(set(edges[1:-1]))
