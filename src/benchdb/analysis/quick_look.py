"""Which points of a series may end a new level: a quick look, to spare a careful one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import noise_of_moves
from benchdb.analysis.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from benchdb.analysis.noise import Bools, Floats

#: Numbers of points whose mean is held against what was before them.
_NEW: Final = (1, 2, 3, 4, 6, 9, 14, 21, 30, 40)

#: Numbers of points before, whose median is that.
_OLD: Final = (3, 10, 40)

#: Points from which noise is told, and how many places may share what is told: medians take long.
_WINDOW, _EVERY = 150, 20

#: The careful look allows for more noise than this one.
_CAUTION: Final = 0.8


def may_have_moved(values: ArrayLike, heights: ArrayLike) -> Bools:
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
    level = Scale.of(given).heights(given)
    demanded = _CAUTION * np.asarray(heights, dtype=float) * _noise_so_far(level)
    found: Bools = _differ(level[None], demanded[None], 0)[0]
    return found


def may_end_new_levels(series: Sequence[Floats], heights: Sequence[float]) -> list[bool]:
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
        stray = noise_of_moves(np.abs(np.diff(level[:, -_WINDOW:], axis=1)))
        demanded = _CAUTION * np.array([heights[number] for number in numbers]) * stray
        told = _differ(level, demanded[:, None], n - 1)[:, 0]
        for number, one in zip(numbers, told.tolist(), strict=True):
            found[number] = one
    return found


def _differ(level: Floats, demanded: Floats, first: int) -> Bools:
    """Tell which points end some whose mean is far enough from the median of those before.

    Parameters
    ----------
    level
        Series of equal length, of shape (series, points).
    demanded
        How far that is, of a single point against a median that is known: for each point from
        `first` on.
    first
        The first point that is looked at.
    """
    points = level.shape[1]
    sums = np.concatenate([np.zeros((len(level), 1)), np.cumsum(level, axis=1)], axis=1)
    found = np.zeros(demanded.shape, dtype=np.bool_)
    for old in _OLD:
        begins = {new: max(first, old + new - 1) for new in _NEW if old + new <= points}
        if not begins:
            break
        windows = np.lib.stride_tricks.sliding_window_view(level, old, axis=1)
        wanted = np.zeros(windows.shape[1], dtype=np.bool_)
        for new, begin in begins.items():
            wanted[begin - new - old + 1 : points - new - old + 1] = True
        medians = np.empty(windows.shape[:2])
        medians[:, wanted] = np.median(windows[:, wanted], axis=2)
        for new, begin in begins.items():
            means = (sums[:, begin + 1 :] - sums[:, begin + 1 - new : points + 1 - new]) / new
            before = medians[:, begin - new - old + 1 : points - new - old + 1]
            error = demanded[:, begin - first :] * (1 / new + 1 / old) ** 0.5
            found[:, begin - first :] |= np.abs(means - before) >= error
    return found


def _noise_so_far(level: Floats) -> Floats:
    """Return about how far points stray that were known up to each."""
    moves = np.abs(np.diff(level, prepend=level[:1]))
    told = np.empty(len(level))
    for start in range(0, len(level), _EVERY):
        seen = moves[max(start + _EVERY - _WINDOW, 1) : start + _EVERY]
        told[start : start + _EVERY] = noise_of_moves(seen)
    return told
