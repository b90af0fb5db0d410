"""An installed benchdb that isn't asked for costs next to nothing and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

HEAVY = {
    *(
        "aiohttp",
        "alembic",
        "boto3",
        "botocore",
        "click",
        "coiled",
        "dask",
        "distributed",
        "filelock",
        "numpy",
    ),
    *("pandas", "psutil", "rich", "sqlalchemy", "sqlite3", "yaml", "zstandard"),
}

#: A suite whose tests use our fixtures, and say at its end what has been imported.
SUITE = """
import sys

def test_timed(benchmark_time, test_run_benchmark):
    with benchmark_time, benchmark_time("part"):
        test_run_benchmark.record("rows", 3)
        test_run_benchmark.average_memory = 1
    assert not test_run_benchmark

def test_plain():
    pass
"""
CONFTEST = """
import sys

def pytest_unconfigure():
    print("IMPORTED", *sorted(sys.modules))
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def imported(suite: Path, *arguments: str) -> set[str]:
    """Return the names of all modules that a pytest process of its own has imported."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        # Other plugins, some with heavy libraries of their own, stay out of it.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=suite,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("IMPORTED"))
    return set(line.split()[1:])


def test_a_run_that_records_nothing_imports_no_heavy_library(suite: Path) -> None:
    modules = imported(suite, "-p", "benchdb.plugin.entry")
    assert "benchdb.plugin.entry" in modules
    assert not modules & HEAVY


def test_a_run_that_records_nothing_imports_no_other_layer(suite: Path) -> None:
    modules = imported(suite, "-p", "benchdb.plugin.entry")
    layers = {name.split(".")[1] for name in modules if name.startswith("benchdb.")}
    assert layers == {"plugin"}


def test_a_run_that_records_nothing_writes_nothing(suite: Path) -> None:
    before = {path.name for path in suite.iterdir()}
    imported(suite, "-p", "benchdb.plugin.entry")
    assert {path.name for path in suite.iterdir()} == before


def test_recording_loads_no_sqlalchemy_until_a_test_asks_for_its_row(suite: Path) -> None:
    asking = (suite / "test_suite.py").read_text()
    (suite / "test_suite.py").write_text("def test_timed(benchmark_time):\n    pass\n")
    for _ in ("a new file", "a file of the newest schema"):
        assert "sqlalchemy" not in imported(suite, "-p", "benchdb.plugin.entry", "--benchmark")
    (suite / "test_suite.py").write_text(asking.replace("assert not", "assert"))
    assert "sqlalchemy" in imported(suite, "-p", "benchdb.plugin.entry", "--benchmark")


def test_recording_is_seen_by_the_same_means(suite: Path) -> None:
    (suite / "test_suite.py").write_text("def test_timed(benchmark_time):\n    pass\n")
    modules = imported(suite, "-p", "benchdb.plugin.entry", "--benchmark")
    assert "sqlite3" in modules
    assert (suite / "benchmark.db").exists()
