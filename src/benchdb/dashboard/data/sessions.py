"""What the page of a session is given: `data/sessions/NN.js`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionShard:
    """The sessions whose uids have one hash."""

    sessions: list[SessionPage]


@dataclass(frozen=True, slots=True)
class SessionPage:
    """What is unusual in a session.

    Parameters
    ----------
    before
        The session that its packages and commits are held against: the trunk's before it on its
        environment; -1 without one.
    judged
        How many series were held against their level.
    unusual
        Those beyond what their past lets one expect, the worst first.
    failed, lost, hung
        Ids of cases.
    missing
        Ids of cases of the session before that did not run, 500 at most.
    facts
        Pairs of a name and a value: command line, branch, tags, versions.
    packages
        What changed since `before`: package, before, after.
    artifacts
        Of hung and lost runs: dumps and reports.
    rerun
        The command that runs what is unusual again; empty where nothing is.
    """

    uid: str
    before: int
    judged: int
    unusual: list[Unusual]
    failed: list[str]
    lost: list[str]
    hung: list[str]
    missing: list[str]
    facts: list[list[str]]
    packages: list[list[str]]
    artifacts: list[CaseArtifact]
    rerun: str


@dataclass(frozen=True, slots=True)
class Unusual:
    """A value beyond what its series' past lets one expect.

    Parameters
    ----------
    series
        Its number in the table, -1 where there is none.
    effect
        The value against the level before it.
    low, high
        Between which effects 95 of 100 usual values lie; None for an end that there is not.
    """

    series: int
    value: float
    level: float
    effect: float | None
    low: float | None
    high: float | None
    verdict: int


@dataclass(frozen=True, slots=True)
class CaseArtifact:
    """A file of a run of a case."""

    case: str
    kind: str
    name: str
    href: str
