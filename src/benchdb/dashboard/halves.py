"""What each side of a comparison has: values by series, matched as `benchdb compare` does."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.metrics import counts_outcomes
from benchdb.review.history import read_history
from benchdb.review.matching import conditions_in_pairs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.review.history import History
    from benchdb.series import SeriesKey
    from benchdb.store.connection import Connection

#: Fewer sessions than these on both sides can't tell how sessions differ: their test runs do.
_FEW_SESSIONS: Final = 3


class Half(NamedTuple):
    """What one side has of a series.

    Parameters
    ----------
    values
        In the metric's unit.
    at
        Of each value its session.
    runs
        How many test runs each value is made of.
    """

    values: NDArray[np.float64]
    at: NDArray[np.int64]
    runs: NDArray[np.int64]


#: What one side has, by the numbers of the series.
Halves = dict[int, Half]


class Matching:
    """Finds what the sides of comparisons have of each series, and what belongs together.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    history
        Whose series are compared.
    """

    def __init__(self, connection: Connection, settings: Settings, history: History) -> None:
        self._connection, self._settings, self._history = connection, settings, history
        self.measuring = [
            number
            for number, one in enumerate(history.series)
            if not counts_outcomes(one.key.metric)
        ]
        groups: dict[object, int] = {}
        self._group = {
            number: groups.setdefault((key.case, key.metric), len(groups))
            for number in self.measuring
            for key in (history.series[number].key,)
        }
        self._each_run: dict[int, dict[SeriesKey, NDArray[np.float64]]] = {}

    def of(self, sessions: Iterable[int]) -> Halves:
        """Return what some sessions measured."""
        chosen = np.zeros(len(self._history.sessions), dtype=np.bool_)
        chosen[list(sessions)] = True
        found = {}
        for number in self.measuring:
            series = self._history.series[number]
            own = chosen[series.at]
            if own.any():
                found[number] = Half(series.values[own], series.at[own], series.runs[own])
        return found

    def matched(self, one: Halves, two: Halves) -> list[tuple[int, int]]:
        """Return which series of both sides are compared: mostly those that both have."""
        apart = {self._group[number] for number in one.keys() ^ two.keys()}
        found = [(at, at) for at in one.keys() & two.keys() if self._group[at] not in apart]
        if apart:
            some: defaultdict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for which, side in enumerate((one, two)):
                for number in side:
                    if (group := self._group[number]) in apart:
                        some[group][which].append(number)
            for ours, theirs in some.values():
                found += self._in_pairs(ours, theirs, one, two)
        return sorted(found, key=lambda pair: pair[1])

    def _in_pairs(
        self, ours: list[int], theirs: list[int], one: Halves, two: Halves
    ) -> list[tuple[int, int]]:
        """Return what is compared of a case and a metric: what is on trial may differ."""
        if not ours or not theirs:
            return []
        named = [
            {self._history.series[number].key.conditions: number for number in numbers}
            for numbers in (ours, theirs)
        ]
        counts = [
            {key: len(side[number].at) for key, number in some.items()}
            for some, side in zip(named, (one, two), strict=True)
        ]
        pairs = conditions_in_pairs(*counts)
        return [(named[0][pair.baseline], named[1][pair.contender]) for pair in pairs]

    def by_few(self, series: tuple[int, int], one: Half, two: Half) -> tuple[Half, Half]:
        """Return two halves by test runs, where there are too few sessions and more of these."""
        few = max(len(one.at), len(two.at)) < _FEW_SESSIONS
        if not few or max(one.runs.max(), two.runs.max()) < 2:
            return one, two
        numbers = {*one.at.tolist(), *two.at.tolist()}
        self._read([number for number in sorted(numbers) if number not in self._each_run])
        first, second = (
            self._runs_of(self._history.series[number].key, half)
            for number, half in zip(series, (one, two), strict=True)
        )
        return first, second

    def _runs_of(self, key: SeriesKey, half: Half) -> Half:
        none = np.zeros(0)
        some = [self._each_run[at].get(key, none) for at in half.at.tolist()]
        if not all(len(each) for each in some):
            return half
        values = np.concatenate(some)
        at = np.repeat(half.at, [len(each) for each in some])
        return Half(values, at, np.ones(len(values), dtype=np.int64))

    def _read(self, numbers: Collection[int]) -> None:
        """Read each test run of some sessions."""
        for number in numbers:
            row = self._history.sessions[number].row
            read = read_history(
                self._connection,
                self._settings,
                sessions=[row],
                every_session=True,
                each_run=True,
                ordered=False,
            )
            self._each_run[number] = {one.key: one.values for one in read.series}
