"""Where a change began, told by all series that moved there: each alone may be one session off."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import LEAST, noise_of_moves
from benchdb.analysis.results import ChangePoint
from benchdb.analysis.scale import Scale
from benchdb.review.boundaries import boundary, folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.review.boundaries import Boundary
    from benchdb.review.judged import Judged
    from benchdb.series import StoredSession

#: So many points on either side of a step tell where it began.
_NEAR: Final = 10

#: So much less likely places are none, in units of log-likelihood.
_DEAR: Final = 20.0


def at_one_place(
    at: Sequence[Sequence[StoredSession]],
    values: Sequence[NDArray[np.float64]],
    judged: Sequence[Judged],
) -> list[Judged]:
    """Put steps of several series that may have begun at one session there, as events are made.

    Parameters
    ----------
    at, values
        The points of each series: their sessions, and what was measured.
    judged
        What is said of each.
    """
    result = list(judged)
    stepped = [
        number
        for number, one in enumerate(judged)
        if one.certainty == "confirmed" and 0 < one.begins < len(values[number])
    ]
    sessions = {each.row: each for number in stepped for each in at[number]}
    ordered = sorted(sessions.values(), key=lambda one: one.order)
    places = {one.row: place for place, one in enumerate(ordered)}
    every = [
        boundary_near(number, [places[each.row] for each in at[number]], values[number], one)
        for number in stepped
        for one in [judged[number]]
    ]
    for place in folded(every, len(ordered)):
        for member in place.members:
            one = judged[member.series]
            first = sum(places[each.row] < place.last for each in at[member.series])
            points = max(one.points + one.begins - first, 1)
            result[member.series] = replace(one, begins=first, points=points)
    return result


def boundary_near(
    series: int, at: Sequence[int], values: NDArray[np.float64], judged: Judged
) -> Boundary:
    """Return where the step that a verdict tells of may be, as far as the points near it tell.

    Parameters
    ----------
    series
        Its number.
    at
        The numbers of the sessions of its points.
    values, judged
        Its points, and what is said of them: of a step among them.
    """
    kept = slice(max(judged.begins - _NEAR, 0), judged.begins + _NEAR)
    near = values[kept]
    scale = Scale.of(near)
    step = ChangePoint(
        judged.begins,
        "step",
        judged.effect,
        judged.low,
        judged.high,
        judged.level,
        judged.stepped_to,
        _noise(judged, scale, near),
        judged.p,
    )
    sessions = np.array(at[kept], dtype=np.int64)
    costs = boundary(series, sessions, near, step, scale).costs
    # What is cheap again behind what is dear is another step's place.
    middle = judged.begins - kept.start
    dear = np.flatnonzero(costs > costs[middle] + _DEAR)
    first = int(dear[dear < middle].max(initial=0))
    stop = int(dear[dear > middle].min(initial=len(near)))
    return boundary(series, sessions[first:stop], near[first:stop], step, scale)


def _noise(judged: Judged, scale: Scale, near: NDArray[np.float64]) -> float:
    """Return how far values stray, as they are compared: as in the past, if that tells it."""
    found = judged.noise if scale.unit is None else judged.noise * abs(judged.level) / scale.unit
    if not math.isfinite(found):  # of a level of 0 there are no shares
        found = float(noise_of_moves(np.abs(np.diff(scale.heights(near)))))
    return max(found, LEAST)
