"""Arrays: reductions, all-to-all transfers, neighbours that meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import data

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.quick
def test_sum(memory: float, small_client: Client) -> None:
    """Memory of a sum over twice the cluster's memory: each chunk must go once it is summed."""
    array = data.square_array(2 * memory, memory / 64)
    assert array.sum().compute() / array.size == pytest.approx(0.5, abs=0.001)


def test_rechunk_p2p(memory: float, small_client: Client) -> None:
    """Throughput in 16384 small shards, which distributed#8282 slowed and #8321 mended."""
    rows = data.row_array(memory / 4, chunks=128)
    columns = rows.rechunk((-1, rows.chunksize[0]), method="p2p")
    assert columns.sum().compute() / rows.size == pytest.approx(0.5, abs=0.001)


def test_double_difference(memory: float, small_client: Client) -> None:
    """Chunks held for their neighbours: memory when roots outrun their use (distributed#5555)."""
    array = data.square_array(memory / 2, memory / 128)
    difference = array[1:, 1:] - array[:-1, :-1]
    assert difference.mean().compute() == pytest.approx(0, abs=0.001)
