"""The records of a gate: what is said of each series of a session, and what becomes of that.

Plain numbers and text, so that `report` needs no numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchdb.records import Verdict

if TYPE_CHECKING:
    from benchdb.findings import CommitRange
    from benchdb.records import Environment
    from benchdb.series import Case, SeriesKey, StoredSession

Certainty = Literal["suspect", "confirmed"]


@dataclass(frozen=True, slots=True)
class SeriesVerdict:
    """What is said of one series at the session that is judged.

    Parameters
    ----------
    verdict
        With the direction applied.
    certainty
        How sure a regression or an improvement is; None of other verdicts.
    effect, low, high
        New level / old - 1 as measured, and its 95 % interval. NaN where there is no old one.
    p
        The chance of something like this with no change.
    baseline, value
        The old level and the new one, in the metric's unit; of outcomes, their share of test runs.
    points, past
        How many sessions have the new level, and how many the old one is known from.
    before, since
        The last session at the old level, and the first at the new one.
    raised
        The session at which this was first an alarm; None where that is now.
    commits
        The commits between `before` and `since`.
    tolerance
        The effect that doesn't matter.
    smallest
        The smallest effect for the worse that five sessions would show; infinite where none would.
    control
        Whether it is of a test that doesn't run the code on trial.
    why
        Why it is undecided; else empty.
    fixed_by
        The commit that was said to have fixed it, where it lasts all the same.
    """

    key: SeriesKey
    verdict: Verdict
    certainty: Certainty | None
    effect: float
    low: float
    high: float
    p: float
    baseline: float
    value: float
    points: int
    past: int
    before: StoredSession | None
    since: StoredSession | None
    raised: StoredSession | None
    commits: tuple[CommitRange, ...]
    tolerance: float
    smallest: float
    control: bool = False
    why: str = ""
    fixed_by: str | None = None

    @property
    def alarms(self) -> bool:
        """Whether it is a regression that was not raised before, of a test on trial."""
        return self.verdict is Verdict.REGRESSED and self.raised is None and not self.control


@dataclass(frozen=True, slots=True)
class OtherEnvironment:
    """Another environment than that of what is judged, in which the trunk ran.

    Parameters
    ----------
    sessions
        How many of the trunk's.
    differences
        What is another: its name, its value there, and here; None where it is unknown.
    """

    environment: Environment
    sessions: int
    differences: tuple[tuple[str, str | None, str | None], ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """A session, or all those of one commit, judged.

    Parameters
    ----------
    sessions
        What is judged, the newest first.
    chosen
        Why these: in words.
    trunk
        Whether they are of the trunk.
    base
        Up to where the trunk counts, in words.
    verdicts
        Of every series that was judged.
    missing
        Cases that the trunk's last sessions ran, and that are absent.
    deselected
        How many more are absent as the call selected others.
    skipped
        Cases that the trunk's last sessions ran, and that were skipped.
    no_value
        Series that the trunk's last sessions measured, without a value though their test ran.
    fail_on
        The certainty from which a regression fails.
    limit
        The chance of a false alarm that each series may have.
    false_alarms
        The share of sessions that may fail although nothing changed.
    conflicts
        Uids of sessions that are not used.
    infinite
        The series of which a value to judge is infinite, and is therefore left out.
    unmatched
        Patterns of the settings that fit nothing, each behind the name of its setting.
    other_environments
        Where the trunk ran, if hardly in the environment of what is judged; most sessions first.
    mixed
        Former names of tests and the present ones, where both ran: they share a series.
    head
        HEAD, where what is judged ran at another commit of the project and nobody named it.
    base_sessions
        How many sessions of the trunk that is, those that are judged among them if of the trunk.
    named
        What the sessions were named by; empty where nobody named any.
    """

    sessions: tuple[StoredSession, ...]
    chosen: str
    trunk: bool
    base: str
    verdicts: tuple[SeriesVerdict, ...]
    missing: tuple[Case, ...]
    deselected: int
    fail_on: Certainty
    limit: float
    false_alarms: float
    conflicts: tuple[str, ...] = ()
    infinite: tuple[SeriesKey, ...] = ()
    unmatched: tuple[str, ...] = ()
    skipped: tuple[Case, ...] = ()
    no_value: tuple[SeriesKey, ...] = ()
    other_environments: tuple[OtherEnvironment, ...] = ()
    mixed: tuple[tuple[str, str], ...] = ()
    head: str | None = None
    base_sessions: int = 0
    named: tuple[str, ...] = ()

    def of(self, verdict: Verdict) -> list[SeriesVerdict]:
        """Return the series with a verdict."""
        return [one for one in self.verdicts if one.verdict is verdict]

    @property
    def failing(self) -> list[SeriesVerdict]:
        """What fails the build."""
        return [
            one
            for one in self.verdicts
            if one.alarms and (self.fail_on == "suspect" or one.certainty == "confirmed")
        ]

    @property
    def undecided(self) -> bool:
        """Whether nothing at all is decided."""
        return all(one.verdict is Verdict.UNDECIDED for one in self.verdicts)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A regression that a gate would have failed a session for.

    Parameters
    ----------
    session
        The one that would have failed.
    verdict
        What it would have said.
    stayed
        For how many sessions of the series it would have been listed, that one among them.
    lasts
        Whether it is listed still at the end.
    also
        Cases that regressed at the same place and were seen to only later: that fails no session.
    """

    session: StoredSession
    verdict: SeriesVerdict
    stayed: int
    lasts: bool
    also: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class Backtest:
    """A history, judged session by session.

    Parameters
    ----------
    sessions
        How many were judged.
    series
        The most series that one of them had.
    alarms
        In the order of sessions.
    fail_on
        The certainty from which a regression fails.
    false_alarms
        The share of sessions that may fail although nothing changed.
    unmatched
        Patterns of the settings that fit nothing, each behind the name of its setting.
    """

    sessions: int
    series: int
    alarms: tuple[Alarm, ...]
    fail_on: Certainty
    false_alarms: float
    unmatched: tuple[str, ...] = ()

    @property
    def failing(self) -> int:
        """How many sessions would have failed."""
        return len({one.session.row for one in self.alarms})


@dataclass(frozen=True, slots=True)
class Stretch:
    """A segment of a series: its first and last session, and its level."""

    first: StoredSession
    last: StoredSession
    points: int
    level: float
    spread: float


@dataclass(frozen=True, slots=True)
class Explained:
    """All that a verdict is made of.

    Parameters
    ----------
    verdict
        What was said.
    points
        The newest sessions and values, the newest last.
    judged
        How many of these are judged.
    stretches
        The segments of the past, in their order; empty of outcomes.
    limit
        The chance of a false alarm that the series may have.
    family, false_alarms
        What that is made of: how many series share which budget.
    level, spread, memory, worth, tail
        What the past leads one to expect: its level, the standard deviation of sessions around it
        (as a share), the correlation of neighbours, how many sessions the level is worth, and how
        far from the level the farthest of them was to the worse side (as a share).
    one, five
        The smallest effect for the worse that one session and five would show.
    usual
        Of outcomes: the share of test runs that is expected to fail.
    """

    verdict: SeriesVerdict
    points: tuple[tuple[StoredSession, float], ...]
    judged: int
    stretches: tuple[Stretch, ...]
    limit: float
    family: int
    false_alarms: float
    level: float
    spread: float
    memory: float
    worth: float
    tail: float
    one: float
    five: float
    usual: float | None = None
