"""Which points of a series may end a new level: a quick look, to spare a careful one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import LEAST
from benchdb.analysis.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

#: Numbers of points whose mean is held against what was before them.
_NEW: Final = (1, 2, 3, 4, 6, 9, 14, 21, 30, 40)

#: Numbers of points before, whose median is that.
_OLD: Final = (3, 10, 40)

#: Points from which noise is told, and how many places may share what is told.
_WINDOW, _EVERY = 150, 20

#: The careful look allows for more noise than this one.
_CAUTION: Final = 0.8


def may_have_moved(values: ArrayLike, heights: ArrayLike) -> NDArray[np.bool_]:
    """Tell of each point whether it may end a level that differs from the one before.

    Parameters
    ----------
    values
        A series, none missing.
    heights
        How many standard errors the careful look demands, for each point.

    Returns
    -------
    array of bool
        False only where that look would find nothing; it finds nothing in the first three points.
    """
    given = np.asarray(values, dtype=float)
    n = len(given)
    level = Scale.of(given).heights(given)
    demanded = _CAUTION * np.asarray(heights, dtype=float) * _noise(level)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    found = np.zeros(n, dtype=np.bool_)
    for old in _OLD:
        if n <= old:
            continue
        middles = np.median(np.lib.stride_tricks.sliding_window_view(level, old), axis=1)
        for new in _NEW:
            ends = np.arange(old + new - 1, n)
            if not len(ends):
                break
            means = (sums[ends + 1] - sums[ends + 1 - new]) / new
            apart = np.abs(means - middles[ends - new - old + 1])
            found[ends] |= apart >= demanded[ends] * (1 / new + 1 / old) ** 0.5
    return found


def may_end_new_levels(
    series: Sequence[NDArray[np.float64]], heights: Sequence[float]
) -> list[bool]:
    """Tell of the last point of each of many series what `may_have_moved` does.

    Parameters
    ----------
    series
        As there.
    heights
        One for each.
    """
    found = [True] * len(series)
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(series):
        if len(one) and one.min() > 0:  # the others are few, and left to the careful look
            by_length[len(one)].append(number)
    for n, numbers in by_length.items():
        level = np.log(np.stack([series[number] for number in numbers]))
        moves = np.abs(np.diff(level[:, -_WINDOW:], axis=1))
        noise = np.maximum(np.median(moves, axis=1) * 1.4826 / 2**0.5, LEAST) if n > 1 else 0.0
        demanded = _CAUTION * np.array([heights[number] for number in numbers]) * noise
        told = np.zeros(len(numbers), dtype=np.bool_)
        for old in _OLD:
            for new in _NEW:
                if old + new > n:
                    break
                middles = np.median(level[:, n - new - old : n - new], axis=1)
                apart = np.abs(level[:, n - new :].mean(axis=1) - middles)
                told |= apart >= demanded * (1 / new + 1 / old) ** 0.5
        for number, one in zip(numbers, told.tolist(), strict=True):
            found[number] = one
    return found


def _noise(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return about how far points stray that were known up to each."""
    moves = np.abs(np.diff(level, prepend=level[:1]))
    told = np.empty(len(level))
    for start in range(0, len(level), _EVERY):
        seen = moves[max(start + _EVERY - _WINDOW, 1) : start + _EVERY]
        told[start : start + _EVERY] = np.median(seen) if len(seen) else 0.0
    return np.maximum(told * 1.4826 / 2**0.5, LEAST)
