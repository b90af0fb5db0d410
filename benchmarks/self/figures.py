"""What benchdb costs, beside plain pytest and other plugins: run by `run.py`, read by `report.py`.

Not named ``test_…``: it is collected only when it is named, never as a part of the Dask suite.
Each candidate is a case, and ``--benchmark-repeat`` runs them in turn, so that the machine's drifts
meet all alike; `report.py` compares the candidates within each round.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import merging
import pytest
from candidates import CANDIDATES, TESTS, UNUSED, Candidate, Suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def suite_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Suite]:
    """Return the suite of a candidate; it is made when it is first asked for."""
    suites: dict[tuple[str, str], Suite] = {}
    base = tmp_path_factory.mktemp("suites")

    def suite(name: str, purpose: str = "", candidate: Candidate | None = None) -> Suite:
        key = (name, purpose)
        if key not in suites:
            folder = base / f"{name} {purpose}".strip().replace(" ", "-")
            suites[key] = Suite(folder, candidate or CANDIDATES[name])
        return suites[key]

    return suite


@pytest.fixture
def measure(test_run_benchmark: Any) -> Callable[..., None]:
    """Run something several times; wall and CPU seconds of each are the rounds of this row."""

    def measured(suite: Suite, *arguments: str, times: int = 1, cold: bool = False) -> None:
        for _ in range(times):
            if cold:
                suite.forget()
            spent = suite.run(*arguments)
            test_run_benchmark.record("duration", spent.wall)
            test_run_benchmark.record("cpu_time", spent.cpu)

    return measured


@pytest.mark.parametrize("name", CANDIDATES)
def test_thousand_tests(name: str, suite_of: Any, measure: Any, test_run_benchmark: Any) -> None:
    """1000 tests that do nothing; with benchdb, each leaves a row."""
    most = CANDIDATES[name].rounds
    if most is not None and test_run_benchmark and test_run_benchmark.round > most:
        pytest.skip(f"{name} takes too long for more than {most} rounds")
    suite = suite_of(name)
    recording = "benchdb" in name
    before = suite.rows() if recording else 0
    measure(suite, "test_all.py")
    if recording:
        lost = before + TESTS - suite.rows()
        test_run_benchmark.record("rows_lost", lost, "1", "LOWER_IS_BETTER")
        assert lost == 0


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != "pytest-monitor"])
def test_start_up(name: str, suite_of: Any, measure: Any) -> None:
    """A single test, with a database and a list of the packages from an earlier session."""
    measure(suite_of(name, "start-up"), "test_one.py", times=1 if "-n" in name else 3)


def test_cold_start_up(suite_of: Any, measure: Any) -> None:
    """A single test into a new database."""
    measure(suite_of("benchdb", "cold"), "test_one.py", times=3, cold=True)


@pytest.mark.parametrize("name", UNUSED)
def test_unused(name: str, suite_of: Any, measure: Any) -> None:
    """A single test with a plugin installed that isn't asked for anything."""
    # pytest-monitor records unless it is told not to.
    options = ("--no-monitor",) if name == "pytest-monitor" else ()
    measure(suite_of(name, "unused", Candidate(name, options=options)), "test_one.py", times=7)


@pytest.fixture(scope="session")
def many_sessions(suite_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with as many rows as a long history, made of a session that was recorded."""
    recorded = suite_of("benchdb", "merge")
    recorded.forget()  # what making the suite has recorded
    recorded.run("test_all.py")
    path: Path = tmp_path_factory.mktemp("history") / "history.db"
    merging.multiply(recorded.database, path)
    return path


@pytest.fixture
def timed(test_run_benchmark: Any) -> Callable[..., Any]:
    """Call something in this process; its wall and CPU seconds are a round of this row."""

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = function(*arguments)
        test_run_benchmark.record("duration", time.perf_counter() - wall)
        test_run_benchmark.record("cpu_time", time.process_time() - cpu)
        return result

    return call


def test_merge(many_sessions: Path, tmp_path: Path, timed: Any, test_run_benchmark: Any) -> None:
    """Merging a history into a new file, which has its indexes from the start."""
    from benchdb.store.merge import merge

    target = tmp_path / "merged.db"
    (merged,) = timed(merge, target, [many_sessions])
    rows = merging.rows(target)
    assert (merged.runs, rows) == (merging.SESSIONS * TESTS, merging.rows(many_sessions))
    test_run_benchmark.record("rows_merged", rows, "1")
    target.unlink()


def test_merge_again(many_sessions: Path, tmp_path: Path, timed: Any) -> None:
    """Merging a history of which the target has every session already."""
    from benchdb.store.merge import merge

    target = tmp_path / "merged.db"
    merge(target, [many_sessions])
    (merged,) = timed(merge, target, [many_sessions])
    assert (merged.added, merged.held) == (0, merging.SESSIONS)
    target.unlink()


def test_bare_insert(many_sessions: Path, tmp_path: Path, timed: Any) -> None:
    """What SQLite itself takes for the same rows into the same tables and indexes."""
    from benchdb.store.opening import make_writable

    target = tmp_path / "inserted.db"
    make_writable(target)  # with all tables and indexes
    timed(merging.insert_bare, target, many_sessions)
    assert merging.rows(target) == merging.rows(many_sessions)
    target.unlink()


def test_file_size(suite_of: Any, test_run_benchmark: Any) -> None:
    """What a row takes in a file, its share of the session among it."""
    suite = suite_of("benchdb", "merge")
    if suite.rows() < TESTS:
        suite.run("test_all.py")
    size = suite.database.stat().st_size / suite.rows()
    test_run_benchmark.record("file_size_per_row", size, "B", "LOWER_IS_BETTER")
