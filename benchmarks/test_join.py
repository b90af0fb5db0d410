"""Joins: two tables that must meet, by a shuffle of both or by copies of the smaller one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask
import pytest
from packaging.version import Version

from . import data

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.parametrize("method", ["p2p", "tasks"])
def test_join_big_with_big(method: str, memory: float, small_client: Client) -> None:
    """Two shuffles at once and a merge: memory while both sides are in transit."""
    rows = data.length(memory / 8, memory / 128)
    keys = data.length(memory / 16, memory / 128)
    left = data.table(memory / 8, memory / 128, keys)
    right = data.lookup(memory / 16, memory / 128)
    joined = left.merge(right, on="key", how="inner", shuffle_method=method)
    parts = data.parts(joined, "key")
    assert parts.rows.sum() == rows
    assert parts.distinct.sum() == keys, "a key is in two partitions"


@pytest.mark.xfail(Version(dask.__version__) < Version("2026.6"), reason="dask#12427", strict=True)
def test_join_in_129_partitions(memory: float, small_client: Client) -> None:
    """No row lost where a partition's number outgrows a byte, as until dask 2026.6 (dask#12427)."""
    rows = data.length(memory / 16, memory / 256)
    left = data.table(memory / 16, memory / 256, keys=rows)
    right = data.lookup(memory / 16, memory / 256)
    joined = left.merge(right, on="key", shuffle_method="p2p", npartitions=129)
    parts = data.parts(joined, "key")
    assert len(parts) == 129
    assert parts.rows.sum() == rows


def test_join_big_with_small(memory: float, small_client: Client) -> None:
    """The smaller side must be copied to every worker, and the larger one stay where it is."""
    rows = data.length(memory / 2, memory / 128)
    keys = data.length(memory / 256, memory / 512)
    left = data.table(memory / 2, memory / 128, keys)
    right = data.lookup(memory / 256, memory / 512)
    parts = data.parts(left.merge(right, on="key", how="left", suffixes=("", "_right")), "key")
    assert parts.rows.sum() == rows
    cycles, rest = divmod(rows, keys)
    assert parts.total.sum() == cycles * keys * (keys - 1) // 2 + rest * (rest - 1) // 2


def test_join_on_index(memory: float, small_client: Client) -> None:
    """Sides sorted alike, cut differently: rows go to a neighbour, and nothing is shuffled."""
    rows = data.length(memory / 4, memory / 128)
    left = data.sorted_table(memory / 4, memory / 128)
    right = data.sorted_table(memory / 4, memory / 96)
    common = min(rows, data.length(memory / 4, memory / 96))
    parts = data.parts(left.join(right, how="inner", rsuffix="_right"), "key")
    assert parts.rows.sum() == common
    assert parts.total.sum() == common * (common - 1) // 2
