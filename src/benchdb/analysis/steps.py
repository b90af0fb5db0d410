"""Testing the boundaries of segments: which of them are steps from one level to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.recurrence import expected_visits
from benchdb.analysis.stack import Cuts, Segments
from benchdb.analysis.student import two_sided_p

if TYPE_CHECKING:
    from benchdb.analysis.noise import Bools, Floats, Integers
    from benchdb.analysis.stack import Stack

#: Values further from their level than so many standard deviations are drawn in to there.
DRAWN_IN: Final = 2.5

#: What the series' own noise is worth beside the deviations around the two levels, in points.
_PRIOR: Final = 2.0

#: The spread around two levels is at least this, and at least this share of the series' noise.
_LEAST_SPREAD, _LEAST_SHARE = 0.001, 0.3

#: The power of p at a place, times the number of places, that is p at any of them.
_CALIBRATED: Final = 0.75

#: The least points for an estimate of how noise remembers, and the most that it may remember.
_POINTS_TO_REMEMBER, _MOST_MEMORY = 10, 0.8


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
    visits
        The most visits as long that the series leads one to expect with no change.
    """

    p: float
    effect: float
    size: float
    sure_p: float
    sure_size: float
    points: int
    visits: float

    def are_met(self, steps: Steps) -> Bools:
        """Tell which steps are large and sure enough."""
        demanded = np.where(steps.place_p <= self.sure_p, self.sure_size, self.size)
        sides = np.minimum(steps.cut - steps.first, steps.last - steps.cut)
        met: Bools = (
            (steps.place_p <= self.p)
            & (np.abs(np.expm1(np.minimum(steps.difference, 700.0))) >= self.effect)
            & (steps.size >= demanded)
            & (sides >= self.points)
            & (steps.visits <= self.visits)
        )
        return met


class Step(NamedTuple):
    """A boundary, tested: plain numbers, as `Steps` has them for many."""

    series: int
    first: int
    cut: int
    last: int
    before: float
    difference: float
    error: float
    freedom: float
    place_p: float
    p: float
    size: float
    visits: float
    strays: bool


class Steps(NamedTuple):
    """Boundaries, tested.

    Parameters
    ----------
    series
        Which series each belongs to.
    first, cut, last
        The two segments: points from `first` up to `cut`, and from there up to `last`, counted
        within the series.
    before
        The earlier level: the median.
    difference
        Of the levels, the later less the earlier.
    error
        The standard error of that.
    freedom
        Degrees of freedom of the spread that it is made of.
    place_p
        The chance of so large a difference with no change, at a place that was given.
    p
        The chance that a series of so many points shows one at any place.
    size
        The difference without sign, in standard deviations of the noise.
    visits
        How many visits as long as the shorter side are expected with no change: `expected_visits`.
    strays
        Whether any value of the two segments differs from its level.
    """

    series: Integers
    first: Integers
    cut: Integers
    last: Integers
    before: Floats
    difference: Floats
    error: Floats
    freedom: Floats
    place_p: Floats
    p: Floats
    size: Floats
    visits: Floats
    strays: Bools

    def only(self, kept: Bools | Integers) -> Steps:
        """Return some of them."""
        return Steps(*(column[kept] for column in self))  # type: ignore[arg-type]

    def rows(self) -> list[Step]:
        """Return them one by one."""
        return [Step(*row) for row in zip(*(column.tolist() for column in self), strict=True)]


class Cut(NamedTuple):
    """Stacked series, cut into segments, with what lies around their levels.

    Parameters
    ----------
    segments
        The segments.
    levels
        The median of each.
    deviations
        Of each point from its level.
    drawn
        The same, drawn in to 2.5 standard deviations.
    means
        Of the drawn in deviations of each segment.
    squares
        The sum of their squares around that.
    memory
        Of each series: the correlation of a point's deviation with the one before it, 0 to 0.8.
    """

    segments: Segments
    levels: Floats
    deviations: Floats
    drawn: Floats
    means: Floats
    squares: Floats
    memory: Floats

    @classmethod
    def of(cls, stack: Stack, cuts: Cuts) -> Cut:
        """Cut stacked series at these boundaries."""
        segments = Segments.of(stack, cuts)
        levels = segments.medians(stack)
        deviations = stack.heights - levels[segments.of_points]
        reach = stack.of_points(DRAWN_IN * stack.scale)
        drawn = drawn_in(deviations, reach)
        means = segments.sums(drawn) / segments.lengths
        around = drawn - means[segments.of_points]
        squares = segments.sums(around * around)
        memory = memories(drawn / stack.of_points(stack.scale), stack.starts)
        return cls(segments, levels, deviations, drawn, means, squares, memory)


def drawn_in(deviations: Floats, reach: Floats) -> Floats:
    """Return deviations, the far ones as far as `reach`: they would outweigh all others."""
    drawn: Floats = np.minimum(np.maximum(deviations, -reach), reach)
    return drawn


def memories(deviations: Floats, starts: Integers) -> Floats:
    """Estimate how noise remembers: the correlation of a deviation with the one before it.

    Parameters
    ----------
    deviations
        Of the points of several series, end to end, without far ones.
    starts
        Where each series begins, and the end of the last.

    Returns
    -------
    array
        For each series, from 0 to 0.8.
    """
    products = np.zeros_like(deviations)
    products[1:] = deviations[1:] * deviations[:-1]
    products[starts[:-1]] = 0.0
    together = np.add.reduceat(products, starts[:-1])
    power = np.add.reduceat(deviations * deviations, starts[:-1])
    lengths = np.diff(starts)
    # The estimate is too low by about 1/n.
    estimate = together / np.where(power > 0, power, 1.0) + 1 / lengths
    known = (power > 0) & (lengths >= _POINTS_TO_REMEMBER)
    return np.where(known, np.minimum(np.maximum(estimate, 0.0), _MOST_MEMORY), 0.0)


def inflation(remembered: float) -> float:
    """Return by what the standard error of a mean is larger where noise remembers.

    Notes
    -----
    ``sqrt((1 + r) / (1 - r))`` for an autoregressive process of the first order: Brockwell and
    Davis, Time Series: Theory and Methods, 7.1.
    """
    return math.sqrt((1 + remembered) / (1 - remembered))


def inflations(remembered: Floats) -> Floats:
    """Return what `inflation` does of each of many."""
    found: Floats = np.sqrt((1 + remembered) / (1 - remembered))
    return found


def tested(stack: Stack, cuts: Cuts, cut: Cut, memory: Floats) -> Steps:
    """Test each boundary between its neighbours, by Student's t on values that are drawn in.

    Parameters
    ----------
    stack, cuts, cut
        The series, their boundaries, and the stack cut at these.
    memory
        Of the noise of each series.
    """
    series = cuts.series
    scale = stack.scale[series]
    behind = cut.segments.behind
    ahead = behind - 1
    lengths = cut.segments.lengths
    difference = cut.levels[behind] + cut.means[behind] - (cut.levels[ahead] + cut.means[ahead])
    freedom = (lengths[ahead] + lengths[behind]).astype(float) - 2 + _PRIOR
    squares = cut.squares[ahead] + cut.squares[behind]
    spread = np.sqrt((squares + _PRIOR * scale * scale) / freedom)
    spread = np.maximum(np.maximum(spread, _LEAST_SPREAD), _LEAST_SHARE * scale)
    inflated = np.sqrt((1 + memory) / (1 - memory))[series]
    error = spread * inflated * np.sqrt(1 / lengths[ahead] + 1 / lengths[behind])
    statistics = zip((difference / error).tolist(), freedom.tolist(), strict=True)
    place_p = np.array([two_sided_p(*one) for one in statistics])
    strayed = cut.segments.sums(np.abs(cut.deviations)) > 0
    edges, starts = cut.segments.edges, stack.starts[series]
    visits = expected_visits(stack, cuts, cut.segments, cut.levels)
    return Steps(
        series=series,
        first=edges[ahead] - starts,
        cut=cuts.places,
        last=edges[behind + 1] - starts,
        before=cut.levels[ahead],
        difference=difference,
        error=error,
        freedom=freedom,
        place_p=place_p,
        p=_over_places(stack, cuts, cut, place_p),
        size=np.abs(difference) / scale,
        visits=visits,
        strays=strayed[ahead] | strayed[behind],
    )


def _over_places(stack: Stack, cuts: Cuts, cut: Cut, place_p: Floats) -> Floats:
    """Return the chance of something as convincing at any place of a series without a change.

    Notes
    -----
    The first bound was found by simulation of series of 10 to 500 points without a change, of
    noise that remembers (0.3) and noise that doesn't: `benchmarks/self/detection.py null`. Other
    noise stays below it. The second is the chance that as many points as the shorter side has
    stray one after the other, where single ones are known to: two spikes in a row are no step.
    """
    segments, points = cut.segments, stack.lengths[cuts.series]
    over: Floats = (points * place_p) ** _CALIBRATED
    behind = segments.behind
    sides = np.stack([segments.lengths[behind - 1], segments.lengths[behind]])
    shorter = np.where(sides[0] < sides[1], behind - 1, behind)
    astray = segments.sums(stack.straying.astype(float))
    every = np.add.reduceat(stack.straying.astype(float), stack.starts[:-1])[cuts.series]
    length = sides.min(axis=0)
    share = (every - astray[shorter] + 0.5) / (points - length + 1)
    bounded: Floats = np.minimum(np.maximum(over, points * share**length), 1.0)
    return bounded


def confirm(stack: Stack, cuts: Cuts, demands: Demands) -> tuple[Cuts, Steps | None, Floats]:
    """Test boundaries, and drop the weakest of each series that fails until none does.

    Returns
    -------
    Cuts
        What is left.
    Steps
        What was dropped, as it was tested then; None where nothing was.
    array
        The memory of the noise around what is left, for each series.
    """
    number = len(stack.scale)
    active = np.arange(number)
    memory = np.zeros(number)
    kept = np.ones(len(cuts.places), dtype=bool)
    dropped = []
    while len(active):
        some = stack.some(active)
        at = np.flatnonzero(kept & np.isin(cuts.series, active))
        held = Cuts(np.searchsorted(active, cuts.series[at]), cuts.places[at])
        cut = Cut.of(some, held)
        memory[active] = cut.memory
        steps = tested(some, held, cut, cut.memory)
        failing = np.flatnonzero(~demands.are_met(steps))
        order = np.lexsort((failing, steps.place_p[failing], steps.series[failing]))
        failing = failing[order]
        series = steps.series[failing]
        weakest = failing[np.append(series[1:] != series[:-1], True)[: len(failing)]]
        kept[at[weakest]] = False
        out = steps.only(weakest)
        dropped.append(out._replace(series=active[out.series]))
        active = active[out.series]
    columns = zip(*dropped, strict=True)
    every = Steps(*(np.concatenate(column) for column in columns)) if dropped else None
    return cuts.only(kept), every, memory
