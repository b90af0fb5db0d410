"""What the meters say, held against what the work itself measured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster
from truth import SHARED_SCHEDULER, off, truths

from benchdb.collect.dask_memory import measure_memory
from benchdb.collect.dask_scheduler import measure_scheduler
from benchdb.collect.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites import Suite

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can set peaks back")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Three workers, each a process."""
    with (
        LocalCluster(
            n_workers=3, threads_per_worker=1, memory_limit="2GB", dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_the_duration_of_a_row_is_the_time_of_its_block(suite: Suite) -> None:
    suite.write("""
        import time
        import pytest

        @pytest.mark.parametrize("seconds", [0.001, 0.01, 0.1, 1])
        def test_busy(seconds, benchmark_time, test_run_benchmark):
            for _ in range({1: 1, 0.1: 3}.get(seconds, 7)):
                with benchmark_time:
                    begun = time.perf_counter()
                    while (busy := time.perf_counter() - begun) < seconds:
                        pass
                test_run_benchmark.record("truth", busy, "s")
    """)
    suite.run("--benchmark").assert_outcomes(passed=4)
    rows = suite.query(
        "select duration, value from test_run join measurement using (session_id, ordinal)"
        " where metric = 'truth'"
    )
    assert len(rows) == 4
    assert all(truth <= measured <= 1.02 * truth for measured, truth in rows)


@linux
def test_the_exact_peak_of_a_worker_is_that_of_a_transient(client: Client) -> None:
    assert off(truths.typical(lambda: truths.transient(client), 1)) == []


@linux
def test_a_transient_that_no_sample_sees_is_in_the_exact_peak(client: Client) -> None:
    exact, sampled = truths.transient_within_a_call(client, 400 * truths.MB)
    assert exact.met
    assert sampled.measured < sampled.truth


def test_the_average_of_a_cluster_is_that_of_a_plateau(client: Client) -> None:
    assert off(truths.typical(lambda: truths.plateau(client), 3)) == []


def test_the_peak_of_a_cluster_is_not_the_sum_of_its_workers_peaks(client: Client) -> None:
    assert off(truths.in_turn(client)) == []


@linux
def test_memory_of_this_process_and_a_child_is_their_sum() -> None:
    assert off(truths.typical(truths.process_and_child, 3)) == []


@pytest.mark.parametrize("work", ["compute", "transfer", "spilling", "serialising"])
def test_durations_of_tasks_are_what_was_measured_inside(client: Client, work: str) -> None:
    assert off(truths.typical(lambda: getattr(truths, work)(client), 3)) == []


def test_the_cpu_of_a_scheduler_is_that_of_its_thread(client: Client) -> None:
    assert off(truths.typical(lambda: truths.scheduler_cpu(client), 3)) == []


def test_the_longest_ticks_are_those_of_loops_that_stood_still(client: Client) -> None:
    assert off(truths.typical(lambda: truths.ticks(client), 3)) == []


def test_a_cluster_of_processes_says_whose_the_cpu_of_its_scheduler_is(client: Client) -> None:
    readings = Readings()
    with measure_memory(client, readings), measure_scheduler(client, readings):
        pass
    assert readings.notes == [SHARED_SCHEDULER]
