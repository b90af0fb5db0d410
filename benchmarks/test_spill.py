"""Spilling: more data than memory, kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from distributed import wait

from . import data

if TYPE_CHECKING:
    from distributed import Client


def test_spill(memory: float, small_client: Client) -> None:
    """Time and disk use of data as large as memory: written, read back, no worker left paused."""
    array = data.square_array(memory, memory / 128).persist()
    wait(array)
    assert array.sum().compute() / array.size == pytest.approx(0.5, abs=0.001)
