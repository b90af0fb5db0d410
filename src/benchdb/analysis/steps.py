"""Testing the boundaries of segments: which of them are steps from one level to another."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.student import two_sided_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.noise import Floats

#: Values further from their level than so many standard deviations are drawn in to there.
_DRAWN_IN: Final = 2.5

#: What the series' own noise is worth beside the deviations around the two levels, in points.
_PRIOR: Final = 2.0

#: The spread around two levels is at least this, and at least this share of the series' noise.
_LEAST_SPREAD, _LEAST_SHARE = 0.001, 0.3

#: The least points for an estimate of how noise remembers, and the most that it may remember.
_POINTS_TO_REMEMBER, _MOST_MEMORY = 10, 0.8


@dataclass(frozen=True, slots=True)
class Step:
    """A boundary, tested.

    Parameters
    ----------
    first, cut, last
        The two segments: points from `first` up to `cut`, and from there up to `last`.
    difference
        Of their levels, the later less the earlier.
    error
        The standard error of that.
    freedom
        Degrees of freedom of the spread that it is made of.
    place_p
        The chance of so large a difference with no change, at a place that was given.
    p
        The chance that a series of so many points shows one at any place.
    strays
        Whether any value of the two segments differs from its level.
    size
        The difference without sign, in standard deviations of the noise.
    """

    first: int
    cut: int
    last: int
    difference: float
    error: float
    freedom: float
    place_p: float
    p: float
    strays: bool
    size: float


@dataclass(frozen=True, slots=True)
class Demands:
    """What is demanded of a step.

    Parameters
    ----------
    p
        The largest p at a given place.
    effect
        The least share by which the level changed, as 0.01.
    size
        The least size in standard deviations.
    sure_p, sure_size
        Where p is no larger than the one, the other suffices for the size.
    points
        The least points on each side.
    """

    p: float
    effect: float
    size: float
    sure_p: float
    sure_size: float
    points: int

    def are_met(self, step: Step) -> bool:
        """Tell whether a step is large and sure enough."""
        return (
            step.place_p <= self.p
            and abs(math.expm1(min(step.difference, 700.0))) >= self.effect
            and (
                step.size >= self.size
                or (step.place_p <= self.sure_p and step.size >= self.sure_size)
            )
            and min(step.cut - step.first, step.last - step.cut) >= self.points
        )


def memory(values: Floats, scale: float, boundaries: Sequence[int]) -> float:
    """Estimate the correlation of a point's deviation with the one before it.

    Returns
    -------
    float
        From 0 to 0.8.
    """
    if len(values) < _POINTS_TO_REMEMBER:
        return 0.0
    edges = [0, *boundaries, len(values)]
    parts = [values[first:last] for first, last in itertools.pairwise(edges)]
    deviations = np.concatenate([(part - np.median(part)) / scale for part in parts])
    drawn = np.clip(deviations, -_DRAWN_IN, _DRAWN_IN)
    power = float(drawn @ drawn)
    if power == 0.0:
        return 0.0
    # The estimate is too low by about 1/n.
    estimate = float(drawn[1:] @ drawn[:-1]) / power + 1 / len(values)
    return min(max(estimate, 0.0), _MOST_MEMORY)


def inflation(remembered: float) -> float:
    """Return by what the standard error of a mean is larger where noise remembers.

    Notes
    -----
    ``sqrt((1 + r) / (1 - r))`` for an autoregressive process of the first order: Brockwell and
    Davis, Time Series: Theory and Methods, 7.1.
    """
    return math.sqrt((1 + remembered) / (1 - remembered))


def _tested(values: Floats, scale: float, edges: Sequence[int], inflated: float) -> Step:
    """Test one boundary by Student's t on values that are drawn in to their level."""
    first, cut, last = edges
    reach = _DRAWN_IN * scale
    sides = []
    for side in (values[first:cut], values[cut:last]):
        middle = np.median(side)
        sides.append(np.clip(side, middle - reach, middle + reach))
    means = [float(side.mean()) for side in sides]
    squares = sum(float(((side - side.mean()) ** 2).sum()) for side in sides)
    difference = means[1] - means[0]
    freedom = len(sides[0]) + len(sides[1]) - 2 + _PRIOR
    spread = math.sqrt((squares + _PRIOR * scale * scale) / freedom)
    spread = max(spread, _LEAST_SPREAD, _LEAST_SHARE * scale)
    error = spread * inflated * math.sqrt(1 / len(sides[0]) + 1 / len(sides[1]))
    p = two_sided_p(difference / error, freedom)
    over_places = p_over_places(p, len(values))
    size = abs(difference) / scale
    strays = squares > 0
    return Step(first, cut, last, difference, error, freedom, p, over_places, strays, size)


def p_over_places(p: float, points: int) -> float:
    """Return the chance of a p as small as that at any place of a series without a change."""
    return -math.expm1(points * math.log1p(-p)) if p < 1 else 1.0


def confirm(
    values: Floats, scale: float, boundaries: Sequence[int], demands: Demands
) -> tuple[list[Step], list[Step], float]:
    """Test boundaries, and drop the weakest that fails until none does.

    Returns
    -------
    list of Step
        What is left.
    list of Step
        What was dropped, as it was tested then.
    float
        The memory of the noise around them.
    """
    kept, dropped = list(boundaries), list[Step]()
    while True:
        remembered = memory(values, scale, kept)
        steps = tested(values, scale, kept, remembered)
        failing = [(step.place_p, at) for at, step in enumerate(steps) if not demands.are_met(step)]
        if not failing:
            return steps, dropped, remembered
        weakest = max(failing)[1]
        dropped.append(steps[weakest])
        del kept[weakest]


def tested(
    values: Floats, scale: float, boundaries: Sequence[int], remembered: float
) -> list[Step]:
    """Test each of some boundaries between its neighbours."""
    edges = [0, *boundaries, len(values)]
    inflated = inflation(remembered)
    return [
        _tested(values, scale, edges[at - 1 : at + 2], inflated) for at in range(1, len(edges) - 1)
    ]
