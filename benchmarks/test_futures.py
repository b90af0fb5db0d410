"""Futures: what the client, the scheduler and the workers cost when tasks do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import sizes

if TYPE_CHECKING:
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
