"""DataFrames: rows that must travel to the others of their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import data

if TYPE_CHECKING:
    from distributed import Client


def test_shuffle(memory: float, small_client: Client) -> None:
    """Throughput, transfer and disk use of a p2p shuffle, and that no row is lost on the way."""
    table = data.table(memory / 4, memory / 128, keys=100_000)
    shuffled = table.shuffle("key", shuffle_method="p2p")
    assert data.rows(shuffled) == data.rows(table)


@pytest.mark.quick
def test_groupby(memory: float, small_client: Client) -> None:
    """Memory and time of a groupby with many groups, whose result is spread over partitions."""
    table = data.table(memory / 8, memory / 128, keys=100_000)
    means = table.groupby("key").agg({"x": "mean", "y": "sum"}, split_out=4)
    assert data.rows(means) == 100_000


def test_join(memory: float, small_client: Client) -> None:
    """Two shuffles at once and a merge: memory while both sides are in transit."""
    right = data.lookup(memory / 16, memory / 128)
    keys = data.rows(right)
    left = data.table(memory / 8, memory / 128, keys=keys)
    joined = left.merge(right, on="key", how="inner", shuffle_method="p2p")
    assert data.rows(joined) == data.rows(left)
