"""Workers that are killed while others need what they had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import data
from benchmarks.sums import Sums

if TYPE_CHECKING:
    from distributed import Client, Future, Scheduler, Worker

#: Seconds after which a computation counts as stuck; each takes about ten.
DEADLINE = 180


def test_killed_in_a_reduction(memory: float, mortal_client: Client) -> None:
    """Whether means of what is kept are right when two workers are killed, one after the other."""
    sums, array = Sums.square(memory / 8, memory / 8 / 64)
    kept = array.persist()
    means = mortal_client.compute(kept.mean(axis=1) + kept.mean(axis=0))
    for done in (16, 48):
        kill_a_worker(mortal_client, done, means)
    np.testing.assert_allclose(result(means), sums.mean(1) + sums.mean(0))


def test_killed_in_a_shuffle(memory: float, mortal_client: Client) -> None:
    """Whether a p2p join ends, with each row once, when a worker is killed and replaced in it."""
    right = data.lookup(memory / 32, memory / 256)
    left = data.lookup(memory / 16, memory / 256)
    joined = left.merge(right, on="key", how="left", shuffle_method="p2p")
    count = mortal_client.compute(joined.key.size)
    keys = mortal_client.compute(joined.key.sum())
    kill_a_worker(mortal_client, 12, count)
    number = result(count)
    assert result(keys) == number * (number - 1) // 2


def kill_a_worker(client: Client, done: int, unless: Future) -> None:
    """Kill a worker when that many tasks are done; wait for what replaces it."""

    def finished(dask_scheduler: Scheduler) -> int:
        return sum(
            sum(group.states[state] for state in ("memory", "released", "forgotten"))
            for group in dask_scheduler.task_groups.values()
            if group.start
        )

    def die(dask_worker: Worker) -> None:
        import os

        # Later, so that this call is answered before.
        dask_worker.loop.call_later(0.2, os._exit, 1)

    number = len(client.nthreads())
    until = time.monotonic() + DEADLINE
    while client.run_on_scheduler(finished) < done and not unless.done():
        assert time.monotonic() < until, f"stuck: {done} tasks not done after {DEADLINE} s"
        time.sleep(0.01)
    victim = min(client.nthreads())
    client.run(die, workers=[victim], on_error="ignore")
    until = time.monotonic() + DEADLINE
    while victim in client.nthreads():
        assert time.monotonic() < until, "the worker was told to end, and is still there"
        time.sleep(0.01)
    client.wait_for_workers(number, timeout=DEADLINE)


def result(future: Future) -> Any:
    try:
        return future.result(timeout=DEADLINE)
    except TimeoutError:
        pytest.fail(f"stuck: not done {DEADLINE} s after a worker was killed")
