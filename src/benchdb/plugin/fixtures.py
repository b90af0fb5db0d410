"""The fixtures. Each is a working no-op without ``--benchmark``.

This module is loaded in every pytest run of whoever has benchdb installed: it imports pytest and
the standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchdb.plugin.idle import IDLE, IDLE_STOPWATCH, IdleTestRun, idle_cluster_info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.plugin.running import RunningTest

#: The running test's own state; absent without ``--benchmark``.
RUNNING: pytest.StashKey[RunningTest] = pytest.StashKey()

#: A test that asks for one of these, itself or through another fixture, is a benchmarked test.
ASKING = frozenset(
    {
        "auto_benchmark_time",
        "benchmark_all",
        "benchmark_memory",
        "benchmark_scheduler",
        "benchmark_task_durations",
        "benchmark_time",
        "get_cluster_info",
        "performance_report",
        "sample_memory",
        "test_run_benchmark",
    }
)


def _running(request: pytest.FixtureRequest) -> RunningTest | None:
    running: RunningTest | None = request.node.stash.get(RUNNING, None)
    if running is not None:
        running.ask()
    return running


@pytest.fixture
def test_run_benchmark(request: pytest.FixtureRequest) -> Any:
    """The row of this test: an ORM object; set columns, ``.record(...)``, ``.attach(...)``."""
    running = _running(request)
    return IdleTestRun() if running is None else running.test_run


@pytest.fixture
def benchmark_time(request: pytest.FixtureRequest) -> Any:
    """Time a block: ``with benchmark_time:``; a named part: ``with benchmark_time("load"):``."""
    running = _running(request)
    return IDLE_STOPWATCH if running is None else running.stopwatch


@pytest.fixture
def auto_benchmark_time(request: pytest.FixtureRequest) -> None:
    """Time the whole call phase of this test."""
    running = _running(request)
    if running is not None:
        from benchdb.plugin.observer import time_call_phase

        running.times_call = True
        time_call_phase(request.config)


@pytest.fixture
def benchmark_memory(request: pytest.FixtureRequest) -> Any:
    """Memory of a cluster: ``with benchmark_memory(client):``; without one, of this process."""
    running = _running(request)
    return IDLE if running is None else running.meters.memory


@pytest.fixture
def sample_memory(benchmark_memory: Any) -> Any:
    """The older name of ``benchmark_memory``."""
    return benchmark_memory


@pytest.fixture
def benchmark_task_durations(request: pytest.FixtureRequest) -> Any:
    """Time in tasks by kind: ``with benchmark_task_durations(client):``."""
    running = _running(request)
    return IDLE if running is None else running.meters.task_durations


@pytest.fixture
def benchmark_scheduler(request: pytest.FixtureRequest) -> Any:
    """The scheduler's CPU, memory and ticks: ``with benchmark_scheduler(client):``."""
    running = _running(request)
    return IDLE if running is None else running.meters.scheduler


@pytest.fixture
def get_cluster_info(request: pytest.FixtureRequest) -> Any:
    """Store the cluster's name, id and details URL: ``get_cluster_info(cluster)``."""
    running = _running(request)
    return idle_cluster_info if running is None else running.meters.cluster_info


@pytest.fixture
def benchmark_all(request: pytest.FixtureRequest) -> Any:
    """Everything about a cluster, and the time: ``with benchmark_all(client):``."""
    running = _running(request)
    return IDLE if running is None else running.meters.everything


@pytest.fixture
def performance_report(request: pytest.FixtureRequest) -> Any:
    """Keep Dask's HTML report as an artifact: ``with performance_report(client):``."""
    running = _running(request)
    return IDLE if running is None else running.meters.performance_report


@pytest.fixture(scope="session")
def benchmark_db_engine(pytestconfig: pytest.Config) -> Iterator[Any]:
    """A read-only SQLAlchemy engine on the database; an empty one without ``--benchmark``."""
    from benchdb.plugin.sql_access import reading_engine

    engine = reading_engine(pytestconfig)
    yield engine
    engine.dispose()


@pytest.fixture
def benchmark_db_session(benchmark_db_engine: Any) -> Iterator[Any]:
    """A read-only SQLAlchemy session on the database."""
    from benchdb.plugin.sql_access import reading_session

    with reading_session(benchmark_db_engine) as session:
        yield session
