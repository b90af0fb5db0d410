"""Series with what is to be judged of them, and what is said: by a gate, or when it is replayed."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchdb.globs import matches
from benchdb.metrics import FAILED, counts_outcomes
from benchdb.records import Verdict
from benchdb.review.apart import raised_when_apart
from benchdb.review.causes import with_known_causes
from benchdb.review.controls import raised_without_controls, with_controls
from benchdb.review.differences import commit_ranges
from benchdb.review.judged import Rule
from benchdb.review.judging import judge_contenders, judge_newest
from benchdb.review.outcomes import judge_outcomes, usual_rate
from benchdb.review.places import at_one_place
from benchdb.review.settled import Settled, is_unfixed, saying_at, settled
from benchdb.verdicts import SeriesVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.review.acknowledged import Acknowledged
    from benchdb.review.judged import Judged
    from benchdb.series import SeriesKey, StoredSession


class Line(NamedTuple):
    """A series as the gate sees it: points of the trunk, and the ones that are judged.

    Parameters
    ----------
    at, values, runs
        Of the trunk, as in `benchdb.review.history.HistorySeries`; where a session of the trunk is
        judged, with its point at the end.
    new
        Of a contender: session, value and number of test runs of each point. Empty for the trunk.
    accepted
        How many points stand before the level that somebody accepted as the baseline.
    """

    key: SeriesKey
    at: Sequence[StoredSession]
    values: NDArray[np.float64]
    runs: NDArray[np.int64]
    new: list[tuple[StoredSession, float, int]]
    accepted: int = 0

    def up_to(self, session: StoredSession) -> Line:
        """Return the series as it was after a session."""
        points = bisect_right(self.at, session.order, key=lambda one: one.order)
        return self._replace(
            at=self.at[:points], values=self.values[:points], runs=self.runs[:points]
        )


def judged_count(lines: Sequence[Line]) -> int:
    """Return how many series share the budget of false alarms.

    What becomes of a test's runs counts once: as `failed`.
    """
    shared = [one for one in lines if not counts_outcomes(one.key.metric) or is_failed(one.key)]
    return max(len(shared), 1)


def is_failed(key: SeriesKey) -> bool:
    """Tell whether a series counts the failed test runs."""
    return (key.metric.name, key.metric.unit) == (FAILED.name, FAILED.unit)


def is_judged(key: SeriesKey, settings: Settings) -> bool:
    """Tell whether a series is of a metric to judge; what becomes of test runs always is."""
    return counts_outcomes(key.metric) or any(
        matches(pattern, key.metric.name) for pattern in settings.metrics
    )


def verdicts_of(
    lines: Sequence[Line],
    settings: Settings,
    limit: float,
    said: Acknowledged,
    numbers: Mapping[int, int],
    *,
    usual: Mapping[str, float] | None = None,
    first: bool = True,
    elsewhere: Sequence[Line] = (),
) -> list[SeriesVerdict]:
    """Judge series, those of one session.

    Parameters
    ----------
    lines
        The series.
    settings
        They name tolerances and controls.
    limit
        The chance of a false alarm that each may have.
    said
        What people said of changes.
    numbers
        By row, the numbers of the sessions that `said` counts.
    usual
        How often test runs fail, by metric; by default what these series say.
    first
        Whether to tell when each alarm was raised first.
    elsewhere
        Series of earlier sessions in other environments: a cause that they show is known.
    """
    here = [one for one in lines if not counts_outcomes(one.key.metric)]
    measured = [*here, *elsewhere]
    found = judge_lines(measured, settings, limit, first=first)
    places = at_one_place([one.at for one in measured], [one.values for one in measured], found)
    every = settled(
        measured,
        places,
        said,
        numbers,
        lambda some: judge_lines(some, settings, limit, first=first),
    )
    made = [_verdict(line, one, settings) for line, one in zip(measured, every, strict=True)]
    made, beside = made[: len(here)], made[len(here) :]
    of_here, of_others = every[: len(here)], every[len(here) :]
    by_metric: dict[str, list[Line]] = defaultdict(list)
    for one in lines:
        if counts_outcomes(one.key.metric):
            by_metric[one.key.metric.name].append(one)
    for name, some in by_metric.items():
        rate = usual_rate((one.values, one.runs) for one in some) if usual is None else usual[name]
        for line in some:
            new = [(value, runs) for _, value, runs in line.new]
            judged = judge_outcomes(line.values, line.runs, new, rate, limit, first=first)
            if is_failed(line.key) or judged.certainty is not None or judged.value > 0:
                moved = judged.certainty is not None and (judged.begins < len(line.at) or line.new)
                saying = saying_at(line, judged, said, numbers) if moved else None
                held = Settled(judged, saying)
                shares = line.values / line.runs
                if saying and is_unfixed(saying, line, judged, said, numbers, values=shares):
                    held = Settled(judged, unfixed=saying)
                made.append(_verdict(line, held, settings))
    beside = with_controls(beside, settings, elsewhere, [one.judged for one in of_others])
    earlier = [
        replace(one, raised=one.raised or line.at[-1])
        for one, line in zip(beside, elsewhere, strict=True)
        if one.verdict is Verdict.REGRESSED
    ]
    told = with_controls(made, settings, here, [one.judged for one in of_here])
    if first and not any(one.new for one in lines):
        told = raised_without_controls(
            told,
            here,
            lambda some: _unsettled(some, settings, limit),
        )
        told = raised_when_apart(
            told, here, lambda some: judge_lines(some, settings, limit, first=False)
        )
    return with_known_causes(told, earlier)


def _unsettled(
    lines: Sequence[Line], settings: Settings, limit: float
) -> tuple[list[SeriesVerdict], list[Judged]]:
    """Return what is said of series that measure something, whatever people said of that."""
    judged = judge_lines(lines, settings, limit, first=False)
    placed = at_one_place([one.at for one in lines], [one.values for one in lines], judged)
    made = [_verdict(line, Settled(one), settings) for line, one in zip(lines, placed, strict=True)]
    return made, placed


def rule_of(key: SeriesKey, settings: Settings, limit: float) -> Rule:
    """Return by what a series is judged."""
    tolerance = settings.tolerance_of(key.case.id, key.metric.name)
    return Rule(limit, tolerance, key.metric.direction)


def judge_lines(
    lines: Sequence[Line], settings: Settings, limit: float, *, first: bool = True
) -> list[Judged]:
    """Judge series that measure something."""
    rules = [rule_of(one.key, settings, limit) for one in lines]
    accepted = [one.accepted for one in lines]
    if any(one.new for one in lines):
        new = [np.array([value for _, value, _ in one.new]) for one in lines]
        return judge_contenders([one.values for one in lines], new, rules, accepted)
    return judge_newest([one.values for one in lines], rules, accepted, first=first)


def _verdict(line: Line, one: Settled, settings: Settings) -> SeriesVerdict:
    judged, saying = one.judged, one.saying
    moved = judged.certainty is not None
    n = len(line.at)
    before = line.at[min(judged.begins, n) - 1] if moved and judged.begins else None
    since = None
    if moved:
        since = line.at[judged.begins] if judged.begins < n else line.new[0][0]
    raised = line.at[judged.raised - 1] if moved and judged.raised < n else None
    verdict, why = judged.verdict, judged.why
    certainty = judged.certainty
    if saying is not None:
        verdict, certainty = Verdict.UNDECIDED, None
        why = f"acknowledged as {saying.state}"
    return SeriesVerdict(
        key=line.key,
        verdict=verdict,
        certainty=certainty,
        effect=judged.effect,
        low=judged.low,
        high=judged.high,
        p=judged.p,
        baseline=judged.level,
        value=judged.value,
        points=judged.points,
        past=judged.past,
        before=before,
        since=since,
        raised=raised,
        commits=commit_ranges(before, since) if before and since else (),
        tolerance=settings.tolerance_of(line.key.case.id, line.key.metric.name),
        smallest=judged.smallest,
        why=why,
        fixed_by=one.unfixed.commit if one.unfixed else None,
    )
