"""All series of a history searched for change points, and judged as one family.

With thousands of series something is always convincing somewhere. The procedure of Benjamini and
Hochberg ("Controlling the false discovery rate", JRSS B 57, 1995) bounds the share of what is false
among all that is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.change_points import find_change_points_many
from benchdb.analysis.family import largest_discovery
from benchdb.analysis.screening import screen
from benchdb.review.sharing import both_halves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.results import ChangePoint


#: So many series are searched by two processes.
_WORTH_SHARING: Final = 3000


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What was found in series, each by its number.

    Parameters
    ----------
    steps
        Of the series that have any.
    drifts
        Of the series that have one.
    tested
        How many hypotheses each adds to the family: at least one.
    noise, floor
        Of each, as `benchdb.analysis.results.ChangePoints` has them.
    """

    steps: Mapping[int, tuple[ChangePoint, ...]]
    drifts: Mapping[int, ChangePoint]
    tested: NDArray[np.int64]
    noise: NDArray[np.float64]
    floor: NDArray[np.float64]


def search(values: Sequence[NDArray[np.float64]], times: Sequence[NDArray[np.float64]]) -> Searched:
    """Search series for changes of level.

    Parameters
    ----------
    values
        The points of each, in order of place, finite.
    times
        Their places, in seconds.
    """
    middle = len(values) // 2 if len(values) >= _WORTH_SHARING else len(values)
    return joined(
        both_halves(
            lambda: _searched(values[:middle], times[:middle]),
            lambda: _searched(values[middle:], times[middle:]),
        )
        if middle < len(values)
        else [_searched(values, times)]
    )


def _searched(
    values: Sequence[NDArray[np.float64]], times: Sequence[NDArray[np.float64]]
) -> Searched:
    first = screen(values)
    left = np.flatnonzero(~first.empty).tolist()
    found = find_change_points_many([values[at] for at in left], [times[at] for at in left])
    tested = np.ones(len(values), dtype=np.int64)
    for at, one in zip(left, found, strict=True):
        tested[at] = max(1, len(one.steps) + len(one.candidates) + (one.drift is not None))
        first.noise[at] = one.noise
        first.noise_floor[at] = one.noise_floor
    return Searched(
        {at: one.steps for at, one in zip(left, found, strict=True) if one.steps},
        {at: one.drift for at, one in zip(left, found, strict=True) if one.drift is not None},
        tested,
        first.noise,
        first.noise_floor,
    )


def joined(parts: Sequence[Searched]) -> Searched:
    """Return what was found in several parts of the series, one after the other."""
    starts = np.cumsum([0, *(len(one.tested) for one in parts)]).tolist()
    pairs = list(zip(starts, parts, strict=False))
    empty = np.array([])
    return Searched(
        {at + start: found for start, one in pairs for at, found in one.steps.items()},
        {at + start: found for start, one in pairs for at, found in one.drifts.items()},
        np.concatenate([empty.astype(np.int64), *(one.tested for one in parts)]),
        np.concatenate([empty, *(one.noise for one in parts)]),
        np.concatenate([empty, *(one.floor for one in parts)]),
    )


def discovered(searched: Searched, rate: float) -> tuple[Searched, int]:
    """Return the steps and drifts that hold in the family of them all, and how large that is.

    Parameters
    ----------
    searched
        All series of a history.
    rate
        The share of false discoveries that is allowed for.

    Notes
    -----
    Candidates that are no steps count as members with p = 1, which can only make it stricter.
    """
    family = int(searched.tested.sum())
    every = [step.p for steps in searched.steps.values() for step in steps]
    every += [drift.p for drift in searched.drifts.values()]
    limit = largest_discovery(every, rate, family)
    held = {
        at: kept
        for at, steps in searched.steps.items()
        if (kept := tuple(step for step in steps if step.p <= limit))
    }
    drifts = {at: drift for at, drift in searched.drifts.items() if drift.p <= limit}
    return Searched(held, drifts, searched.tested, searched.noise, searched.floor), family


def established(events: Sequence[float], family: int, rate: float) -> float:
    """Return the largest p of an event that holds.

    Parameters
    ----------
    events
        Of each event, or drift, the least p of its members.
    family, rate
        As in `discovered`.

    Notes
    -----
    Steps that hold are not enough: where a hundred of them make one event, five false ones beside
    it are as many false events. So events count once each.
    """
    return largest_discovery(events, rate, family)
