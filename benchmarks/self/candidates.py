"""What is measured side by side: a suite of tests, run by pytest with one plugin or another."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import environments

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).resolve().parent

#: How many tests the long suite of a candidate has; the short one has a single test.
TESTS: Final = 1000

_SUITE: Final = """\
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_nothing(number{fixture}):
    {body}
"""


@dataclass(frozen=True)
class Candidate:
    """One way to run a suite of tests that do nothing.

    Parameters
    ----------
    environment
        Where it runs, see `environments.REQUIREMENTS`.
    fixture, body
        What each test asks for and does.
    options
        For pytest; ``{database}`` becomes a path.
    kept
        A glob of files that it must leave in the suite's folder.
    rounds
        Rounds in which it is run at all, where it takes too long for more.
    exit_codes
        Those of pytest that don't count as a failure.
    """

    environment: str
    fixture: str = ""
    body: str = "pass"
    options: tuple[str, ...] = ()
    kept: str = ""
    rounds: int | None = None
    exit_codes: tuple[int, ...] = (0,)


_TIMED: Final = "with benchmark_time: pass"
_RECORD: Final = ("--benchmark", "--benchmark-db={database}")

#: What pytest-benchmark is asked to do: one round, as by itself it takes a second for each test.
_PEDANTIC: Final = ("benchmark", "benchmark.pedantic(int, rounds=1, iterations=1)")

#: Where it keeps results when it is told to: in memory until the end, then in a file for each run.
KEPT: Final = ".benchmarks/*/*.json"

_PLUGIN: Final = ("-p", "ancestor.fixtures", "--record-into={database}")

CANDIDATES: Final[Mapping[str, Candidate]] = {
    "pytest": Candidate("pytest"),
    "benchdb": Candidate("benchdb", "benchmark_time", _TIMED, _RECORD),
    "pytest-benchmark": Candidate("pytest-benchmark", *_PEDANTIC, ("--benchmark-autosave",), KEPT),
    "pytest-benchmark keeping nothing": Candidate("pytest-benchmark", *_PEDANTIC),
    "ancestor": Candidate("ancestor", "benchmark_time", _TIMED, _PLUGIN),
    "pytest-monitor": Candidate(
        "pytest-monitor",
        options=("--db={database}",),
        rounds=2,
        # Its 1.6.6 with pytest 9 has an error in the teardown of a module; the rows are there.
        exit_codes=(0, 1),
    ),
    "pytest -n 4": Candidate("xdist", options=("-n", "4")),
    "benchdb -n 4": Candidate("xdist", "benchmark_time", _TIMED, (*_RECORD, "-n", "4")),
}

#: Environments whose plugin is installed and asked for nothing; the first has none.
UNUSED: Final = ("pytest", "benchdb", "pytest-cov", "pytest-benchmark", "pytest-monitor")


@dataclass(frozen=True)
class Spent:
    """Seconds that a command and the processes it waited for took, and how it ended."""

    wall: float
    cpu: float
    exit_code: int
    output: str


class Suite:
    """The tests of one candidate, as a project of their own in a git repository.

    Parameters
    ----------
    folder
        Where it is made.
    """

    def __init__(self, folder: Path, candidate: Candidate) -> None:
        self.folder = folder
        self.candidate = candidate
        self.database = folder / "benchmark.db"
        folder.mkdir(parents=True)
        fixture = f", {candidate.fixture}" if candidate.fixture else ""
        for name, tests in (("test_one.py", 1), ("test_all.py", TESTS)):
            text = _SUITE.format(tests=tests, fixture=fixture, body=candidate.body)
            (folder / name).write_text(text, "utf-8")
        (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", "utf-8")
        _commit(folder)
        # Nothing is compiled, cached or migrated in what is measured.
        self.run("test_all.py", "--collect-only")
        self.run("test_one.py")

    def run(self, *arguments: str) -> Spent:
        """Run pytest on a part of the suite; a run that fails is an error.

        Raises
        ------
        AssertionError
            With what pytest printed.
        """
        options = [one.format(database=self.database) for one in self.candidate.options]
        python = environments.python(self.candidate.environment)
        spent = run(
            [str(python), "-m", "pytest", "-q", *options, *arguments],
            self.folder,
            {"PYTHONPATH": str(HERE)} if "ancestor.fixtures" in options else {},
        )
        assert spent.exit_code in self.candidate.exit_codes, spent.output
        assert "database is locked" not in spent.output, spent.output
        if self.candidate.kept and "--collect-only" not in arguments:
            assert any(self.folder.glob(self.candidate.kept)), "nothing was kept"
        return spent

    def forget(self) -> None:
        """Remove the database, so that the next run begins a new one."""
        for path in self.folder.glob("benchmark.db*"):
            path.unlink()

    def rows(self) -> int:
        """Return how many closed rows benchdb's database holds."""
        query = "select count(*) from test_run where state = 'closed'"
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return int(connection.execute(query).fetchone()[0])


def run(command: list[str], folder: Path, variables: Mapping[str, str]) -> Spent:
    """Run a command to its end and account for it and all that it waited for."""
    with (folder / "output.txt").open("w+", encoding="utf-8") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environments.environ() | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    return Spent(wall, usage.ru_utime + usage.ru_stime, process.returncode, said)


def _commit(folder: Path) -> None:
    """Make the folder a git repository, as what people test is; without git it is none."""
    if shutil.which("git") is None:
        return
    (folder / ".gitignore").write_text("*.db*\n__pycache__\n.*\noutput.txt\n", "utf-8")
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for arguments in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "Begin")):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env=environments.environ())
