"""Zarr: chunks of arrays as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest

from . import sizes
from .sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from distributed import Client

zarr = pytest.importorskip("zarr", reason="the workload needs zarr: pip install zarr")


@pytest.fixture(scope="module")
def worker_imports() -> tuple[str, ...]:
    return ("dask.array", "distributed.shuffle", "zarr")


def new(folder: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> zarr.Array:
    """Return a new array of floats in files."""
    return zarr.open_array(store=folder, mode="w", shape=shape, chunks=chunks, dtype="float64")


@pytest.fixture(scope="module")
def stored(
    module_scratch: str, memory: float, on_workers: Callable[[list[Any]], list[Any]]
) -> tuple[Sums, zarr.Array]:
    """Write an array with zarr alone: how Dask writes has no part in how it reads."""
    side, chunk = sizes.square(memory / 4, memory / 4 / 64)
    sums = Sums(side, side)
    array = new(f"{module_scratch}/stored", sums.shape, (chunk, chunk))

    def write(row: int, column: int, down: np.ndarray, right: np.ndarray) -> None:
        array[row : row + chunk, column : column + chunk] = np.add.outer(down, right)

    down, right = sums.vectors
    starts = range(0, side, chunk)
    on_workers(
        [
            dask.delayed(write)(i, j, down[i : i + chunk], right[j : j + chunk])
            for i in starts
            for j in starts
        ]
    )
    return sums, array


def holds(written: zarr.Array, sums: Sums, deadline: float) -> bool:
    """Tell whether an array in files has each sum in its place; the workers read it."""
    return sums.are_in(da.from_array(written, chunks=written.chunks), deadline=deadline)


def test_write(
    scratch: str,
    memory: float,
    deadline: float,
    measured_block: AbstractContextManager[None],
) -> None:
    """Time and memory of writing 64 chunks: compressed, each by the worker that has it."""
    sums, array = Sums.square(memory / 4, memory / 4 / 64)
    written = new(f"{scratch}/written", array.shape, array.chunksize)
    with measured_block:
        da.store(array, written, lock=False)
    assert holds(written, sums, deadline)


def test_read(stored: tuple[Sums, zarr.Array], small_client: Client) -> None:
    """Time and memory of a mean over 64 chunks: each is read once and let go."""
    sums, array = stored
    found = da.from_array(array, chunks=array.chunks).mean(axis=0).compute()
    np.testing.assert_allclose(found, sums.mean(0))


def test_rechunk(
    stored: tuple[Sums, zarr.Array],
    scratch: str,
    deadline: float,
    measured_block: AbstractContextManager[None],
) -> None:
    """Squares read, cut into columns and written: memory and transfers between the two."""
    sums, array = stored
    width = max(1, array.chunks[1] // 8)
    columns = da.from_array(array, chunks=array.chunks).rechunk((-1, width))
    written = new(f"{scratch}/columns", columns.shape, columns.chunksize)
    with measured_block:
        da.store(columns, written, lock=False)
    assert holds(written, sums, deadline)
