"""The figures of a session as a Markdown table: ``python benchmarks/self/report.py DATABASE``.

All comes from the newest finished session in the database, by SQL. A figure is the median over
rounds, with its range; a ratio or a difference is taken within each round first. The targets were
set on a machine that runs 1000 empty tests in 0.55 s: here they grow with that.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds that 1000 empty tests took where the targets were set.
REFERENCE: Final = 0.55
#: Rows a second that merging takes there, and a bare insert of the same rows.
REFERENCE_MERGED, REFERENCE_INSERTED = 300_000, 435_000
TESTS: Final = 1000

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "figures.md"
_BLOCK: Final = re.compile(r"(?<=<!-- figures:begin -->\n).*?(?=<!-- figures:end -->)", re.DOTALL)

_QUERY: Final = """
select test_run.name, test_run.round, duration, value
from test_run join measurement using (session_id, ordinal)
where session_id = ? and call_outcome = 'passed' and metric = 'cpu_time'
"""


@dataclass(frozen=True)
class Values:
    """What was found in the rounds of a session."""

    values: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The median, NaN of none."""
        return median(self.values) if self.values else math.nan

    def shown(self, form: Callable[[float], str]) -> str:
        """Return the median, and the range where there is one."""
        if not self.values:
            return "not measured"
        low, high = form(min(self.values)), form(max(self.values))
        return form(self.median) + (f" ({low} to {high})" if low != high else "")


@dataclass(frozen=True)
class Times:
    """Wall and CPU seconds, or ratios of such."""

    wall: Values
    cpu: Values


@dataclass(frozen=True)
class Figure:
    """A line of the table; nothing is held against one without a target."""

    name: str
    measured: str
    target: str = ""
    met: bool | None = None
    peers: str = ""

    def __str__(self) -> str:
        """Return the line as Markdown."""
        met = "" if self.met is None else "yes" if self.met else "**no**"
        return f"| {self.name} | {self.target} | {self.measured} | {met} | {self.peers} |"


class Measured:
    """What one session measured.

    Parameters
    ----------
    connection
        To the database.

    Raises
    ------
    LookupError
        If no session in it was finished.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        newest = connection.execute(
            "select id, started, tags, python_minor, cpu_model, cpu_count from session "
            "join environment on environment = fingerprint "
            "where state = 'finished' order by started desc"
        ).fetchone()
        if newest is None:
            raise LookupError("no session was finished: see what pytest printed")
        self.session, self.started, tags, self.python, self.cpu, self.cores = newest
        self.versions: dict[str, str] = json.loads(tags or "{}")
        self._times: dict[str, dict[int, tuple[float, float]]] = {}
        for name, turn, wall, cpu in connection.execute(_QUERY, (self.session,)):
            self._times.setdefault(name, {})[turn] = (wall, cpu)
        self.rounds = len(self._times.get(_all("pytest"), {}))
        plain = self.times(lambda time: time, _all("pytest")).wall
        #: How much slower plain pytest is here than where the targets were set, as far as known.
        self.slower = plain.median / REFERENCE if plain.values else 1.0

    def times(self, function: Callable[..., float], *names: str) -> Times:
        """Return a function of the times of tests, round by round.

        Rounds in which one of them failed or was left out don't count.
        """
        by_round = [self._times.get(name, {}) for name in names]
        turns = sorted(set.intersection(*(set(times) for times in by_round)))
        wall, cpu = (
            Values(tuple(function(*(times[turn][kind] for times in by_round)) for turn in turns))
            for kind in (0, 1)
        )
        return Times(wall, cpu)

    def values(self, metric: str) -> Values:
        """Return the values of another metric, in all its rounds."""
        query = (
            "select value from measurement join test_run using (session_id, ordinal) "
            "where session_id = ? and metric = ?"
        )
        found = self._connection.execute(query, (self.session, metric))
        return Values(tuple(value for (value,) in found))

    def at_most(self, seconds: float) -> tuple[str, float]:
        """Return a target as it was set and as it is here, and the latter in seconds."""
        here = seconds * self.slower
        return f"≤ {_duration(seconds)}, {_duration(here)} here", here


def figures(measured: Measured) -> Iterable[Figure]:
    """Return the lines of the table."""
    plain = measured.times(lambda time: time, _all("pytest"))
    yield Figure(f"{TESTS} empty tests in plain pytest", _seconds(plain))
    yield from _rows(measured)
    yield from _starts(measured)
    yield from _workers(measured)
    yield from _merging(measured)


def _rows(measured: Measured) -> Iterable[Figure]:
    """Return what a row for each test costs."""
    keeping, nothing = "pytest-benchmark", "pytest-benchmark keeping nothing"
    peers = (keeping, nothing, "ancestor", "pytest-monitor")
    ratio = _ratio(measured, "benchdb", "pytest")
    yield Figure(
        "the same with a row for each on disk",
        _times_of(ratio),
        "≤ 2 x plain pytest",
        _within(ratio, 2),
        ", ".join(f"{name} {_times_of(_ratio(measured, name, 'pytest'))}" for name in peers),
    )
    ratio = _ratio(measured, "benchdb", keeping)
    yield Figure(
        "beside pytest-benchmark, which keeps its results at the end",
        _times_of(ratio),
        "≤ 1.15 x",
        _within(ratio, 1.15),
    )
    ratio = _ratio(measured, "benchdb", nothing)
    yield Figure("beside pytest-benchmark when it keeps nothing", _times_of(ratio))
    cost = _cost(measured, "benchdb", "pytest")
    target, here = measured.at_most(0.2e-3)
    yield Figure(
        "of it for a test",
        _shown(cost),
        target,
        _within(cost, here),
        ", ".join(f"{name} {_shown(_cost(measured, name, 'pytest'))}" for name in peers[:3]),
    )


def _starts(measured: Measured) -> Iterable[Figure]:
    """Return what a session and an idle plugin cost."""
    peers = ("pytest-benchmark", "ancestor")
    lines: list[tuple[str, float, str, str, dict[str, str]]] = [
        (
            "start-up, on top of pytest's",
            0.35,
            _one("benchdb"),
            _one("pytest"),
            {name: _one(name) for name in peers},
        ),
        (
            "start-up with a new database, packages not listed yet",
            0.5,
            "test_cold_start_up",
            _one("pytest"),
            {},
        ),
        (
            "installed but unused",
            3e-3,
            "test_unused[benchdb]",
            "test_unused[pytest]",
            {
                name: f"test_unused[{name}]"
                for name in ("pytest-cov", "pytest-benchmark", "pytest-monitor")
            },
        ),
    ]
    for name, limit, test, bare, others in lines:
        added = _added(measured, test, bare)
        target, here = measured.at_most(limit)
        beside = [f"{one} {_shown(_added(measured, its, bare))}" for one, its in others.items()]
        yield Figure(name, _shown(added), target, _within(added, here), ", ".join(beside))


def _workers(measured: Measured) -> Iterable[Figure]:
    """Return what is lost, and what it costs in workers."""
    lost = measured.values("rows_lost").values
    of = len(lost) * TESTS
    yield Figure(
        "rows lost, alone and with `-n 4`",
        f"{sum(lost):.0f} of {of}",
        "0",
        bool(lost) and not sum(lost),
    )
    alone = _cost(measured, "benchdb", "pytest")
    beside = _cost(measured, "benchdb -n 4", "pytest -n 4")
    for name, one, other in (
        ("a test with `-n 4`", alone.wall, beside.wall),
        ("its CPU time", alone.cpu, beside.cpu),
    ):
        yield Figure(
            name,
            other.shown(_duration),
            f"≤ {_duration(one.median)}, as alone",
            other.median <= one.median,
        )


def _merging(measured: Measured) -> Iterable[Figure]:
    """Return how fast histories are merged."""
    rows = measured.values("rows_merged").median
    rate = measured.times(lambda time: rows / time, "test_merge").wall
    bare = measured.times(lambda time: rows / time, "test_bare_insert").wall
    both = ("test_merge", "test_bare_insert")
    share = measured.times(lambda merging, inserting: inserting / merging, *both).wall
    least = REFERENCE_MERGED / REFERENCE_INSERTED
    yield Figure(
        f"rows merged a second, of {_count(rows)} into an indexed file",
        rate.shown(_count),
        f"≥ {_count(REFERENCE_MERGED)} where a bare insert does {_count(REFERENCE_INSERTED)}: "
        f"{least:.2f} of it",
        share.median >= least,
        f"a bare insert {bare.shown(_count)}; the share of it {share.shown('{:.2f}'.format)}",
    )
    again = measured.times(lambda time: time, "test_merge_again")
    target, limit = measured.at_most(0.2)
    yield Figure("merged again, all there", _shown(again), target, _within(again, limit))
    yield Figure("file size a row", measured.values("file_size_per_row").shown("{:.0f} B".format))


def report(database: Path) -> str:
    """Return the table, and under it what was measured where.

    Raises
    ------
    LookupError
        If no session in the database was finished.
    """
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        measured = Measured(connection)
        lines = ["| figure | target | measured | met | peers |", "| --- | --- | --- | --- | --- |"]
        lines += map(str, figures(measured))
    versions = ", ".join(f"{name} {version}" for name, version in measured.versions.items())
    lines += [
        "",
        f"Median (and range) of {measured.rounds} rounds on {measured.started[:10]}:",
        f"{measured.cores} x {measured.cpu}, Python {measured.python}, {versions}.",
        f"Targets were set where plain pytest takes {REFERENCE} s.",
        f"Here that is {measured.slower:.2f} times as long, and so are they.",
    ]
    return "\n".join(lines)


def write(table: str, page: Path = PAGE) -> None:
    """Put a table into the page, in the place of the one that was there.

    Raises
    ------
    LookupError
        If the page has no place for it.
    """
    text = page.read_text("utf-8")
    changed, count = _BLOCK.subn(lambda _: f"{table}\n", text)
    if count != 1:
        raise LookupError(f"{page} should have one block from figures:begin to figures:end")
    page.write_text(changed, "utf-8")


def _all(name: str) -> str:
    return f"test_thousand_tests[{name}]"


def _one(name: str) -> str:
    return f"test_start_up[{name}]"


def _ratio(measured: Measured, name: str, other: str) -> Times:
    return measured.times(lambda ours, theirs: ours / theirs, _all(name), _all(other))


def _cost(measured: Measured, name: str, plain: str) -> Times:
    """Return what a test takes longer than in plain pytest, start-up left out."""
    return measured.times(
        lambda all_, one, plain_all, plain_one: ((all_ - one) - (plain_all - plain_one)) / TESTS,
        *(_all(name), _one(name), _all(plain), _one(plain)),
    )


def _added(measured: Measured, name: str, plain: str) -> Times:
    return measured.times(lambda ours, theirs: ours - theirs, name, plain)


def _within(times: Times, limit: float) -> bool:
    return times.wall.median <= limit


def _seconds(times: Times) -> str:
    return _with_cpu(times, "{:.2f} s".format)


def _times_of(ratio: Times) -> str:
    return _with_cpu(ratio, "{:.2f} x".format)


def _shown(times: Times) -> str:
    return _with_cpu(times, _duration)


def _with_cpu(times: Times, form: Callable[[float], str]) -> str:
    cpu = f", CPU {form(times.cpu.median)}" if times.cpu.values else ""
    return times.wall.shown(form) + cpu


def _count(number: float) -> str:
    return "some" if math.isnan(number) else f"{number:,.0f}"


def _duration(seconds: float) -> str:
    if abs(seconds) < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if abs(seconds) < 0.1 else f"{seconds:.2f} s"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: report.py DATABASE")
    print(report(Path(sys.argv[1])))
