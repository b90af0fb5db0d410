"""The source of each test, from the file at the recorded path: parsed, never run."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from benchdb.dashboard.data import Source, SourceShard
from benchdb.dashboard.shards import shard_of, shards_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchdb.series import Case

#: Bytes of a file that is read, and lines of a test that are shown.
_LARGEST: Final = 2_000_000
_MOST_LINES: Final = 400

#: Files in one shard.
_FILES: Final = 4


class Sources:
    """The sources of tests.

    Parameters
    ----------
    folder
        The rootdir: recorded paths are relative to it.
    cases
        Those of whose tests it is.
    """

    def __init__(self, folder: Path, cases: Sequence[Case]) -> None:
        tests: dict[str, set[str]] = defaultdict(set)
        for case in cases:
            tests[case.path].add(case.originalname)
        self._root = folder.resolve()
        read = {path: self._of_file(path, names) for path, names in sorted(tests.items())}
        self._found = {path: some for path, some in read.items() if some}
        self._tests = {one.test for some in self._found.values() for one in some}
        self.shards = shards_for(len(self._found) / _FILES)

    def has(self, case: Case) -> bool:
        """Tell whether the source of a case's test is known."""
        return f"{case.path}::{case.originalname}" in self._tests

    def each(self) -> Iterator[tuple[int, SourceShard]]:
        """Yield each shard with its number."""
        found: dict[int, list[Source]] = {number: [] for number in range(self.shards)}
        for path, some in self._found.items():
            found[shard_of(path, self.shards)] += some
        for number, sources in found.items():
            yield number, SourceShard(sources)

    def _of_file(self, path: str, names: set[str]) -> list[Source]:
        """Return the sources of the tests of one file, which a foreign history may name at will."""
        if not path.endswith(".py") or "\0" in path:
            return []
        try:
            file = (self._root / path).resolve()
            if not file.is_relative_to(self._root) or not file.is_file():
                return []
            if file.stat().st_size > _LARGEST:
                return []
            text = file.read_text("utf-8")
            tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            return []
        lines = text.split("\n")
        found = []
        for name, node in _functions(tree.body, ""):
            if name not in names:
                continue
            begin = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            end = node.end_lineno or node.lineno
            shown = lines[begin - 1 : min(end, begin - 1 + _MOST_LINES)]
            if end - begin >= _MOST_LINES:
                shown.append("…")
            found.append(Source(f"{path}::{name}", begin, "\n".join(shown).rstrip("\r")))
        return found


def _functions(
    body: Sequence[ast.stmt], within: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield within + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{within}{node.name}::")
