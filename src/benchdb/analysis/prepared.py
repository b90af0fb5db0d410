"""Series made ready for analysis, and what is found in them put back into the user's terms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import spread_of
from benchdb.analysis.results import ChangePoint, ChangePoints, Segment
from benchdb.analysis.student import two_sided_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchdb.analysis.noise import Floats
    from benchdb.analysis.results import Kind
    from benchdb.analysis.steps import Step

#: Heights are held within this, so that squares and sums of them are finite.
_HIGHEST: Final = 1e100

#: The least points of a series that can have a change.
_LEAST_POINTS: Final = 4


def one_row(values: ArrayLike) -> Floats:
    """Return a user's values as one row of numbers.

    Raises
    ------
    ValueError
        For other shapes, and for infinite values: which run is meant is not for us to say.
    """
    given = np.asarray(values, dtype=float)
    if given.ndim != 1:
        raise ValueError(f"values must be one row of numbers, not of shape {given.shape}")
    if np.isinf(given).any():
        raise ValueError("values must be finite, or NaN where one is missing")
    return given


class Scale(NamedTuple):
    """How values are compared: as logarithms, or in units of their typical size.

    Parameters
    ----------
    unit
        The typical size of values that aren't all positive; None for logarithms.
    """

    unit: float | None

    @classmethod
    def of(cls, values: Floats) -> Scale:
        """Choose the scale for values, none of them missing."""
        if len(values) == 0 or values.min() > 0:
            return cls(None)
        sizes = np.abs(values[values != 0])
        return cls(float(np.median(sizes)) if len(sizes) else 1.0)

    def heights(self, values: Floats) -> Floats:
        """Return values as they are compared."""
        if self.unit is None:
            return np.log(values)
        with np.errstate(over="ignore"):
            heights: Floats = np.clip(values / self.unit, -_HIGHEST, _HIGHEST)
        return heights

    def level(self, height: float) -> float:
        """Return the value of a height."""
        if self.unit is not None:
            return height * self.unit
        return math.exp(min(height, 709.0))

    def effect(self, before: float, difference: float) -> float:
        """Return new / old - 1 of a difference of heights."""
        if self.unit is None:
            return math.expm1(difference) if difference < 709 else math.inf
        if before == 0:
            return math.copysign(math.inf, difference) if difference else 0.0
        return difference / abs(before)

    def relative(self, spread: float, height: float) -> float:
        """Return a spread of heights as a share of the level that it is around."""
        if self.unit is None:
            return spread
        return abs(spread / height) if height else (math.inf if spread else 0.0)


class Prepared(NamedTuple):
    """One series, ready to be cut up.

    Parameters
    ----------
    heights
        The values as they are compared, without the missing.
    scale
        How that is.
    times
        When they were taken, or their number.
    places
        Which points of the user's they are.
    length
        How many points the user gave.
    """

    heights: Floats
    scale: Scale
    times: Floats
    places: NDArray[np.intp]
    length: int

    @classmethod
    def of(cls, values: ArrayLike, times: ArrayLike | None, last: int | None) -> Prepared:
        """Take a user's values: the `last` of them that aren't missing.

        Raises
        ------
        ValueError
            For values or times that can't be used.
        """
        given = one_row(values)
        places = np.flatnonzero(~np.isnan(given))
        if last is not None:
            places = places[-last:]
        held = given[places]
        when = np.arange(len(held), dtype=float)
        if times is not None:
            every = np.asarray(times, dtype=float)
            if every.shape != given.shape:
                raise ValueError(f"there are {len(given)} values, but times of shape {every.shape}")
            if not (np.isfinite(every).all() and (every[1:] >= every[:-1]).all()):
                raise ValueError("times must be finite and ascend: sort the values by them")
            if len(held) and every[places[0]] < every[places[-1]]:
                when = every[places]
        scale = Scale.of(held)
        return cls(scale.heights(held), scale, when, places, len(given))

    @property
    def may_change(self) -> bool:
        """Whether there is anything to be found."""
        heights = self.heights
        return len(heights) >= _LEAST_POINTS and bool((heights != heights[0]).any())

    def change(self, step: Step, noise: float, kind: Kind) -> ChangePoint:
        """Put a tested boundary into the user's terms."""
        before = float(np.median(self.heights[step.first : step.cut]))
        reach = two_sided_quantile(0.05, step.freedom) * step.error if step.strays else 0.0
        scale, difference = self.scale, step.difference
        return ChangePoint(
            index=int(self.places[step.cut]),
            kind=kind,
            effect=scale.effect(before, difference),
            low=scale.effect(before, difference - reach),
            high=scale.effect(before, difference + reach),
            before=scale.level(before),
            after=scale.level(before + difference),
            noise=noise,
            p=step.p,
        )

    def segments(self, cuts: Sequence[int]) -> tuple[Segment, ...]:
        """Return the stretches between boundaries, which tile the points that were looked at."""
        if len(self.heights) == 0:
            return ()
        edges = [0, *cuts, len(self.heights)]
        starts = [int(self.places[edge]) for edge in edges[:-1]]
        stops = [*starts[1:], self.length]
        found = []
        for first, last, start, stop in zip(edges, edges[1:], starts, stops, strict=False):
            part = self.heights[first:last]
            level = float(np.median(part))
            spread = self.scale.relative(spread_of(part), level)
            found.append(Segment(start, stop, self.scale.level(level), spread, last - first))
        return tuple(found)

    def unchanged(self) -> ChangePoints:
        """Return what is known of a series that can't have changed."""
        points = len(self.heights)
        floor = math.inf if points < _LEAST_POINTS else 0.0
        return ChangePoints((), None, (), self.segments(()), 0.0, floor, points)
