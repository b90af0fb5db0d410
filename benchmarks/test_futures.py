"""Futures: what the client, the scheduler and the workers cost when tasks do little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from distributed import as_completed

from . import sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import numpy as np
    from distributed import Client


@pytest.mark.quick
def test_single_future(scale: float, small_client: Client) -> None:
    """Latency of one task, from submit to result, 200 times in turn."""
    numbers = range(sizes.count(200, scale))
    results = [small_client.submit(pow, number, 2).result() for number in numbers]
    assert results == [number**2 for number in numbers]


def test_large_map(scale: float, small_client: Client) -> None:
    """Overhead per task in client, scheduler and workers, with 3000 tasks at once."""

    def increment(number: int) -> int:
        return number + 1

    number = sizes.count(3000, scale)
    futures = small_client.map(increment, range(number))
    assert small_client.gather(futures) == list(range(1, number + 1))


def test_large_map_on_results(scale: float, small_client: Client) -> None:
    """The same with tasks on ten results, so that they go to workers at once and aren't queued."""

    def add(number: int, to: int) -> int:
        return to + number

    number = sizes.count(3000, scale)
    bases = small_client.map(pow, range(10), [2] * 10)
    futures = small_client.map(add, range(number), [bases[each % 10] for each in range(number)])
    assert small_client.gather(futures) == [(each % 10) ** 2 + each for each in range(number)]


def test_first_work_of_a_large_map(
    scale: float,
    small_client: Client,
    benchmark_time: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Time to the first result of 10000 tasks: work must begin before all is under way."""
    number = sizes.count(10_000, scale)
    with benchmark_time("first_result"):
        futures = small_client.map(str, range(number))
        first = next(iter(as_completed(futures)))
    assert first.result() == str(futures.index(first))
    assert small_client.gather(futures[:100]) == [str(each) for each in range(number)[:100]]


def test_memory_efficient_pipeline(memory: float, small_client: Client) -> None:
    """Twice the memory in three steps of futures: the second must not wait for all of the first."""

    def load(number: int, length: int) -> np.ndarray:
        import numpy as np

        return np.full(length, number, dtype=float)

    def halve(part: np.ndarray) -> np.ndarray:
        return part[::2].copy()

    def total(part: np.ndarray) -> float:
        return float(part.sum())

    parts = 256
    length = sizes.width(2 * memory, parts) // 2 * 2
    loaded = small_client.map(load, range(parts), length=length)
    halved = small_client.map(halve, loaded)
    totals = small_client.map(total, halved)
    del loaded, halved
    assert small_client.gather(totals) == [number * (length // 2) for number in range(parts)]
