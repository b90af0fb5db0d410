"""Known issues and waivers: ``known_issues.toml`` beside a recipe."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe, WrongSetting
from benchdb.globs import matches
from benchdb.recipes import Finding, KnownIssue, Pin, Waiver
from benchdb.release.conda.specs import satisfies
from benchdb.release.documents import read_text
from benchdb.release.requirements import normalized

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchdb.recipes import Recipe, Solved

#: The file, in the folder of a recipe.
NAME: Final = "known_issues.toml"

_SEVERITIES: Final = ("blocker", "major", "minor")

_ISSUE: Final = ("package", "versions", "link", "severity", "who", "when")
_WAIVER: Final = ("who", "reason")


@dataclass(frozen=True, slots=True)
class Known:
    """What a file says."""

    issues: tuple[KnownIssue, ...] = ()
    waivers: tuple[Waiver, ...] = ()

    def waiver_of_test(self, test: str, version: str) -> Waiver | None:
        """Return who waives what became of a test in a version of the runtime."""
        for one in self.waivers:
            if one.test and matches(one.test, test) and matches(one.runtime, version):
                return one
        return None

    def findings(self, recipe: Recipe, solved: Sequence[Solved]) -> Iterator[Finding]:
        """Yield what is said of the pins of a recipe.

        Parameters
        ----------
        solved
            What would be installed, by Python; of other packages what is pinned counts.
        """
        order = _SEVERITIES.index
        pins = {normalized(pin.name): pin for pin in recipe.pins}
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for one in solved:
            for package in one.packages:
                found[normalized(package.name)][package.version] = None
        covering = unknown = 0
        for issue in sorted(self.issues, key=lambda one: order(one.severity)):
            name = normalized(issue.package)
            pin = pins.get(name)
            pinned = [pin.version] if pin is not None and pin.version is not None else []
            versions = [*found[name]] or pinned
            if pin is not None and not versions:
                unknown += 1
                said = f"{issue.package} {pin.versions}: which version isn't known; {issue.link}"
                yield Finding("note", "known issue", said)
            which = Pin(issue.package, issue.versions)
            if not (covered := [one for one in versions if satisfies(one, which)]):
                continue
            covering += 1
            note = f" ({issue.note})" if issue.note else ""
            said = f"{issue.package} {', '.join(covered)}: {issue.severity}, {issue.link}{note}"
            by = self._waiver(issue, recipe.version)
            if by is None:
                said += f"; written down by {issue.who} on {issue.when}, and nobody waives it"
            else:
                said += f"; waived by {by.who}: {by.reason}"
            yield Finding("no" if by is None else "note", "known issue", said)
        if not covering and not unknown:
            yield Finding("ok", "known issues", f"none of {len(self.issues)} covers a pin")

    def _waiver(self, issue: KnownIssue, version: str) -> Waiver | None:
        for one in self.waivers:
            if one.issue == issue.link and matches(one.runtime, version):
                return one
        return None


def read_known(path: Path) -> Known:
    """Return what a file says; nothing where there is none.

    Raises
    ------
    WrongRecipe
        If it isn't TOML of that form: an issue that isn't understood must not be passed over.
    """
    if not path.exists():
        return Known()
    try:
        found = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WrongRecipe(f"{path} is no valid TOML ({error}): mend that line") from None
    if unknown := sorted(set(found) - {"issue", "waiver"}):
        raise WrongRecipe(f"{path} has {unknown[0]!r}: write [[issue]] and [[waiver]]")
    issues = tuple(_issue(path, one) for one in _tables(path, found, "issue"))
    waivers = tuple(_waiver(path, one) for one in _tables(path, found, "waiver"))
    links = {one.link for one in issues}
    for one in waivers:
        if one.issue and one.issue not in links:
            raise WrongRecipe(f"{path} waives {one.issue}, and has no such issue: name its link")
    return Known(issues, waivers)


def _tables(path: Path, found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    tables = found.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise WrongRecipe(f"{path} has a wrong {name!r}: write [[{name}]]")
    return tables


def _issue(path: Path, table: dict[str, Any]) -> KnownIssue:
    said = _texts(path, "issue", table, _ISSUE, ("note",))
    if said["severity"] not in _SEVERITIES:
        known = ", ".join(_SEVERITIES)
        raise WrongRecipe(f"{path} has the severity {said['severity']!r}: write one of {known}")
    said["package"] = said["package"].lower()
    if not re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*", said["package"]):
        raise WrongRecipe(f"{path} has the package {said['package']!r}: write a name as `dask`")
    said["versions"] = re.sub(r"\s*([<>=!~,|]+)\s*", r"\1", said["versions"].strip())
    try:
        satisfies("0", Pin(said["package"], said["versions"]))
    except WrongSetting as error:
        raise WrongRecipe(f"{path}: {error}") from None
    return KnownIssue(**said)


def _waiver(path: Path, table: dict[str, Any]) -> Waiver:
    said = _texts(path, "waiver", table, _WAIVER, ("issue", "test", "runtime", "when"))
    said.pop("when", None)
    if ("issue" in said) == ("test" in said):
        raise WrongRecipe(f"{path} has a [[waiver]] of nothing or of two: give issue or test")
    return Waiver(**{"issue": "", "test": "", **said})


def _texts(
    path: Path,
    name: str,
    table: dict[str, Any],
    required: tuple[str, ...],
    optional: tuple[str, ...],
) -> dict[str, str]:
    known = (*required, *optional)
    if unknown := sorted(set(table) - set(known)):
        raise WrongRecipe(
            f"{path} has {unknown[0]!r} in an [[{name}]]: write one of {', '.join(known)}"
        )
    said = {
        key: value.isoformat() if isinstance(value, date) else value for key, value in table.items()
    }
    for key in required:
        if not isinstance(said.get(key), str) or not said[key].strip():
            raise WrongRecipe(f"{path} has an [[{name}]] without {key}: write it as a text")
    for key, value in said.items():
        if not isinstance(value, str):
            raise WrongRecipe(f"{path} has a {key} that is no text: write it in quotes")
    return said
