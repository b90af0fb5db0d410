"""What changed, and what lies between two sessions: parts of `data/index.js`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One cause: what moved at one boundary, as ``benchdb changes`` tells it.

    Parameters
    ----------
    id
        As ``benchdb ack`` takes it.
    verdict
        1, -1 or 0.
    cause
        In words: what is to be suspected.
    environment
        Whether the machine moved, and not the code.
    state
        ``open``, ``expected``, ``noise``, ``fixed``, ``wont-fix``.
    said
        Who said so, when and why; empty where nobody did.
    back
        Whether it all went back since.
    last_before, first_after
        Sessions.
    ranges
        The commits of each subject between them.
    differences
        What else is not the same, beside the subjects: kind, name, before, after.
    controls
        Ids of control tests that moved.
    moved
        The series, those that moved most first.
    series, cases
        How many were measured on both sides.
    """

    id: str
    verdict: int
    cause: str
    environment: bool
    state: str
    said: str
    back: bool
    last_before: int
    first_after: int
    ranges: list[CommitRange]
    differences: list[list[str]]
    controls: list[str]
    moved: list[Moved]
    series: int
    cases: int


@dataclass(frozen=True, slots=True)
class CommitRange:
    """Commits of a subject between two sessions.

    Parameters
    ----------
    good, bad, good_version, bad_version
        Empty where unknown.
    command
        ``git log …``, ready to paste.
    commits
        The newest of them, where the repository was there.
    more
        How many others there are.
    """

    subject: str
    good: str
    bad: str
    good_version: str
    bad_version: str
    command: str
    commits: list[Commit]
    more: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, made at an instant."""

    commit: str
    subject: str
    author: str
    committed: int


@dataclass(frozen=True, slots=True)
class Moved:
    """One series that moved: its number in the table, and by how much, from which level."""

    series: int
    before: float | None
    effect: float | None
    low: float | None
    high: float | None
    verdict: int


@dataclass(frozen=True, slots=True)
class Release:
    """The first session of a version of the main subject without a local part."""

    name: str
    session: int


@dataclass(frozen=True, slots=True)
class Side:
    """One side that can be compared.

    Parameters
    ----------
    key
        For the URL: ``release:1.2.0``, ``last:10``, ``tag:KEY=VALUE``, ``session:UID``.
    label
        For people.
    kind
        ``release``, ``last``, ``tag``, ``session``, ``commits``.
    asked
        What ``benchdb compare`` takes for it; empty where it has no word for these sessions.
    sessions
        In order of place.
    """

    key: str
    label: str
    kind: str
    asked: str
    sessions: list[int]
