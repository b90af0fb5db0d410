"""Workers that are killed while others need what they had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import data
from benchmarks.sums import Sums
from benchmarks.waiting import result

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client, Future, Scheduler, Worker

#: Seconds that loading takes at least, however few the data and however many the threads: a kill
#: must have something to disturb.
LOADING = 5.0

TOO_LATE = "each worker was killed only after the end, so nothing was tested: is the machine busy?"


def test_killed_in_a_reduction(memory: float, deadline: float, mortal_client: Client) -> None:
    """Whether means of what is kept are right when two workers are killed, one after the other."""
    sums, array = Sums.square(memory / 8, memory / 8 / 64)
    # When as many tasks are done; earlier where that was too late.
    for moments in [(16, 48), (8, 16), (0, 0)]:
        loaded = array.map_blocks(
            loading(mortal_client, array.npartitions, moments), dtype=float, meta=array._meta
        )
        kept = loaded.persist()
        means = mortal_client.compute(kept.mean(axis=1) + kept.mean(axis=0))
        in_time = [kill_a_worker(mortal_client, done, means, deadline) for done in moments]
        np.testing.assert_allclose(result(means, deadline), sums.mean(1) + sums.mean(0))
        if all(in_time):
            return
    pytest.fail(TOO_LATE)


def test_killed_in_a_shuffle(memory: float, deadline: float, mortal_client: Client) -> None:
    """Whether a p2p join ends, with each row once, when a worker is killed and replaced in it."""
    workers = len(mortal_client.nthreads())
    rows = data.length(memory / 16, memory / 256)
    for done in (12, 4, 0):
        left = data.lookup(memory / 16, memory / 256)
        left = left.map_partitions(loading(mortal_client, left.npartitions, done), meta=left._meta)
        right = data.lookup(memory / 32, memory / 256)
        joined = left.merge(right, on="key", how="left", shuffle_method="p2p")
        parts = mortal_client.compute(data.described(joined, "key"))
        in_time = kill_a_worker(mortal_client, done, parts, deadline)
        mortal_client.wait_for_workers(workers, timeout=deadline)
        data.assert_each_once(result(parts, deadline), rows)
        if in_time:
            return
    pytest.fail(TOO_LATE)


def loading(client: Client, parts: int, attempt: Any) -> Callable[[Any], Any]:
    """Return what hands each of so many parts on after a while; each attempt has its own tasks."""
    waves = -(-parts // sum(client.nthreads().values()))
    seconds = LOADING / waves

    def load(part: Any, attempt: Any = attempt) -> Any:
        import time

        time.sleep(seconds)
        return part

    return load


def kill_a_worker(client: Client, done: int, future: Future, deadline: float) -> bool:
    """Kill a worker when that many tasks are done; tell whether the future wasn't yet."""

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

    until = time.monotonic() + deadline
    while client.run_on_scheduler(finished) < done and not future.done():
        assert time.monotonic() < until, f"stuck: {done} tasks not done after {deadline:g} s"
        time.sleep(0.01)
    client.wait_for_workers(1, timeout=deadline)
    victim = min(client.nthreads())
    client.run(die, workers=[victim], on_error="ignore")
    until = time.monotonic() + deadline
    while victim in client.nthreads():
        assert time.monotonic() < until, "the worker was told to end, and is still there"
        time.sleep(0.01)
    return not future.done()
