"""CSV: a line is a test run, and the header says what its cells are."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import UserError
from benchdb.importers.text_lines import lines_of, unfit
from benchdb.importers.units import metric_named
from benchdb.keys import fingerprinted, normalised, package_set, revision
from benchdb.metrics import COLUMN_METRICS, counts_outcomes
from benchdb.records import (
    OUTCOMES,
    Environment,
    Imported,
    ImportedRun,
    ImportedSession,
    Package,
    SubjectRevision,
    in_utc,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchdb.records import Metric

COMMAND_LINE: Final = "benchdb import csv"

#: The delimiters, of which the first is taken that makes the two columns appear that must be there.
_DELIMITERS: Final = (",", ";", "\t")
_NEEDED: Final = ("test", "start")
_OF_SESSION: Final = ("commit", "branch", "environment")
_PREFIXES: Final = ("tag:", "version:")

#: More columns than this don't go into one table of SQLite's.
_MOST_COLUMNS: Final = 1500

#: Names of cases that are taken apart once.
_MOST_CASES: Final = 100_000

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")


class _Unfit(Exception):
    """What is wrong with a cell."""


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
        yield _Lines(name, reader, _read_header(name, names, kinds), subject).imported()


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _has_needed(line: str, delimiter: str) -> bool:
    with contextlib.suppress(csv.Error):
        names = {cell.strip() for row in csv.reader([line], delimiter=delimiter) for cell in row}
        return names.issuperset(_NEEDED)
    return False


# -- the header


@dataclass(slots=True)
class _Header:
    """Which column is what, by its place."""

    width: int
    test: int
    start: int
    session: int | None = None
    outcome: int | None = None
    end: int | None = None
    facts: dict[str, int] = field(default_factory=dict)
    columns: list[tuple[str, int, Callable[[str], Any]]] = field(default_factory=list)
    metrics: list[tuple[Metric, int]] = field(default_factory=list)


def _read_header(file: str, names: Sequence[str], kinds: Mapping[str, str]) -> _Header:
    places: dict[str, int] = {}
    headings = [name.strip() for name in names]
    for place, name in enumerate(headings):
        if not name:
            raise unfit(file, 1, f"column {place + 1} has no name")
        if name in places:
            raise unfit(file, 1, f"columns {places[name] + 1} and {place + 1} are both {name!r}")
        places[name] = place
    for needed in _NEEDED:
        if needed not in places:
            raise unfit(file, 1, f"there is no column {needed!r}: test and start must be there")
    if len(headings) > _MOST_COLUMNS:
        raise unfit(file, 1, f"it has more than {_MOST_COLUMNS:,} columns")
    header = _Header(
        len(headings),
        places.pop("test"),
        places.pop("start"),
        places.pop("session", None),
        places.pop("outcome", None),
        places.pop("end", None),
    )
    units = {metric.name: metric for metric in COLUMN_METRICS}
    for name, place in places.items():
        if name in _OF_SESSION or name.startswith(_PREFIXES):
            header.facts[_fact(file, name)] = place
            continue
        try:
            metric = metric_named(name)
        except UserError as error:
            raise unfit(file, 1, str(error)) from None
        if name in kinds or (metric.name in units and units[metric.name].unit == metric.unit):
            kind = kinds[metric.name]
            header.columns.append((metric.name, place, _CONVERTERS[kind]))
        else:
            header.metrics.append((_checked(file, metric, kinds), place))
    header.columns.sort(key=lambda one: one[0])
    header.metrics.sort(key=lambda one: (one[0].name, one[0].unit))
    keys = [one[0] for one in header.columns]
    keys += [f"{one.name} [{one.unit}]" for one, _ in header.metrics]
    if double := next((key for key in keys if keys.count(key) > 1), None):
        raise unfit(file, 1, f"two columns are both {double!r}")
    return header


def _fact(file: str, name: str) -> str:
    """Return what a column says of sessions, in the one way in which it can be said."""
    kind, colon, of = name.partition(":")
    of = of.strip()
    if colon and not of:
        raise unfit(file, 1, f"{name!r} must be followed by a name")
    return f"{kind}:{normalised(of) if kind == 'version' else of}" if colon else name


def _checked(file: str, metric: Metric, kinds: Mapping[str, str]) -> Metric:
    """Return a metric that no column holds, if a line may give it."""
    if counts_outcomes(metric):
        raise unfit(file, 1, f"{metric.name!r} is counted from `outcome`: name it otherwise")
    if metric.unit.lower().startswith("column:"):
        raise unfit(file, 1, f"the unit {metric.unit!r} is benchdb's own: name it otherwise")
    if metric.name in _KEPT:
        raise unfit(file, 1, f"{metric.name!r} is kept by benchdb: {_KEPT[metric.name]}")
    return metric


_CASE: Final = "give path::name as `test`"
_OUTCOME: Final = "give `outcome`"
_KEPT: Final = {
    **dict.fromkeys(("name", "originalname", "path"), _CASE),
    **dict.fromkeys(("setup_outcome", "call_outcome", "teardown_outcome", "state"), _OUTCOME),
    **dict.fromkeys(("phase", "phase_start"), _OUTCOME),
    **dict.fromkeys(
        ("session_id", "ordinal", "cluster", "attempt", "round", "beside"), "leave it out"
    ),
}


# -- cells


def _number(cell: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        if not cell.strip():
            return None
        raise _Unfit(f"{_shown(cell)} is no number") from None
    if "_" in cell:
        raise _Unfit(f"{_shown(cell)} is no number")
    return None if math.isnan(value) else value + 0.0  # SQLite holds no -0.0


def _integer(cell: str) -> int | None:
    value = _number(cell)
    if value is not None and not (abs(value) < 2**63 and value == int(value)):
        raise _Unfit(f"{_shown(cell)} is no whole number of 64 bits")
    return None if value is None else int(value)


def _boolean(cell: str) -> bool | None:
    said = cell.strip().lower()
    if said not in _TRUTHS:
        raise _Unfit(f"{_shown(cell)} is neither true nor false")
    return _TRUTHS[said]


_TRUTHS: Final = {"": None, "true": True, "1": True, "false": False, "0": False}


def _text(cell: str) -> str | None:
    return cell or None


def _instant(cell: str) -> datetime:
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        try:
            value = datetime.fromisoformat(cell.strip())
        except ValueError:
            raise _Unfit(f"{_shown(cell)} is no time in ISO 8601") from None
    try:
        return in_utc(value)
    except OverflowError:
        raise _Unfit(f"{_shown(cell)} is out of range") from None


def _maybe_instant(cell: str) -> datetime | None:
    return _instant(cell) if cell.strip() else None


_CONVERTERS: Final[dict[str, Callable[[str], Any]]] = {
    "float": _number,
    "integer": _integer,
    "boolean": _boolean,
    "text": _text,
    "instant": _maybe_instant,
}


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 60 else f"{cell[:57]}...")


def _case(cell: str) -> tuple[str | None, str]:
    """Return path and name of ``path::name``; the path is None where none is named."""
    said = cell.strip()
    before, bracket, parameters = said.partition("[")
    path, colons, name = before.partition("::")
    if not colons and ".py::" in said:  # a folder's name has the bracket
        path, colons, name = said.partition("::")
    elif colons:
        name += bracket + parameters
    else:
        path, name = "", said
    if not name or name.startswith("["):
        raise _Unfit(f"{_shown(cell)} in `test` is no path::name")
    return path or None, name


# -- the lines


class _Lines:
    """Makes test runs and sessions of lines."""

    def __init__(self, file: str, reader: Any, header: _Header, subject: str) -> None:
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
        except _Unfit as error:
            raise unfit(self._file, line, str(error)) from None

    def _made(self, row: list[str], line: int) -> ImportedRun:
        header = self._header
        test = row[header.test]
        case = self._cases.get(test)
        if case is None:
            if len(self._cases) > _MOST_CASES:
                self._cases.clear()
            case = self._cases[test] = _case(test)
        start = _instant(row[header.start])
        outcome = "passed"
        if header.outcome is not None:
            outcome = row[header.outcome].strip().lower() or "passed"
            if outcome not in OUTCOMES:
                raise _Unfit(f"{_shown(outcome)} is no outcome: use {', '.join(OUTCOMES)}")
        end = None if header.end is None else _maybe_instant(row[header.end])
        if end is not None and end < start:
            raise _Unfit("it ends before it starts")
        try:
            columns = [convert(row[place]) for _, place, convert in header.columns]
            values = [_number(row[place]) for _, place in header.metrics]
        except _Unfit as error:
            raise _Unfit(f"{error}, in column {self._blamed(row)!r}") from None
        return ImportedRun(
            self._session(row, start, line), case[0], case[1], start, end, outcome, columns, values
        )

    def _blamed(self, row: list[str]) -> str:
        """Return the name of the first column whose cell doesn't fit."""
        header = self._header
        converted = [*header.columns]
        converted += [(f"{one.name} [{one.unit}]", place, _number) for one, place in header.metrics]
        for name, place, convert in converted:
            try:
                convert(row[place])
            except _Unfit:
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
                raise _Unfit(f"there is a NUL in column {nul!r}")
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
            raise _Unfit(
                f"session {_shown(label)} has another {name} here than in line {before}, and a "
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
