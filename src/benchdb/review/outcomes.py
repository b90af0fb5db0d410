"""Verdicts on what becomes of test runs: failures, lost runs and hangs, by their rates.

A test that always failed is no regression, one that starts to fail is, and a flaky one is judged by
its rate. What tests do in the whole suite says what to expect of one of which little is known.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchdb.records import Verdict
from benchdb.review.failing import CONFIRMED, Failing, Stretch, at_least
from benchdb.review.judged import FEW_BEFORE, LEAST_PAST, RECENT, Judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchdb.verdicts import Certainty

#: Failures that nobody has seen yet: a share of test runs, and in how many it is believed.
_PRIOR, _PRIOR_RUNS = 2e-6, 1000.0

#: A test that fails more often than this is broken, and says nothing of the others.
_BROKEN: Final = 0.5

#: Failures that chance gives so seldom are said not to be sure, rather than to be nothing.
_SEEMS: Final = 0.05


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
    return _judged(bad.tolist(), runs.tolist(), new, usual, limit, first=first)[0]


def rate_expected(
    bad: NDArray[np.float64],
    runs: NDArray[np.int64],
    new: Sequence[tuple[float, int]],
    usual: float,
    limit: float,
) -> float:
    """Return the share of test runs that was expected to fail by which a verdict was made.

    Parameters
    ----------
    bad, runs, new, usual, limit
        As `judge_outcomes` takes them.
    """
    return _judged(bad.tolist(), runs.tolist(), new, usual, limit, first=False)[1].past.rate


def _judged(
    failed: list[float],
    counts: list[int],
    new: Sequence[tuple[float, int]],
    usual: float,
    limit: float,
    *,
    first: bool,
) -> tuple[Judged, Stretch]:
    """Return what is said of a test's failures, and of which of its sessions."""
    n = len(failed)
    if new:
        found = _contender(failed, counts, new, usual, limit)
        alarm = found.p <= limit and found.rate > found.past.rate
        return _said(found, limit, n, alarm=alarm), found
    said, found, after = _ending(failed, counts, usual, limit)
    if said.certainty is None or not first:
        return said, found
    for points in range(said.begins + 1, n):
        before, _, _ = _ending(failed[:points], counts[:points], usual, limit)
        if before.certainty == said.certainty and before.begins > after:
            return replace(said, raised=points), found
    return said, found


def _contender(
    failed: list[float],
    counts: list[int],
    new: Sequence[tuple[float, int]],
    usual: float,
    limit: float,
) -> Stretch:
    """Hold the sessions of a contender against how the test does on the trunk now."""
    trunk = Failing(failed, counts, usual, limit)
    since = trunk.since().stretch if any(failed) else None
    start = since.begins if since and since.sessions >= CONFIRMED else 0
    past = trunk.past(start, len(failed))
    runs, bad = sum(runs for _, runs in new), sum(bad for bad, _ in new)
    sessions = sum(1 for bad, _ in new if bad)
    return Stretch(len(failed), past, runs, bad, sessions, at_least(int(bad), runs, past.rate))


def _ending(
    failed: list[float], counts: list[int], usual: float, limit: float
) -> tuple[Judged, Stretch, int]:
    """Judge the last session: of all stretches that begin with a failure the least likely.

    Returns
    -------
    tuple
        What is said, of which sessions, and the session behind which these began to stand out.
    """
    n = len(failed)
    series = Failing(failed, counts, usual, limit)
    told, after = None, -1
    start = 0
    if failed[-1]:
        since = series.since()
        told, after = since.stretch, since.after
        if told and told.begins >= n - RECENT:
            return _said(told, limit, n, alarm=True), told, after
        if told:
            start, told = told.begins, None  # so it has been for long
        elif since.likeliest and since.likeliest.begins >= LEAST_PAST and since.p <= _SEEMS:
            told = since.likeliest
    if told is None:
        told = series.held(n - 1, n, series.past(start, n - 1))
    return _said(told, limit, n, alarm=False), told, after


def _said(one: Stretch, limit: float, n: int, *, alarm: bool) -> Judged:
    """Return what is said of some sessions of a series that has so many of the trunk."""
    certainty: Certainty | None = None
    verdict, why = Verdict.UNCHANGED, ""
    before = one.past.failed / one.past.runs if one.past.runs else math.nan
    if not one.past.runs:
        verdict, why = Verdict.UNDECIDED, "new"
    elif alarm:
        certainty = "confirmed" if one.sessions >= CONFIRMED else "suspect"
        verdict = Verdict.REGRESSED
    elif one.begins < LEAST_PAST:
        verdict, why = Verdict.UNDECIDED, FEW_BEFORE
    elif one.rate > before and one.p <= max(limit, _SEEMS):
        verdict, why = Verdict.UNDECIDED, "it failed, but not for sure more often than before"
    elif before > _BROKEN and one.rate == 0:
        certainty, verdict = "suspect", Verdict.IMPROVED
    effect = one.rate / before - 1 if before else math.inf if one.rate else 0.0
    return Judged(
        verdict=verdict,
        certainty=certainty,
        effect=effect,
        low=effect,
        high=effect,
        p=one.p,
        level=before,
        value=one.rate,
        points=one.sessions,
        past=one.past.sessions,
        begins=n if certainty is None else one.begins,
        raised=n,
        smallest=math.inf,
        noise=math.nan,
        why=why,
    )
