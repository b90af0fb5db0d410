"""Series of several lengths end to end in one array, so that all are worked on at once.

What is computed for a series doesn't depend on those beside it: elements are taken one by one, and
sums run over the stretch of one segment or one series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.noise import Bools, Floats, Integers


class Stack(NamedTuple):
    """Series end to end.

    Parameters
    ----------
    heights
        All points.
    starts
        Where each series begins, and the end of the last: one more than there are series.
    scale
        The noise of each series.
    straying
        Which points stray far from their neighbours.
    ranks
        The place of each point among `ordered`.
    ordered
        The points of these series, and maybe of others, ascending.
    """

    heights: Floats
    starts: Integers
    scale: Floats
    straying: Bools
    ranks: Integers
    ordered: Floats

    @classmethod
    def of(cls, series: Sequence[Floats], scale: Floats, straying: Bools) -> Stack:
        """Put series end to end."""
        heights = np.concatenate(series)
        starts = np.concatenate([[0], np.cumsum([len(one) for one in series])])
        order = np.argsort(heights, kind="stable")
        ranks = np.empty(len(heights), dtype=np.intp)
        ranks[order] = np.arange(len(heights))
        return cls(heights, starts, scale, straying, ranks, heights[order])

    @property
    def lengths(self) -> Integers:
        """How many points each series has."""
        return np.diff(self.starts)

    def of_points(self, values: Floats) -> Floats:
        """Return what is given for each series for each point."""
        return np.repeat(values, self.lengths)

    def some(self, chosen: Integers) -> Stack:
        """Return some of the series, ascending."""
        if len(chosen) == len(self.scale):
            return self
        wanted = np.zeros(len(self.scale), dtype=bool)
        wanted[chosen] = True
        points = np.repeat(wanted, self.lengths)
        starts = np.concatenate([[0], np.cumsum(self.lengths[chosen])])
        return Stack(
            self.heights[points],
            starts,
            self.scale[chosen],
            self.straying[points],
            self.ranks[points],
            self.ordered,
        )


class Cuts(NamedTuple):
    """Boundaries of several series, ascending by series and place.

    Parameters
    ----------
    series
        Which series each belongs to.
    places
        Where it is: the first point of the later segment, counted within its series.
    """

    series: Integers
    places: Integers

    @classmethod
    def of(cls, found: Sequence[Sequence[int]]) -> Cuts:
        """Take a list of boundaries for each series."""
        counts = [len(one) for one in found]
        places = np.array([place for one in found for place in one], dtype=np.intp)
        return cls(np.repeat(np.arange(len(found)), counts), places)

    def only(self, kept: Bools) -> Cuts:
        """Return some of them."""
        return Cuts(self.series[kept], self.places[kept])

    def among(self, chosen: Integers, number: int) -> Cuts:
        """Return those of some series, numbered as they are then."""
        new = np.full(number, -1)
        new[chosen] = np.arange(len(chosen))
        series = new[self.series]
        return Cuts(series[series >= 0], self.places[series >= 0])


class Segments(NamedTuple):
    """The segments of stacked series.

    Parameters
    ----------
    edges
        Where each begins in the stack, and the end of the last.
    of_points
        Which segment each point is in.
    behind
        The segment behind each boundary; the one before it is the one before.
    """

    edges: Integers
    of_points: Integers
    behind: Integers

    @classmethod
    def of(cls, stack: Stack, cuts: Cuts) -> Segments:
        """Cut the stack."""
        at = stack.starts[cuts.series] + cuts.places
        edges = np.sort(np.concatenate([stack.starts, at]))
        of_points = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        return cls(edges, of_points, np.searchsorted(edges, at))

    @property
    def lengths(self) -> Integers:
        """How many points each has."""
        return np.diff(self.edges)

    def sums(self, values: Floats) -> Floats:
        """Return the sum of each segment's values."""
        total: Floats = np.add.reduceat(values, self.edges[:-1])
        return total

    def medians(self, stack: Stack) -> Floats:
        """Return the median of each segment."""
        among = len(stack.ordered)
        keys = np.sort(self.of_points * among + stack.ranks)
        lengths, first = self.lengths, self.edges[:-1]
        low = stack.ordered[keys[first + (lengths - 1) // 2] % among]
        high = stack.ordered[keys[first + lengths // 2] % among]
        middle: Floats = (low + high) / 2
        return middle
