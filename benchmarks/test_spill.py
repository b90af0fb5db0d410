"""Spilling: more data than memory, kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .sums import Sums
from .waiting import wait

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.parametrize("share", [0.4, 1, 1.5])
def test_spill(share: float, memory: float, deadline: float, small_client: Client) -> None:
    """Time and disk use of data as large as that share of memory: kept, then read back."""
    sums, array = Sums.square(share * memory, memory / 128)
    kept = array.persist()
    wait(kept, deadline)
    assert sums.are_in(kept, deadline=deadline)
