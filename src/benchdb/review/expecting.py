"""What a series leads one to expect of its newest points: pure, from arrays.

That is its baseline, of the last segment, but for two things: a level that people accepted counts
as if it had always been there, and where a series wanders, its last level says less of the next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.change_points import find_change_points
from benchdb.analysis.noise import MAD
from benchdb.analysis.scale import Scale
from benchdb.analysis.steps import inflation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.results import Baseline, ChangePoints, Segment

    Values = NDArray[np.float64]

#: Points of a series that are looked at: what the sensitivities of a gate look at.
LAST: Final = 150

#: Two points are far from another if so many are between them.
_FAR: Final = 10

#: So many points on either side of a step tell whether it is a jump, and by how many times as much
#: as elsewhere it must move there.
_BESIDE, _JUMP = 3, 3.5

#: By what they differ more than neighbours where a series wanders, and how that goes on.
_WANDERS, _ON = 1.25, 0.2


class Levelled(NamedTuple):
    """A series as if its accepted level had always been there.

    Parameters
    ----------
    values
        Its points, of before at the accepted level.
    known
        From how many points the level is known.
    left_out
        How many points of before aren't among the values: they are long ago, or can't be brought
        to that level.
    """

    values: Values
    known: int
    left_out: int = 0


def levelled(values: Values, accepted: int) -> Levelled:
    """Bring what stands before an accepted level to that level.

    Parameters
    ----------
    values
        The series.
    accepted
        How many points stand before; 0 where nothing was accepted.
    """
    after = values[accepted:]
    if not 0 < accepted < len(values):
        return Levelled(values, len(values))
    # What is known of its noise stays so; steps of before, that may be near, must not come in.
    first = max(accepted - LAST, 0)
    old, new = values[first:accepted], float(np.median(after))
    moved = []
    for one in find_change_points(old, sensitivity="suspect").segments:
        if one.level == 0 or new / one.level <= 0:
            return Levelled(after, len(after), accepted)
        moved.append(old[one.start : one.stop] * (new / one.level))
    return Levelled(np.concatenate([*moved, after]), len(after), first)


def wary(found: ChangePoints, values: Values, known: int) -> Baseline | None:
    """Return a baseline that takes into account how a series wanders, and what was accepted.

    Where it stands still between steps, points are as far from the one before as from those of ten
    points ago, but for the jumps, which are told by the segments. Where it wanders, what looks like
    a step is a part of the way, and its last level says less of the next: as one of fewer points.

    Parameters
    ----------
    found
        What is known of its last points.
    values
        The series.
    known
        From how many points its level is known.
    """
    baseline = found.baseline
    if baseline is None:
        return None
    if known < baseline.points:
        baseline = replace(baseline, points=float(max(known, 1)))
    heights = Scale(baseline.unit).heights(values[-LAST:])
    near, far = _differences(heights)
    if near == 0 or far <= _WANDERS * near:
        return baseline
    near, far = _differences(_without_jumps(heights, found.segments))
    if near == 0 or far <= _WANDERS * near:
        return baseline
    # Of two points so far apart, in the normal distribution's standard deviations.
    wandered = (far**2 - near**2) * MAD**2 * _ON
    usual = inflation(baseline.memory) ** 2 / baseline.points
    return replace(baseline, points=1 / (usual + wandered / baseline.spread**2))


def _differences(heights: Values) -> tuple[float, float]:
    """Return how far points usually are from the one before, and from those long before."""
    if len(heights) < 2 * _FAR:
        return 0.0, 0.0
    near, far = (float(np.median(np.abs(heights[by:] - heights[:-by]))) for by in (1, _FAR))
    return near, far


def _without_jumps(heights: Values, segments: Sequence[Segment]) -> Values:
    """Take out of a series the steps that are no part of its way: it moves there as nowhere else.

    Parameters
    ----------
    heights
        As values are compared.
    segments
        Those of its points.
    """
    cuts = [one.start for one in segments[1:]]
    if len(heights) < 2 * _FAR or not cuts:
        return heights
    middles = np.median(np.lib.stride_tricks.sliding_window_view(heights, _BESIDE), axis=1)
    moves = middles[_BESIDE:] - middles[:-_BESIDE]  # at each point but the first and last few
    at = np.arange(_BESIDE, _BESIDE + len(moves))
    beside = (np.abs(at[:, None] - np.array(cuts)) < _BESIDE).any(axis=1)
    if beside.all():
        return heights
    usual = MAD * float(np.median(np.abs(moves[~beside])))
    left = heights.copy()
    edges = [*cuts, segments[-1].stop]
    for start, cut, stop in zip([0, *cuts], edges, edges[1:], strict=False):
        if cut - start < _BESIDE or stop - cut < _BESIDE:
            continue
        if abs(moves[cut - _BESIDE]) > _JUMP * usual:
            left[cut:] -= np.median(heights[cut:stop]) - np.median(heights[start:cut])
    return left


def expected(past: Values, accepted: int = 0) -> tuple[ChangePoints, Baseline | None]:
    """Return the segments of the past of a series, and what it leads one to expect.

    Parameters
    ----------
    past
        The points before those that are judged.
    accepted
        As `levelled` takes it.
    """
    one = levelled(past, accepted)
    recent = one.values[-LAST:]
    found = find_change_points(recent, sensitivity="confirmed")
    return found, wary(found, recent, one.known)
