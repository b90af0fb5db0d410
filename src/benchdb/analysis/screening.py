"""Telling at little cost in which of many series anything can be found.

Most series of a history have no boundary at all. The search shows that before it looks closer; to
know no more than this, and the noise, takes a fraction of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import LEAST, noise
from benchdb.analysis.scale import Scale
from benchdb.analysis.segmentation import are_whole
from benchdb.analysis.sensitivity import RULES, noise_floor
from benchdb.analysis.steps import DRAWN_IN, drawn_in, memories

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.noise import Floats

#: Series with fewer points are left to the search.
_LEAST_POINTS: Final = 10

#: About how many points are looked at at once.
_POINTS_AT_ONCE: Final = 100_000


class Screened(NamedTuple):
    """What is known of series after a first look.

    Parameters
    ----------
    empty
        Whether nothing can be found in it: no step, no drift, no candidate. Only then the others
        say anything.
    noise, noise_floor
        As `benchdb.analysis.results.ChangePoints` has them.
    """

    empty: NDArray[np.bool_]
    noise: Floats
    noise_floor: Floats


def screen(series: Sequence[Floats]) -> Screened:
    """Look at many series for the first time, as a report is made of them.

    Parameters
    ----------
    series
        The values of each, in any unit, none of them missing.

    Returns
    -------
    Screened
        Of each series.
    """
    found = Screened(
        np.zeros(len(series), dtype=np.bool_), np.zeros(len(series)), np.full(len(series), np.inf)
    )
    lengths = np.array([len(one) for one in series], dtype=np.intp)
    for some in _chunks(lengths):
        rows = np.array([series[at] for at in some])
        constant = np.asarray((rows == rows[:, :1]).all(axis=1))
        positive = np.asarray((rows > 0).all(axis=1))
        at = some[constant]
        found.empty[at] = True
        found.noise[at] = LEAST
        found.noise_floor[at] = noise_floor(rows.shape[1], LEAST, 0.0)
        heights = np.log(np.where(positive[:, None], rows, 1.0))
        for one in np.flatnonzero(~positive & ~constant):  # counts, mostly: few
            heights[one] = Scale.of(rows[one]).heights(rows[one])
        if not constant.all():
            _look(heights[~constant], some[~constant], found)
    return found


def _chunks(lengths: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield series of equal length, not too many at once."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] >= _LEAST_POINTS]
    edges = np.flatnonzero(np.diff(lengths[order])) + 1
    for equal in np.split(order, edges):
        if len(equal):
            most = max(1, _POINTS_AT_ONCE // int(lengths[equal[0]]))
            for start in range(0, len(equal), most):
                yield equal[start : start + most]


def _look(heights: Floats, some: NDArray[np.intp], found: Screened) -> None:
    number, points = heights.shape
    rules = RULES["report"]
    lengths = np.full(number, points, dtype=np.intp)
    scale, _ = noise(heights, lengths)
    whole = are_whole(heights, scale, float(rules.penalties(lengths)[0]), rules.bound)
    at = some[whole]
    kept, spread = heights[whole], scale[whole]
    reach = DRAWN_IN * spread[:, None]
    deviations = kept - np.median(kept, axis=1, keepdims=True)
    drawn = drawn_in(deviations, reach) / spread[:, None]
    remembered = memories(drawn.ravel(), np.arange(len(at) + 1) * points)
    found.empty[at] = True
    found.noise[at] = spread
    found.noise_floor[at] = [
        noise_floor(points, one, each)
        for one, each in zip(spread.tolist(), remembered.tolist(), strict=True)
    ]
