"""Shuffles of as much data as there is memory for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import data

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.parametrize("method", ["tasks", "p2p"])
def test_shuffle(method: str, memory: float, deadline: float, small_client: Client) -> None:
    """Whether a shuffle of more than half of memory ends with each row once: spilling, pauses."""
    table = data.lookup(0.6 * memory, memory / 128)
    shuffled = table.shuffle("key", shuffle_method=method)
    parts = data.parts(shuffled, "key", deadline=deadline)
    data.assert_each_once(parts, data.length(0.6 * memory, memory / 128))


@pytest.mark.long
def test_repeated_merge(memory: float, deadline: float, mortal_client: Client) -> None:
    """Whether joins that spill end, three times over with restarts between them."""
    right = data.lookup(memory / 16, memory / 128)
    left = data.lookup(memory / 2, memory / 128)
    for attempt in range(3):
        if attempt:
            mortal_client.restart(timeout=deadline)
        joined = left.merge(right, on="key", how="inner", shuffle_method="tasks")
        parts = data.parts(joined, "key", deadline=deadline)
        data.assert_each_once(parts, data.length(memory / 16, memory / 128))
