"""Work stealing: who has nothing to do takes from who has too much, unless moving costs more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from distributed import wait

from . import sizes

if TYPE_CHECKING:
    from distributed import Client, Future


def test_uneven_tasks(scale: float, small_client: Client) -> None:
    """All inputs on one worker, tasks of 1 to 50 ms: no worker may stay idle."""

    def work(base: np.ndarray, seconds: float) -> float:
        import time

        time.sleep(seconds)
        return float(base[0]) + seconds

    number = sizes.count(500, scale)
    seconds = np.random.default_rng(seed=0).choice([0.001, 0.01, 0.05], size=number).tolist()
    bases = on_one_worker(small_client, 10, 1)
    chosen = [bases[each % 10] for each in range(number)]
    # pure=False: equal arguments would make one task.
    futures = small_client.map(work, chosen, seconds, pure=False)
    assert small_client.gather(futures) == [each % 10 + seconds[each] for each in range(number)]


def test_slow_tasks_on_large_data(memory: float, small_client: Client) -> None:
    """All of a quarter of memory on one worker, 0.1 s of work on each part: it must be shared."""

    def mean(part: np.ndarray) -> float:
        import time

        time.sleep(0.1)
        return float(part.mean())

    # No more than its worker can have, however many workers there are.
    parts = 64
    share = memory / 4 / len(small_client.nthreads())
    futures = small_client.map(mean, on_one_worker(small_client, parts, sizes.width(share, parts)))
    assert small_client.gather(futures) == list(range(parts))


def test_data_dear_to_move(memory: float, small_client: Client) -> None:
    """The same with next to no work: transfers, which take longer than to wait for one's turn."""

    def mean(part: np.ndarray) -> float:
        return float(part.mean())

    parts = 256
    share = memory / 2 / len(small_client.nthreads())
    futures = small_client.map(mean, on_one_worker(small_client, parts, sizes.width(share, parts)))
    assert small_client.gather(futures) == list(range(parts))


def on_one_worker(client: Client, number: int, length: int) -> list[Future]:
    """Return that many arrays, of zeros, of ones and so on, all of which one worker has."""

    def full(value: int) -> np.ndarray:
        return np.full(length, value, dtype=float)

    arrays = client.map(full, range(number), workers=sorted(client.nthreads())[:1])
    wait(arrays)
    return arrays
