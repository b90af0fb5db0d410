"""Since when a test fails: stretches of sessions, what was before them, and which are over.

A stretch is held against what was before it. A test that fails for good has one, and what fails now
and then from some session on has one, too. Where a test that failed passed for longer than chance
allows, it was mended: if it fails again, that is another stretch, and the one that is over says
nothing of what to expect.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: So many test runs of the suite are worth as much as one's own when nothing is known of a test.
_OF_SUITE: Final = 20.0

#: In so many sessions a test must fail before that is confirmed.
CONFIRMED: Final = 2

#: A test that failed was mended if chance lets it pass for so long no more often than this.
_MENDED: Final = 0.001


class Past(NamedTuple):
    """What was before a stretch.

    Parameters
    ----------
    sessions, runs, failed
        How many sessions and test runs there were, and how many of these failed.
    rate
        The share of test runs that it leads one to expect to fail.
    """

    sessions: int
    runs: int
    failed: float
    rate: float


class Stretch(NamedTuple):
    """Sessions that are held against what was before.

    Parameters
    ----------
    begins
        The number of the first.
    past
        What was before.
    runs, failed, sessions
        How many test runs there were, how many of these failed, and in how many sessions.
    p
        The chance that so many would fail if nothing had changed.
    """

    begins: int
    past: Past
    runs: int
    failed: float
    sessions: int
    p: float

    @property
    def rate(self) -> float:
        """The share of its test runs that failed."""
        return self.failed / self.runs if self.runs else math.nan


class Since(NamedTuple):
    """Since when a test fails.

    Parameters
    ----------
    stretch
        The newest stretch that stands out and wasn't mended; None where there is none.
    likeliest
        What comes closest to one behind it; None where no session has more failures than the last.
    p
        Its chance, with all that might have come as close.
    after
        The number of the session that the stretch before it begins with; -1 without one.
    """

    stretch: Stretch | None
    likeliest: Stretch | None
    p: float
    after: int


class Failing:
    """A series of test runs that failed or passed.

    Parameters
    ----------
    failed, counts
        Of each session how many of its test runs failed, and how many there were.
    usual
        The share of the suite's test runs that fail.
    limit
        The chance at which a stretch stands out.
    """

    def __init__(
        self, failed: Sequence[float], counts: Sequence[int], usual: float, limit: float
    ) -> None:
        self._failed, self._counts, self._usual, self._limit = failed, counts, usual, limit
        self._bad = [0.0, *accumulate(failed)]
        self._runs = [0, *accumulate(counts)]
        self._sessions = [0, *accumulate(1 if one else 0 for one in failed)]
        #: The chance of all of it, as if nothing had been before.
        self._every = at_least(int(self._bad[-1]), self._runs[-1], usual)
        #: Of stretches that were mended, the first session and the one behind the last.
        self._mended: list[tuple[int, int]] = []

    def since(self) -> Since:
        """Tell since when the test fails."""
        both = zip(self._failed, self._counts, strict=True)
        shares = [bad / runs if runs else 0.0 for bad, runs in both]
        starts = [at for at in range(1, len(shares)) if shares[at] > shares[at - 1]]
        stretch = likeliest = None
        regime, after, p = 0, -1, 1.0
        looks = len(starts)
        while ahead := [self._from(at, regime) for at in starts if self._may_part(at, regime)]:
            likeliest, p = min(
                ((one, self._p(one, regime)) for one in ahead), key=lambda one: one[1]
            )
            p *= looks
            if p > self._limit or likeliest.rate <= likeliest.past.rate:
                break
            known = len(self._mended)
            begins = self._not_mended(likeliest.begins, regime, looks)
            if begins == len(shares):
                likeliest = None
                break
            likeliest = self._from(begins, regime)
            p = self._p(likeliest, regime) * looks
            if p > self._limit or likeliest.rate <= likeliest.past.rate:
                break
            after = self._mended[-1][0] if len(self._mended) > known else regime or -1
            stretch, regime = likeliest, begins
        return Since(stretch, likeliest, p, after)

    def past(self, start: int, stop: int) -> Past:
        """Return what sessions tell of those behind, without stretches that were mended.

        Where they begin with a stretch that stands out, they alone tell how the test does; from
        the beginning it is like the others of the suite, as far as it isn't known.
        """
        mended = [(max(one, start), min(end, stop)) for one, end in self._mended]
        kept = [(start, stop, 1), *((one, end, -1) for one, end in mended if one < end)]
        sessions = sum(sign * (end - one) for one, end, sign in kept)
        runs = sum(sign * (self._runs[end] - self._runs[one]) for one, end, sign in kept)
        bad = sum(sign * (self._bad[end] - self._bad[one]) for one, end, sign in kept)
        if start:
            return Past(sessions, runs, bad, (bad + 1) / (runs + 1))
        return Past(sessions, runs, bad, (bad + _OF_SUITE * self._usual) / (runs + _OF_SUITE))

    def held(self, start: int, stop: int, past: Past) -> Stretch:
        """Hold sessions against a past."""
        runs, bad = self._runs[stop] - self._runs[start], self._bad[stop] - self._bad[start]
        sessions = self._sessions[stop] - self._sessions[start]
        return Stretch(start, past, runs, bad, sessions, at_least(int(bad), runs, past.rate))

    def _from(self, at: int, regime: int) -> Stretch:
        return self.held(at, len(self._failed), self.past(regime, at))

    def _may_part(self, at: int, regime: int) -> bool:
        """Tell whether another stretch may begin at a session behind the one that began last."""
        failing = self._sessions[at] - self._sessions[regime]
        return at > regime and (not regime or failing >= CONFIRMED)

    def _p(self, one: Stretch, regime: int) -> float:
        """Return the chance of a stretch: by the test's own rate if it may always have failed."""
        if regime or self._mended or one.p < self._every:
            return one.p
        return max(one.p, self._by_own_rate(one))

    def _by_own_rate(self, one: Stretch) -> float:
        """Return the chance that so many of the failures, or more, come so late (Fisher's test)."""
        late, early = one.runs, self._runs[-1] - one.runs
        bad, k = int(self._bad[-1]), int(one.failed)
        ways = _log_ways(late, k) + _log_ways(early, bad - k) - _log_ways(late + early, bad)
        chance = term = math.exp(ways)
        while k < min(late, bad):
            term *= (late - k) / (k + 1) * (bad - k) / (early - bad + k + 1)
            chance, k = chance + term, k + 1
        return min(chance, 1.0)

    def _not_mended(self, begins: int, regime: int, looks: int) -> int:
        """Return where failures began that weren't mended since; behind the end if all were."""
        passes = None
        for at in range(begins, len(self._failed) + 1):
            if at < len(self._failed) and not self._failed[at]:
                passes = at if passes is None else passes
            elif passes is not None:
                one = self.held(begins, passes, self.past(regime, begins))
                if one.p * looks <= self._limit and self._is_mended(one, passes, at):
                    self._mended.append((begins, passes))
                    begins = at
                passes = None
        return begins

    def _is_mended(self, one: Stretch, passes: int, stop: int) -> bool:
        """Tell whether a stretch is over, as the test passed from a session up to another."""
        if one.sessions < CONFIRMED:
            return False
        by_runs = _of_passing(one.failed, one.runs, self._runs[stop] - self._runs[passes])
        # Test runs of one session may fail together: what they need isn't there.
        by_sessions = _of_passing(one.sessions, passes - one.begins, stop - passes)
        return max(by_runs, by_sessions) <= _MENDED


def _of_passing(failed: float, count: int, passed: int) -> float:
    """Return the chance to pass so often of what was looked at because it failed."""
    return (1 - (failed - 0.5) / count) ** passed


def at_least(bad: int, count: int, rate: float) -> float:
    """Return the chance that so many of the test runs fail, or more."""
    rate = min(max(rate, 1e-300), 1.0)
    if bad <= 0 or rate == 1.0:
        return 1.0
    odds = rate / (1 - rate)
    # From the middle on outwards terms become smaller: the tail that is left of it is summed.
    above = bad > count * rate
    k = bad if above else bad - 1
    logs = k * math.log(rate) + (count - k) * math.log1p(-rate)
    term = math.exp(_log_ways(count, k) + logs)
    tail = 0.0
    while 0 <= k <= count and term > tail * 1e-17:
        tail += term
        term *= (count - k) / (k + 1) * odds if above else k / (count - k + 1) / odds
        k += 1 if above else -1
    return min(tail if above else 1 - tail, 1.0)


def _log_ways(n: int, k: int) -> float:
    """Return the logarithm of the number of ways to choose some."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
