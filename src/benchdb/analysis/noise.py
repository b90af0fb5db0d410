"""The noise of series: how far their values stray with no change at all.

Series of several lengths stand in one array, a row each, filled up with NaN behind their end. What
is computed for a row doesn't depend on the other rows, nor on how far it was filled up.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.intp]
    Bools = NDArray[np.bool_]

#: The least noise: timers, allocators and counters of CPUs are no better.
LEAST: Final = 0.002

#: Standard deviations of a normal distribution in its median absolute deviation.
MAD: Final = 1.4826

#: Where in a normal distribution the .85 quantile of absolute deviations lies.
AT_85: Final = 1.4395

#: The same for deviations from a running median over 7 points, which follows the points.
_AT_85_OF_7: Final = 1.36

#: Points further from the running median than so many standard deviations stray.
_FAR: Final = 3.0

#: How many points tell the noise at the end of a series, and by how much they may by chance.
_LAST, _LUCK = 20, 1.2

#: How much lower the narrow window must see the noise before it is believed.
_DOUBT: Final = 1.15


def running_median(rows: Floats, lengths: Integers, window: int) -> Floats:
    """Return each row's running median.

    Parameters
    ----------
    rows
        Of shape (series, points), NaN behind a row's end.
    lengths
        Numbers of points, of shape (series,).
    window
        An odd number of points; at both ends a row is continued by the median of its last half
        window. A row that is shorter has a narrower window.

    Returns
    -------
    array
        Of the shape of `rows`, NaN behind the end.
    """
    result = np.full_like(rows, np.nan)
    widths = np.minimum(window, lengths - (lengths + 1) % 2)
    for width in np.unique(widths):
        at = np.flatnonzero(widths == width)
        if width < 3:
            result[at] = rows[at]
            continue
        half = int(width) // 2
        some, ends = rows[at], lengths[at]
        padded = np.full((len(at), rows.shape[1] + 2 * half), np.nan)
        padded[:, half:-half] = some
        padded[:, :half] = np.median(some[:, : half + 1], axis=1)[:, None]
        tails = ends[:, None] - half - 1 + np.arange(half + 1)
        last = np.median(np.take_along_axis(some, tails, axis=1), axis=1)
        behind = ends[:, None] + half + np.arange(half)
        np.put_along_axis(padded, behind, last[:, None], axis=1)
        middle = _middles(padded, int(width))  # what is NaN lies behind the end
        inside = np.arange(rows.shape[1]) < ends[:, None]
        result[at] = np.where(inside, middle, np.nan)
    return result


def _middles(rows: Floats, width: int) -> Floats:
    """Return the medians of so many points in a row, from each point on that begins as many."""
    number = rows.shape[1] - width + 1
    wires = [rows[:, first : first + number] for first in range(width)]
    for one, two, low, high in _median_network(width):
        some, others = wires[one], wires[two]
        if low:
            wires[one] = np.minimum(some, others)
        if high:
            wires[two] = np.maximum(some, others)
    return wires[width // 2]


@cache
def _median_network(width: int) -> tuple[tuple[int, int, bool, bool], ...]:
    """Return which of some wires to compare in turn, so that their median is on the middle one.

    Returns
    -------
    tuple of (int, int, bool, bool)
        Two wires, whether the first is to get the lesser, and the second the greater value.

    Notes
    -----
    Batcher's odd-even merge sort (Knuth, The Art of Computer Programming, vol. 3, 5.2.2 M), of
    which only what the middle depends on is kept. On arrays it takes a fraction of the time of
    partitioning each window.
    """
    pairs = []
    for power in range((width - 1).bit_length()):
        for step in (1 << down for down in range(power, -1, -1)):
            first = step % (1 << power)
            pairs += [
                (one, one + step)
                for start in range(first, width - step, 2 * step)
                for one in range(start, min(start + step, width - step))
                if one >> (power + 1) == (one + step) >> (power + 1)
            ]
    wanted = {width // 2}
    kept = []
    for one, two in reversed(pairs):
        low, high = one in wanted, two in wanted
        if low or high:
            kept.append((one, two, low, high))
            wanted |= {one, two}
    return tuple(reversed(kept))


def noise(rows: Floats, lengths: Integers) -> tuple[Floats, Bools]:
    """Estimate the standard deviation around the levels of series, whatever steps they have.

    Parameters
    ----------
    rows, lengths
        As in `running_median`; logarithms, so that the noise is relative.

    Returns
    -------
    array
        Of shape (series,).
    array
        Which points stray by more than three of these from their neighbours, in the shape of
        `rows`.

    Notes
    -----
    The larger of two estimates. Differences of neighbours see no steps, but too little of machines
    with two speeds, and of noise that remembers. Deviations from a running median see both. There a
    wide window takes a short episode for noise; a narrow one says so if it sees much less. Where
    most points are equal, as those of a counter, neither sees how the others stray.
    """
    steps = np.diff(rows, axis=1)
    steps -= _quantile(steps, lengths - 1, 0.5)[:, None]
    neighbours = MAD * _quantile(np.abs(steps), lengths - 1, 0.5) / np.sqrt(2)
    from_wide = np.abs(rows - running_median(rows, lengths, 15))
    from_narrow = np.abs(rows - running_median(rows, lengths, 7))
    wide = _quantile(from_wide, lengths, 0.85) / AT_85
    narrow = _DOUBT * _quantile(from_narrow, lengths, 0.85) / _AT_85_OF_7
    result = np.maximum(np.maximum(neighbours, np.minimum(wide, narrow)), LEAST)
    for row in np.flatnonzero(result == LEAST).tolist():
        result[row] = max(LEAST, _of_few(rows[row, : lengths[row]]))
    return result, from_narrow > _FAR * result[:, None]


def _of_few(row: Floats) -> float:
    """Estimate the standard deviation of points beside the value that most of a row have."""
    if not len(row):
        return 0.0
    others = row != np.median(row)
    if 2 * np.count_nonzero(others) >= len(row):
        return 0.0
    moves = np.abs(np.diff(row))[others[1:] & others[:-1]]
    return float(MAD * np.median(moves) / np.sqrt(2)) if len(moves) else 0.0


def noise_of_moves(moves: Floats) -> Floats:
    """Estimate the standard deviation of points from how far each is from the one before it.

    Parameters
    ----------
    moves
        Without sign, along the last axis; where there are none, the noise is the least.
    """
    if not moves.shape[-1]:
        return np.full(moves.shape[:-1], LEAST)
    strays: Floats = np.maximum(np.median(moves, axis=-1) * MAD / np.sqrt(2), LEAST)
    return strays


def noise_at_last(heights: Floats) -> float:
    """Estimate the standard deviation of a series' last points from their differences."""
    if len(heights) < 3:
        return 0.0
    steps = np.abs(np.diff(heights[-_LAST:]))
    return float(MAD * np.median(steps) / np.sqrt(2) / _LUCK)


def _quantile(rows: Floats, lengths: Integers, share: float) -> Floats:
    """Return a quantile of each row, between two points by a straight line."""
    ordered = np.sort(rows, axis=1)
    place = share * (lengths - 1)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, lengths - 1)
    one = np.take_along_axis(ordered, below[:, None], axis=1)[:, 0]
    two = np.take_along_axis(ordered, above[:, None], axis=1)[:, 0]
    between: Floats = one + (place - below) * (two - one)
    return between
