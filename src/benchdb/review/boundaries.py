"""Where boundaries lie on the axis of all sessions, and which of them are one.

A cut is the number of the first session behind it, in order of place. Where a series changed is
known as well as its noise and its missing points allow; several series that moved together tell it
better than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.results import ChangePoint

#: A place is not excluded unless it is so much less likely, in units of log-likelihood.
_DOUBT: Final = 3.0

#: By so much less likely a place may be where other series moved: that one cause moved them all is
#: so much more likely beforehand than that another did, one session further.
_SHARED: Final = 8.0

#: From so many standard deviations on a point costs no more: some are spikes.
_BOUND: Final = 5.0

#: One boundary weighs at most so much when places are chosen, in powers of ten of its p.
_MOST_WEIGHT: Final = 12.0
_LEAST_P: Final = 1e-300

#: Of values that don't stray at all.
_LEAST_NOISE: Final = 1e-9

#: Sums that differ by less are equal.
_EQUAL: Final = 1e-6


class Boundary(NamedTuple):
    """A step of one series on the axis of sessions.

    Parameters
    ----------
    series
        Its number.
    at
        The sessions of the two segments' points.
    costs
        What each place costs more than the best, in units of log-likelihood: so many of the points
        stand before it.
    first, last
        The cuts that it may share with other series.
    weight
        How much it says.
    """

    series: int
    step: ChangePoint
    at: NDArray[np.int64]
    costs: NDArray[np.float64]
    first: int
    last: int
    weight: float

    @property
    def sessions(self) -> tuple[int, int]:
        """The sessions of the last point before its own likeliest place and the first behind."""
        best = int(self.costs[1:-1].argmin()) + 1
        return int(self.at[best - 1]), int(self.at[best])

    def costs_of(self, cuts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what it costs to put it at these cuts."""
        costs: NDArray[np.float64] = self.costs[np.searchsorted(self.at, cuts, "left")]
        return costs


def boundaries(
    series: int,
    at: NDArray[np.int64],
    values: NDArray[np.float64],
    steps: Sequence[ChangePoint],
    every: Sequence[ChangePoint],
) -> list[Boundary]:
    """Return the boundaries of one series.

    Parameters
    ----------
    series
        Its number.
    at, values
        Its points: sessions and values.
    steps
        The steps that are asked for.
    every
        All its steps: a boundary lies between the one before it and the one behind it.
    """
    scale = Scale.of(values)
    edges = [0, *(step.index for step in every), len(values)]
    found = []
    for step in steps:
        number = edges.index(step.index)
        begin, end = edges[number - 1], edges[number + 1]
        found.append(boundary(series, at[begin:end], values[begin:end], step, scale))
    return found


def boundary(
    series: int,
    at: NDArray[np.int64],
    values: NDArray[np.float64],
    step: ChangePoint,
    scale: Scale,
) -> Boundary:
    """Return the boundary of one step.

    Parameters
    ----------
    series
        Its number.
    at, values
        The points on both sides, up to the next steps: sessions and values.
    step
        Its levels and its noise count.
    scale
        By which values of the series are compared.
    """
    before, after = scale.heights(np.array([step.before, step.after]))
    near = scale.heights(values)
    noise = max(step.noise, _LEAST_NOISE)
    gain = _loss((near - before) / noise) - _loss((near - after) / noise)
    costs = np.concatenate([[0.0], np.cumsum(gain)])
    costs -= costs[1:-1].min()
    likely = np.flatnonzero(costs[1:-1] <= _SHARED) + 1
    return Boundary(
        series,
        step,
        at,
        costs,
        int(at[likely[0] - 1]) + 1,
        int(at[likely[-1]]),
        min(_MOST_WEIGHT, -float(np.log10(max(step.p, _LEAST_P)))),
    )


def _loss(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded = np.minimum(np.abs(deviations), _BOUND)
    return bounded * bounded / 2


class Place(NamedTuple):
    """Where several boundaries are one.

    Parameters
    ----------
    first, last
        The cuts that are likeliest: equal as far as the points tell.
    earliest, latest
        The cuts that aren't excluded.
    """

    members: tuple[Boundary, ...]
    first: int
    last: int
    earliest: int
    latest: int

    @property
    def p(self) -> float:
        """The least of its members'."""
        return min(one.step.p for one in self.members)


def folded(every: Sequence[Boundary], sessions: int) -> list[Place]:
    """Fold boundaries that may be at one place into one.

    Parameters
    ----------
    every
        All boundaries of a history.
    sessions
        How many sessions there are.

    Notes
    -----
    The cut that most boundaries allow, by weight, is the first place, and so on with what is left;
    then each boundary goes to the place that it fits best.
    """
    firsts = np.array([one.first for one in every], dtype=np.int64)
    lasts = np.array([one.last for one in every], dtype=np.int64)
    weights = np.array([one.weight for one in every])
    left = np.arange(len(every))
    cuts: list[int] = []
    while len(left):
        covered = np.bincount(firsts[left], weights[left], sessions + 2)
        covered -= np.bincount(lasts[left] + 1, weights[left], sessions + 2)
        covered = np.cumsum(covered)
        most = np.flatnonzero(covered >= covered.max() - _EQUAL)
        allow = (firsts[left] <= most[-1]) & (lasts[left] >= most[0])
        total = np.zeros(len(most))
        for number in left[allow]:
            total += np.minimum(every[number].costs_of(most), _SHARED)
        best = int(most[total.argmin()])
        cuts.append(best)
        left = left[(firsts[left] > best) | (lasts[left] < best)]
    groups: dict[int, list[Boundary]] = {}
    places = np.array(sorted(cuts), dtype=np.int64)
    for one in every:
        near = places[(places >= one.first) & (places <= one.last)]
        chosen = int(near[one.costs_of(near).argmin()])
        groups.setdefault(chosen, []).append(one)
    return [_place(groups[cut]) for cut in sorted(groups)]


def _place(members: Sequence[Boundary]) -> Place:
    cuts = np.arange(
        min(one.first for one in members), max(one.last for one in members) + 1, dtype=np.int64
    )
    total = np.zeros(len(cuts))
    for one in members:
        total += one.costs_of(cuts)
    total -= total.min()
    best = np.flatnonzero(total <= _EQUAL)
    # One stretch of them: where two places are equally good, the earlier.
    apart = np.flatnonzero(np.diff(best) > 1)
    last = best[apart[0]] if len(apart) else best[-1]
    near = np.flatnonzero(total <= _DOUBT)
    return Place(
        tuple(members), int(cuts[best[0]]), int(cuts[last]), int(cuts[near[0]]), int(cuts[near[-1]])
    )
