"""The meters on every kind of cluster, and what each cluster can't tell."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster
from truth import COLUMNS, SHARED_SCHEDULER, SHARED_WORKERS, off, truths

from benchdb.collect.dask_memory import measure_memory
from benchdb.collect.dask_scheduler import measure_scheduler
from benchdb.collect.dask_tasks import measure_task_durations
from benchdb.collect.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites import Suite

#: What each kind of cluster can't tell apart.
SHARED = {
    "threads": [SHARED_SCHEDULER, SHARED_WORKERS],
    "commands": [],
}


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[None]:
    """Run `dask` with arguments, and end it and all that it started."""
    with subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            family = [process, *psutil.Process(process.pid).children(recursive=True)]
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()


@contextlib.contextmanager
def by_commands(folder: Path, workers: int) -> Iterator[Client]:
    """Start a scheduler and workers as people do at a prompt."""
    file = str(folder / "scheduler.json")
    nanny = ["--no-nanny"] if workers == 1 else ["--nworkers", str(workers)]
    with (
        command("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", file),
        command("worker", "--scheduler-file", file, "--nthreads", "1", *nanny),
        Client(scheduler_file=file) as client,
    ):
        client.wait_for_workers(workers, timeout=120)
        yield client


@contextlib.contextmanager
def threads(workers: int) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def measured(client: Client) -> Readings:
    readings = Readings()
    with (
        measure_memory(client, readings),
        measure_task_durations(client, readings),
        measure_scheduler(client, readings),
    ):
        client.submit(sum, [1, 2], pure=False).result()
    return readings


def are_true(client: Client, kind: str) -> None:
    assert off(truths.typical(lambda: truths.compute(client), 3)) == []
    assert off(truths.typical(lambda: truths.ticks(client), 3)) == []
    assert off(truths.scheduler_cpu(client, 0.1)) == []
    if sys.platform == "linux":
        assert off(truths.transient(client, 300 * truths.MB)) == []
    readings = measured(client)
    assert set(readings.columns) == COLUMNS
    assert readings.notes == SHARED[kind]


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        ("threads", 1),
        ("threads", 16),
        ("commands", 1),
        pytest.param("commands", 16, marks=pytest.mark.long),
    ],
)
def test_every_kind_of_cluster_is_measured_truly(kind: str, workers: int, tmp_path: Path) -> None:
    with by_commands(tmp_path, workers) if kind == "commands" else threads(workers) as client:
        are_true(client, kind)


def test_the_summary_says_once_what_a_cluster_cannot_tell(suite: Suite) -> None:
    suite.write("""
        import pytest
        from distributed import Client, LocalCluster

        @pytest.fixture(scope="module")
        def client():
            with (
                LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
                Client(cluster) as client,
            ):
                yield client

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(client, benchmark_all, number):
            with benchmark_all(client):
                assert client.submit(abs, -number).result() == number
    """)
    done = suite.run("--benchmark")
    done.assert_outcomes(passed=2)
    for line in (SHARED_WORKERS, SHARED_SCHEDULER):
        assert done.stdout.str().count(line) == 1
