"""The meters on every kind of cluster, and what each cluster can't tell."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("distributed")

from truth import COLUMNS, SHARED_SCHEDULER, SHARED_WORKERS, kinds, missed, truths

from benchdb.collect.dask_memory import measure_memory
from benchdb.collect.dask_scheduler import measure_scheduler
from benchdb.collect.dask_tasks import measure_task_durations
from benchdb.collect.readings import Readings

if TYPE_CHECKING:
    from distributed import Client
    from suites import Suite

#: What each kind of cluster can't tell apart.
SHARED = {
    "threads": [SHARED_SCHEDULER, SHARED_WORKERS],
    "commands": [],
}


def measured(client: Client) -> Readings:
    readings = Readings()
    with (
        measure_memory(client, readings),
        measure_task_durations(client, readings),
        measure_scheduler(client, readings),
    ):
        client.submit(sum, [1, 2], pure=False).result()
    return readings


def are_true(client: Client, kind: str, workers: int) -> None:
    for work in truths.for_cluster(kind, workers):
        if sys.platform == "linux" or work is not truths.transient:
            assert missed(partial(work, client)) == []
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
def test_every_kind_of_cluster_is_measured_truly(kind: str, workers: int) -> None:
    with kinds.KINDS[kind](workers) as client:
        are_true(client, kind, workers)


def test_a_scheduler_that_does_not_start_is_not_waited_for(monkeypatch: Any) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__PRELOAD", "no_such_module")
    with pytest.raises(RuntimeError, match="ended or wrote no file"), kinds.commands(1):
        pass


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
