"""The records of what is found in series: what differs between two sides, and what moved there.

Plain numbers and text, so that `report` needs no numpy. What the words mean is in the glossary.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from benchdb.records import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from benchdb.series import Case, SeriesKey, StoredSession


class Differs(StrEnum):
    """What kind of thing is not the same on two sides."""

    SUBJECT = "subject"
    PACKAGE = "package"
    MACHINE = "machine"
    CLUSTER = "cluster"
    PLATFORM = "platform"
    LOAD = "load"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under what a session ran, beside its conditions: all that may explain another number.

    Parameters
    ----------
    said
        By kind and name every value that was met in the session, sorted.
    packages
        Whether its packages are known: only then does one that isn't named say anything.
    """

    said: dict[tuple[Differs, str], tuple[str, ...]]
    packages: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same on two sides.

    Parameters
    ----------
    name
        Of the package, or of what else it is: ``cpu_model``, ``region``, ``xdist_workers``.
    before, after
        Every value that was met on the side, sorted; empty for a package that isn't there.
    """

    kind: Differs
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommitRange:
    """The commits of one subject between two sessions: the last good one and the first bad one.

    Parameters
    ----------
    subject
        The package; None where no subject is known.
    good, bad
        Their commits, as ``git log GOOD..BAD`` takes them; None where unknown.
    good_version, bad_version
        Its versions.
    since, until
        Between which instants the commits were made where they are not known: committer times, else
        the starts of the sessions.
    """

    subject: str | None
    good: str | None
    bad: str | None
    good_version: str | None
    bad_version: str | None
    since: datetime
    until: datetime


class Cause(StrEnum):
    """What is to be suspected of an event: all that is known to differ at its boundary."""

    ENVIRONMENT = "environment"
    CODE = "code"
    PACKAGES = "packages"
    PLATFORM = "platform"
    UNKNOWN = "unknown"


class State(StrEnum):
    """How far people are with an event."""

    OPEN = "open"
    EXPECTED = "expected"
    NOISE = "noise"
    FIXED = "fixed"
    WONT_FIX = "wont-fix"


@dataclass(frozen=True, slots=True)
class Saying:
    """What somebody said about an event; the latest of several holds.

    Parameters
    ----------
    key
        Of its annotation.
    follows
        Key of the one before it.
    series
        Keys or globs of the series that it is about: `benchdb.findings.series_text`.
    after, until
        The range of revisions that the change is in: it began behind the one, at the latest with
        the other, as `benchdb.review.anchors` spells them. Without one that side is open.
    direction
        "up" or "down"; None for both.
    session
        Uid of the session that the event is named by.
    commit
        Of a fix.
    """

    key: str
    made: datetime
    state: State
    follows: str | None
    author: str | None
    text: str | None
    series: tuple[str, ...]
    after: str | None
    until: str | None
    direction: str | None
    session: str | None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """One series that moved in an event.

    Parameters
    ----------
    effect, low, high
        New level / old level - 1, with its 95 % interval.
    before, after
        The two levels, in the metric's unit.
    noise
        The standard deviation of the values around their levels, relative to them.
    p
        The chance that a series without a change shows as much at any place.
    last_before, first_after
        The sessions on both sides of the series' own boundary.
    verdict
        REGRESSED or IMPROVED; None where no way of the metric is the better one.
    back
        Whether a later change took it back to its old level.
    """

    key: SeriesKey
    effect: float
    low: float
    high: float
    before: float
    after: float
    noise: float
    p: float
    last_before: StoredSession
    first_after: StoredSession
    verdict: Verdict | None
    back: bool

    @property
    def direction(self) -> str:
        """Which way it moved, whichever is the better one."""
        return "up" if self.effect > 0 else "down"


@dataclass(frozen=True, slots=True)
class Event:
    """One cause: what moved at one boundary.

    Parameters
    ----------
    id
        What people call it by: the end of the uid of `first_after`.
    moved
        The series, those that moved most first.
    series, cases
        How many were measured on both sides, of which these moved.
    last_before, first_after
        The sessions on both sides of the boundary, on all series together.
    earliest, latest
        The boundary may lie between any two sessions from the one to the other.
    commits, differences
        What differs between the two sides.
    controls
        The control tests that moved.
    saying
        What people said of it.
    lasts
        Whether it is there still, though a commit was said to have fixed it: then it is open.
    """

    id: str
    moved: tuple[Moved, ...]
    series: int
    cases: int
    last_before: StoredSession
    first_after: StoredSession
    earliest: StoredSession
    latest: StoredSession
    commits: tuple[CommitRange, ...]
    differences: tuple[Difference, ...]
    controls: tuple[Case, ...]
    cause: Cause
    saying: Saying | None
    lasts: bool = False

    @property
    def state(self) -> State:
        """How far people are with it."""
        return State.OPEN if self.saying is None or self.lasts else self.saying.state

    @property
    def back(self) -> bool:
        """Whether all of it went back to the old level since."""
        return all(one.back for one in self.moved)

    @property
    def moved_cases(self) -> tuple[Case, ...]:
        """The cases that moved, each once, those that moved most first."""
        return tuple(dict.fromkeys(one.key.case for one in self.moved))

    @property
    def verdict(self) -> Verdict | None:
        """What it is on the whole: REGRESSED where anything got worse."""
        found = {one.verdict for one in self.moved}
        for verdict in (Verdict.REGRESSED, Verdict.IMPROVED):
            if verdict in found:
                return verdict
        return None


@dataclass(frozen=True, slots=True)
class Drift:
    """A series that changed slowly, without a moment.

    Parameters
    ----------
    effect, low, high
        Level of its later half / level of its earlier half - 1, with its 95 % interval.
    first, last
        Its first and its last session.
    """

    key: SeriesKey
    effect: float
    low: float
    high: float
    before: float
    after: float
    p: float
    first: StoredSession
    last: StoredSession
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What a series can show.

    Parameters
    ----------
    points
        How many it has.
    noise
        The standard deviation of its values around their levels, relative to them.
    floor
        The smallest slowdown that it can tell from its noise; infinite with too few points.
    trunk
        Whether it stands on trunk sessions alone.
    """

    key: SeriesKey
    points: int
    noise: float
    floor: float
    trunk: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """All that changed in a history.

    Parameters
    ----------
    events
        Ranked: what is to be looked at first stands first.
    drifts
        Ranked by size.
    watched
        Every series that was searched, in order of case, conditions and metric.
    sessions
        How many were used.
    family
        How many hypotheses were tested as one family.
    rate
        The share of false events among them that is allowed for (Benjamini-Hochberg's q).
    fallback
        Cases without any trunk session.
    conflicts
        Uids of sessions that are not used, as there are several forms of them.
    unmatched
        Control tests and former names that fit nothing, behind the name of the setting.
    """

    events: tuple[Event, ...]
    drifts: tuple[Drift, ...]
    watched: tuple[Watched, ...]
    sessions: int
    family: int
    rate: float
    fallback: tuple[Case, ...]
    conflicts: tuple[str, ...]
    unmatched: tuple[str, ...]


def series_text(key: SeriesKey) -> str:
    """Return how annotations name a series: case, metric and unit, whatever the conditions.

    What is said of a change on one machine so holds for the same change on another.
    """
    return f"{key.case.id} {key.metric.name} {key.metric.unit}"
