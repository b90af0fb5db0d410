"""What became of the cases of one side, where there is nothing to hold them against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchdb.review.halves import Halves, happened
from benchdb.review.history import read_history

if TYPE_CHECKING:
    from benchdb.comparisons import Side
    from benchdb.config import Settings
    from benchdb.records import Metric
    from benchdb.series import Case
    from benchdb.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often a case failed, was lost or the like.

    Parameters
    ----------
    happened, ran
        Sessions in which it did, and in which the case ran.
    """

    case: Case
    metric: Metric
    happened: int
    ran: int


@dataclass(frozen=True, slots=True)
class Became:
    """What became of the cases of a side.

    Parameters
    ----------
    outcomes
        How often each failed, was lost and the like, by case and metric.
    passed
        The cases that passed in one session at least.
    """

    outcomes: tuple[Outcome, ...]
    passed: frozenset[Case]


def became(connection: Connection, settings: Settings, side: Side) -> Became:
    """Return what became of the cases in the sessions of a side."""
    rows = [session.row for session in side.sessions]
    history = read_history(connection, settings, sessions=rows, every_session=True, each_run=True)
    halves = Halves(history, (), None)
    ran = halves.ran()
    found = [
        Outcome(case, metric, happened(of_side), ran[case][1])
        for (case, metric), (_, of_side) in halves.counted.items()
    ]
    return Became(
        tuple(sorted(found, key=lambda one: (one.case, one.metric.name))),
        frozenset(case for case, _ in halves.measured),
    )
