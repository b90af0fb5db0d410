"""What benchdb costs, beside plain pytest and other plugins: run by `run.py`, read by `report.py`.

Not named ``test_…``: it is collected only when it is named, never as a part of the Dask suite.
Each candidate is a case, and ``--benchmark-repeat`` runs them in turn, so that the machine's drifts
meet all alike; `report.py` compares the candidates within each round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from candidates import CANDIDATES, TESTS, UNUSED, Candidate, Suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Sessions in the file that is merged.
SESSIONS = 4


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


def test_merge(suite_of: Any, tmp_path: Path, benchmark_time: Any, test_run_benchmark: Any) -> None:
    """Merging sessions of 1000 rows each into a new file, and what a row takes in a file."""
    from benchdb.store.merge import merge

    source = suite_of("benchdb", "merge")
    while source.rows() < SESSIONS * TESTS:
        source.run("test_all.py")
    rows = source.rows()
    with benchmark_time:
        (merged,) = merge(tmp_path / "merged.db", [source.database])
    assert merged.runs == rows
    test_run_benchmark.record("rows_merged", rows, "1")
    size = source.database.stat().st_size / rows
    test_run_benchmark.record("file_size_per_row", size, "B", "LOWER_IS_BETTER")
