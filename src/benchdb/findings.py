"""The records of what is found in series: what differs between two sides, and what moved there.

Plain numbers and text, so that `report` needs no numpy. What the words mean is in the glossary.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Differs(StrEnum):
    """What kind of thing is not the same on two sides."""

    SUBJECT = "subject"
    PACKAGE = "package"
    MACHINE = "machine"
    CLUSTER = "cluster"
    PLATFORM = "platform"
    LOAD = "load"


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
