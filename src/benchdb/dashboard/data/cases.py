"""What the page of a test is given: `data/cases/NN.js`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaseShard:
    """The cases whose ids have one hash."""

    cases: list[CaseHistory]


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """All series of a case, with their points.

    Parameters
    ----------
    id
        Of the case.
    series
        In the order of the table.
    failed, lost, hung
        Sessions in which a run of it ended so, by conditions: the numbers of conditions and of
        sessions, in pairs.
    artifacts
        Files of its runs.
    """

    id: str
    series: list[PointSeries]
    failed: list[list[int]]
    lost: list[list[int]]
    hung: list[list[int]]
    artifacts: list[Artifact]


@dataclass(frozen=True, slots=True)
class PointSeries:
    """A series with its points, in order of place.

    Parameters
    ----------
    series
        Its number in the table.
    at
        Of each point the number of its session, less that of the point before. Empty where they
        are those of the series before in the file.
    values
        In the metric's unit, to five digits.
    segments
        The stretches with one level.
    changes
        The boundaries between them that are established; those of `segments` that are not are
        too small to be told from chance in the family of all series.
    drift
        The slow change without a moment; None without one.
    """

    series: int
    at: list[int]
    values: list[float]
    segments: list[Segment]
    changes: list[Change]
    drift: Drift | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch with one level: its first point, the level, where nine of ten values lie.

    The level of what counts outcomes is how many there were in a session on average.
    """

    start: int
    level: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """A change point.

    Parameters
    ----------
    point
        The first point behind it, where a segment starts.
    before
        The level that it left.
    p
        The chance that a series without a change shows as much at any place.
    event
        The event that it is a part of.
    """

    point: int
    before: float | None
    effect: float | None
    low: float | None
    high: float | None
    p: float
    verdict: int
    event: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A slow change: the later half of a series against the earlier one.

    Parameters
    ----------
    before
        The level of the earlier half.
    first, last
        The ends of one slope through all points, at the first and the last; None where there are
        steps beside it, whose levels tell more.
    """

    before: float | None
    effect: float | None
    low: float | None
    high: float | None
    verdict: int
    first: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a run: where it is now, in the site or elsewhere."""

    session: int
    kind: str
    name: str
    href: str
