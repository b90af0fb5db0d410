"""What ci/test and ci/demo do: ``python ci/tasks.py test [PYTEST ARGUMENTS]`` or ``… demo``."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from environments import ROOT, Environments, Failure
from page import LEFT_OUT

#: Checks beside the tests: what they are called, and the modules and programs that make them.
CHECKS: Final = {
    "lint": ("ruff", "check", "--quiet"),
    "format": ("ruff", "format", "--check", "--quiet", "--output-format=concise"),
    "types": ("mypy", "--no-error-summary"),
    "migrations": ("python", "-m", "alembic", "check"),
    "types of the page": ("python", "dashboard/generate_types.py", "--check"),
    "page of the dashboard": ("python", "ci/page.py"),
}

#: What runs in every other environment; the cache is left to the tests.
PORTABLE: Final = (
    *("-m", "pytest", "-q", "-m", "portable"),
    *("--timeout=300", "-p", "no:cacheprovider"),
)

#: Each worker starts servers of its own: more of them than this take longer, not shorter.
_MOST_WORKERS: Final = 8

#: Where Linux keeps files in memory, and the free bytes that the files of tests may need.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own there
_ROOM: Final = 2 << 30

DEMO: Final = ROOT / ".demo"
SEED_QUERY: Final = (
    "select dask_version, average_memory from test_run where name = 'test_write_wide_data'"
)

#: Does what the sqlite3 program would, where there is none.
_SQLITE: Final = (
    "import sqlite3, sys; rows = sqlite3.connect(sys.argv[1]).execute(sys.argv[2]); "
    "[print(*row, sep='|') for row in rows]"
)

_CLOSING: Final = re.compile(
    rb"(\d+ (passed|failed|errors?|skipped|deselected|xfailed|xpassed)\b.*|no tests ran.*)"
    rb" in \d+\.\d+s"
)
_NO_TESTS_RAN: Final = 5


def test(environments: Environments, arguments: list[str]) -> int:
    """Run the checks, the portable tests in other environments, and the tests; or pytest alone.

    The last line printed is pytest's closing line; failed checks are named just before it.
    """
    python = environments.main()
    failed: list[str] = []
    if not arguments:
        _check(environments, failed)
    code, closing = _tests(python, environments.environ, arguments)
    if failed:
        print(f"FAILED beside the tests, see above: {', '.join(failed)}", flush=True)
    print(closing, flush=True)
    return code or bool(failed)


def _check(environments: Environments, failed: list[str]) -> None:
    """Make the checks, some at a time; what each took is told in their order."""
    jobs = dict(CHECKS)
    for name, python in environments.others().items():
        jobs[f"portable tests with {name}"] = (str(python), *PORTABLE)

    def call(command: tuple[str, ...]) -> tuple[subprocess.CompletedProcess[str], float]:
        started = time.monotonic()
        return environments.run(*command), time.monotonic() - started

    with ThreadPoolExecutor(_cores()) as pool:
        ended = pool.map(call, jobs.values())
        for (name, command), (done, seconds) in zip(jobs.items(), ended, strict=True):
            word, why = "FAILED" if done.returncode else "ok", ""
            if done.stdout.startswith(LEFT_OUT) and not done.returncode:
                word, why = "left", f" out: {done.stdout.removeprefix(LEFT_OUT).strip()}"
            print(f"{word:6} {name} ({seconds:.0f} s){why}", flush=True)
            if done.returncode:
                failed.append(name)
                print(f"$ {_shown(command)}\n{done.stdout}", flush=True)


def _tests(python: Path, environ: dict[str, str], arguments: list[str]) -> tuple[int, str]:
    """Run pytest and pass on what it prints; return its code and its closing line."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    # One more than cores, as some tests wait for time-outs. Each begins with tests that follow each
    # other: what a module makes for its tests is mostly made once.
    workers = ["-n", str(min(_cores() + 1, _MOST_WORKERS)), "--dist=worksteal"]
    command = [str(python), "-m", "pytest", "-q", "--timeout=300", *workers, *colour, *arguments]
    width = str(shutil.get_terminal_size().columns)
    closing = b""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"COLUMNS": width, **_temporary(environ), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout or ():
            passed_on = line
            if _CLOSING.search(line):
                passed_on, closing = closing, line
            sys.stdout.buffer.write(passed_on)
            sys.stdout.buffer.flush()
    code = process.returncode
    if not closing:
        return code or _NO_TESTS_RAN, f"pytest ended with code {code} before its closing line"
    if code == 0 and not re.search(rb"\d+ (passed|xfailed)", closing):
        code = _NO_TESTS_RAN
    return code, closing.decode(errors="replace").rstrip()


def _temporary(environ: dict[str, str]) -> dict[str, str]:
    """Return the variable that has the tests' files kept in memory, where that is possible.

    Two thirds of what a test waits for in a database is the disk. The portable tests stay on it:
    so databases are tested on both.
    """
    try:
        held = os.statvfs(_MEMORY)
    except (AttributeError, OSError):  # not on this system
        return {}
    is_large = held.f_bavail * held.f_frsize >= _ROOM
    may_run = not held.f_flag & os.ST_NOEXEC
    fits = is_large and may_run and os.access(_MEMORY, os.W_OK) and "TMPDIR" not in environ
    return {"TMPDIR": str(_MEMORY)} if fits else {}


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def demo(environments: Environments) -> int:
    """Record the quick benchmarks twice, show the records, and answer the seed query."""
    python = environments.demo().relative_to(ROOT)
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    database = str((DEMO / "benchmark.db").relative_to(ROOT))
    pytest = (str(python), "-m", "pytest", "benchmarks", "-m", "quick", "-q")
    record = (*pytest, "--benchmark", f"--benchmark-db={database}")
    benchdb = str(python.with_name("benchdb"))
    environments.environ.setdefault("COLUMNS", "110")  # in a log, too, a table should be readable
    print(f"The demo records into {DEMO / 'benchmark.db'}")
    show = (benchdb, "show", f"--db={database}")
    for command in (record, record, show, (*show, "test_write_wide_data")):
        _show(command, environments)
    sqlite = ("sqlite3",) if shutil.which("sqlite3") else (str(python), "-c", _SQLITE)
    answer = _show((*sqlite, database, SEED_QUERY), environments)
    if len(answer.splitlines()) != 2:  # one for each time it was recorded
        raise Failure("the seed query should have answered with two rows")
    return 0


def _show(command: tuple[str, ...], environments: Environments) -> str:
    """Print and run a command; return what it printed, as far as that wasn't passed on."""
    print(f"\n$ {_shown(command)}", flush=True)
    done = environments.run(*command, stdout=subprocess.PIPE if SEED_QUERY in command else None)
    print(done.stdout or "", end="", flush=True)
    if done.returncode:
        raise Failure(f"failed ({done.returncode}): {_shown(command)}")
    return done.stdout or ""


def _shown(command: tuple[str, ...]) -> str:
    words = [
        os.path.relpath(word, ROOT) if word.startswith(str(ROOT)) else word for word in command
    ]
    return " ".join(
        f'"{word}"' if _reads_best_in_double(word) else shlex.quote(word) for word in words
    )


def _reads_best_in_double(word: str) -> bool:
    return "'" in word and not any(char in word for char in '"$`\\!')


def main(task: str, *arguments: str) -> int:
    """Run a task and return its exit code."""
    # A shell that starts this in the background lets all of it ignore Ctrl-C: tests send that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        environments = Environments()
        return test(environments, list(arguments)) if task == "test" else demo(environments)
    except Failure as failure:
        print(failure, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
