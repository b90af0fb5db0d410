"""Futures: what the client, the scheduler and the workers cost when tasks do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.quick
def test_single_future(small_client: Client) -> None:
    """Latency of one task, from submit to result, 200 times in turn."""
    results = [small_client.submit(pow, number, 2).result() for number in range(200)]
    assert results == [number**2 for number in range(200)]


def test_large_map(small_client: Client) -> None:
    """Overhead per task in client, scheduler and workers, with 3000 tasks at once."""

    def increment(number: int) -> int:
        return number + 1

    futures = small_client.map(increment, range(3000))
    assert small_client.gather(futures) == list(range(1, 3001))
