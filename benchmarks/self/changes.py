"""Measures what `benchdb changes` takes of a large history: ``python benchmarks/self/changes.py``.

Makes a history of a million test runs (5,000 tests, 200 sessions, three metrics: see
`made_up_history.py`), and runs the command on it as a process of its own: with nothing kept; after
one new session; with nothing new; and again with nothing kept, which must print the same. Prints a
line of JSON for each: seconds, CPU seconds, MiB at most. It takes 1 GB of disk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent

#: Where the operating system counts a process's memory in KiB; on macOS it is in bytes.
_KIB: Final = 1 if sys.platform == "darwin" else 1024


def run(*command: object) -> tuple[bytes, dict[str, Any]]:
    """Run a command; return what it printed and what it took."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([str(one) for one in command], stdout=output)
        _, status, took = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit(f"{command} failed")
        output.seek(0)
        printed = output.read()
    cpu = took.ru_utime + took.ru_stime
    mib = took.ru_maxrss * _KIB / 2**20
    return printed, {"seconds": round(seconds, 2), "cpu": round(cpu, 2), "mib": round(mib)}


def measure(database: Path, folder: Path) -> None:
    """Measure the command on a history whose newest session comes later."""
    benchdb = (sys.executable, "-m", "benchdb")
    copy = folder / "copy.db"
    shutil.copy(database, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("delete from local_cache")
        query = "select uid from session order by started desc limit 1"
        ((newest,),) = connection.execute(query).fetchall()
    run(*benchdb, "db", "prune", "--session", newest, "--yes", "--db", copy)
    changes = (*benchdb, "changes", "--db", copy)
    _tell("nothing kept", run(*changes)[1])
    run(*benchdb, "merge", "--all", database, "--db", copy)
    after, took = run(*changes)
    _tell("one new session", took)
    _tell("nothing new", run(*changes)[1])
    with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("delete from local_cache")
    fresh, took = run(*changes)
    _tell("nothing kept again", took)
    if fresh != after:
        raise SystemExit("what was kept changed a result")


def _tell(what: str, took: dict[str, Any]) -> None:
    print(json.dumps({"what": what, **took}), flush=True)


def main() -> None:
    """Make a history, unless there is one, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--series", type=int, default=5000, help="tests")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--metrics", type=int, default=3)
    parser.add_argument("--db", type=Path, metavar="FILE", help="a history that was made before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database = options.db
        if database is None:
            database = folder / "history.db"
            counts = [
                f"--{name}={getattr(options, name)}" for name in ("series", "sessions", "metrics")
            ]
            run(sys.executable, HERE / "made_up_history.py", *counts, "--db", database)
        measure(database, folder)


if __name__ == "__main__":
    main()
