"""Parquet: wide and long tables, written and read, whole and in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from . import data, files, sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from distributed import Client

    #: What computes delayed values on the workers, before anything is measured.
    OnWorkers = Callable[[list[Any]], list[Any]]
    Block = AbstractContextManager[None]

#: Bytes of one row of `ledger` in memory.
ROW_NBYTES = 32


def ledger(nbytes: float, partition_nbytes: float) -> dd.DataFrame:
    """Return a long table of four columns that codecs can shrink: times, numbers, cents, codes."""
    partitions, length = sizes.table(nbytes, partition_nbytes, ROW_NBYTES)

    def part(number: int, rows: int = length) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        numbers = np.arange(number * rows, (number + 1) * rows)
        return pd.DataFrame(
            {
                "number": numbers,
                "when": np.datetime64("2021-01-01", "us") + numbers * 1_000_000,
                "cents": rng.integers(1_000_000, size=rows),
                "code": rng.integers(100, size=rows),
            }
        )

    return dd.from_map(part, range(partitions), meta=part(0, 0))


@pytest.mark.quick
def test_write_wide_data(scratch: str, memory: float, measured_block: Block) -> None:
    """Memory and time of writing 100 columns of four types: encoding, and partitions let go."""
    with measured_block:
        table = data.wide_table(memory / 8, memory / 128)
        table.to_parquet(scratch)
    assert len(files.found(scratch, ".parquet")) == table.npartitions
    assert files.parquet(scratch).count_rows() == data.wide_length(memory / 8, memory / 128)


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_write_long_data(
    compression: str,
    scratch: str,
    memory: float,
    measured_block: Block,
    test_run_benchmark: Any,
) -> None:
    """Time of a codec on four columns, and what it saves: the metric file_size."""
    codec = None if compression == "none" else compression
    with measured_block:
        ledger(memory / 4, memory / 128).to_parquet(scratch, compression=codec)
    size = files.size(scratch)
    test_run_benchmark.record("file_size", size, unit="B", direction="LOWER_IS_BETTER")
    written = files.parquet(scratch)
    partitions, rows = sizes.table(memory / 4, memory / 128, ROW_NBYTES)
    assert written.count_rows() == partitions * rows
    group = next(written.get_fragments()).metadata.row_group(0)
    codecs = {group.column(column).compression for column in range(4)}
    assert codecs == {"UNCOMPRESSED" if codec is None else codec.upper()}


@pytest.fixture(scope="module")
def wide_files(module_scratch: str, memory: float, on_workers: OnWorkers) -> str:
    """Write a wide table with pandas alone: how Dask writes has no part in how it reads."""
    folder = files.subfolder(module_scratch, "wide")
    return written(folder, data.wide_table(memory / 4, memory / 128), on_workers)


@pytest.fixture(scope="module")
def long_files(module_scratch: str, memory: float, on_workers: OnWorkers) -> str:
    """Write a long table likewise."""
    folder = files.subfolder(module_scratch, "long")
    return written(folder, ledger(memory / 2, memory / 64), on_workers)


def written(folder: str, table: dd.DataFrame, on_workers: OnWorkers) -> str:
    """Write a file for each partition, and return the folder."""
    write = dask.delayed(files.parquet_writer(folder))
    on_workers([write(number, part) for number, part in enumerate(table.to_delayed())])
    return folder


def test_read_wide_data(wide_files: str, memory: float, small_client: Client) -> None:
    """Time and memory of a groupby over 26 of 100 columns: the others must not be read at all."""
    prices = [f"price-{column}" for column in range(25)]
    means = dd.read_parquet(wide_files).groupby("name-0")[prices].mean().compute()
    assert means.shape == (8, 25)
    # Of numbers that are even from 0 to 1, an eighth of all in each mean: six deviations of it.
    off = 6 * (data.wide_length(memory / 4, memory / 128) / 8 * 12) ** -0.5
    assert (abs(means - 0.5) < off).all(axis=None)


def test_read_one_column(wide_files: str, memory: float, small_client: Client) -> None:
    """Time of one column of 100, chosen after the read: reading more is 100 times the work."""
    ids = dd.read_parquet(wide_files)["id-7"]
    assert ids.count().compute() == data.wide_length(memory / 4, memory / 128)


def test_derive_columns(wide_files: str, memory: float, small_client: Client) -> None:
    """Columns computed from columns in one read each: dask-expr 1.1.17 read again (dask#11507)."""
    table = dd.read_parquet(wide_files)
    table = table.assign(net=table["price-0"] * table["price-1"], tax=table["price-2"] + 1)
    table = table.assign(gross=table["net"] + table["tax"])
    sums = table.groupby("name-0")["gross"].sum().sum().compute()
    # A product of two and one more, of numbers that are 0.5 in the mean.
    rows = data.wide_length(memory / 4, memory / 128)
    # Six deviations of a mean of so many: the variances are 7/144 and 1/12.
    assert sums / rows == pytest.approx(0.25 + 0.5 + 1, abs=6 * (19 / 144 / rows) ** 0.5)


def test_read_long_data(long_files: str, memory: float, small_client: Client) -> None:
    """Throughput of reading all columns: decoding, and partitions let go."""
    partitions, rows = sizes.table(memory / 2, memory / 64, ROW_NBYTES)
    parts = data.parts(dd.read_parquet(long_files), "number")
    assert parts.rows.sum() == partitions * rows
    assert (parts.lowest.to_numpy() == np.arange(0, partitions * rows, rows)).all()
    assert (parts.distinct == rows).all()


def test_read_filtered_data(long_files: str, memory: float, small_client: Client) -> None:
    """Time of a range in a sorted column: files whose statistics exclude it must not be decoded."""
    partitions, rows = sizes.table(memory / 2, memory / 64, ROW_NBYTES)
    end = partitions * rows // 16
    table = dd.read_parquet(long_files, filters=[("number", "<", end)])
    parts = data.parts(table, "number")
    assert parts.rows.sum() == end
    assert parts.highest.max() == end - 1
