"""Zarr: chunks of arrays as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest

from . import sizes
from .sums import Sums

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

zarr = pytest.importorskip("zarr", reason="the workload needs zarr: pip install zarr")


@pytest.fixture(scope="module")
def worker_imports() -> tuple[str, ...]:
    return ("dask.array", "distributed.shuffle", "zarr")


def new(folder: Path, shape: tuple[int, ...], chunks: tuple[int, ...]) -> zarr.Array:
    """Return a new array of floats in files."""
    return zarr.open_array(store=str(folder), mode="w", shape=shape, chunks=chunks, dtype="float64")


@pytest.fixture
def stored(scratch: Path, memory: float) -> tuple[Sums, zarr.Array]:
    """Write an array without the cluster: how Dask writes has no part in how it reads."""
    side, chunk = sizes.square(memory / 4, memory / 4 / 64)
    sums = Sums(side, side)
    array = new(scratch / "stored", sums.shape, (chunk, chunk))
    rows, columns = sums.vectors
    for start in range(0, side, chunk):
        array[start : start + chunk] = np.add.outer(rows[start : start + chunk], columns)
    return sums, array


def assert_holds(written: zarr.Array, sums: Sums) -> None:
    """Compare an eighth of an array with what should be there; all of it would take too long."""
    for axis, vector in enumerate(sums.vectors):
        step = max(1, len(vector) // 8)
        for start in range(axis * step, len(vector), 8 * step):
            place = [slice(None), slice(None)]
            parts = list(sums.vectors)
            place[axis] = slice(start, start + step)
            parts[axis] = vector[place[axis]]
            np.testing.assert_array_equal(written[tuple(place)], np.add.outer(*parts))


def test_write(scratch: Path, memory: float, small_client: Client) -> None:
    """Time and memory of writing 64 chunks: compressed, each by the worker that has it."""
    sums, array = Sums.square(memory / 4, memory / 4 / 64)
    written = new(scratch / "written", array.shape, array.chunksize)
    da.store(array, written, lock=False)
    assert_holds(written, sums)


def test_read(stored: tuple[Sums, zarr.Array], small_client: Client) -> None:
    """Time and memory of a mean over 64 chunks: each is read once and let go."""
    sums, array = stored
    found = da.from_array(array, chunks=array.chunks).mean(axis=0).compute()
    np.testing.assert_allclose(found, sums.mean(0))


def test_rechunk(stored: tuple[Sums, zarr.Array], scratch: Path, small_client: Client) -> None:
    """Squares read, cut into columns and written: memory and transfers between the two."""
    sums, array = stored
    width = max(1, array.chunks[1] // 8)
    columns = da.from_array(array, chunks=array.chunks).rechunk((-1, width))
    written = new(scratch / "columns", columns.shape, columns.chunksize)
    da.store(columns, written, lock=False)
    assert_holds(written, sums)
