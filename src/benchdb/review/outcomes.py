"""Verdicts on what becomes of test runs: failures, lost runs and hangs, by their rates.

A test that always failed is no regression, one that starts to fail is, and a flaky one is judged by
its rate. What tests do in the whole suite says what to expect of one of which little is known.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchdb.records import Verdict
from benchdb.review.judged import FEW_BEFORE, LEAST_PAST, RECENT, Judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchdb.verdicts import Certainty

#: Failures that nobody has seen yet: a share of test runs, and in how many it is believed.
_PRIOR, _PRIOR_RUNS = 2e-6, 1000.0

#: So many test runs of the suite are worth as much as one's own when nothing is known of a test.
_OF_SUITE: Final = 20.0

#: A test that fails more often than this is broken, and says nothing of the others.
_BROKEN: Final = 0.5

#: Failures that chance gives so seldom are said not to be sure, rather than to be nothing.
_SEEMS: Final = 0.05

#: In so many sessions a test must fail before that is confirmed.
_CONFIRMED: Final = 2


def usual_rate(series: Iterable[tuple[NDArray[np.float64], NDArray[np.int64]]]) -> float:
    """Return the share of a suite's test runs that fail once and pass again.

    Parameters
    ----------
    series
        Of each case the numbers of failed and of all test runs, by session.
    """
    failed, runs = _PRIOR * _PRIOR_RUNS, _PRIOR_RUNS
    for bad, count in series:
        if not len(count) or bad.sum() > _BROKEN * count.sum():
            continue
        failed += float(bad[:-1][bad[1:] == 0].sum())
        runs += float(count.sum())
    return failed / runs


def judge_outcomes(
    bad: NDArray[np.float64],
    runs: NDArray[np.int64],
    new: Sequence[tuple[float, int]],
    usual: float,
    limit: float,
    *,
    first: bool = True,
) -> Judged:
    """Judge how often a test fails.

    Parameters
    ----------
    bad, runs
        Of each session of the trunk, how many of its test runs failed, and how many there were;
        the last is judged where it is of the trunk.
    new
        The same of contenders; empty where the last session of the trunk is judged.
    usual
        From `usual_rate`.
    limit
        The chance of a false alarm that the series may have.
    first
        Whether to tell when an alarm was raised first.
    """
    failed, counts = bad.tolist(), runs.tolist()
    n = len(failed)
    if new:
        found = _Window(failed, counts, list(new), usual)
        alarm = found.p <= limit and found.rate > found.usual
        return found.judged(limit, n, n, alarm=alarm)
    said = _ending(failed, counts, usual, limit)
    if said.certainty is None or not first:
        return said
    for points in range(said.begins + 1, n):
        before = _ending(failed[:points], counts[:points], usual, limit)
        if before.certainty == said.certainty and before.begins == said.begins:
            return _raised(said, points)
    return said


def _raised(said: Judged, points: int) -> Judged:
    return replace(said, raised=points)


def _ending(failed: list[float], counts: list[int], usual: float, limit: float) -> Judged:
    """Judge the last session: of all stretches that begin with a failure the least likely."""
    n = len(failed)
    last = _Window(failed[:-1], counts[:-1], [(failed[-1], counts[-1])], usual)
    starts = [at for at in range(max(n - RECENT, 1), n) if failed[at]]
    if failed[-1] == 0 or not starts:
        return last.judged(limit, n, n, alarm=False)
    both = list(zip(failed, counts, strict=True))
    stretches = [(at, _Window(failed[:at], counts[:at], both[at:], usual)) for at in starts]
    at, found = min(stretches, key=lambda one: one[1].p)
    p = found.p
    if _Window([], [], both, usual).p <= p:
        # It may have failed so from the start: more often now than by its own rate?
        p = max(p, _by_own_rate(failed, counts, at))
    if p * len(starts) <= limit and found.rate > found.usual:
        return found.judged(limit, at, n, alarm=True)
    told = found if at >= LEAST_PAST and p * len(starts) <= _SEEMS else last
    return told.judged(limit, n, n, alarm=False)


def _by_own_rate(failed: list[float], counts: list[int], at: int) -> float:
    """Return the chance that so many of a test's failures come so late, or more (Fisher's test)."""
    runs, late, bad = sum(counts), sum(counts[at:]), int(sum(failed))
    most = min(late, bad)
    ways = sum(
        math.comb(late, k) * math.comb(runs - late, bad - k)
        for k in range(int(sum(failed[at:])), most + 1)
    )
    return ways / math.comb(runs, bad)


def expected_rate(failed: Sequence[float], counts: Sequence[int], usual: float) -> float:
    """Return the share of a test's runs that is expected to fail, by its past and the suite's."""
    return (sum(failed) + _OF_SUITE * usual) / (sum(counts) + _OF_SUITE)


class _Window:
    """Some new sessions beside what was expected of them."""

    def __init__(
        self, failed: list[float], counts: list[int], new: list[tuple[float, int]], usual: float
    ) -> None:
        self.past, self.runs = len(failed), sum(counts)
        self.before = sum(failed) / self.runs if self.runs else math.nan
        self.usual = expected_rate(failed, counts, usual)
        bad, count = int(sum(one for one, _ in new)), sum(runs for _, runs in new)
        self.rate = bad / count if count else math.nan
        self.sessions = sum(1 for one, _ in new if one)
        self.p = _at_least(bad, count, self.usual)

    def judged(self, limit: float, begins: int, raised: int, *, alarm: bool) -> Judged:
        """Return what is said of them."""
        certainty: Certainty | None = None
        verdict, why = Verdict.UNCHANGED, ""
        if not self.runs:
            verdict, why = Verdict.UNDECIDED, "new"
        elif alarm:
            certainty = "confirmed" if self.sessions >= _CONFIRMED else "suspect"
            verdict = Verdict.REGRESSED
        elif self.past < LEAST_PAST:
            verdict, why = Verdict.UNDECIDED, FEW_BEFORE
        elif self.rate > self.before and self.p <= max(limit, _SEEMS):
            verdict, why = Verdict.UNDECIDED, "it failed, but not for sure more often than before"
        elif self.before > _BROKEN and self.rate == 0:
            certainty, verdict = "suspect", Verdict.IMPROVED
        effect = self.rate / self.before - 1 if self.before else math.inf if self.rate else 0.0
        return Judged(
            verdict=verdict,
            certainty=certainty,
            effect=effect,
            low=effect,
            high=effect,
            p=self.p,
            level=self.before,
            value=self.rate,
            points=self.sessions,
            past=self.past,
            begins=begins,
            raised=raised,
            smallest=math.inf,
            noise=math.nan,
            why=why,
        )


def _at_least(bad: int, count: int, rate: float) -> float:
    """Return the chance that so many of the test runs fail, or more."""
    if bad <= 0:
        return 1.0
    rate = min(max(rate, 1e-300), 1.0)
    if rate == 1.0:
        return 1.0
    logs = math.lgamma(count + 1)
    chance = sum(
        math.exp(
            logs
            - math.lgamma(k + 1)
            - math.lgamma(count - k + 1)
            + k * math.log(rate)
            + (count - k) * math.log1p(-rate)
        )
        for k in range(bad, count + 1)
    )
    return min(chance, 1.0)
