"""The records of a comparison: its two sides, and what was found between them.

Plain numbers and text, so that `report` needs no numpy. What the words mean is in the glossary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchdb.records import Verdict

if TYPE_CHECKING:
    from benchdb.findings import CommitRange, Difference
    from benchdb.records import Metric
    from benchdb.series import Case, Conditions, StoredSession

#: Kinds of what names a side of a comparison.
SideKind = Literal["session", "commit", "tag", "package", "runtime", "date", "last", "branch"]

OneSide = Literal["baseline", "contender"]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: sessions that are runs of one thing.

    Parameters
    ----------
    given
        What was typed.
    kind
        As what it was understood.
    meaning
        What it means, in words: ``commit 0a1b2c3d4e``, ``the newest 5 sessions``.
    sessions
        In the order of their starts.
    notes
        What to know about the choice: sessions that were left out, and why.
    """

    given: str
    kind: SideKind
    meaning: str
    sessions: tuple[StoredSession, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What was typed and, where that says less, what it means."""
        return self.given if self.given in self.meaning else f"{self.given}, {self.meaning}"


@dataclass(frozen=True, slots=True)
class ComparedCase:
    """One metric of one case under equal conditions on both sides, but for what is on trial.

    Parameters
    ----------
    conditions, contender_conditions
        Under what each side ran.
    on_trial
        What of the conditions differs: ``environment``, ``cluster``, ``tag KEY``.
    effect, low, high
        Contender / baseline - 1 as measured, and the bounds of its 95 % interval.
    verdict
        As one of all cases and metrics that were compared.
    alone
        The verdict as if nothing else had been compared.
    more_runs
        About how many more sessions (or runs) of each side would decide; 0 where it is decided,
        None where a thousand wouldn't.
    baseline, contender
        The two levels, in the metric's unit.
    baseline_values, contender_values
        From how many values they are.
    of_runs
        Whether a value is a test run: of a session that ran it several times. Else it is a session,
        by the median over its test runs.
    tolerance
        The effect that doesn't matter.
    """

    case: Case
    metric: Metric
    conditions: Conditions
    contender_conditions: Conditions
    on_trial: tuple[str, ...]
    effect: float
    low: float
    high: float
    effect_size: float
    p: float
    verdict: Verdict
    alone: Verdict
    more_runs: int | None
    baseline: float
    contender: float
    baseline_values: int
    contender_values: int
    of_runs: bool
    tolerance: float


@dataclass(frozen=True, slots=True)
class ComparedOutcome:
    """How often a case failed, was lost or the like in the sessions of each side.

    Parameters
    ----------
    baseline, contender
        Sessions in which it happened.
    baseline_sessions, contender_sessions
        Sessions in which the case ran.
    p
        Of no difference: Fisher's exact test.
    """

    case: Case
    metric: Metric
    baseline: int
    contender: int
    baseline_sessions: int
    contender_sessions: int
    p: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class OverallEffect:
    """The geometric mean of the ratios of one metric over all cases.

    Parameters
    ----------
    cases
        Of how many ratios; those with values that aren't above 0 have none.
    over_cases
        Whether the interval is made from how the cases differ, as sessions are too few.
    verdicts
        How many cases have each verdict.
    """

    metric: Metric
    cases: int
    effect: float
    low: float
    high: float
    p: float
    verdict: Verdict
    over_cases: bool
    verdicts: dict[Verdict, int]


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A case, or a metric of it, that only one side can show.

    Parameters
    ----------
    metric
        None for the whole case.
    side
        The one that has it; "both" where they have it so that it can't be compared.
    reason
        Why it isn't compared, in a few words.
    """

    case: Case
    metric: Metric | None
    side: Literal["baseline", "contender", "both"]
    reason: str


@dataclass(frozen=True, slots=True)
class SidesCompared:
    """Two sides, compared.

    Parameters
    ----------
    differences
        What else differs between them.
    commits
        Of each subject that differs, the commits between the two sides.
    overall
        By metric.
    cases, outcomes
        In the order that was asked for.
    left_out
        Numbers of conditions that were left out, as only one side ran under them.
    """

    baseline: Side
    contender: Side
    differences: tuple[Difference, ...]
    commits: tuple[CommitRange, ...]
    overall: tuple[OverallEffect, ...]
    cases: tuple[ComparedCase, ...]
    outcomes: tuple[ComparedOutcome, ...]
    not_compared: tuple[NotCompared, ...]
    left_out: int

    @property
    def regressed(self) -> bool:
        """Whether a case regressed, in a metric or in its outcomes."""
        verdicts = [one.verdict for one in self.cases] + [one.verdict for one in self.outcomes]
        return Verdict.REGRESSED in verdicts
