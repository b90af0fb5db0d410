"""CSV: a line is a test run, and the header says what its cells are."""

from __future__ import annotations

import contextlib
import csv
import re
from typing import TYPE_CHECKING, Any, Final

from benchdb.importers.cells import (
    Unfit,
    instant_in,
    maybe_instant_in,
    number_in,
    path_and_name,
    shown,
)
from benchdb.importers.header import NEEDED, read_header
from benchdb.importers.text_lines import lines_of, unfit
from benchdb.keys import fingerprinted, normalised, package_set, revision
from benchdb.records import (
    OUTCOMES,
    Environment,
    Imported,
    ImportedRun,
    ImportedSession,
    Package,
    SubjectRevision,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from benchdb.importers.header import Header

COMMAND_LINE: Final = "benchdb import csv"

#: The delimiters, of which the first is taken that makes the two columns appear that must be there.
_DELIMITERS: Final = (",", ";", "\t")
#: Names of cases that are taken apart once.
_MOST_CASES: Final = 100_000

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")


@contextlib.contextmanager
def reading_csv(
    path: Path | None,
    kinds: Mapping[str, str],
    subject: str,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Iterator[Imported]:
    """Give what a CSV file holds.

    Parameters
    ----------
    path
        The file, as it is or compressed by gzip; None is the standard input.
    kinds
        The columns of ``test_run`` that lines may give, to ``"text"``, ``"integer"``, ``"float"``,
        ``"boolean"`` or ``"instant"``.
    subject
        The package that commits are of.
    progress
        Is told what is done, and how many of how many bytes are read.

    Raises
    ------
    UserError
        If the file or its header can't be read. The test runs raise `UnfitLine`, which names it.
    """
    name = "standard input" if path is None else str(path)
    with lines_of(path, name, progress) as lines:
        first = next(lines, "")
        delimiter = next((one for one in _DELIMITERS if _has_needed(first, one)), ",")
        reader = csv.reader(_chained(first, lines), strict=True, delimiter=delimiter)
        try:
            names = next(reader, [])
        except csv.Error as error:
            raise unfit(name, 1, f"no header of a CSV file ({error})") from None
        yield _Lines(name, reader, read_header(name, names, kinds), subject).imported()


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _has_needed(line: str, delimiter: str) -> bool:
    with contextlib.suppress(csv.Error):
        names = {cell.strip() for row in csv.reader([line], delimiter=delimiter) for cell in row}
        return names.issuperset(NEEDED)
    return False


class _Lines:
    """Makes test runs and sessions of lines."""

    def __init__(self, file: str, reader: Any, header: Header, subject: str) -> None:
        self._file = file
        self._reader = reader
        self._header = header
        self._subject = normalised(subject)
        self._sessions: list[ImportedSession] = []
        self._numbers: dict[Any, int] = {}
        self._labelled: dict[int, tuple[int, tuple[str, ...]]] = {}
        self._cases: dict[str, tuple[str | None, str]] = {}

    def imported(self) -> Imported:
        """Return what is read."""
        header = self._header
        return Imported(
            tuple(name for name, _, _ in header.columns),
            tuple(metric for metric, _ in header.metrics),
            self._runs(),
            self._sessions,
        )

    def _runs(self) -> Iterator[ImportedRun]:
        reader, make, width = self._reader, self._made, self._header.width
        line = reader.line_num + 1
        try:
            for row in reader:
                if len(row) == width:
                    yield make(row, line)
                elif row:
                    said = f"it has {len(row):,} cells, and the header {width:,}"
                    raise unfit(self._file, line, said)
                line = reader.line_num + 1
        except csv.Error as error:
            raise unfit(self._file, line, f"no line of a CSV file ({error})") from None
        except Unfit as error:
            raise unfit(self._file, line, str(error)) from None

    def _made(self, row: list[str], line: int) -> ImportedRun:
        header = self._header
        test = row[header.test]
        case = self._cases.get(test)
        if case is None:
            if len(self._cases) > _MOST_CASES:
                self._cases.clear()
            case = self._cases[test] = path_and_name(test)
        start = instant_in(row[header.start])
        outcome = "passed"
        if header.outcome is not None:
            outcome = row[header.outcome].strip().lower() or "passed"
            if outcome not in OUTCOMES:
                raise Unfit(f"{shown(outcome)} is no outcome: use {', '.join(OUTCOMES)}")
        end = None if header.end is None else maybe_instant_in(row[header.end])
        if end is not None and end < start:
            raise Unfit("it ends before it starts")
        try:
            columns = [convert(row[place]) for _, place, convert in header.columns]
            values = [number_in(row[place]) for _, place in header.metrics]
        except Unfit as error:
            raise Unfit(f"{error}, in column {self._blamed(row)!r}") from None
        return ImportedRun(
            self._session(row, start, line), case[0], case[1], start, end, outcome, columns, values
        )

    def _blamed(self, row: list[str]) -> str:
        """Return the name of the first column whose cell doesn't fit."""
        header = self._header
        converted = [*header.columns]
        converted += [
            (f"{one.name} [{one.unit}]", place, number_in) for one, place in header.metrics
        ]
        for name, place, convert in converted:
            try:
                convert(row[place])
            except Unfit:
                return name
        return ""

    def _session(self, row: list[str], start: datetime, line: int) -> int:
        header = self._header
        facts = tuple([row[place] for place in header.facts.values()])
        label = "" if header.session is None else row[header.session].strip()
        key: Any = label or (facts, start.toordinal())
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._sessions)
            said = dict(zip(header.facts, map(str.strip, facts), strict=True))
            if nul := next((name for name, value in said.items() if "\0" in value), None):
                raise Unfit(f"there is a NUL in column {nul!r}")
            self._sessions.append(_session_of(said, self._subject))
            if label:
                self._labelled[number] = line, facts
        elif label and facts != self._labelled[number][1]:
            before, others = self._labelled[number]
            name = next(
                name
                for name, one, other in zip(header.facts, facts, others, strict=True)
                if one != other
            )
            raise Unfit(
                f"session {shown(label)} has another {name} here than in line {before}, and a "
                "session has one"
            )
        return number


def _session_of(said: Mapping[str, str], subject: str) -> ImportedSession:
    """Return a session from what is said of it, by the names of the header."""
    named = {key: value for key, value in said.items() if value}
    versions, tags = (
        {key.removeprefix(prefix): value for key, value in named.items() if key.startswith(prefix)}
        for prefix in ("version:", "tag:")
    )
    commit = named.get("commit")
    branch = named.get("branch")
    subjects: tuple[SubjectRevision, ...] = ()
    if commit or subject in versions:
        version = versions.get(subject) or f"0+g{commit[:10] if commit else ''}"
        subjects = (SubjectRevision(subject, version, commit, branch=branch),)
    packages = [Package(name, version) for name, version in versions.items()]
    return ImportedSession(
        COMMAND_LINE,
        branch,
        _environment(named.get("environment")),
        package_set(packages) if packages else None,
        revision(subjects) if subjects else None,
        tuple(sorted(tags.items())),
    )


def _environment(said: str | None) -> Environment | None:
    """Return the environment that goes by a name, or has a fingerprint."""
    if said is None:
        return None
    nothing = Environment(said, None, None, None, None, None, None, None)
    if _FINGERPRINT.fullmatch(said):
        return nothing
    named = Environment("", None, None, None, None, None, None, None, (("environment", said),))
    return fingerprinted(named)
