"""The noise of series: how far their values stray with no change at all.

Series of several lengths stand in one array, a row each, filled up with NaN behind their end. What
is computed for a row doesn't depend on the other rows, nor on how far it was filled up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.intp]

#: The least noise: timers, allocators and counters of CPUs are no better.
LEAST: Final = 0.002

#: Standard deviations of a normal distribution in its median absolute deviation.
_MAD: Final = 1.4826

#: Where in a normal distribution the .85 quantile of absolute deviations lies.
_AT_85: Final = 1.4395

#: The same for deviations from a running median over 7 points, which follows the points.
_AT_85_OF_7: Final = 1.36

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
        windows = np.lib.stride_tricks.sliding_window_view(padded, int(width), axis=1)
        middle = np.partition(windows, half, axis=2)[:, :, half]  # NaN sorts behind all
        inside = np.arange(rows.shape[1]) < ends[:, None]
        result[at] = np.where(inside, middle, np.nan)
    return result


def noise(rows: Floats, lengths: Integers) -> Floats:
    """Estimate the standard deviation around the levels of series, whatever steps they have.

    Parameters
    ----------
    rows, lengths
        As in `running_median`; logarithms, so that the noise is relative.

    Returns
    -------
    array
        Of shape (series,).

    Notes
    -----
    The larger of two estimates. Differences of neighbours see no steps, but too little of machines
    with two speeds, and of noise that remembers. Deviations from a running median see both. There a
    wide window takes a short episode for noise; a narrow one says so if it sees much less.
    """
    result = np.full(len(rows), LEAST)
    at = np.flatnonzero(lengths >= 3)
    if len(at) == 0:
        return result
    some, ends = rows[at], lengths[at]
    steps = np.diff(some, axis=1)
    steps -= _quantile(steps, ends - 1, 0.5)[:, None]
    neighbours = _MAD * _quantile(np.abs(steps), ends - 1, 0.5) / np.sqrt(2)
    wide = _strays(some, ends, 15) / _AT_85
    narrow = _DOUBT * _strays(some, ends, 7) / _AT_85_OF_7
    result[at] = np.maximum(np.maximum(neighbours, np.minimum(wide, narrow)), LEAST)
    return result


def _strays(rows: Floats, lengths: Integers, window: int) -> Floats:
    """Return the .85 quantile of the deviations from a running median."""
    return _quantile(np.abs(rows - running_median(rows, lengths, window)), lengths, 0.85)


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


def spread_of(values: Floats) -> float:
    """Return the standard deviation of values that share a level, spikes drawn in."""
    if len(values) < 2:
        return 0.0
    middle = np.median(values)
    usual = _MAD * np.median(np.abs(values - middle))
    drawn = np.clip(values, middle - 3 * usual, middle + 3 * usual)
    return float(drawn.std(ddof=1))
