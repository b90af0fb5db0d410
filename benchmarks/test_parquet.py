"""Parquet: tables of many columns, written and read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import dask.dataframe as dd
import pytest

from . import data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client


@pytest.mark.quick
def test_write_wide_data(scratch: Path, memory: float, small_client: Client) -> None:
    """Memory and time of writing 100 columns of four types: encoding, and partitions let go."""
    table = data.wide_table(memory / 8, memory / 128)
    table.to_parquet(scratch)
    assert len(list(scratch.glob("*.parquet"))) == table.npartitions


@pytest.fixture(scope="module")
def wide_files(memory: float) -> Iterator[Path]:
    """Write a wide table with pandas alone: how Dask writes has no part in how it reads."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for number, part in enumerate(data.wide_table(memory / 4, memory / 128).partitions):
            path = Path(folder, f"part.{number:04d}.parquet")
            part.compute(scheduler="threads").to_parquet(path)
        yield Path(folder)


def test_read_wide_data(wide_files: Path, small_client: Client) -> None:
    """Time and memory of a groupby over 26 of 100 columns: the others must not be read at all."""
    prices = [f"price-{column}" for column in range(25)]
    means = dd.read_parquet(wide_files).groupby("name-0")[prices].mean().compute()
    assert means.shape == (8, 25)
    assert ((means > 0.48) & (means < 0.52)).all(axis=None)
