"""What the page of the suite's health is given: `data/health.js`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Where to spend effort.

    Parameters
    ----------
    flaky
        Cases that failed or were lost in some of the recent sessions, those that did so most often
        first.
    longest
        Cases by their share of the suite's time.
    missing
        Cases that ran on the trunk before, and not in its newest session.
    hosts
        Machines, with how their times compare.
    """

    flaky: list[Flaky]
    longest: list[Longest]
    missing: list[Missing]
    hosts: list[Host]


@dataclass(frozen=True, slots=True)
class Flaky:
    """Of the recent sessions that ran a case: in how many it failed, or was lost."""

    case: int
    sessions: int
    failed: int
    lost: int
    changes: int


@dataclass(frozen=True, slots=True)
class Longest:
    """The median seconds of a case, and its share of the suite's."""

    case: int
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Missing:
    """A case, and the last session that ran it."""

    case: int
    last: int


@dataclass(frozen=True, slots=True)
class Host:
    """A machine: its sessions, and its times relative to the series' levels; None if too few."""

    name: str
    conditions: str
    sessions: int
    last: int
    effect: float | None
