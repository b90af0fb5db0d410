"""Edits the text of a recipe: versions alone change, and every comment stays.

A version stands in the line of a requirement, or in that of a name which the line uses, or in that
of one which that uses. What was edited is read again: only a recipe that then says what it is meant
to is ever written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.errors import WrongRecipe
from benchdb.release.documents import read_text
from benchdb.release.reading import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benchdb.recipes import Pin

_SET: Final = re.compile(r"\{%-?\s*set\s+(?P<name>\w+)\s*=(?P<value>.*?)-?%\}")
_TEMPLATE: Final = re.compile(r"\$?\{\{(.*?)\}\}")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_QUOTED: Final = re.compile(r"[\"']([^\"']*)[\"']")

#: Text in quotes, which has no comment in it, or where the comment of a line begins.
_COMMENT: Final = re.compile(r"\"[^\"]*\"|'[^']*'|(?P<comment>(?:^|(?<=\s))#.*)")

_NAME: Final = re.compile(r"[\w.-]*\w")

#: One version, or a template, behind the name of a package.
_EXACT: Final = re.compile(r"\s*={0,2}\s*(?P<value>(?:\$?\{\{.*?\}\}|[\w.+!*-])+)")


@dataclass(frozen=True, slots=True)
class _Place:
    """Some characters of a line."""

    line: int
    start: int
    end: int


class Editor:
    """The lines of one recipe.

    Parameters
    ----------
    path
        Of recipe.yaml or meta.yaml.

    Raises
    ------
    WrongRecipe
        If it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = read_text(path).split("\n")

    @property
    def text(self) -> str:
        """The whole text, as edited."""
        return "\n".join(self._lines)

    # -- versions

    def pin(self, pin: Pin, version: str) -> None:
        """Pin another version of a package, wherever that version of it is required.

        Raises
        ------
        WrongRecipe
            If the line that says which isn't found.
        """
        sections = [*self._section("requirements"), *self._section("test"), *self._section("tests")]
        places = map(self._exact, self._required(pin.name, sections))
        found = [self._replaced(one, pin.version or "", version) for one in places if one]
        if not any(found):
            raise self._missing(pin.name)

    def version(self, old: str, new: str) -> None:
        """Set the version of the package.

        Raises
        ------
        WrongRecipe
            If the line that says which isn't found.
        """
        if not any(self._replaced(one, old, new) for one in self._entry("package", "version")):
            raise self._missing("the version")

    def number(self, old: int) -> None:
        """Reset the build number to 0.

        Raises
        ------
        WrongRecipe
            If the line that says which isn't found.
        """
        places = self._entry("build", "number")
        if old and not any(self._replaced(one, str(old), "0") for one in places):
            raise self._missing("the build number")

    def sha256(self, new: str) -> int:
        """Set the checksum of the source, where it is set; return how many sources have one."""
        places = list(self._entry("source", "sha256"))
        for place in places[:1]:
            for one in self._values(place):
                if found := _QUOTED.search(self._lines[one.line], one.start, one.end):
                    self._put(_Place(one.line, found.start(1), found.end(1)), new)
                    break
            else:
                self._put(place, new)
        return len(places)

    # -- requirements

    def change(self, old: Pin, new: Pin) -> None:
        """Require something else of a package, in the place where it is required.

        Raises
        ------
        WrongRecipe
            If that isn't found, or there are several.
        """
        place = self._of(old)
        alike = _sign(old) == _sign(new) and not old.build and not new.build
        exact = self._exact(place) if alike and old.version and new.version else None
        if not exact or not self._replaced(exact, old.version or "", new.version or ""):
            self._require(place, str(new))

    def require(self, old: Pin, new: Pin) -> None:
        """Require something else of a package in its own line alone, by no name.

        Raises
        ------
        WrongRecipe
            As for `change`.
        """
        self._require(self._of(old), str(new))

    def _require(self, place: _Place, new: str) -> None:
        text = self._lines[place.line]
        in_list = "[" in text[: place.start] and text[place.start - 1] not in "\"'"
        self._put(place, f'"{new}"' if in_list and "," in new else new)

    def remove(self, pin: Pin) -> None:
        """Require a package no longer: its line goes.

        Raises
        ------
        WrongRecipe
            If that isn't found, or says something else, too.
        """
        place = self._of(pin)
        first, last = self._item(place.line)
        others = [line for line in range(first, last) if self._requires(line)]
        if len(others) > 1:
            first = place.line
            last = first + 1
            alone = self._lines[first - 1].rstrip().endswith(":") and not (
                last in others and self._lines[last].lstrip().startswith("- ")
            )
            if alone or not self._lines[first].lstrip().startswith("- "):
                raise self._among(pin)
        elif "[" in _code(self._lines[place.line])[: place.start]:
            raise self._among(pin)
        del self._lines[first:last]

    def add(self, pin: Pin, selector: str, after: Pin | None) -> None:
        """Require one more package.

        Parameters
        ----------
        selector
            Where it is required; empty for everywhere.
        after
            The one behind which it is to stand; None for the first.

        Raises
        ------
        WrongRecipe
            If there is no list of requirements, one a line.
        """
        header, first, last = self._run()
        if _code(self._lines[header]).partition("run")[2].strip(" :\t\r"):
            raise self._missing("the requirements, one a line")
        items = [line for line in range(first, last) if self._lines[line].lstrip().startswith("- ")]
        indent = _indent(self._lines[items[0]]) if items else _indent(self._lines[header]) + 2
        at = first if after is None else self._item(self._of(after).line)[1]
        lines = [f"- {pin}" + (f"  # [{selector}]" if selector else "")]
        if selector and self.path.name == NAMES[0]:
            lines = [f"- if: {selector}", f"  then: {pin}"]
        end = "\r" if self._lines[0].endswith("\r") else ""
        self._lines[at:at] = [f"{' ' * indent}{line}{end}" for line in lines]

    def _of(self, pin: Pin) -> _Place:
        """Return where a package is required to run, as that pin says it."""
        header, _, last = self._run()
        places = list(self._required(pin.name, range(header, last)))
        if len(places) > 1:
            said = pin.versions.replace(" ", "")
            places = [
                one
                for one in places
                if self._cut(one)[len(pin.name) :].replace(" ", "") in (said, said.lstrip("="))
            ]
        if len(places) != 1:
            raise self._among(pin)
        return places[0]

    def _required(self, name: str, lines: Iterable[int]) -> Iterator[_Place]:
        """Yield where some lines require a package: from its name on."""
        start = re.compile(
            rf"(?:^\s*(?:-\s+)*|[\[,:]\s*)(?P<quote>[\"']?)(?P<name>{re.escape(name)})"
            r"(?=[\s=<>!~\"',\]]|$)",
            re.IGNORECASE,
        )
        for line in lines:
            text = _code(self._lines[line])
            for found in start.finditer(text):
                at = found.start("name")
                stop = found["quote"] or (",]" if "[" in text[:at] else "")
                rest = rf"(?:\$?\{{\{{.*?\}}\}}|[^{re.escape(stop)}])*" if stop else ".*"
                end = re.compile(rest).match(text, at)
                assert end is not None
                yield _Place(line, at, at + len(end[0].rstrip()))

    def _requires(self, line: int) -> bool:
        """Tell whether a line is an item of a list, or what is chosen by an ``if``."""
        text = _code(self._lines[line])
        return re.match(r"\s*(?:-\s+(?!if\s*:)|(?:then|else)\s*:\s*\S)", text) is not None

    def _run(self) -> tuple[int, int, int]:
        """Return the line of `run`, and its first and last but one that require something."""
        for header in self._section("requirements"):
            found = re.match(r"\s+run\s*:|requirements\s*:\s*\{.*\brun\s*:", self._lines[header])
            if found is None:
                continue
            outer = _indent(self._lines[header])
            first = last = header + 1
            for line in range(first, len(self._lines)):
                text = self._lines[line]
                if not text.strip() or text.lstrip().startswith(("#", "{%", "{#")):
                    continue
                if _indent(text) <= outer and not text.lstrip().startswith(("- ", "]")):
                    break
                last = line + 1
            return header, first, last
        raise self._missing("the list of requirements")

    def _item(self, line: int) -> tuple[int, int]:
        """Return the first line of an item of the requirements, and the one behind its last."""
        _, first, last = self._run()
        starts = [one for one in range(first, last) if self._lines[one].lstrip().startswith("- ")]
        indent = min((_indent(self._lines[one]) for one in starts), default=0)
        starts = [one for one in starts if _indent(self._lines[one]) == indent]
        begin = max((one for one in starts if one <= line), default=line)
        end = line + 1
        for one in range(begin + 1, last):
            if self._lines[one].strip() and _indent(self._lines[one]) <= indent:
                break
            if self._lines[one].strip():
                end = max(end, one + 1)
        return begin, end

    # -- where a version stands

    def _section(self, name: str) -> Iterator[int]:
        """Yield the lines of a section, the one that names it among them."""
        inside = False
        for line, text in enumerate(self._lines):
            if text[:1].strip() and not text.startswith(("#", "{", "- ")):
                inside = re.match(rf"{name}\s*:", text) is not None
            if inside:
                yield line

    def _entry(self, section: str, key: str) -> Iterator[_Place]:
        """Yield the values of an entry: in a line of its own, or in ``section: {key: …}``."""
        own = re.compile(rf"\s+(?:-\s+)?{key}\s*:\s*|-\s+{key}\s*:\s*")
        within = re.compile(rf"{section}\s*:\s*\{{(?:.*[,{{\s])?{key}\s*:\s*")
        for line in self._section(section):
            text = _code(self._lines[line])
            if found := own.match(text):
                yield _Place(line, found.end(), len(text.rstrip()))
            elif found := within.match(text):
                end = re.compile(r"(?:\$?\{\{.*?\}\}|[^,}])*").match(text, found.end())
                assert end is not None
                yield _Place(line, found.end(), found.end() + len(end[0].rstrip()))

    def _replaced(self, place: _Place, old: str, new: str) -> bool:
        """Replace a version where it stands, or where a name is set that stands there.

        One that is the new version already was set by a name that others use, too.
        """
        for wanted in (old, new):
            literal = re.compile(rf"(?<![\w.]){re.escape(wanted)}(?!\w|\.[\d*])")
            for one in (place, *self._values(place)):
                if found := literal.search(self._lines[one.line], one.start, one.end):
                    self._put(_Place(one.line, found.start(), found.end()), new)
                    return True
        return False

    def _exact(self, place: _Place) -> _Place | None:
        """Return where the one version stands that is required of a package; None for a range."""
        name = _NAME.match(self._lines[place.line], place.start, place.end)
        text = self._lines[place.line]
        exact = name and _EXACT.match(text, name.end(), place.end)
        return _Place(place.line, exact.start("value"), exact.end("value")) if exact else None

    def _values(self, place: _Place) -> Iterator[_Place]:
        """Yield where the names are set that stand in the templates of a place, and so on."""
        waiting = [" ".join(_TEMPLATE.findall(self._cut(place)))]
        seen: set[_Place] = set()
        while waiting:
            names = set(_WORD.findall(waiting.pop(0)))
            for name, where in self._names():
                if name in names and where not in seen:
                    seen.add(where)
                    yield where
                    text = self._cut(where)
                    waiting.append(" ".join(_TEMPLATE.findall(text)) or text)

    def _names(self) -> Iterator[tuple[str, _Place]]:
        """Yield the names that are set, and where their values stand."""
        for line, text in enumerate(self._lines):
            for found in _SET.finditer(text):
                yield found["name"], _Place(line, found.start("value"), found.end("value"))
        for line in self._section("context"):
            code = _code(self._lines[line])
            if entry := re.match(r"\s+(\w+)\s*:", code):
                yield entry[1], _Place(line, entry.end(), len(code))

    def _cut(self, place: _Place) -> str:
        return self._lines[place.line][place.start : place.end]

    def _put(self, place: _Place, new: str) -> None:
        text = self._lines[place.line]
        self._lines[place.line] = text[: place.start] + new + text[place.end :]

    def _among(self, pin: Pin) -> WrongRecipe:
        return WrongRecipe(
            f"{self.path} requires {pin} in no line of its own, or in several: edit it by hand"
        )

    def _missing(self, what: str) -> WrongRecipe:
        return WrongRecipe(f"{self.path} has no line that sets {what}: edit it by hand")


def _sign(pin: Pin) -> str:
    return pin.versions[: len(pin.versions) - len(pin.versions.lstrip("="))]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _code(line: str) -> str:
    """Return a line without its comment."""
    for found in _COMMENT.finditer(line):
        if found["comment"] is not None:
            return line[: found.start()]
    return line
