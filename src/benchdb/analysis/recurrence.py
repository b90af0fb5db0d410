"""Levels that a series visits time and again: machines of two speeds whose mode sticks for runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchdb.analysis.noise import Floats
    from benchdb.analysis.stack import Cuts, Segments, Stack

#: What is known beforehand of how a visit ends: so many points stayed, and so many left.
_STAYED, _LEFT = 0.2, 0.8


def expected_visits(stack: Stack, cuts: Cuts, segments: Segments, levels: Floats) -> Floats:
    """Return how many visits as long as the shorter side of a boundary its longer side leads to.

    A visit is a run of points beyond the middle of the two levels, on the longer side, or on the
    far side of the shorter one where that stands on the level of the longer one: an episode between
    the two. Where there was none nothing is expected.

    Parameters
    ----------
    stack, cuts
        The series, and their boundaries.
    segments, levels
        The stack cut at these, and the median of each segment.

    Notes
    -----
    A machine that leaves its mode with the same chance after each run, however long it was there,
    is a Markov chain of two states, and the length of a visit is geometric: Norris, Markov Chains,
    1.1 and 1.4. The chance to stay is estimated from the visits that were seen; beforehand it is
    taken for low (a beta distribution of 0.2 and 0.8). As many visits are expected as there were.
    """
    if not len(cuts.places):
        return np.zeros(0)
    edges, behind, number = segments.edges, segments.behind, len(levels)
    lengths = segments.lengths
    early = lengths[behind - 1] < lengths[behind]
    short = np.where(early, behind - 1, behind)
    long = np.where(early, behind, behind - 1)
    far = np.where(early, behind - 2, behind + 1)
    middle = (levels[short] + levels[long]) / 2
    above = levels[short] > middle
    own = np.searchsorted(edges[:-1], stack.starts)
    held = (far >= own[cuts.series]) & (far < own[cuts.series + 1])
    far = np.clip(far, 0, number - 1)
    held &= (levels[far] > middle) != above
    first = np.minimum(edges[long], np.where(held, edges[far], edges[long]))
    last = np.maximum(edges[long + 1], np.where(held, edges[far + 1], edges[long + 1]))
    # The points from first to last of each boundary, end to end.
    counts = last - first
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    points = np.arange(int(counts.sum())) + np.repeat(first - starts, counts)
    beyond = (stack.heights[points] > np.repeat(middle, counts)) == np.repeat(above, counts)
    beyond &= segments.of_points[points] != np.repeat(short, counts)
    stayed = np.zeros(len(points), dtype=bool)
    stayed[1:] = beyond[1:] & beyond[:-1]
    stayed[starts] = False
    visited = np.add.reduceat(beyond.astype(float), starts)
    stays = np.add.reduceat(stayed.astype(float), starts)
    share = (stays + _STAYED) / (visited + _STAYED + _LEFT)
    expected: Floats = (visited - stays) * share ** (lengths[short] - 1)
    return expected
