"""Many cases compared at once: the geometric mean of their ratios, with its interval."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from benchdb.analysis.comparison import TRIMMED, verdict_of
from benchdb.analysis.steps import inflation, memories
from benchdb.analysis.student import two_sided_p, two_sided_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.comparison import Comparison
    from benchdb.analysis.noise import Floats
    from benchdb.records import Direction, Verdict

#: What an interval leaves out.
_OUTSIDE: Final = 0.05

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
    mean = float(logs.mean())
    basis, (error, freedom) = "sessions", _over_sessions(cases) if by_session else _UNKNOWN
    if math.isinf(error):
        basis = "cases"
        error, freedom = float(logs.std(ddof=1)) / math.sqrt(len(cases)), len(cases) - 1.0
    reach = two_sided_quantile(_OUTSIDE, freedom) * error
    effect, low, high = (math.expm1(mean + way * reach) for way in (0, -1, 1))
    p = two_sided_p(mean / error, freedom) if error else float(mean == 0)
    verdict = verdict_of(effect, low, high, direction, tolerance)
    return Overall(effect, low, high, p, verdict, len(cases), basis)


_UNKNOWN: Final = (math.inf, 1.0)


def _over_sessions(cases: Sequence[Compared]) -> tuple[float, float]:
    """Return the standard error of the mean logarithm, and its degrees of freedom."""
    sides = (
        _Sums.of([(one.baseline, one.baseline_at) for one in cases]),
        _Sums.of([(one.contender, one.contender_at) for one in cases]),
    )
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
    def of(cls, parts: Sequence[tuple[Floats, Sequence[int]]]) -> _Sums:
        """Sum up by session how each case's values deviate from their mean."""
        sums: dict[int, float] = defaultdict(float)
        spread = [(values, at) for values, at in parts if len(values) > 1]
        for values, at in parts:
            if len(values) == 1:
                sums[at[0]] += 0.0
        for values, at in spread:
            n = len(values)
            cut = int(TRIMMED * n)
            kept = n - 2 * cut
            heights = np.log(values)
            ordered = np.sort(heights)
            drawn = np.clip(heights, ordered[cut], ordered[n - cut - 1])
            weight = math.sqrt(kept / (kept - 1)) / kept / len(spread)
            for session, deviation in zip(at, drawn - drawn.mean(), strict=True):
                sums[session] += weight * float(deviation)
        if len(sums) < 2 or not spread:
            return cls(len(sums) if spread else 1, 0.0, 0.0)
        deviations = np.array([sums[session] for session in sorted(sums)])
        remembered = float(memories(deviations, np.array([0, len(deviations)]))[0])
        return cls(len(sums), float((deviations**2).sum()), remembered)
