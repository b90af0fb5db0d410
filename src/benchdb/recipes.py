"""The records of a release: a recipe and its pins, and what was found of them.

Plain text and numbers, so that `report` needs neither YAML nor a solver. What the words mean is in
the glossary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.comparisons import SidesCompared

#: A version that stands alone, or behind the one sign that leaves no other: ``==``, ``=``.
_EXACT: Final = re.compile(r"={0,2}\s*([0-9][A-Za-z0-9_.+!-]*?)(?:\.\*)?")


@dataclass(frozen=True, slots=True)
class Pin:
    """One requirement of a recipe: which versions of a package the runtime takes.

    Parameters
    ----------
    name
        Of the conda package, in lower case.
    versions
        As conda writes it: ``==2026.8.0``, ``>=3.11,<3.15``; empty for any.
    build
        The build that is asked for; mostly empty.
    """

    name: str
    versions: str
    build: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.name, self.versions, self.build) if part)

    @property
    def version(self) -> str | None:
        """The one version that is pinned (of ``=3.11`` the series); None for a range."""
        found = _EXACT.fullmatch(self.versions)
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe of a metapackage, rendered.

    Parameters
    ----------
    file
        recipe.yaml or meta.yaml.
    name, version
        Of the metapackage; the version with the suffix of a nightly.
    released
        The version without that suffix.
    number, build
        The build number, and the build string that the recipe gives; empty for none.
    noarch
        None for a package of one platform.
    pins
        What it requires, in the order of the recipe.
    constrains
        Versions of packages that it doesn't require, but bears no others of.
    imports
        Modules that must be importable where it is installed.
    about
        Names and values: ``homepage``, ``summary``, ``license``, ….
    source
        The URL of its source archive, where it has one.
    script
        What it would run to build; empty for a metapackage.
    variables
        The environment variables that changed it, and their values.
    """

    file: Path
    name: str
    version: str
    released: str
    number: int
    build: str
    noarch: Literal["generic", "python"] | None
    pins: tuple[Pin, ...]
    constrains: tuple[str, ...]
    imports: tuple[str, ...]
    about: tuple[tuple[str, str], ...]
    source: str | None = None
    script: str = ""
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def is_nightly(self) -> bool:
        """Whether it has a suffix."""
        return self.version != self.released

    def pin(self, name: str) -> Pin | None:
        """Return the pin of a package."""
        return next((one for one in self.pins if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Package:
    """A conda package: one that was built, found in a channel, solved for, or is installed."""

    name: str
    version: str
    build: str = ""
    channel: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.name, self.version, self.build) if part)


@dataclass(frozen=True, slots=True)
class Solved:
    """What a solver said, for one Python and platform.

    Parameters
    ----------
    python
        The version that was asked for; empty for any.
    packages
        What would be installed; nothing where it can't be solved.
    why
        Why it can't be, as a tree of reasons over some lines.
    """

    python: str
    platform: str
    packages: tuple[Package, ...]
    why: str = ""

    @property
    def name(self) -> str:
        """What it is about, in words."""
        return f"Python {self.python}, {self.platform}" if self.python else self.platform


#: What is said of a pin or a release: fine, to be known, or a no.
Grade: TypeAlias = Literal["ok", "note", "no"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at, and what was found.

    Parameters
    ----------
    what
        What it is about, in a word or two.
    said
        One line.
    """

    grade: Grade
    what: str
    said: str


@dataclass(frozen=True, slots=True)
class CheckedPin:
    """A pin, and what an environment and the channels have of it.

    Parameters
    ----------
    installed
        The version by conda's record, else by Python's; empty for none.
    newest
        The newest release in the channels; empty where none was looked for or found.
    behind
        Releases in the channels that are newer than the pinned version.
    said
        What is wrong, or what to know.
    """

    pin: Pin
    installed: str
    newest: str
    behind: int
    grade: Grade
    said: str


@dataclass(frozen=True, slots=True)
class Checked:
    """An environment, held against a recipe."""

    prefix: Path
    runtime: str
    pins: tuple[CheckedPin, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is a no."""
        return not self.wrong

    @property
    def wrong(self) -> int:
        """How many things are a no."""
        grades = [one.grade for one in self.pins] + [one.grade for one in self.findings]
        return grades.count("no")


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """What is known to be wrong with versions of a package.

    Parameters
    ----------
    versions
        Those it is about, as conda writes them.
    link
        Where it is told of; what it is called by.
    severity
        ``blocker``, ``major`` or ``minor``.
    who, when
        Who wrote it down, and the day.
    """

    package: str
    versions: str
    link: str
    severity: str
    who: str
    when: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """What somebody takes the blame for: a known issue, or what became of a test.

    Parameters
    ----------
    issue
        The link of one; empty for a test's.
    test
        ``path::name``, with ``*`` and ``?``; empty for an issue's.
    who, reason
        Whose word it is, and why.
    runtime
        The versions of the runtime that it is for, with ``*``; all by default.
    """

    issue: str
    test: str
    who: str
    reason: str
    runtime: str = "*"


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether a release is good to go.

    Parameters
    ----------
    runtime
        Name and version of what is to be released.
    against
        The last release; empty where none is known.
    findings
        In the order of what was done.
    solved
        What can't be solved.
    checked
        The environment; None where none could be made.
    compared
        The contender against it; None where there is nothing to compare.
    """

    runtime: str
    against: str
    findings: tuple[Finding, ...]
    solved: tuple[Solved, ...]
    checked: Checked | None
    compared: SidesCompared | None

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """What is a no."""
        return tuple(one for one in self.findings if one.grade == "no")
