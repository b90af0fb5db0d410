"""The data of the workloads: generated on the workers from fixed seeds, the same in every session.

What runs on a worker is defined inside a function, so that it travels by value: the workers can't
import this folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd

from . import sizes

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of one row of `table` and `lookup` in memory: one integer and three floats.
ROW_NBYTES = 32

#: Bytes of one row of `wide_table` in memory, measured: 100 columns, a quarter of them strings.
WIDE_ROW_NBYTES = 760


def square_array(nbytes: float, chunk_nbytes: float) -> da.Array:
    """Return a square array of floats in [0, 1) of about that many bytes, in square chunks."""
    side, chunk = sizes.square(nbytes, chunk_nbytes)
    return da.random.default_rng(seed=0).random((side, side), chunks=(chunk, chunk))


def row_array(nbytes: float, chunks: int) -> da.Array:
    """Return a square array like `square_array`, cut into that many chunks of whole rows."""
    side, _ = sizes.square(nbytes, nbytes / chunks**2)
    return da.random.default_rng(seed=0).random((side, side), chunks=(side // chunks, side))


def table(nbytes: float, partition_nbytes: float, keys: int) -> dd.DataFrame:
    """Return a table of about that many bytes whose ``key`` is any integer below `keys`."""

    def random_keys(rng: np.random.Generator, start: int, rows: int) -> np.ndarray:
        return rng.integers(keys, size=rows)

    return _table(nbytes, partition_nbytes, random_keys)


def lookup(nbytes: float, partition_nbytes: float) -> dd.DataFrame:
    """Return a table of about that many bytes with each ``key`` from 0 to its length once."""

    def every_key_once(rng: np.random.Generator, start: int, rows: int) -> np.ndarray:
        return start + rng.permutation(rows)

    return _table(nbytes, partition_nbytes, every_key_once)


def rows(frame: dd.DataFrame) -> int:
    """Return the number of rows by computing every partition whole.

    ``len`` would let the optimiser drop all columns but one, and with them the work.
    """

    def count(part: pd.DataFrame) -> pd.Series:
        return pd.Series([len(part)])

    return int(frame.map_partitions(count, meta=pd.Series(dtype="int64")).compute().sum())


def _table(
    nbytes: float,
    partition_nbytes: float,
    keys: Callable[[np.random.Generator, int, int], np.ndarray],
) -> dd.DataFrame:
    partitions, length = sizes.table(nbytes, partition_nbytes, ROW_NBYTES)

    def part(number: int) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        columns = {"key": keys(rng, number * length, length)}
        return pd.DataFrame(columns | {name: rng.random(length) for name in "xyz"})

    columns = {"key": "int64", "x": "float64", "y": "float64", "z": "float64"}
    meta = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
    return dd.from_map(part, range(partitions), meta=meta)


def wide_table(nbytes: float, partition_nbytes: float) -> dd.DataFrame:
    """Return a time series of 100 columns: strings, floats, integers and categories, 25 of each."""
    # Not dask.datasets.timeseries: a change of its speed would look like one of what is measured.
    partitions, length = sizes.table(nbytes, partition_nbytes, WIDE_ROW_NBYTES)
    people = ["Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah"]
    # The same type under pandas 2 and 3, so that the same bytes are written.
    names = pd.array(people, dtype="string[pyarrow]")

    def part(number: int) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        start = pd.Timestamp("2021-01-01") + pd.Timedelta(seconds=number * length)
        columns: dict[str, object] = {}
        for column in range(25):
            codes = rng.integers(len(people), size=length)
            columns[f"name-{column}"] = names.take(codes)
            columns[f"price-{column}"] = rng.random(length)
            columns[f"id-{column}"] = rng.integers(1_000_000, size=length)
            columns[f"cat-{column}"] = pd.Categorical.from_codes(codes, categories=people)
        index = pd.date_range(start, periods=length, freq="s", name="timestamp")
        return pd.DataFrame(columns, index=index)

    return dd.from_map(part, range(partitions), meta=part(0).iloc[:0])
