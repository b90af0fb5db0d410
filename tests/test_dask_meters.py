"""The Dask meters on real clusters."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

distributed = pytest.importorskip("distributed")

from distributed import Client, LocalCluster  # noqa: E402
from truth import COLUMNS, SHARED_SCHEDULER, SHARED_WORKERS  # noqa: E402

from benchdb.collect import dask_window  # noqa: E402
from benchdb.collect.dask_cluster import (  # noqa: E402
    ClusterInfo,
    cluster_info,
    note_cluster,
    note_cluster_async,
    set_cluster_info,
)
from benchdb.collect.dask_memory import measure_memory  # noqa: E402
from benchdb.collect.dask_report import performance_report  # noqa: E402
from benchdb.collect.dask_scheduler import measure_scheduler  # noqa: E402
from benchdb.collect.dask_tasks import flush_function, measure_task_durations  # noqa: E402
from benchdb.collect.process_memory import measure_process_memory  # noqa: E402
from benchdb.collect.readings import Readings  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites import Suite

MIB = 2**20
METERS = (measure_memory, measure_task_durations, measure_scheduler)

linux = pytest.mark.skipif(sys.platform != "linux", reason="exact peaks and SIGSTOP are Linux's")


@pytest.fixture(scope="module")
def processes() -> Iterator[Client]:
    """Two workers, each a process."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="500MB", dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def threads() -> Iterator[Client]:
    """Two workers in this process."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def scheduler_with_worker() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a scheduler with a worker in one process, without benchdb; yield it and its address."""
    script = """
import asyncio, sys
sys.modules["benchdb"] = None  # importing it fails, as where it isn't installed
from distributed import Scheduler, Worker

async def main():
    async with Scheduler(port=0, dashboard_address=":0") as scheduler:
        async with Worker(scheduler.address, nthreads=3, memory_limit="700MB"):
            print(scheduler.address, flush=True)
            await scheduler.finished()

asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    """The address of a scheduler with a worker in an environment without benchdb."""
    with scheduler_with_worker() as (_, address):
        yield address


@pytest.fixture
def readings() -> Readings:
    return Readings()


# Functions that workers run, made inside others so that they travel by value.


def transient_of(size: int) -> Any:
    return lambda: len(bytearray(size))


def busy_for(seconds: float) -> Any:
    def busy(_: object) -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    return busy


def resident_with(size: int) -> Any:
    """Return a task that allocates memory and returns how much its process has then."""

    def resident() -> int:
        import psutil

        block = bytearray(b"x") * size
        return int(psutil.Process().memory_info().rss) if block else 0

    return resident


def stand_still() -> Any:
    """Hold up the event loop that runs it: what a tick is the measure of."""

    def stand(seconds: float) -> None:
        time.sleep(seconds)

    return stand


def said(readings: Readings) -> list[str]:
    """Return the notes but those that every LocalCluster comes with."""
    shared = (SHARED_WORKERS, SHARED_SCHEDULER)
    return [note for note in readings.notes if note not in shared]


def plugins_and_callbacks(client: Client) -> Any:
    """Return those of the scheduler, and the threads of benchdb's in the workers."""
    on_scheduler = client.run_on_scheduler(
        lambda dask_scheduler: (
            sorted(dask_scheduler.plugins),
            sorted(name for name in dask_scheduler.periodic_callbacks if "benchdb" in name),
        )
    )
    return on_scheduler, client.run(threads_function())


def threads_function() -> Any:
    def names() -> list[str]:
        import threading

        return [one.name for one in threading.enumerate() if "benchdb" in one.name]

    return names


def left_behind_function() -> Any:
    """Return a function that lists what meters keep in a server's process while they measure."""

    def left_behind(dask_worker: Any) -> list[str]:
        import sys
        import threading

        kept = {**vars(sys), **vars(dask_worker)}
        ours = [name for name in kept if name.startswith("_benchdb") and "ended" not in name]
        threads = [one.name for one in threading.enumerate() if "benchdb" in one.name]
        return [name for name in ours if kept[name]] + threads

    return left_behind


def until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def fail_after(action: Any) -> None:
    action()
    raise ZeroDivisionError


@linux
def test_a_transient_is_in_the_exact_peak_of_a_worker(
    processes: Client, readings: Readings
) -> None:
    quiet = Readings()
    with measure_memory(processes, quiet):
        pass
    with measure_memory(processes, readings):
        processes.submit(transient_of(200 * MIB), pure=False).result()

    peak = readings.rounds["worker_peak_memory", None, None][0]
    assert peak - quiet.rounds["worker_peak_memory", None, None][0] > 150 * MIB
    assert 0 < readings.columns["average_memory"] <= readings.columns["peak_memory"]


@pytest.mark.portable
def test_memory_that_stays_is_in_the_sampled_memory_of_the_cluster(
    processes: Client, readings: Readings
) -> None:
    empty = Readings()
    with measure_memory(processes, empty):
        pass
    with measure_memory(processes, readings):
        block = processes.submit(lambda: b"x" * (100 * MIB), pure=False)
        block.result()
    assert readings.columns["peak_memory"] - empty.columns["peak_memory"] > 80 * MIB


def test_workers_in_one_process_count_it_once(threads: Client, readings: Readings) -> None:
    import psutil

    with measure_memory(threads, readings):
        pass
    assert readings.columns["peak_memory"] < 1.5 * psutil.Process().memory_info().rss


@pytest.mark.portable
def test_compute_time_is_what_tasks_computed(processes: Client, readings: Readings) -> None:
    begun = time.perf_counter()
    with measure_task_durations(processes, readings):
        processes.gather(processes.map(busy_for(0.1), range(6), pure=False))
    wall = time.perf_counter() - begun

    assert 0.6 <= readings.columns["compute_time"] <= 2 * wall
    assert readings.columns["disk_spill_time"] == 0


def test_work_before_the_block_is_not_in_it(processes: Client, readings: Readings) -> None:
    processes.gather(processes.map(busy_for(0.3), range(4), pure=False))
    with measure_task_durations(processes, readings):
        pass
    assert readings.columns["compute_time"] < 0.1


def test_time_of_tasks_that_fail_is_computing(processes: Client, readings: Readings) -> None:
    busy = busy_for(0.2)

    def fail() -> None:
        busy(None)
        raise ValueError("as it should")

    with measure_task_durations(processes, readings):
        assert processes.submit(fail, pure=False).exception() is not None
    assert readings.columns["compute_time"] >= 0.2


@pytest.mark.portable
def test_spilling_shows_as_disk_time_and_moving_as_transfer(
    processes: Client, readings: Readings
) -> None:
    first, second = processes.scheduler_info()["workers"]
    with measure_task_durations(processes, readings):
        blocks = processes.map(
            lambda _: os.urandom(50 * MIB), range(8), workers=[first], pure=False
        )
        distributed.wait(blocks)
        processes.submit(len, blocks[0], workers=[second], pure=False).result()

    assert readings.columns["disk_spill_time"] > 0
    assert readings.columns["transfer_time"] > 0
    assert readings.columns["serializing_time"] > 0


def test_several_blocks_add_times_and_keep_maxima(processes: Client, readings: Readings) -> None:
    for _ in range(2):
        with measure_task_durations(processes, readings), measure_scheduler(processes, readings):
            processes.submit(busy_for(0.2), 0, pure=False).result()
            if "scheduler_max_tick" not in readings.columns:
                processes.run_on_scheduler(stand_still(), 0.3)

    assert readings.columns["compute_time"] >= 0.4
    assert readings.columns["scheduler_max_tick"] >= 0.3


def test_a_block_within_a_block_counts_once(processes: Client, readings: Readings) -> None:
    begun = time.perf_counter()
    with (
        measure_task_durations(processes, readings),
        measure_task_durations(processes, readings),
    ):
        processes.submit(busy_for(0.5), 0, pure=False).result()
    assert 0.5 <= readings.columns["compute_time"] <= time.perf_counter() - begun


def test_a_blocked_loop_shows_as_a_long_tick_of_that_loop(
    processes: Client, readings: Readings
) -> None:
    quiet = Readings()
    with measure_scheduler(processes, readings):
        processes.run_on_scheduler(stand_still(), 0.6)
        processes.run(stand_still(), 0.4)
    with measure_scheduler(processes, quiet):
        pass

    assert readings.columns["scheduler_max_tick"] >= 0.6
    assert readings.columns["worker_max_tick"] >= 0.4
    assert quiet.columns["scheduler_max_tick"] < readings.columns["scheduler_max_tick"]
    assert quiet.columns["worker_max_tick"] < readings.columns["worker_max_tick"]


def test_dashboards_keep_the_longest_tick_of_the_schedulers_life(threads: Client) -> None:
    cluster: Any = threads.cluster
    threads.run_on_scheduler(stand_still(), 0.3)
    threads.run_on_scheduler(lambda: None)
    longest = cluster.scheduler.digests_max["tick-duration"]
    assert longest >= 0.3
    with measure_scheduler(threads, Readings()):
        assert cluster.scheduler.digests_max["tick-duration"] < longest
    assert cluster.scheduler.digests_max["tick-duration"] >= longest


@pytest.mark.portable
def test_a_busy_scheduler_shows_as_cpu(processes: Client) -> None:
    idle, busy = Readings(), Readings()
    with measure_scheduler(processes, idle):
        processes.submit(busy_for(0.3), 0, pure=False).result()
    with measure_scheduler(processes, busy):
        processes.run_on_scheduler(busy_for(0.3), 0)

    assert 0 < idle.columns["scheduler_cpu_avg"] < busy.columns["scheduler_cpu_avg"] <= 1.01
    assert busy.columns["scheduler_memory_max"] > 20 * MIB


def test_work_of_the_test_itself_is_no_work_of_the_scheduler(
    processes: Client, readings: Readings
) -> None:
    """The scheduler of a LocalCluster is a thread of the process that runs the test."""
    with measure_scheduler(processes, readings):
        busy_for(0.5)(None)
    assert readings.columns["scheduler_cpu_avg"] < 0.5


@linux
def test_a_worker_that_dies_in_the_block_is_not_waited_for(readings: Readings) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        address, pid = next(iter(client.run(os.getpid).items()))
        with ExitStack() as stack:
            for meter in METERS:
                stack.enter_context(meter(client, readings))
            os.kill(pid, signal.SIGKILL)
            until(lambda: address not in client.scheduler_info()["workers"])

    assert set(readings.columns) >= COLUMNS
    assert len(said(readings)) == len(METERS)
    assert all(note.endswith("a worker that left inside the block") for note in said(readings))


def test_a_restart_in_the_block_keeps_what_was_computed_before(readings: Readings) -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        ExitStack() as stack,
    ):
        for meter in METERS:
            stack.enter_context(meter(client, readings))
        client.submit(busy_for(0.2), 0, pure=False).result()
        client.run(flush_function())
        client.restart()
        client.submit(busy_for(0.2), 0, pure=False).result()

    assert set(readings.columns) >= COLUMNS
    assert readings.columns["compute_time"] >= 0.4
    assert len(said(readings)) == len(METERS)


@linux
def test_workers_that_come_in_the_block_are_measured(readings: Readings) -> None:
    quiet = Readings()
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        cluster.adapt(minimum=0, maximum=1)
        with ExitStack() as stack:
            for meter in METERS:
                stack.enter_context(meter(client, readings))
            # The worker stays as long as somebody wants the result.
            wanted = client.submit(transient_of(200 * MIB), pure=False)
            wanted.result()
        with measure_memory(client, quiet):
            pass

    assert said(readings) == []
    assert set(readings.columns) >= COLUMNS
    (exact,) = readings.rounds["worker_peak_memory", None, None]
    assert exact - quiet.rounds["worker_peak_memory", None, None][0] > 150 * MIB


@linux
def test_a_worker_that_was_starting_when_the_block_began_is_measured(readings: Readings) -> None:
    """Its process may be older than the block, or seem so by a clock of whole seconds."""
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(1)
        until(lambda: psutil.Process().children(recursive=True))
        with measure_memory(client, readings):
            client.wait_for_workers(1)
            height = client.submit(resident_with(200 * MIB), pure=False).result()

    (exact,) = readings.rounds["worker_peak_memory", None, None]
    assert exact >= 0.98 * height  # which counts each thread a little late


def test_threads_that_come_in_the_block_have_no_peak_of_their_own(
    threads: Client, readings: Readings
) -> None:
    """The process is older than the block, and so may its peak be."""
    cluster: Any = threads.cluster
    cluster.scale(0)
    until(lambda: not threads.scheduler_info()["workers"])
    with ExitStack() as stack:
        for meter in METERS:
            stack.enter_context(meter(threads, readings))
        cluster.scale(1)
        threads.wait_for_workers(1)

    assert set(readings.columns) >= COLUMNS
    assert readings.rounds == {}


def test_two_clusters_at_once_are_measured_as_one(
    threads: Client, processes: Client, readings: Readings
) -> None:
    with measure_task_durations(threads, readings), measure_task_durations(processes, readings):
        for client in (threads, processes):
            client.submit(busy_for(0.2), 0, pure=False).result()
    assert readings.columns["compute_time"] >= 0.4


def test_averages_of_two_clusters_at_once_are_noted(
    threads: Client, processes: Client, readings: Readings
) -> None:
    for meter in (measure_memory, measure_scheduler):
        with meter(threads, readings), meter(processes, readings):
            pass
    assert len(said(readings)) == 2
    assert all("of two clusters was measured at the same time" in one for one in said(readings))


def test_memory_of_a_cluster_and_of_this_process_in_one_test_is_noted(
    processes: Client, readings: Readings
) -> None:
    with measure_memory(processes, readings):
        pass
    assert readings.notes == []
    with measure_process_memory(readings):
        pass
    (note,) = readings.notes
    assert note.startswith("memory of this process and of a cluster were measured in one test")


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("what", ["cluster", "address", "nothing"])
def test_what_is_no_client_is_noted_and_fails_no_test(
    processes: Client, readings: Readings, meter: Any, what: str
) -> None:
    cluster: Any = processes.cluster
    given = {"cluster": cluster, "address": cluster.scheduler_address, "nothing": None}[what]
    with meter(given, readings):
        pass
    note_cluster(given, readings)

    assert readings.columns == {}
    assert len(readings.notes) == 2
    assert all("is no distributed.Client" in note for note in readings.notes)


@pytest.mark.parametrize("meter", METERS)
def test_nothing_is_left_on_a_scheduler(foreign: str, readings: Readings, meter: Any) -> None:
    with Client(foreign) as watcher:
        before = plugins_and_callbacks(watcher)
        with (
            Client(foreign) as client,
            pytest.raises(ZeroDivisionError),
            meter(client, readings),
        ):
            fail_after(client.submit(busy_for(0.01), 0, pure=False).result)
        assert plugins_and_callbacks(watcher) == before

        with Client(foreign) as client, meter(client, readings):
            client.close()
        until(lambda: plugins_and_callbacks(watcher) == before)
        until(lambda: watcher.run_on_scheduler(left_behind_function()) == [])
        until(lambda: not any(watcher.run(left_behind_function()).values()))


def test_meters_that_began_end_when_a_later_one_is_interrupted(suite: Suite) -> None:
    suite.write("""
        import pytest
        from distributed import Client, LocalCluster
        from benchdb.collect import dask_scheduler

        def interrupted(client, readings):
            raise KeyboardInterrupt

        def test_it(benchmark_all, test_run_benchmark, monkeypatch):
            monkeypatch.setattr(dask_scheduler, "measure_scheduler", interrupted)
            with (
                LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
                Client(cluster) as client,
            ):
                with pytest.raises(KeyboardInterrupt), benchmark_all(client):
                    raise AssertionError("the block ran")
                callbacks = list(cluster.scheduler.periodic_callbacks)
                assert not [name for name in callbacks if "benchdb" in name]
    """)
    suite.run("--benchmark").assert_outcomes(passed=1)
    assert suite.runs("peak_memory > 0, compute_time, duration") == [(1, 0.0, None)]


@contextmanager
def frozen_for(seconds: float, pid: int) -> Iterator[None]:
    """Freeze a process at the begin of the block; it thaws when the time is over, if not before."""
    thaw = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
    thaw.start()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        thaw.cancel()
        thaw.join()
        os.kill(pid, signal.SIGCONT)


def raise_in(window: Any, ending: type[BaseException], pid: int, stack: ExitStack) -> None:
    """Raise something in a block while a process is frozen, that of a worker."""
    with window:
        stack.enter_context(frozen_for(4, pid))
        raise ending("as asked for")


@linux
@pytest.mark.parametrize(
    ("ending", "hurries"), [(pytest.skip.Exception, False), (KeyboardInterrupt, True)]
)
def test_only_an_interrupted_block_ends_in_a_hurry(
    processes: Client, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException], hurries: bool
) -> None:
    monkeypatch.setattr(dask_window, "HURRIED_DEADLINE", 6)
    readings, pid = Readings(), next(iter(processes.run(os.getpid).values()))
    with ExitStack() as stack, pytest.raises(ending):
        raise_in(measure_memory(processes, readings), ending, pid, stack)

    assert "average_memory" in readings.columns
    assert any("no answer in 2 s" in note for note in readings.notes) is hurries


@linux
def test_a_frozen_worker_holds_up_no_one_and_is_named(
    processes: Client, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_window, "WORKER_DEADLINE", 0.3)
    address, pid = next(iter(processes.run(os.getpid).items()))
    os.kill(pid, signal.SIGSTOP)
    try:
        with ExitStack() as stack:
            for meter in METERS:
                stack.enter_context(meter(processes, readings))
    finally:
        os.kill(pid, signal.SIGCONT)

    assert set(readings.columns) >= COLUMNS
    assert len(said(readings)) == len(METERS)
    assert all(f"{address} (no answer in 0.3 s)" in note for note in said(readings))
    left = left_behind_function()
    until(lambda: processes.run(left, workers=[address])[address] == [])


def test_a_cluster_without_benchdb_is_measured(foreign: str, readings: Readings) -> None:
    with Client(foreign) as client:
        with pytest.raises(ModuleNotFoundError):
            client.run_on_scheduler(lambda: __import__("benchdb"))
        with ExitStack() as stack:
            for meter in METERS:
                stack.enter_context(meter(client, readings))
            client.submit(busy_for(0.1), 0).result()
        note_cluster(client, readings)

    assert readings.notes == []
    assert set(readings.columns) >= COLUMNS | {"dask_version", "distributed_version"}
    assert readings.cluster is not None
    assert readings.cluster.kind == "address"
    assert readings.cluster.workers == 1
    assert readings.cluster.threads == 3
    assert readings.cluster.memory_limit == 700_000_000


def test_versions_that_differ_are_named_and_the_schedulers_are_recorded(
    foreign: str, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = distributed.versions.get_versions()["packages"]
    with Client(foreign) as client:
        ours = {"packages": {**true, "dask": "1.2.3"}}
        monkeypatch.setattr("distributed.versions.get_versions", lambda *_: ours)
        note_cluster(client, readings, local_versions={"dask": "1.2.3+4.gabc"})

    assert readings.columns["dask_version"] == true["dask"]
    (note,) = readings.notes
    assert f"dask: client 1.2.3, scheduler {true['dask']}, workers {true['dask']}" in note


@pytest.mark.portable
def test_a_local_cluster_has_the_versions_of_this_environment(
    processes: Client, readings: Readings
) -> None:
    note_cluster(processes, readings, local_versions={"dask": "1.2.3+4.gabc", "zarr": "3"})

    assert readings.columns["dask_version"] == "1.2.3+4.gabc"
    assert readings.columns["distributed_version"] == distributed.__version__
    assert readings.notes == []
    cluster = readings.cluster
    assert cluster is not None
    assert (cluster.kind, cluster.workers, cluster.threads) == ("local", 2, 1)
    assert cluster.memory_limit == 500_000_000
    for versions in (cluster.scheduler_versions, cluster.worker_versions):
        assert dict(versions)["dask"] == "1.2.3+4.gabc"
        assert "zarr" not in dict(versions)


def test_two_looks_at_one_cluster_are_equal(processes: Client, readings: Readings) -> None:
    again = Readings()
    note_cluster(processes, readings)
    note_cluster(processes, again)
    assert readings.cluster == again.cluster


def test_a_clusters_name_and_dashboard_are_recorded(processes: Client, readings: Readings) -> None:
    cluster: Any = processes.cluster
    expected = ClusterInfo(cluster.name, None, cluster.dashboard_link)
    assert set_cluster_info(cluster, readings) == expected
    assert cluster_info(processes) == expected
    assert readings.columns["cluster_name"] == cluster.name


def test_a_cluster_that_has_an_id_and_a_page_is_recorded_with_them() -> None:
    cluster = SimpleNamespace(
        name="nightly", cluster_id=17, details_url="https://host/17", dashboard_link="https://d"
    )
    assert cluster_info(cluster) == ("nightly", "17", "https://host/17")


@pytest.mark.portable
def test_of_a_coiled_cluster_it_is_recorded_where_its_cost_is(readings: Readings) -> None:
    facts = {
        "__module__": "coiled.v2.cluster",
        "name": "nightly",
        "cluster_id": 17,
        "details_url": "https://host/clusters/17",
        "workspace": "my team",
        "cloud": SimpleNamespace(server="https://host"),
    }
    cluster = type("Cluster", (), facts)()
    assert set_cluster_info(cluster, readings) == ("nightly", "17", "https://host/clusters/17")
    cost = "https://host/api/v1/my%20team/billing-events/?cluster_id=17"
    assert readings.columns["cluster_cost_url"] == cost
    again = Readings()
    set_cluster_info(type("Cluster", (), facts | {"cluster_id": None})(), again)
    assert "cluster_cost_url" not in again.columns


@pytest.mark.portable
def test_an_asynchronous_client_is_measured_with_async_with(readings: Readings) -> None:
    async def main() -> None:
        async with (
            LocalCluster(
                n_workers=1, processes=False, asynchronous=True, dashboard_address=":0"
            ) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            async with (
                measure_memory(client, readings),
                measure_task_durations(client, readings),
                measure_scheduler(client, readings),
            ):
                await client.submit(busy_for(0.1), 0)
            await note_cluster_async(client, readings)

    asyncio.run(main())
    assert said(readings) == []
    assert set(readings.columns) >= COLUMNS
    assert readings.columns["compute_time"] >= 0.1
    assert readings.cluster is not None


def test_with_on_an_asynchronous_client_says_what_to_write(readings: Readings) -> None:
    async def main() -> None:
        async with (
            LocalCluster(
                n_workers=1, processes=False, asynchronous=True, dashboard_address=":0"
            ) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            for meter in METERS:
                with meter(client, readings):
                    await client.submit(busy_for(0), 0)

    asyncio.run(main())
    assert readings.columns == {}
    assert len(readings.notes) == len(METERS)
    assert all("needs `async with`" in note for note in readings.notes)


def test_async_with_on_a_synchronous_client_measures(threads: Client, readings: Readings) -> None:
    async def main() -> None:
        async with measure_memory(threads, readings):
            pass

    asyncio.run(main())
    assert readings.columns["peak_memory"] > 0


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("end", ["client", "cluster"])
def test_an_end_inside_the_block_hides_no_exception(
    threads: Client, readings: Readings, meter: Any, end: str
) -> None:
    cluster: Any = threads.cluster
    with pytest.raises(ZeroDivisionError), meter(threads, readings):
        fail_after(threads.close if end == "client" else cluster.close)

    assert readings.columns == {}
    (note,) = readings.notes
    assert "not measured" in note
    until(lambda: threads_function()() == [])


def test_a_scheduler_that_is_killed_inside_the_block_is_noted(readings: Readings) -> None:
    script = (
        "import asyncio\nfrom distributed import Scheduler\nasync def main():\n"
        "    async with Scheduler(port=0, dashboard_address=':0') as s:\n"
        "        print(s.address, flush=True)\n        await s.finished()\nasyncio.run(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        with (
            Client(process.stdout.readline().strip()) as client,
            pytest.raises(ZeroDivisionError),
            measure_scheduler(client, readings),
        ):
            fail_after(lambda: (process.kill(), process.wait()))

    what = "the client lost its scheduler inside the block"
    assert readings.notes == [f"work of the scheduler not measured: {what}"]


@linux
def test_a_frozen_scheduler_is_waited_for_once_and_keeps_nothing(
    readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first meter that ends waits for it; the others know by then."""
    with scheduler_with_worker() as (process, address), Client(address) as client:
        with ExitStack() as stack:
            for meter in METERS:
                stack.enter_context(meter(client, readings))
            os.kill(process.pid, signal.SIGSTOP)
            monkeypatch.setattr(dask_window, "DEADLINE", 2)
            monkeypatch.setattr(dask_window, "HURRIED_DEADLINE", 0.3)
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: client.run_on_scheduler(left_behind_function()) == [])
        until(lambda: not any(client.run(left_behind_function()).values()))

    ends = [note.partition("the scheduler did not answer in ")[2] for note in readings.notes]
    assert ends == ["2 s", "0.3 s", "0.3 s"]


def test_a_client_that_is_closed_before_the_block_is_noted(
    threads: Client, readings: Readings
) -> None:
    threads.close()
    with measure_memory(threads, readings):
        pass
    assert readings.notes == ["memory of the cluster not measured: the client is closed"]


@pytest.mark.portable
@pytest.mark.skipif(find_spec("bokeh") is None, reason="Dask draws its report with bokeh")
def test_the_performance_report_of_a_block_that_raises_is_written(
    processes: Client, readings: Readings, tmp_path: Path
) -> None:
    report = performance_report(processes, readings, tmp_path / "new" / "report.html")
    with pytest.raises(ZeroDivisionError), report:
        fail_after(processes.submit(busy_for(0.01), 0, pure=False).result)

    assert report.written
    html = report.path.read_text("utf-8")
    assert "busy_for" in html
    assert readings.notes == []


@pytest.mark.skipif(find_spec("bokeh") is None, reason="Dask draws its report with bokeh")
def test_a_scheduler_streams_its_tasks_as_long_as_a_report_needs_it(
    threads: Client, readings: Readings, tmp_path: Path
) -> None:
    cluster: Any = threads.cluster
    plugins = cluster.scheduler.plugins
    with performance_report(threads, readings, tmp_path / "outer.html"):
        with performance_report(threads, readings, tmp_path / "inner.html"):
            assert "task-stream" in plugins
        assert "task-stream" in plugins
    assert "task-stream" not in plugins

    threads.get_task_stream()  # as a dashboard does
    with performance_report(threads, readings, tmp_path / "later.html"):
        pass
    assert "task-stream" in plugins


@pytest.mark.skipif(find_spec("bokeh") is not None, reason="there is bokeh")
def test_a_scheduler_without_bokeh_writes_no_report_and_says_so(
    processes: Client, readings: Readings, tmp_path: Path
) -> None:
    with performance_report(processes, readings, tmp_path / "report.html") as report:
        processes.submit(busy_for(0.01), 0, pure=False).result()

    assert not report.written
    assert not report.path.exists()
    (note,) = readings.notes
    assert note.startswith("Dask's performance report not written")
