"""CSV: text that must be parsed, and becomes Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from . import files, sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: Bytes of one row in a file, measured: an integer, a time, a name and an amount.
ROW_NBYTES = 47

DTYPES = {"number": "int64", "name": "string[pyarrow]", "amount": "float64"}


@pytest.fixture(scope="module")
def csv_files(
    module_scratch: str, memory: float, on_workers: Callable[[list[Any]], list[Any]]
) -> str:
    """Write files with pyarrow; each is parsed in several blocks."""
    number, rows = sizes.table(memory / 16, memory / 64, ROW_NBYTES)

    def write(file: int) -> None:
        from fsspec.core import url_to_fs

        rng = np.random.default_rng(file)
        numbers = np.arange(file * rows, (file + 1) * rows)
        names = pa.array(["Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah"])
        table = pa.table(
            {
                "number": numbers,
                "when": (np.datetime64("2021-01-01", "s") + numbers),
                "name": names.take(pa.array(rng.integers(len(names), size=rows))),
                "amount": rng.integers(1_000_000, size=rows) / 100,
            }
        )
        filesystem, path = url_to_fs(f"{module_scratch}/part.{file:04d}.csv")
        with filesystem.open(path, "wb") as opened:
            pyarrow.csv.write_csv(table, opened)

    on_workers([dask.delayed(write)(file) for file in range(number)])
    return module_scratch


def test_csv_to_parquet(
    csv_files: str,
    scratch: str,
    memory: float,
    measured_block: AbstractContextManager[None],
) -> None:
    """Time and memory of parsing text in blocks: a block must go once its file is written."""
    found = files.found(csv_files, ".csv")
    blocksize = max(1, int(memory / 256))
    with measured_block:
        table = dd.read_csv(found, blocksize=blocksize, dtype=DTYPES, parse_dates=["when"])
        table.to_parquet(scratch)
    partitions, length = sizes.table(memory / 16, memory / 64, ROW_NBYTES)
    written = files.parquet(scratch)
    assert written.count_rows() == partitions * length
    assert pa.types.is_timestamp(written.schema.field("when").type)
    # Each file has a stretch of the numbers, by its metadata; together they have all of them.
    stretches = []
    for fragment in written.get_fragments():
        groups = [fragment.metadata.row_group(at) for at in range(fragment.metadata.num_row_groups)]
        bounds = [group.column(0).statistics for group in groups if group.num_rows]
        stretches += [(bound.min, bound.max + 1) for bound in bounds]
    stretches.sort()
    borders = [0, *(end for _, end in stretches)]
    assert [start for start, _ in stretches] == borders[:-1]
    assert borders[-1] == partitions * length
