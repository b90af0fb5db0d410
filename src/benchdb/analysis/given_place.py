"""Whether a series changed at a place that was told beforehand, by what is known elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from benchdb.analysis.noise import noise
from benchdb.analysis.prepared import Prepared
from benchdb.analysis.stack import Cuts, Stack
from benchdb.analysis.steps import Cut, inflation, tested

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from benchdb.analysis.results import ChangePoint


def change_at(values: ArrayLike, before: slice, after: slice) -> ChangePoint:
    """Test whether two stretches of a series have one level, however little they differ.

    Parameters
    ----------
    values
        The points of a series in their order, none missing: all of them tell its noise.
    before, after
        The two stretches, each of a point or more.

    Returns
    -------
    ChangePoint
        With the index where the later begins. Its p is the chance of so large a difference at this
        one place, and its noise is what is left around the two levels.

    Raises
    ------
    ValueError
        For values that are no row of numbers, and infinite ones.
    """
    made = Prepared.of(values, None, None)
    scale, straying = noise(made.heights[None, :], np.array([len(made.heights)], dtype=np.intp))
    both = np.r_[before, after]
    stack = Stack.of([made.heights[both]], scale, straying[0, both])
    cuts = Cuts.of([[before.stop - before.start]])
    halves = Cut.of(stack, cuts)
    (row,) = tested(stack, cuts, halves, halves.memory).rows()
    counts = 1 / row.cut + 1 / (row.last - row.cut)
    spread = row.error / math.sqrt(counts) / inflation(float(halves.memory[0]))
    return made.change(row._replace(cut=after.start, p=row.place_p), spread, "step")


def likeliest_cut(values: ArrayLike, least: int) -> int | None:
    """Return where a series most likely has a change, whether it has one or not.

    Parameters
    ----------
    values
        The points of a series in their order, none missing.
    least
        How many points either side has at least; None is returned where there are too few.
    """
    heights = Prepared.of(values, None, None).heights
    places = range(least, len(heights) - least + 1)
    return min(places, key=lambda at: _astray(heights[:at]) + _astray(heights[at:]), default=None)


def _astray(heights: np.ndarray) -> float:
    return float(np.abs(heights - np.median(heights)).sum())
