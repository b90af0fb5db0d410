"""What all parts of a site are made from: the history, what was found in it, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchdb.dashboard.data import Conditions
from benchdb.dashboard.points import Points, Segments, slope
from benchdb.errors import UserError
from benchdb.metrics import FAILED, HUNG, LOST, counts_outcomes
from benchdb.records import Direction
from benchdb.report import text
from benchdb.review.cases import cases_among
from benchdb.review.events import changes_in
from benchdb.review.remembered import remembered_history
from benchdb.review.searching import searched_history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.results import ChangePoint
    from benchdb.config import Settings
    from benchdb.findings import Changes, Drift, Event, Moved
    from benchdb.records import Environment, Metric
    from benchdb.review.family import Searched
    from benchdb.review.history import History, HistorySeries
    from benchdb.review.remembered import Kept
    from benchdb.series import Case, SeriesKey, StoredSession
    from benchdb.series import Conditions as SeriesConditions
    from benchdb.store.connection import Connection

#: The share of false events among all that is allowed for, as `benchdb changes` has it by default.
RATE = 0.05


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a build was asked for.

    Parameters
    ----------
    last
        How many sessions, the newest, are recent.
    only
        Names or patterns of the cases to show; all where there is none.
    """

    last: int = 30
    only: tuple[str, ...] = ()


class Survey:
    """A history with what was found in it, and the numbers by which the page names things.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    kept
        Gets what may be kept, so that the next build costs what is new.
    """

    def __init__(
        self, connection: Connection, settings: Settings, wanted: Wanted, kept: Kept
    ) -> None:
        remembered = remembered_history(connection, settings, kept)
        self.settings = settings
        self.history: History = remembered.history
        self.aside: tuple[HistorySeries, ...] = remembered.aside()
        self.searched: Searched = searched_history(connection, remembered, kept)
        self.changes: Changes = changes_in(
            connection, settings, self.history, self.searched, rate=RATE
        )
        self.sessions: Sequence[StoredSession] = self.history.sessions
        self.numbers = {one.row: number for number, one in enumerate(self.sessions)}
        trunk = np.flatnonzero(self.history.trunk)
        #: The sessions that series stand on: the trunk's, or every one where there is no other.
        self.standing = trunk if len(trunk) else np.arange(len(self.sessions))
        recent = self.standing[-wanted.last :]
        #: The first of the recent sessions.
        self.recent = int(recent[0]) if len(recent) else 0
        self.window = min(wanted.last, len(recent))
        self._choose(wanted.only)
        self.points = Points(self.series)
        every = self.searched.steps
        steps = {at: every[number] for at, number in enumerate(self.shown) if number in every}
        counting = np.array([counts_outcomes(one.key.metric) for one in self.series], np.bool_)
        self.segments = Segments(self.points, steps, self._told(steps), counting)

    def _told(self, steps: dict[int, tuple[ChangePoint, ...]]) -> dict[tuple[int, int], int]:
        """Return by series and step the first point behind it, of those that events are of."""
        found: dict[tuple[int, int], int] = {}
        for event in self.changes.events:
            for number, moved in self.moved(event):
                session = self.numbers[moved.first_after.row]
                point = int(np.searchsorted(self.series[number].at, session))
                levels = (moved.before, moved.after)
                like = [one.index for one in steps[number] if (one.before, one.after) == levels]
                found[number, min(like, key=lambda index: abs(index - point))] = point
        return found

    def _choose(self, only: Sequence[str]) -> None:
        """Number what is shown: cases, metrics, conditions and series."""
        every = sorted(
            {one.key.case for one in self.history.series} | {one.key.case for one in self.aside}
        )
        self.cases: list[Case] = _among(only, every) if only else every
        self.case_numbers = {case: number for number, case in enumerate(self.cases)}
        #: Numbers in the history of the series that are shown.
        self.shown = [
            number
            for number, one in enumerate(self.history.series)
            if one.key.case in self.case_numbers and _tells(one)
        ]
        self.series = [self.history.series[number] for number in self.shown]
        #: Of each series of the history its number here, -1 where it isn't shown.
        self.table = np.full(len(self.history.series), -1, dtype=np.int64)
        self.table[self.shown] = np.arange(len(self.shown))
        self._by_key = {id(one.key): at for at, one in enumerate(self.series)}
        metrics = {
            (one.key.metric.name, one.key.metric.unit): one.key.metric for one in self.series
        }
        self.metrics: list[Metric] = sorted(metrics.values(), key=_metric_rank)
        self.metric_numbers = {(one.name, one.unit): at for at, one in enumerate(self.metrics)}
        self.metric_of = np.array([self.metric_number(one.key) for one in self.series], np.int64)
        self.worse_way = np.array([worse(one) for one in self.metrics], np.int64)
        self._conditions: dict[SeriesConditions, int] = {}
        self._seen: dict[int, int] = {}
        self.conditions_of = [self.conditions_number(one.key) for one in self.series]

    def metric_number(self, key: SeriesKey) -> int:
        """Return the number of the metric of a series that is shown."""
        return self.metric_numbers[key.metric.name, key.metric.unit]

    def conditions_number(self, key: SeriesKey) -> int:
        """Return the number of the conditions of a series, which the version is none of."""
        found = self._seen.get(id(key.conditions))  # alive as long as the history is
        if found is None:
            found = self._seen[id(key.conditions)] = self.numbered(key.conditions)
        return found

    def numbered(self, conditions: SeriesConditions) -> int:
        """Return the number of conditions that were made just now."""
        return self._conditions.setdefault(replace(conditions, version=None), len(self._conditions))

    def conditions(self) -> list[Conditions]:
        """Return all conditions, each by a label that no other has."""
        every = list(self._conditions)
        labels = [_label(one, every) for one in every]
        return [
            Conditions(label if labels.count(label) == 1 else f"{label} #{at + 1}", _details(one))
            for at, (label, one) in enumerate(zip(labels, every, strict=True))
        ]

    def number_of(self, key: SeriesKey) -> int:
        """Return the number of the series that a finding is of; -1 where it isn't shown."""
        return self._by_key.get(id(key), -1)

    def moved(self, event: Event) -> list[tuple[int, Moved]]:
        """Return what moved in an event and is shown, with the number of each series."""
        numbered = [(self.number_of(one.key), one) for one in event.moved]
        return [(number, one) for number, one in numbered if number >= 0]

    def events(self) -> list[Event]:
        """Return the events of which something is shown, ranked."""
        return [one for one in self.changes.events if self.moved(one)]

    def drifts(self) -> dict[int, Drift]:
        """Return the drifts that are shown, by the numbers of their series."""
        numbered = {self.number_of(one.key): one for one in self.changes.drifts}
        return {number: one for number, one in numbered.items() if number >= 0}

    def slopes(self) -> dict[int, tuple[float, float]]:
        """Return the ends of the slopes of what drifts and has no steps beside, by series."""
        alone = np.diff(self.segments.starts) == 1
        return {
            number: slope(self.series[number].values)
            for number in self.drifts()
            if alone[number] and not counts_outcomes(self.series[number].key.metric)
        }


def worse(metric: Metric) -> int:
    """Return which way of a metric is worse: 1 for up, -1 for down, 0 for neither."""
    if metric.direction is None:
        return 0
    return 1 if metric.direction is Direction.LOWER_IS_BETTER else -1


def _among(only: Sequence[str], every: Sequence[Case]) -> list[Case]:
    found: set[Case] = set()
    for given in only:
        some = cases_among(given, every)
        if not some:
            raise UserError(f"no test is called {given!r}: `benchdb show '*'` lists them")
        found.update(some)
    return sorted(found)


def _tells(one: HistorySeries) -> bool:
    """Tell whether there is something to see: nobody looks at failures that there never were."""
    return not counts_outcomes(one.key.metric) or bool(one.values.any())


def _metric_rank(one: Metric) -> tuple[object, ...]:
    outcomes = [each.name for each in (FAILED, LOST, HUNG)]
    last = outcomes.index(one.name) + 1 if counts_outcomes(one) else 0
    return last, one.name != "duration", one.name, one.unit


def _label(one: SeriesConditions, every: Sequence[SeriesConditions]) -> str:
    """Return conditions by as little as tells them from the others."""
    parts = []
    environments = {each.environment and each.environment.fingerprint for each in every}
    if one.environment is None:
        parts.append("any machine" if len(environments) == 1 else "unknown machine")
    else:
        parts.append(_system(one.environment))
        others = {each.environment for each in every if each.environment} - {one.environment}
        if any(_system(each) == parts[0] for each in others):
            parts.append(one.environment.fingerprint[:6])
    if one.cluster is not None:
        parts.append(text.cluster(one.cluster))
    if one.tags:
        parts.append(text.pairs(one.tags))
    return ", ".join(parts)


def _system(one: Environment) -> str:
    """Return system and Python; of an imported environment, of which no more is known, its name."""
    known = [one.os, one.python_minor and f"py{one.python_minor}"]
    said = [each for each in known if each] or [value for _, value in one.extra]
    return " ".join(said) or "machine"


def machine(one: Environment) -> str:
    """Return an environment in a line; an imported one as its file calls it."""
    known = text.environment(replace(one, extra=()))
    return text.environment(one) if known else ", ".join(value for _, value in one.extra)


def _details(one: SeriesConditions) -> list[list[str]]:
    found: list[list[str]] = []
    if one.environment is not None:
        found += [
            ["environment", machine(one.environment)],
            ["fingerprint", one.environment.fingerprint],
        ]
    if one.cluster is not None:
        found.append(["cluster", text.cluster(one.cluster)])
    found += [[f"tag {name}", value] for name, value in one.tags]
    return found
