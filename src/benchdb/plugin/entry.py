"""What pytest loads: options and fixtures; no more is imported until ``--benchmark`` is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchdb.plugin.fixtures import (
    auto_benchmark_time,
    benchmark_all,
    benchmark_db_engine,
    benchmark_db_session,
    benchmark_memory,
    benchmark_scheduler,
    benchmark_task_durations,
    benchmark_time,
    get_cluster_info,
    performance_report,
    sample_memory,
    test_run_benchmark,
)

if TYPE_CHECKING:
    import pytest

__all__ = [
    "auto_benchmark_time",
    "benchmark_all",
    "benchmark_db_engine",
    "benchmark_db_session",
    "benchmark_memory",
    "benchmark_scheduler",
    "benchmark_task_durations",
    "benchmark_time",
    "get_cluster_info",
    "performance_report",
    "pytest_addoption",
    "pytest_configure",
    "sample_memory",
    "test_run_benchmark",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all in one group."""
    group = parser.getgroup("benchdb", "benchmark database (benchdb)")
    group.addoption(
        "--benchmark",
        action="store_true",
        dest="benchdb",
        help="record a row for every test that uses a benchmark fixture",
    )
    group.addoption(
        "--benchmark-auto",
        action="store_true",
        dest="benchdb_auto",
        help="record time, CPU time and peak memory of every test, with no fixture at all",
    )
    group.addoption(
        "--benchmark-db",
        metavar="PATH_OR_URL",
        dest="benchdb_db",
        help="the database; by default BENCHDB_URL, DB_NAME, [tool.benchdb] db, benchmark.db",
    )
    group.addoption(
        "--benchmark-tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="benchdb_tags",
        help="a tag of the session; may be given again",
    )
    group.addoption(
        "--benchmark-repeat",
        metavar="N",
        type=int,
        default=1,
        dest="benchdb_repeat",
        help="run every benchmarked test N times, interleaved: a row for each round",
    )
    group.addoption(
        "--benchmark-strict",
        action="store_true",
        dest="benchdb_strict",
        help="fail the session where a row was lost or could not be recorded",
    )
    group.addoption(
        "--benchmark-artifacts",
        metavar="DIR",
        dest="benchdb_artifacts",
        help="keep files of test runs here; by default benchmark-artifacts beside the database",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and, where it is asked for, start to record."""
    config.addinivalue_line(
        "markers",
        "benchmark_version(version): start a new series, as what the test measures has changed",
    )
    config.addinivalue_line(
        "markers",
        "benchmark_exclusive: under pytest-xdist, run while no other benchmarked test does",
    )
    option = config.option
    if option.benchdb or option.benchdb_auto:
        from benchdb.plugin.start import start

        start(config)
    elif (
        option.benchdb_db
        or option.benchdb_tags
        or option.benchdb_repeat != 1
        or option.benchdb_strict
        or option.benchdb_artifacts
    ):
        from benchdb.plugin.unused import say_unused_options

        say_unused_options(config)
