"""Series made ready for analysis, and what is found in them put back into the user's terms."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.noise import LEAST
from benchdb.analysis.prediction import baseline_of
from benchdb.analysis.results import ChangePoint, ChangePoints, Segment
from benchdb.analysis.scale import Scale, one_row
from benchdb.analysis.sensitivity import noise_floor
from benchdb.analysis.student import two_sided_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchdb.analysis.noise import Floats
    from benchdb.analysis.results import Kind
    from benchdb.analysis.steps import Step

#: The least points of a series that can have a change.
_LEAST_POINTS: Final = 4


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
        reach = two_sided_quantile(0.05, step.freedom) * step.error if step.strays else 0.0
        scale, before, difference = self.scale, step.before, step.difference
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

    def segments(
        self, edges: Sequence[int], levels: Sequence[float], squares: Sequence[float]
    ) -> tuple[Segment, ...]:
        """Return the stretches between boundaries, which tile the points that were looked at.

        Parameters
        ----------
        edges
            Where they begin, and the number of points.
        levels, squares
            Of each: the median, and the sum of the squares around it.
        """
        starts = [int(self.places[edge]) for edge in edges[:-1]]
        stops = [*starts[1:], self.length] if starts else []
        points = [stop - start for start, stop in itertools.pairwise(edges)]
        return tuple(
            Segment(
                start,
                stop,
                self.scale.level(level),
                self.scale.relative(math.sqrt(square / max(number - 1, 1)), level),
                number,
            )
            for start, stop, level, square, number in zip(
                starts, stops, levels, squares, points, strict=True
            )
        )

    def unchanged(self) -> ChangePoints:
        """Return what is known of a series that can't have changed."""
        n = len(self.heights)
        level = float(np.median(self.heights)) if n else 0.0
        squares = float(((self.heights - level) ** 2).sum())
        noise = max(math.sqrt(squares / max(n - 1, 1)), LEAST)
        edges, levels = ([0, n], [level]) if n else ([], [])
        return ChangePoints(
            steps=(),
            drift=None,
            candidates=(),
            segments=self.segments(edges, levels, [squares] * len(levels)),
            noise=noise,
            noise_floor=math.inf if n < _LEAST_POINTS else noise_floor(n, noise, 0.0),
            points=n,
            baseline=baseline_of(
                self.heights - level,
                levels,
                edges,
                noise=noise,
                remembered=0.0,
                unit=self.scale.unit,
            ),
        )
