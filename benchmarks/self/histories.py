"""Makes histories of any length: ``python benchmarks/self/histories.py FILE ROWS``.

A session has a thousand test runs with four measurements each, packages and a revision of its own;
one begins every ten hours, the last one now. Rows are test runs plus measurements. All of a table
is written by few statements; digests are the product's own, so that such a file can be pushed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.store.database import connect
from benchdb.store.digest import session_digest
from benchdb.store.opening import make_writable

if TYPE_CHECKING:
    import sqlite3

RUNS: Final = 1000
METRICS: Final = ("cpu_time", "process_memory_peak", "rows", "throughput")
ROWS: Final = RUNS * (1 + len(METRICS))
EVERY: Final = timedelta(hours=10)

#: Packages of an environment; every five sessions so many of them are newer.
PACKAGES: Final = 300
NEWER: Final = 3
SAME: Final = 5

#: Sessions that are written in one transaction.
_BATCH: Final = 100


def make(
    path: Path,
    sessions: int,
    *,
    runs: int = RUNS,
    every: timedelta = EVERY,
    last: datetime | None = None,
    fresh: bool = True,
) -> None:
    """Add sessions to a database, which is made if there is none.

    Parameters
    ----------
    path
        The file.
    sessions
        How many.
    runs
        Test runs of each.
    every
        Time between two of them.
    last
        When the last of them began; by default now.
    fresh
        Whether they are noted as recorded in this very file.
    """
    make_writable(path)
    last = last or datetime.now(UTC)
    with contextlib.closing(connect(path, write=True)) as connection:
        connection.execute("pragma synchronous=off")
        connection.execute("pragma cache_size=-200000")
        (first,) = connection.execute("select coalesce(max(id), 0) + 1 from session").fetchone()
        _prepare(connection, runs, seed=first)
        for start in range(0, sessions, _BATCH):
            numbers = range(first + start, first + min(start + _BATCH, sessions))
            with connection.transaction():
                for number in numbers:
                    began = last - every * (first + sessions - 1 - number)
                    _insert(connection, number, began)
            _digest(connection, path, numbers)
        if fresh:
            connection.execute(
                "insert into local_fresh select uid from session where id >= ?", (first,)
            )


def _prepare(connection: sqlite3.Connection, runs: int, seed: int) -> None:
    """Make what all sessions share, and the cases as a table."""
    noise = random.Random(seed)
    connection.create_function("noise", 0, noise.random)
    connection.execute(
        "insert or ignore into environment values "
        "('f00', 'A CPU', 8, 32, 'Linux', 'x86_64', 'CPython', '3.12', null)"
    )
    connection.execute("create temp table chosen (number integer primary key, name, test, path)")
    connection.executemany(
        "insert into chosen values (?, ?, ?, ?)",
        [
            (
                number + 1,
                f"test_case_{number // 5}[size-{number % 5}]",
                f"test_case_{number // 5}",
                f"tests/benchmarks/test_module_{number // 50}.py",
            )
            for number in range(runs)
        ],
    )
    connection.execute("create temp table metric (name)")
    connection.executemany("insert into metric values (?)", [(name,) for name in METRICS])


def _insert(connection: sqlite3.Connection, number: int, began: datetime) -> None:
    milliseconds = int(began.timestamp() * 1000)
    uid = f"{milliseconds:012x}{number:020x}"
    uid = "-".join((uid[:8], uid[8:12], f"7{uid[13:16]}", f"8{uid[17:20]}", uid[20:]))
    started = _stored(began)
    package_set = number // SAME
    if number % SAME == 0 or not connection.execute("select 1 from package_set").fetchone():
        packages = [(f"package-{one}", _version(package_set, one)) for one in range(PACKAGES)]
        connection.executemany(
            "insert or ignore into package (name, version, source) values (?, ?, '')", packages
        )
        connection.execute(
            "insert or ignore into package_set (id, key) values (?, ?)",
            (package_set, f"set-{package_set}"),
        )
        connection.executemany(
            "insert or ignore into package_set_package "
            "select ?, id from package where name=? and version=?",
            [(package_set, *package) for package in packages],
        )
    connection.execute("insert into revision (id, key) values (?, ?)", (number, f"rev-{uid}"))
    connection.execute(
        "insert into revision_package values (?, 'project', ?, ?, ?, 'main', 0)",
        (number, f"1.{number}", f"{number:040x}", started),
    )
    connection.execute(
        "insert into session (id, uid, started, finished, state, command_line, branch, dirty, "
        "host, xdist_workers, benchdb_version, environment, revision, package_set) values "
        "(?, ?, ?, ?, 'finished', 'pytest --benchmark', 'main', 0, 'runner', 4, '0.1.0', 'f00', "
        "?, ?)",
        (number, uid, started, _stored(began + timedelta(hours=1)), number, package_set),
    )
    connection.execute(
        "insert into test_run (session_id, ordinal, name, originalname, path, attempt, round, "
        "beside, setup_outcome, call_outcome, teardown_outcome, state, dask_version, "
        'distributed_version, python_version, platform, start, "end", duration, average_memory, '
        "peak_memory) select ?, number, name, test, path, 1, 1, 0, 'passed', 'passed', 'passed', "
        "'closed', '2026.8.0', '2026.8.0', '3.12.4', 'linux', "
        "strftime('%Y-%m-%d %H:%M:%S.', ?1 || '', '+' || number || ' seconds') || "
        "printf('%06d', noise() * 1e6), "
        "strftime('%Y-%m-%d %H:%M:%S.', ?1 || '', '+' || (number + 1) || ' seconds') || "
        "printf('%06d', noise() * 1e6), number / 700.0 * (1 + noise() / 10), "
        "cast(1e8 * (1 + noise()) as integer), cast(2e8 * (1 + noise()) as integer) "
        "from temp.chosen".replace("select ?,", "select ?2,"),
        (started, number),
    )
    connection.execute(
        "insert into measurement (session_id, ordinal, metric, unit, direction, value) "
        "select ?, number, metric.name, '1', 'LOWER_IS_BETTER', number * (1 + noise() / 10) "
        "from temp.chosen cross join temp.metric",
        (number,),
    )


def _version(package_set: int, package: int) -> str:
    """Return the version of a package in a set: a few are newer in each."""
    return f"1.{(package_set * NEWER + package) // PACKAGES}"


def _stored(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _digest(connection: sqlite3.Connection, path: Path, numbers: range) -> None:
    if len(numbers) < 10:
        found = _digests((path, numbers))
    else:
        with Pool(2) as pool:
            parts = pool.map(_digests, [(path, numbers[0::2]), (path, numbers[1::2])])
        found = [one for part in parts for one in part]
    connection.executemany("update session set digest=? where id=?", found)


def _digests(work: tuple[Path, range]) -> list[tuple[str | None, int]]:
    path, numbers = work
    with contextlib.closing(connect(path)) as connection:
        return [(session_digest(connection, number), number) for number in numbers]


def main() -> int:
    """Make one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("rows", type=int)
    arguments = parser.parse_args()
    began = time.perf_counter()
    sessions = max(1, round(arguments.rows / ROWS))
    make(arguments.file, sessions)
    print(f"{sessions} sessions in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
