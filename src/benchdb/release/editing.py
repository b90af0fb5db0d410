"""Edits the text of a recipe: versions alone change, and every comment stays.

A version stands in the line of a requirement, or in that of a name which the line uses, or in that
of one which that uses. What was edited is read again: only a recipe that then says what it is meant
to is ever written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from benchdb.errors import WrongRecipe
from benchdb.release.documents import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.recipes import Pin

_SET: Final = re.compile(r"\{%-?\s*set\s+(?P<name>\w+)\s*=(?P<value>.*?)-?%\}")
_TEMPLATE: Final = re.compile(r"\$?\{\{(.*?)\}\}")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


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

    def pin(self, pin: Pin, version: str) -> None:
        """Pin another version of a package.

        Raises
        ------
        WrongRecipe
            If the line that says which isn't found.
        """
        start = rf"\s*-\s*[\"']?(?:[\w./-]+::)?{re.escape(pin.name)}(?=[\s=<>!~\"']|$)"
        self._replace(self._matching(start, re.IGNORECASE), pin.version or "", version, pin.name)

    def version(self, old: str, new: str) -> None:
        """Set the version of the package.

        Raises
        ------
        WrongRecipe
            If the line that says which isn't found.
        """
        self._replace(self._entry("package", "version"), old, new, "the version", "version")

    def number(self, old: int) -> None:
        """Reset the build number to 0.

        Raises
        ------
        WrongRecipe
            If the line that says which isn't found.
        """
        if old:
            lines = self._entry("build", "number")
            self._replace(lines, str(old), "0", "the build number", "number")

    def sha256(self, new: str) -> bool:
        """Set the checksum of the source; tell whether there is one."""
        for line in self._section("source", r"\s+(?:-\s+)?sha256\s*:"):
            head = self._lines[line].partition(":")[0]
            self._lines[line] = f"{head}: {new}"
            return True
        named = [
            (line, found)
            for line, text in enumerate(self._lines)
            if (found := re.search(r"sha256\s*=\s*[\"']([0-9a-fA-F]{64})[\"']", text))
        ]
        for line, found in named:
            self._lines[line] = self._lines[line].replace(found[1], new)
        return bool(named)

    def requirements(self, lines: list[str]) -> None:
        """Write all requirements anew.

        Raises
        ------
        WrongRecipe
            If there is no list of them.
        """
        starts = list(self._section("requirements", r"\s+run\s*:\s*(?:#.*)?$"))
        if not starts:
            raise self._missing("the list of requirements")
        first = starts[0] + 1
        outer = _indent(self._lines[starts[0]])
        last = first
        while last < len(self._lines):
            line = self._lines[last]
            inside = _indent(line) > outer or line.lstrip().startswith("- ")
            if line.strip() and not inside:
                break
            last += 1
        while last > first and not self._lines[last - 1].strip():
            last -= 1
        indent = _indent(self._lines[first]) if last > first else outer + 2
        self._lines[first:last] = [f"{' ' * indent}- {line}" for line in lines]

    # -- where a version stands

    def _entry(self, section: str, key: str) -> Iterator[int]:
        """Yield the lines of an entry: one of its own, or ``section: {key: …}``."""
        yield from self._section(section, rf"\s+{key}\s*:")
        yield from self._matching(rf"{section}\s*:\s*\{{.*\b{key}\s*:")

    def _matching(self, start: str, flags: int = 0) -> Iterator[int]:
        pattern = re.compile(start, flags)
        yield from (line for line, text in enumerate(self._lines) if pattern.match(text))

    def _section(self, name: str, start: str) -> Iterator[int]:
        """Yield the lines of a section that begin so."""
        pattern = re.compile(start)
        inside = False
        for line, text in enumerate(self._lines):
            if text[:1].strip() and not text.startswith(("#", "{")):
                inside = re.match(rf"{name}\s*:", text) is not None
            elif inside and pattern.match(text):
                yield line

    def _replace(self, lines: Iterator[int], old: str, new: str, what: str, key: str = "") -> None:
        """Replace a version in the first of some lines that has it, or uses a name that does.

        One that is the new version already was set by a name that others use, too.
        """
        either = rf"(?:{re.escape(old)}|{re.escape(new)})"
        literal = re.compile(rf"(?<![\w.]){either}(?![\w]|\.\d)")
        waiting = list(lines)
        seen: set[int] = set()
        while waiting:
            line = waiting.pop(0)
            if line in seen:
                continue
            seen.add(line)
            text = self._lines[line]
            value_at = self._value_at(text, key)
            if found := literal.search(text, value_at):
                self._lines[line] = text[: found.start()] + new + text[found.end() :]
                return
            names = set(_WORD.findall(" ".join(_TEMPLATE.findall(text)) or text[value_at:]))
            waiting += [at for at, name in self._names() if name in names]
        raise self._missing(what)

    def _value_at(self, text: str, key: str) -> int:
        if key and (entry := re.search(rf"\b{key}\s*:", text)):
            return entry.end()
        if found := _SET.search(text):
            return found.start("value")
        return text.find(":") + 1 if re.match(r"\s*\w+\s*:", text) else 0

    def _names(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that set names, and which."""
        yield from (
            (line, found["name"])
            for line, text in enumerate(self._lines)
            for found in _SET.finditer(text)
        )
        for line in self._section("context", r"\s+\w+\s*:"):
            yield line, self._lines[line].partition(":")[0].strip()

    def _missing(self, what: str) -> WrongRecipe:
        return WrongRecipe(f"{self.path} has no line that sets {what}: edit it by hand")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
