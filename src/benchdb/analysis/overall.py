"""Many cases compared at once: the geometric mean of their ratios, with its interval."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from benchdb.analysis.comparison import OUTSIDE, TRIMMED, verdict_of
from benchdb.analysis.scale import Scale
from benchdb.analysis.steps import inflation, memories
from benchdb.analysis.student import two_sided_p, two_sided_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.analysis.comparison import Comparison
    from benchdb.analysis.noise import Floats
    from benchdb.records import Direction, Verdict

    #: Of each case its values, and the numbers of their sessions.
    Values: TypeAlias = tuple[Sequence[Floats], Sequence[Sequence[int] | NDArray[np.int64]]]

#: What an interval of the geometric mean is made from.
Basis = Literal["sessions", "cases"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A case as it was compared, and what session each value is from.

    Parameters
    ----------
    comparison
        Of values that are all positive.
    baseline, contender
        The values of each side.
    baseline_at, contender_at
        Of each value the number of its session, which cases share.
    """

    comparison: Comparison
    baseline: Floats
    contender: Floats
    baseline_at: Sequence[int]
    contender_at: Sequence[int]


@dataclass(frozen=True, slots=True)
class Overall:
    """The geometric mean of the ratios of several cases.

    Parameters
    ----------
    effect
        The mean ratio - 1, every case counting the same.
    low, high
        The bounds of its 95 % interval; -1 and infinite where nothing is known.
    p
        The chance of so large an effect, either way, with no change.
    verdict
        As of one comparison.
    cases
        Of how many it is the mean.
    basis
        What the interval is made from: how sessions differ, where there are two of either side at
        least; else how cases differ, which can't tell a session that was slow throughout.
    """

    effect: float
    low: float
    high: float
    p: float
    verdict: Verdict
    cases: int
    basis: Basis


def overall(
    cases: Sequence[Compared], *, direction: Direction | None, tolerance: float, by_session: bool
) -> Overall:
    """Return the geometric mean of the ratios of cases.

    Parameters
    ----------
    cases
        One at least.
    direction, tolerance
        As of `benchdb.compare`.
    by_session
        Whether values are one a session: else sessions are too few to tell how they differ.

    Notes
    -----
    What makes one session slow slows all of its cases, so they aren't independent. The standard
    error is therefore one of sums over the cases of a session (the cluster-robust variance of Liang
    and Zeger, Biometrika 73, 1986), by Yuen's trimmed means as in `benchdb.compare`, with Welch's
    degrees of freedom of sessions. Of one case it gives what `compare` does.
    """
    if len(cases) == 1:
        only = cases[0].comparison
        basis: Basis = "sessions" if by_session else "cases"
        return Overall(only.effect, only.low, only.high, only.p, only.verdict, 1, basis)
    logs = np.array([math.log1p(one.comparison.effect) for one in cases])
    sides = (
        ([one.baseline for one in cases], [one.baseline_at for one in cases]),
        ([one.contender for one in cases], [one.contender_at for one in cases]),
    )
    return _overall(logs, sides, direction, tolerance, by_session=by_session)


def overall_of(
    logs: Floats,
    baseline: Values,
    contender: Values,
    *,
    direction: Direction | None,
    tolerance: float,
) -> Overall:
    """Return what `overall` does, of many cases whose values are one a session.

    Parameters
    ----------
    logs
        Of each case the logarithm of its ratio.
    baseline, contender
        Of each case its values, all positive, and the numbers of their sessions.
    """
    return _overall(logs, (baseline, contender), direction, tolerance, by_session=True)


def _overall(
    logs: Floats,
    sides: tuple[Values, Values],
    direction: Direction | None,
    tolerance: float,
    *,
    by_session: bool,
) -> Overall:
    basis: Basis = "sessions"
    error, freedom = _over_sessions(sides) if by_session else _UNKNOWN
    mean = float(logs.mean())
    if math.isinf(error):
        basis = "cases"
        error, freedom = float(logs.std(ddof=1)) / math.sqrt(len(logs)), len(logs) - 1.0
    reach = two_sided_quantile(OUTSIDE, freedom) * error
    effect, low, high = (_LOGARITHMS.effect(0.0, mean + way * reach) for way in (0, -1, 1))
    p = two_sided_p(mean / error, freedom) if error else float(mean == 0)
    verdict = verdict_of(effect, low, high, direction, tolerance)
    return Overall(effect, low, high, p, verdict, len(logs), basis)


_UNKNOWN: Final = (math.inf, 1.0)

#: By which ratios become effects, however large they are.
_LOGARITHMS: Final = Scale(None)


def _over_sessions(values: tuple[Values, Values]) -> tuple[float, float]:
    """Return the standard error of the mean logarithm, and its degrees of freedom."""
    sides = (_Sums.of(*values[0]), _Sums.of(*values[1]))
    known = [side for side in sides if side.sessions > 1]
    if not known:
        return _UNKNOWN
    if len(known) == 1:
        # One session has no spread of its own: it borrows that of the others.
        variance = known[0].variance
        error = math.sqrt(variance * (1 + known[0].sessions))
        return error * inflation(known[0].memory), known[0].sessions - 1.0
    total = sum(side.variance for side in sides)
    least = min(side.sessions - 1 for side in sides)
    parts = sum(side.variance**2 / (side.sessions - 1) for side in sides)
    remembered = max(side.memory for side in sides)
    return math.sqrt(total) * inflation(remembered), total**2 / parts if parts else float(least)


class _Sums(NamedTuple):
    """What one side's sessions say of the mean over all cases.

    Parameters
    ----------
    sessions
        How many there are.
    variance
        The square of the standard error of the side's mean.
    memory
        The correlation of a session with the one before it.
    """

    sessions: int
    variance: float
    memory: float

    @classmethod
    def of(cls, values: Sequence[Floats], at: Sequence[Sequence[int] | NDArray[np.int64]]) -> _Sums:
        """Sum up by session how each case's values deviate from their mean."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for number, row in enumerate(values):
            by_length[len(row)].append(number)
        spread = len(values) - len(by_length[1])
        known = np.unique(np.concatenate([np.asarray(some, dtype=np.int64) for some in at]))
        if len(known) < 2 or not spread:
            return cls(len(known) if spread else 1, 0.0, 0.0)
        sums = np.zeros(len(known))
        for n, numbers in by_length.items():
            if n == 1:
                continue
            cut = int(TRIMMED * n)
            kept = n - 2 * cut
            heights = np.log([values[number] for number in numbers])
            ordered = np.sort(heights, axis=1)
            drawn = np.clip(heights, ordered[:, [cut]], ordered[:, [n - cut - 1]])
            deviations = drawn - drawn.mean(axis=1, keepdims=True)
            places = np.searchsorted(known, np.array([at[number] for number in numbers]))
            np.add.at(sums, places, math.sqrt(kept / (kept - 1)) / kept / spread * deviations)
        remembered = float(memories(sums, np.array([0, len(sums)]))[0])
        return cls(len(known), float((sums**2).sum()), remembered)
