"""Clusters that grow and shrink under a computation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.sums import Sums
from benchmarks.waiting import result

if TYPE_CHECKING:
    from distributed import Client, Scheduler
    from distributed.deploy import Cluster

#: Pieces of data, which are spread over the workers.
NUMBER_OF_PARTS = 64


# That the cluster is as large as before is seen to between two tests, when nothing is measured.


def test_scale_up_and_down(
    memory: float, deadline: float, own_cluster: Cluster, small_client: Client
) -> None:
    """Whether what is kept stays right while workers come, and while most of them leave."""
    number = len(small_client.nthreads())
    sums, array = Sums.square(memory / 8, memory / 8 / 64)
    kept = array.persist()
    for workers in (2 * number, max(1, number // 2)):
        means = small_client.compute(kept.mean(axis=0))
        scale(own_cluster, small_client, workers, deadline)
        np.testing.assert_allclose(result(means, deadline), sums.mean(0))
    assert sums.are_in(kept, deadline=deadline)


def test_retired_workers(
    memory: float, deadline: float, own_cluster: Cluster, small_client: Client
) -> None:
    """Whether data that nothing can compute again are handed over before half of workers leave."""
    # Not by scaling down alone: LocalCluster closes workers and what they have is lost, at least
    # from 2024.8 to 2026.8.
    workers = small_client.run_on_scheduler(by_name)
    leaving = workers[(len(workers) + 1) // 2 :]
    if not leaving:
        pytest.skip("there is one worker alone, which nothing could be handed to")
    size = int(memory / 8 / NUMBER_OF_PARTS)

    def holds(part: bytes, number: int) -> bool:
        return part == bytes([number]) * size

    # One at a time: together they may be more than the client has memory for.
    kept = [
        small_client.scatter(bytes([number]) * size, workers=[workers[number % len(workers)]])
        for number in range(NUMBER_OF_PARTS)
    ]
    small_client.retire_workers(leaving, close_workers=True)
    scale(own_cluster, small_client, len(workers) - len(leaving), deadline)
    for future in small_client.map(holds, kept, range(NUMBER_OF_PARTS)):
        assert result(future, deadline)


def by_name(dask_scheduler: Scheduler) -> list[str]:
    """Return the workers' addresses; those that a smaller cluster is without come last."""
    workers = dask_scheduler.workers.values()
    names = {worker.address: str(worker.name) for worker in workers}
    return sorted(names, key=lambda address: (len(names[address]), names[address]))


def scale(cluster: Cluster, client: Client, number: int, deadline: float) -> None:
    """Give the cluster that many workers, and wait for them to be there, or gone."""
    cluster.scale(number)
    until = time.monotonic() + deadline
    while len(client.nthreads()) != number:
        if time.monotonic() > until:
            there = len(client.nthreads())
            pytest.fail(f"{there} workers {deadline:g} s after the cluster was scaled to {number}")
        time.sleep(0.1)
