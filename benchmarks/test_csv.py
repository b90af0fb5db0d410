"""CSV: text that must be parsed, and becomes Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.dataframe as dd
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pytest

from . import data, sizes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client

#: Bytes of one row in a file, measured: an integer, a time, a name and an amount.
ROW_NBYTES = 47

DTYPES = {"number": "int64", "name": "string[pyarrow]", "amount": "float64"}


@pytest.fixture(scope="module")
def csv_files(shared_folder: str | None, memory: float) -> Iterator[Path]:
    """Write files with pyarrow; each is parsed in several blocks."""
    number, rows = sizes.table(memory / 16, memory / 64, ROW_NBYTES)
    names = pa.array(["Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah"])
    with data.folder(shared_folder) as folder:
        for file in range(number):
            rng = np.random.default_rng(file)
            numbers = np.arange(file * rows, (file + 1) * rows)
            table = pa.table(
                {
                    "number": numbers,
                    "when": (np.datetime64("2021-01-01", "s") + numbers),
                    "name": names.take(pa.array(rng.integers(len(names), size=rows))),
                    "amount": rng.integers(1_000_000, size=rows) / 100,
                }
            )
            pyarrow.csv.write_csv(table, folder / f"part.{file:04d}.csv")
        yield folder


def test_csv_to_parquet(
    csv_files: Path, scratch: Path, memory: float, small_client: Client
) -> None:
    """Time and memory of parsing text in blocks: a block must go once its file is written."""
    files = [str(path) for path in sorted(csv_files.iterdir())]
    blocksize = max(1, int(memory / 256))
    table = dd.read_csv(files, blocksize=blocksize, dtype=DTYPES, parse_dates=["when"])
    table.to_parquet(scratch)
    written = pyarrow.dataset.dataset(scratch, format="parquet")
    partitions, length = sizes.table(memory / 16, memory / 64, ROW_NBYTES)
    numbers = written.to_table(columns=["number", "when"])
    rows = partitions * length
    assert numbers.num_rows == rows
    assert pa.compute.sum(numbers["number"]).as_py() == rows * (rows - 1) // 2
    assert pa.types.is_timestamp(numbers["when"].type)
