"""What the overview says first: a sentence that states the finding, and the numbers beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.dashboard.columns import bounded, column, finite
from benchdb.dashboard.data import Summary
from benchdb.dashboard.series import verdict_number
from benchdb.findings import State
from benchdb.metrics import counts_outcomes
from benchdb.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.dashboard.outcomes import Outcomes
    from benchdb.dashboard.series import Recent
    from benchdb.dashboard.survey import Survey
    from benchdb.records import Metric

#: What series of a unit get: for the worse, for the better.
_WORDS: Final = {"s": ("slower", "faster"), "B": ("heavier", "lighter")}
_OTHER: Final = ("worse", "better")

#: In so many of the newest sessions a failure is present.
_NEWEST: Final = 3

#: An index of fewer than this share of the usual series is of another suite.
_ENOUGH: Final = 0.5


class Counts:
    """How many series of each metric changed for the worse, for the better, and for neither.

    Those count of which nobody said that it is meant so, or noise: what ``benchdb changes`` shows.
    """

    def __init__(self, survey: Survey, recent: Recent) -> None:
        size = len(survey.metrics)
        self.worse, self.better, self.neither = [0] * size, [0] * size, [0] * size
        #: Of each metric the verdicts of slow changes, which began at no session.
        self.drifts: list[list[int]] = [[] for _ in range(size)]
        for number, drift in survey.drifts().items():
            self.drifts[survey.metric_of[number]].append(verdict_number(drift.verdict))
        events = survey.events()
        for number, (moved, _, event) in recent.found.items():
            verdict = verdict_number(moved.verdict)
            if events[event].state is State.OPEN:
                metric = int(survey.metric_of[number])
                self.worse[metric] += verdict > 0
                self.better[metric] += verdict < 0
                self.neither[metric] += verdict == 0


def headline(survey: Survey, counts: Counts, metrics: Sequence[int] | None = None) -> str:
    """Return the finding in a sentence.

    Parameters
    ----------
    metrics
        Of these alone; of all by default.
    """
    sessions = len(survey.standing)
    if not len(survey.sessions):
        return "Nothing is recorded yet."
    if not survey.series:
        return f"Nothing was measured yet in {counted(sessions, 'session')}."
    if sessions == 1:
        return "One session is recorded: what changes will show with the next ones."
    chosen = range(len(survey.metrics)) if metrics is None else metrics
    worse = [(at, counts.worse[at]) for at in chosen if counts.worse[at]]
    better = [(at, counts.better[at]) for at in chosen if counts.better[at]]
    when = f"in the last {counted(survey.window, 'session')}"
    if survey.window == 1:
        when = "in the newest session"
    elif survey.window >= sessions:
        when = f"in the {counted(sessions, 'session')} so far"
    neither = sum(counts.neither[at] for at in chosen)
    moved = f"{counted(neither, 'series', 'series')} changed" if neither else ""
    said = [one for one in (_got(survey, worse, 0), _got(survey, better, 1), moved) if one]
    drift = _drift([each for at in chosen for each in counts.drifts[at]])
    if said:
        others = "".join(f", {one.replace(' series', '')}" for one in said[1:])
        return f"{said[0]} {when}{others}{drift and f'; {drift}'}."
    many = sum(int((survey.metric_of == at).sum()) for at in chosen)
    none = f"No change of {counted(many, 'series', 'series')} was found {when}"
    return f"{none}{drift and f', but {drift}'}."


def _drift(verdicts: Sequence[int]) -> str:
    """Return how many series change slowly, as "2 drift slowly for the worse"."""
    if not verdicts:
        return ""
    ways = set(verdicts)
    way = " for the worse" if ways == {1} else " for the better" if ways == {-1} else ""
    return f"{len(verdicts):,} {'drifts' if len(verdicts) == 1 else 'drift'} slowly{way}"


def _got(survey: Survey, some: Sequence[tuple[int, int]], which: int) -> str:
    """Return how many series got what, as "47 series got slower or heavier"."""
    if not some:
        return ""
    words: dict[str, None] = {}
    for at, _ in some:
        metric = survey.metrics[at]
        words[_WORDS.get(metric.unit, _OTHER)[which] if _is_lower(metric) else _OTHER[which]] = None
    total = sum(count for _, count in some)
    *first, last = words
    said = f"{', '.join(first)} or {last}" if first else last
    return f"{counted(total, 'series', 'series')} got {said}"


def _is_lower(metric: Metric) -> bool:
    from benchdb.records import Direction

    return metric.direction is Direction.LOWER_IS_BETTER and not counts_outcomes(metric)


def failing_cases(survey: Survey, outcomes: Outcomes) -> list[int]:
    """Return the cases that came to harm in one of their newest sessions."""
    found = []
    for case, some in outcomes.trunk.items():
        if any(((ran.failed + ran.lost)[-_NEWEST:] > 0).any() for ran in some):
            found.append(survey.case_numbers[case])
    return sorted(found)


def summaries(
    survey: Survey,
    outcomes: Outcomes,
    counts: Counts,
    suite: dict[Metric, tuple[float, float, float]],
) -> list[Summary]:
    """Return what the top of the overview says of each metric."""
    failing = len(failing_cases(survey, outcomes))
    worse, better = _by_session(survey)
    noise = survey.searched.noise[survey.shown]
    medians = _own_medians(survey)
    made = []
    for at, metric in enumerate(survey.metrics):
        own = np.flatnonzero(survey.metric_of == at)
        known = noise[own][np.isfinite(noise[own])]
        ratio = suite.get(metric)
        made.append(
            Summary(
                metric=at,
                headline=headline(survey, counts, [at]),
                regressed=counts.worse[at],
                improved=counts.better[at],
                suite=None if ratio is None else bounded(ratio[0]),
                suite_low=None if ratio is None else finite(ratio[1]),
                suite_high=None if ratio is None else finite(ratio[2]),
                failing=failing,
                noise=finite(float(np.median(known))) if len(known) else None,
                index=_index(survey, at, medians),
                worse=worse[at].tolist(),
                better=better[at].tolist(),
            )
        )
    return made


def _by_session(survey: Survey) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return by metric and session how many series changed there, for the worse and the better."""
    shape = (len(survey.metrics), len(survey.sessions))
    worse, better = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for one in survey.events():
        first = survey.numbers[one.first_after.row]
        for number, moved in survey.moved(one):
            verdict = verdict_number(moved.verdict)
            metric = int(survey.metric_of[number])
            worse[metric, first] += verdict > 0
            better[metric, first] += verdict < 0
    return worse, better


def _own_medians(survey: Survey) -> NDArray[np.float64]:
    found = np.full(len(survey.series), np.nan)
    if len(survey.points):
        grouped = survey.points.in_groups(survey.points.owner)
        found[grouped.groups] = grouped.medians()
    return found


def _index(survey: Survey, metric: int, medians: NDArray[np.float64]) -> list[float | None]:
    """Return of each session the geometric mean of values, each relative to its own median."""
    points, size = survey.points, len(survey.sessions)
    nothing: list[float | None] = [None] * size
    if counts_outcomes(survey.metrics[metric]) or not len(points):
        return nothing
    lowest = np.full(len(survey.series), np.inf)
    np.minimum.at(lowest, points.owner, points.values)
    fit = (survey.metric_of == metric) & (lowest > 0)
    own = fit[points.owner]
    if not own.any():
        return nothing
    logs = np.log(points.values[own]) - np.log(medians[points.owner[own]])
    at = points.at[own]
    count = np.bincount(at, minlength=size)
    total = np.bincount(at, weights=logs, minlength=size)
    usual = np.median(count[count > 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count >= _ENOUGH * usual, np.exp(total / count), np.nan)
    return column(mean)
