"""Where a change began, told by all series that moved there: each alone may be one session off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import noise_of_moves
from benchdb.analysis.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchdb.review.judging import Judged
    from benchdb.series import StoredSession

#: Changes that begin so many sessions apart may be one.
_APART: Final = 2

#: A point speaks against a place by so much at most, and a series by so much where it has its own.
_MOST, _OWN = 4.5, 3.0


def at_one_place(
    at: Sequence[Sequence[StoredSession]],
    values: Sequence[NDArray[np.float64]],
    judged: Sequence[Judged],
) -> list[Judged]:
    """Put steps of several series that began at about one session where together they fit best.

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
    orders = sorted({each.order for number in stepped for each in at[number]})
    places = {order: place for place, order in enumerate(orders)}
    begun = {number: places[at[number][judged[number].begins].order] for number in stepped}
    for group in _groups(begun):
        candidates = range(begun[group[0]], begun[group[-1]] + 1)
        fits = {
            number: _fits(
                [places[each.order] for each in at[number]],
                values[number],
                judged[number],
                candidates,
            )
            for number in group
        }
        best = min(candidates, key=lambda place: sum(fit[place][0] for fit in fits.values()))
        for number, fit in fits.items():
            badness, first = fit[best]
            one = result[number]
            if first < len(values[number]) and badness <= fit[begun[number]][0] + _OWN:
                points = max(one.points + one.begins - first, 1)
                result[number] = replace(one, begins=first, points=points)
    return result


def _groups(begun: Mapping[int, int]) -> list[list[int]]:
    """Return series together whose steps begin near one another, where they differ."""
    groups: list[list[int]] = []
    for number in sorted(begun, key=lambda one: begun[one]):
        if groups and begun[number] - begun[groups[-1][-1]] <= _APART:
            groups[-1].append(number)
        else:
            groups.append([number])
    return [group for group in groups if begun[group[0]] != begun[group[-1]]]


def _fits(
    of_points: Sequence[int], values: NDArray[np.float64], judged: Judged, candidates: range
) -> dict[int, tuple[float, int]]:
    """Return for each place how badly a step fits there, and the first point behind it."""
    scale = Scale.of(values)
    heights = scale.heights(values)
    old, new = scale.heights(np.array([judged.level, judged.value]))
    noise = float(noise_of_moves(np.abs(np.diff(heights))))
    before = np.minimum(((heights - old) / noise) ** 2 / 2, _MOST)
    after = np.minimum(((heights - new) / noise) ** 2 / 2, _MOST)
    found = {}
    for place in candidates:
        first = int(np.searchsorted(of_points, place))
        found[place] = (float(before[:first].sum() + after[first:].sum()), first)
    return found
