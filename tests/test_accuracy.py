"""What the meters say, held against what the work itself measured."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, nullcontext
from statistics import median
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("distributed")

from truth import SHARED_SCHEDULER, kinds, missed, truths

from benchdb.collect.dask_memory import measure_memory
from benchdb.collect.dask_scheduler import measure_scheduler
from benchdb.collect.dask_tasks import measure_task_durations
from benchdb.collect.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from distributed import Client
    from suites import Suite

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can set peaks back")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Three workers, each a process."""
    with kinds.local(3) as client:
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


@pytest.mark.portable
@linux
def test_the_exact_peak_of_a_worker_is_that_of_a_transient(client: Client) -> None:
    assert missed(lambda: truths.transient(client)) == []


@pytest.mark.portable
@linux
def test_a_transient_that_no_sample_sees_is_in_the_exact_peak(client: Client) -> None:
    exact, sampled = truths.transient_within_a_call(client, 400 * truths.MB)
    assert exact.met
    assert sampled.measured < sampled.truth


@pytest.mark.portable
def test_the_average_of_a_cluster_is_that_of_a_plateau(client: Client) -> None:
    assert missed(lambda: truths.plateau(client)) == []


@pytest.mark.portable
def test_the_peak_of_a_cluster_is_not_the_sum_of_its_workers_peaks(client: Client) -> None:
    assert missed(lambda: truths.in_turn(client)) == []


@linux
def test_memory_of_this_process_and_a_child_is_their_sum() -> None:
    assert missed(truths.process_and_child) == []


@pytest.mark.portable
@pytest.mark.parametrize("work", ["compute", "transfer", "spilling", "serialising"])
def test_durations_of_tasks_are_what_was_measured_inside(client: Client, work: str) -> None:
    assert missed(lambda: getattr(truths, work)(client)) == []


@pytest.mark.portable
def test_the_cpu_of_a_scheduler_is_that_of_its_thread(client: Client) -> None:
    assert missed(lambda: truths.scheduler_cpu(client)) == []


@pytest.mark.portable
def test_the_longest_ticks_are_those_of_loops_that_stood_still(client: Client) -> None:
    assert missed(lambda: truths.ticks(client)) == []


def test_a_cluster_of_processes_says_whose_the_cpu_of_its_scheduler_is(client: Client) -> None:
    readings = Readings()
    with measure_memory(client, readings), measure_scheduler(client, readings):
        pass
    assert readings.notes == [SHARED_SCHEDULER]


def meters(client: Client) -> ExitStack:
    stack, readings = ExitStack(), Readings()
    for meter in (measure_memory, measure_task_durations, measure_scheduler):
        stack.enter_context(meter(client, readings))
    return stack


def cpu_seconds(client: Client) -> float:
    """Return the CPU time of this process, which the scheduler runs in, and of the workers."""
    return time.process_time() + sum(client.run(lambda: __import__("time").process_time()).values())


def test_meters_begin_and_end_at_little_cost(client: Client) -> None:
    """The page has what it takes: some 0.05 s. This is what would be noticed on any machine."""
    blocks = 10
    begun = cpu_seconds(client)
    for _ in range(blocks):
        with meters(client):
            pass
    assert (cpu_seconds(client) - begun) / blocks < 0.25


def test_a_workload_takes_little_more_with_all_meters(client: Client) -> None:
    def spent(block: AbstractContextManager[object]) -> float:
        begun = cpu_seconds(client)
        with block:
            client.gather(client.map(lambda number: number + 1, range(500), pure=False))
        return cpu_seconds(client) - begun

    spent(nullcontext())
    pairs = [(spent(meters(client)), spent(nullcontext())) for _ in range(3)]
    assert median(with_it / without for with_it, without in pairs) < 2


def test_a_worker_has_one_thread_more_while_it_is_measured(client: Client) -> None:
    def threads() -> list[str]:
        import threading

        return [one.name for one in threading.enumerate() if "benchdb" in one.name]

    with meters(client):
        assert all(names == ["benchdb-memory"] for names in client.run(threads).values())
    assert not any(client.run(threads).values())
