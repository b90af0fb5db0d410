"""The figures of a session as a Markdown table: ``python benchmarks/self/report.py DATABASE``.

All comes from the newest finished session in the database, by SQL. A figure is the median over
rounds; a ratio or a difference is taken within each round first. The targets were set on a machine
that runs 1000 empty tests in 0.55 s, so they stand here as multiples of that.
"""

from __future__ import annotations

import contextlib
import json
import math
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
TESTS: Final = 1000

_QUERY: Final = """
select test_run.name, test_run.round, duration, value
from test_run join measurement using (session_id, ordinal)
where session_id = ? and call_outcome = 'passed' and metric = 'cpu_time'
"""


@dataclass(frozen=True)
class Time:
    """Wall and CPU seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Figure:
    """A line of the table."""

    name: str
    target: str
    measured: str
    peers: str = ""


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
        self._times: dict[str, dict[int, Time]] = {}
        for name, turn, wall, cpu in connection.execute(_QUERY, (self.session,)):
            self._times.setdefault(name, {})[turn] = Time(wall, cpu)
        self.rounds = len(self._times.get(_all("pytest"), {}))

    def times(self, function: Callable[..., float], *names: str) -> Time:
        """Return the median over rounds of a function of the times of tests in a round.

        NaN where no round has them all: a candidate failed, or was left out by ``-k``.
        """
        by_round = [self._times.get(name, {}) for name in names]
        turns = set.intersection(*(set(times) for times in by_round))
        if not turns:
            return Time(math.nan, math.nan)
        given = [[times[turn] for times in by_round] for turn in turns]
        return Time(
            median(function(*(time.wall for time in times)) for times in given),
            median(function(*(time.cpu for time in times)) for times in given),
        )

    def values(self, metric: str) -> list[float]:
        """Return the values of another metric, in all its rounds."""
        query = (
            "select value from measurement join test_run using (session_id, ordinal) "
            "where session_id = ? and metric = ?"
        )
        return [value for (value,) in self._connection.execute(query, (self.session, metric))]

    def merge_rate(self) -> float:
        """Return the rows merged a second."""
        query = (
            "select value / duration from measurement join test_run using (session_id, ordinal) "
            "where session_id = ? and metric = 'rows_merged'"
        )
        rates = [rate for (rate,) in self._connection.execute(query, (self.session,))]
        return median(rates or [math.nan])


def figures(measured: Measured) -> Iterable[Figure]:
    """Return the lines of the table."""
    plain = measured.times(lambda time: time, _all("pytest"))
    yield Figure(f"{TESTS} empty tests, plain pytest", "", _seconds(plain))

    peers = ("pytest-benchmark", "ancestor", "pytest-monitor")
    yield Figure(
        "the same with a row each",
        "≤ 2 x plain",
        _in_all(measured, "benchdb"),
        ", ".join(f"{name} {_in_all(measured, name)}" for name in peers),
    )
    ratio = measured.times(lambda ours, theirs: ours / theirs, *map(_all, ("benchdb", peers[0])))
    yield Figure(
        "beside pytest-benchmark", "≤ 1.15 x", f"{ratio.wall:.2f} x (CPU {ratio.cpu:.2f} x)"
    )
    yield Figure(
        "of it for a test",
        _at_most(0.2e-3, plain.wall),
        _each(measured, "benchdb"),
        ", ".join(f"{name} {_each(measured, name)}" for name in peers[:2]),
    )

    started = _one("benchdb")
    yield Figure(
        "start-up, on top of pytest's",
        _at_most(0.35, plain.wall),
        _added(measured, started, _one("pytest")),
        ", ".join(f"{name} {_added(measured, _one(name), _one('pytest'))}" for name in peers[:2]),
    )
    yield Figure(
        "start-up with a new database, packages not listed yet",
        _at_most(0.5, plain.wall),
        _added(measured, "test_cold_start_up", _one("pytest")),
    )
    yield Figure(
        "installed but unused",
        _at_most(3e-3, plain.wall),
        _added(measured, "test_unused[benchdb]", "test_unused[pytest]"),
        ", ".join(
            f"{name} {_added(measured, f'test_unused[{name}]', 'test_unused[pytest]')}"
            for name in ("pytest-cov", "pytest-benchmark", "pytest-monitor")
        ),
    )

    lost = sum(measured.values("rows_lost"))
    written = len(measured.values("rows_lost")) * TESTS
    yield Figure("rows lost, alone and under `-n 4`", "0", f"{lost:.0f} of {written}")
    alone = _cost(measured, "benchdb", "pytest")
    yield Figure(
        "CPU for a test under `-n 4`",
        f"≤ {_duration(alone.cpu)}, as alone",
        _duration(_cost(measured, "benchdb -n 4", "pytest -n 4").cpu),
    )
    yield Figure("rows merged a second", "", f"{measured.merge_rate():,.0f}")
    size = median(measured.values("file_size_per_row") or [math.nan])
    yield Figure("file size a row", "", f"{size:.0f} B")


def report(database: Path) -> str:
    """Return the table, and under it what was measured where."""
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        measured = Measured(connection)
        lines = ["| figure | target | measured | peers |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {one.name} | {one.target} | {one.measured} | {one.peers} |"
            for one in figures(measured)
        ]
    versions = ", ".join(f"{name} {version}" for name, version in measured.versions.items())
    where = f"{measured.cores} x {measured.cpu}, Python {measured.python}, {versions}"
    lines += ["", f"Medians of {measured.rounds} rounds on {measured.started[:10]}: {where}."]
    return "\n".join(lines)


def _all(name: str) -> str:
    return f"test_thousand_tests[{name}]"


def _one(name: str) -> str:
    return f"test_start_up[{name}]"


def _in_all(measured: Measured, name: str) -> str:
    seconds = measured.times(lambda time: time, _all(name))
    ratio = measured.times(lambda ours, plain: ours / plain, _all(name), _all("pytest"))
    return f"{seconds.wall:.2f} s = {ratio.wall:.2f} x (CPU {ratio.cpu:.2f} x)"


def _cost(measured: Measured, name: str, plain: str) -> Time:
    """Return what a test takes longer than in plain pytest, start-up left out."""
    return measured.times(
        lambda all_, one, plain_all, plain_one: ((all_ - one) - (plain_all - plain_one)) / TESTS,
        *(_all(name), _one(name), _all(plain), _one(plain)),
    )


def _each(measured: Measured, name: str) -> str:
    cost = _cost(measured, name, "pytest")
    return f"{_duration(cost.wall)} (CPU {_duration(cost.cpu)})"


def _added(measured: Measured, name: str, plain: str) -> str:
    added = measured.times(lambda ours, theirs: ours - theirs, name, plain)
    return f"{_duration(added.wall)} (CPU {_duration(added.cpu)})"


def _at_most(seconds: float, plain: float) -> str:
    """Return a target: as it was set, and where plain pytest takes so long as here."""
    return f"≤ {_duration(seconds)} at {REFERENCE} s, {_duration(seconds / REFERENCE * plain)} here"


def _seconds(time: Time) -> str:
    return f"{time.wall:.2f} s (CPU {time.cpu:.2f} s)"


def _duration(seconds: float) -> str:
    if abs(seconds) < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if abs(seconds) < 0.1 else f"{seconds:.2f} s"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: report.py DATABASE")
    print(report(Path(sys.argv[1])))
