"""The page on where to spend effort: flaky, long and missing cases, and the machines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.dashboard.columns import bounded, finite
from benchdb.dashboard.data import Flaky, Health, Host, Longest, Missing
from benchdb.dashboard.survey import machine

if TYPE_CHECKING:
    from benchdb.dashboard.outcomes import Outcomes
    from benchdb.dashboard.survey import Survey

#: Rows of each table.
_MOST: Final = 200

#: With fewer sessions nothing is said of a machine's speed.
_FEW: Final = 3


def health(survey: Survey, outcomes: Outcomes) -> Health:
    """Return all of it."""
    return Health(
        flaky=_flaky(survey, outcomes),
        longest=_longest(survey),
        missing=_missing(survey, outcomes),
        hosts=_hosts(survey),
    )


def _flaky(survey: Survey, outcomes: Outcomes) -> list[Flaky]:
    found = []
    for case, some in outcomes.trunk.items():
        sessions = failed = lost = changes = 0
        for ran in some:
            own = ran.at >= survey.recent
            bad = (ran.failed[own] > 0) | (ran.lost[own] > 0)
            sessions += len(bad)
            failed += int((ran.failed[own] > 0).sum())
            lost += int((ran.lost[own] > 0).sum())
            changes += int((bad[1:] != bad[:-1]).sum())
        if failed or lost:
            found.append(Flaky(survey.case_numbers[case], sessions, failed, lost, changes))
    found.sort(key=lambda one: (-(one.failed + one.lost) / one.sessions, -one.changes, one.case))
    return found[:_MOST]


def _longest(survey: Survey) -> list[Longest]:
    newest: dict[int, tuple[int, float]] = {}
    levels = survey.segments.last_level.tolist()
    for number, one in enumerate(survey.series):
        if one.key.metric.name == "duration" and one.key.metric.unit == "s":
            case = survey.case_numbers[one.key.case]
            last = int(one.at[-1])
            newest[case] = max(newest.get(case, (-1, 0.0)), (last, levels[number]))
    total = sum(seconds for _, seconds in newest.values())
    ranked = sorted(newest.items(), key=lambda one: (-one[1][1], one[0]))[:_MOST]
    return [
        Longest(case, bounded(seconds), bounded(seconds / total if total > 0 else 0.0))
        for case, (_, seconds) in ranked
    ]


def _missing(survey: Survey, outcomes: Outcomes) -> list[Missing]:
    """Return the cases that the newest session of none of their machines ran."""
    newest: dict[str, int] = {}
    for number in survey.standing.tolist():
        newest[_machine(survey, number)] = number
    found = []
    for case, some in outcomes.trunk.items():
        last = max(int(ran.at[-1]) for ran in some)
        if all(int(ran.at[-1]) < newest.get(_machine(survey, int(ran.at[-1])), -1) for ran in some):
            found.append(Missing(survey.case_numbers[case], last))
    found.sort(key=lambda one: (-one.last, one.case))
    return found[:_MOST]


def _machine(survey: Survey, number: int) -> str:
    environment = survey.sessions[number].environment
    return environment.fingerprint if environment else ""


def _hosts(survey: Survey) -> list[Host]:
    """Return the machines, with their times against the levels of the series on them."""
    off = _session_effects(survey)
    grouped: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in survey.standing.tolist():
        one = survey.sessions[number]
        label = machine(one.environment) if one.environment else ""
        grouped[one.host or "", label].append(number)
    found = []
    for (name, label), some in grouped.items():
        known = off[some][np.isfinite(off[some])]
        effect = float(np.expm1(np.median(known))) if len(known) >= _FEW else np.nan
        found.append(Host(name, label, len(some), some[-1], finite(effect)))
    return sorted(found, key=lambda one: (-one.sessions, one.name, one.conditions))


def _session_effects(survey: Survey) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return of each session the mean logarithm of its times against their levels."""
    points, segments = survey.points, survey.segments
    size = len(survey.sessions)
    seconds = np.array([one.unit == "s" for one in survey.metrics], dtype=np.bool_)
    if not len(points):
        return np.full(size, np.nan)
    level = segments.level[segments.of]
    own = seconds[survey.metric_of[points.owner]] & (points.values > 0) & (level > 0)
    off = np.log(points.values[own]) - np.log(level[own])
    count = np.bincount(points.at[own], minlength=size)
    total = np.bincount(points.at[own], weights=off, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = total / count
    return found
