"""What became of test runs: by session, and by case and conditions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchdb.metrics import FAILED, HUNG, LOST, counts_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from benchdb.dashboard.survey import Survey
    from benchdb.review.history import HistorySeries
    from benchdb.series import Case, Conditions

_NAMES = (FAILED.name, LOST.name, HUNG.name)


@dataclass(slots=True, eq=False)
class Ran:
    """In which sessions a case ran under some conditions, and which of its runs came to harm.

    Parameters
    ----------
    at
        The sessions, ascending.
    failed, lost, hung
        Of each how many test runs.
    """

    conditions: Conditions
    at: NDArray[np.int64]
    runs: NDArray[np.int64]
    failed: NDArray[np.float64]
    lost: NDArray[np.float64]
    hung: NDArray[np.float64]


class Outcomes:
    """The outcomes of all test runs of the cases that are shown."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        size = len(survey.sessions)
        #: Of each session its test runs: all, failed, lost.
        self.runs = np.zeros(size, dtype=np.int64)
        self.failed = np.zeros(size, dtype=np.int64)
        self.lost = np.zeros(size, dtype=np.int64)
        self.trunk = self._by_case(survey.history.series)
        self.aside = self._by_case(survey.aside)
        for some in (*self.trunk.values(), *self.aside.values()):
            for one in some:
                self.runs[one.at] += one.runs
                self.failed[one.at] += one.failed.astype(np.int64)
                self.lost[one.at] += one.lost.astype(np.int64)

    def _by_case(self, series: Iterable[HistorySeries]) -> dict[Case, list[Ran]]:
        """Put together what counts outcomes: the three of one case have the same points."""
        grouped: dict[tuple[int, int], dict[str, HistorySeries]] = defaultdict(dict)
        cases = self._survey.case_numbers
        for one in series:
            if counts_outcomes(one.key.metric) and (number := cases.get(one.key.case)) is not None:
                grouped[number, id(one.key.conditions)][one.key.metric.name] = one
        found: dict[Case, list[Ran]] = defaultdict(list)
        for some in grouped.values():
            first = some[FAILED.name]
            values = [some[name].values for name in _NAMES]
            found[first.key.case].append(Ran(first.key.conditions, first.at, first.runs, *values))
        return found

    def shown_under(self) -> dict[tuple[Case, int], int]:
        """Return by case and the number of its bare conditions those that its series have.

        A lost test run can't tell its cluster: where a case ran on one shape of cluster alone, what
        became of it stands there.
        """
        survey = self._survey
        likely: dict[tuple[Case, int], set[int]] = defaultdict(set)
        bare: dict[int, int] = {}
        for one, number in zip(survey.series, survey.conditions_of, strict=True):
            if counts_outcomes(one.key.metric):
                continue
            if number not in bare:
                bare[number] = survey.numbered(replace(one.key.conditions, cluster=None))
            likely[one.key.case, bare[number]].add(number)
        return {key: next(iter(some)) for key, some in likely.items() if len(some) == 1}
