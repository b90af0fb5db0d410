"""The records that are read again: sessions, cases, and the series that are made of them.

A series has the points of one case and one metric under equal conditions, one a session. What its
words mean stands in the glossary.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchdb.metrics import counts_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from benchdb.records import Cluster, Environment, Metric, SubjectRevision


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One session with what it refers to.

    Parameters
    ----------
    row
        Its id in this file.
    subjects
        Its revision: the subject packages, sorted by name.
    conflict
        Whether the file holds other forms of it; analysis uses none of them.
    """

    row: int
    uid: str
    digest: str | None
    started: datetime
    finished: datetime | None
    state: str
    branch: str | None
    dirty: bool | None
    ci_run_url: str | None
    command_line: str | None
    host: str | None
    xdist_workers: int | None
    benchdb_version: str | None
    tags: tuple[tuple[str, str], ...]
    environment: Environment | None
    subjects: tuple[SubjectRevision, ...]
    conflict: bool

    @property
    def place(self) -> datetime:
        """Where its points stand in their series: its newest commit, else its start."""
        committed = [one.committed for one in self.subjects if one.committed is not None]
        return max(committed, default=self.started)

    def ran_at(self, commit: str) -> bool:
        """Tell whether the commit of a subject is this one, or begins so."""
        beginning = commit.lower()
        return any((one.commit or "").lower().startswith(beginning) for one in self.subjects)

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        """What the points of a series are sorted by."""
        return self.place, self.started, self.uid


def conflicts_among(sessions: Iterable[StoredSession]) -> tuple[str, ...]:
    """Return the uids of those of which there are several forms, sorted: analysis uses none."""
    return tuple(sorted({one.uid for one in sessions if one.conflict}))


@dataclass(frozen=True, slots=True)
class CountedSession(StoredSession):
    """A session with its test runs counted.

    Parameters
    ----------
    runs, failed, lost
        Numbers of test runs: all; those of which a phase failed; those whose process was killed.
    """

    runs: int
    failed: int
    lost: int


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """A test with its parameter values."""

    path: str
    name: str

    @property
    def id(self) -> str:
        """``path::name``, as pytest prints it."""
        return f"{self.path}::{self.name}" if self.path else self.name

    @property
    def originalname(self) -> str:
        """The name without parameters."""
        return self.name.partition("[")[0]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what a case ran, as far as its numbers depend on it.

    Parameters
    ----------
    version
        Of the test, from its marker ``benchmark_version``.
    cluster
        Its shape; None without one.
    tags
        Those that ``[tool.benchdb] series_tags`` names.
    """

    version: str | None = None
    environment: Environment | None = None
    cluster: Cluster | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What makes a series: points of another key are in another series."""

    case: Case
    conditions: Conditions
    metric: Metric


@dataclass(frozen=True, slots=True)
class Point:
    """The value of a series at one session.

    Parameters
    ----------
    value
        The median over the case's test runs whose call passed; of a metric that counts outcomes,
        their number.
    runs
        The number of test runs that it is made of.
    trunk
        Whether it comes from a trunk session.
    """

    session: StoredSession
    value: float
    runs: int
    trunk: bool


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one key, in order of their place.

    Parameters
    ----------
    points
        The newest, as many as were asked for.
    total
        The number of all its points.
    """

    key: SeriesKey
    points: tuple[Point, ...]
    total: int


@dataclass(frozen=True, slots=True)
class CaseSeries:
    """All series of one case.

    Parameters
    ----------
    series
        Those of equal conditions stand together.
    trunk
        Whether they stand on trunk sessions alone.
    fallback
        Whether every session is used because there is no trunk session.
    measured
        Whether a test run that passed was measured.
    left_out
        Number of the case's sessions that are in no series because they are no trunk sessions.
    conflicts
        Uids of its sessions that are in no series because there are several forms of them.
    """

    case: Case
    series: tuple[Series, ...]
    trunk: bool
    fallback: bool
    measured: bool
    left_out: int
    conflicts: tuple[str, ...] = ()

    def by_conditions(self) -> dict[Conditions, list[Series]]:
        """Return the series of equal conditions together, those that count outcomes with others.

        What counts outcomes is on no cluster, as a lost test run can't tell its own; where the
        other series of the case ran on one shape alone, it stands with them.
        """
        found: dict[Conditions, list[Series]] = {}
        for series in self.series:
            found.setdefault(series.key.conditions, []).append(series)
        for bare in [conditions for conditions in found if conditions.cluster is None]:
            like = [other for other in found if replace(other, cluster=None) == bare != other]
            if len(like) == 1 and all(counts_outcomes(each.key.metric) for each in found[bare]):
                found[like[0]] += found.pop(bare)
        return found


def median(values: Sequence[float]) -> float:
    """Return the median, also of numbers whose sum is too large for one; at least one of them."""
    middle = statistics.median(values)
    if math.isinf(middle):
        middle = statistics.median_low(values) / 2 + statistics.median_high(values) / 2
    return middle
