"""Rechunking: every chunk goes into every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask
import pytest

from . import sizes
from .sums import Sums

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.parametrize("how", ["tasks", "p2p-memory", "p2p-disk"])
def test_swap_axes(how: str, memory: float, small_client: Client) -> None:
    """Rows to columns in 64 chunks: memory, transfers, and disk where shards wait on it."""
    method, _, place = how.partition("-")
    side, chunk = sizes.square(memory / 6, memory / 6 / 64**2)
    sums = Sums(side, side)
    # The setting's names before and since distributed 2024.12.
    on_disk = dict.fromkeys(
        ("distributed.p2p.disk", "distributed.p2p.storage.disk"), place == "disk"
    )
    with dask.config.set(on_disk):
        columns = sums.array(chunk, -1).rechunk((-1, chunk), method=method)
        assert sums.are_in(columns)


def test_many_shards(memory: float, small_client: Client) -> None:
    """Throughput in 16384 small shards: what each of them costs beside its bytes."""
    side, chunk = sizes.square(memory / 16, memory / 16 / 128**2)
    sums = Sums(side, side)
    assert sums.are_in(sums.array(chunk, -1).rechunk((-1, chunk), method="p2p"))
