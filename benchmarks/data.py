"""The data of the workloads: generated on the workers from fixed seeds, the same in every session.

What runs on a worker is defined inside a function, so that it travels by value: the workers can't
import this folder.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import dask.dataframe as dd
import numpy as np
import pandas as pd

from . import sizes
from .waiting import computed

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of one row of `table` and `lookup` in memory: one integer and three floats.
ROW_NBYTES = 32

#: Bytes of one row of `wide_table` in memory, measured: 100 columns, a quarter of them strings.
WIDE_ROW_NBYTES = 760


def table(nbytes: float, partition_nbytes: float, keys: int) -> dd.DataFrame:
    """Return a table of about that many bytes with each ``key`` below `keys` equally often.

    Each partition has a stretch of the keys, in random order. Where `keys` does not divide the
    number of rows, the lower ones come once more.
    """

    def keys_in_turn(rng: np.random.Generator, start: int, rows: int) -> np.ndarray:
        return (start + rng.permutation(rows)) % keys

    return _table(nbytes, partition_nbytes, keys_in_turn)


def lookup(nbytes: float, partition_nbytes: float) -> dd.DataFrame:
    """Return a table of about that many bytes with each ``key`` from 0 to its length once."""

    def every_key_once(rng: np.random.Generator, start: int, rows: int) -> np.ndarray:
        return start + rng.permutation(rows)

    return _table(nbytes, partition_nbytes, every_key_once)


def sorted_table(nbytes: float, partition_nbytes: float) -> dd.DataFrame:
    """Return a table like `lookup` whose sorted index is ``key``, with known divisions."""
    partitions, length = sizes.table(nbytes, partition_nbytes, ROW_NBYTES)

    def part(number: int, rows: int = length) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        keys = pd.Index(np.arange(number * rows, (number + 1) * rows), name="key")
        return pd.DataFrame({name: rng.random(rows) for name in "xyz"}, index=keys)

    divisions = (*range(0, partitions * length, length), partitions * length - 1)
    return dd.from_map(part, range(partitions), meta=part(0, 0), divisions=divisions)


def rows(frame: dd.DataFrame) -> int:
    """Return the number of rows by computing every partition whole.

    ``len`` would let the optimiser drop all columns but one, and with them the work.
    """

    def count(part: pd.DataFrame) -> pd.Series:
        return pd.Series([len(part)])

    return int(frame.map_partitions(count, meta=pd.Series(dtype="int64")).compute().sum())


def length(nbytes: float, partition_nbytes: float) -> int:
    """Return the number of rows of a `table` or `lookup` of these sizes."""
    return math.prod(sizes.table(nbytes, partition_nbytes, ROW_NBYTES))


def parts(frame: dd.DataFrame, column: str, *, deadline: float | None = None) -> pd.DataFrame:
    """Compute what `described` returns; see `waiting.computed`."""
    return computed(described(frame, column), deadline)


def described(frame: dd.DataFrame, column: str) -> dd.DataFrame:
    """Return a row for each partition, made of it whole: what its values of `column` are.

    Parameters
    ----------
    column
        The name of a column, or of the index.

    Returns
    -------
    dask.dataframe.DataFrame
        ``rows``, their ``total`` (in integers, exact), the number of ``distinct`` values, and the
        ``lowest`` and the ``highest``, which are missing where a partition has no row.
    """

    def describe(part: pd.DataFrame) -> pd.DataFrame:
        values = part[column] if column in part else part.index.to_series()
        row = {
            "rows": len(values),
            "total": values.sum(),
            "distinct": values.nunique(),
            "lowest": values.min(),
            "highest": values.max(),
        }
        return pd.DataFrame([row], index=[0])

    kind = frame._meta.reset_index()[column].dtype
    meta = {"rows": "int64", "total": kind, "distinct": "int64", "lowest": kind, "highest": kind}
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in meta.items()})
    return frame.map_partitions(describe, meta=empty, enforce_metadata=False)


def assert_each_once(parts: pd.DataFrame, rows: int) -> None:
    """Hold that a frame, described by its ``key``, has each below `rows` once."""
    assert parts.rows.sum() == rows
    assert parts.distinct.sum() == rows, "a key is there twice"
    assert (parts.lowest.min(), parts.highest.max()) == (0, rows - 1)
    assert parts.total.sum() == rows * (rows - 1) // 2


def _table(
    nbytes: float,
    partition_nbytes: float,
    keys: Callable[[np.random.Generator, int, int], np.ndarray],
) -> dd.DataFrame:
    partitions, length = sizes.table(nbytes, partition_nbytes, ROW_NBYTES)

    def part(number: int, rows: int = length) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        columns = {"key": keys(rng, number * rows, rows)}
        return pd.DataFrame(columns | {name: rng.random(rows) for name in "xyz"})

    return dd.from_map(part, range(partitions), meta=part(0, 0))


def wide_table(nbytes: float, partition_nbytes: float) -> dd.DataFrame:
    """Return a time series of 100 columns: strings, floats, integers and categories, 25 of each."""
    # Not dask.datasets.timeseries: a change of its speed would look like one of what is measured.
    partitions, length = sizes.table(nbytes, partition_nbytes, WIDE_ROW_NBYTES)
    people = ["Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah"]
    # The same type under pandas 2 and 3, so that the same bytes are written.
    names = pd.array(people, dtype="string[pyarrow]")

    def part(number: int, rows: int = length) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        start = pd.Timestamp("2021-01-01") + pd.Timedelta(seconds=number * rows)
        columns: dict[str, object] = {}
        for column in range(25):
            codes = rng.integers(len(people), size=rows)
            columns[f"name-{column}"] = names.take(codes)
            columns[f"price-{column}"] = rng.random(rows)
            columns[f"id-{column}"] = rng.integers(1_000_000, size=rows)
            columns[f"cat-{column}"] = pd.Categorical.from_codes(codes, categories=people)
        index = pd.date_range(start, periods=rows, freq="s", name="timestamp")
        return pd.DataFrame(columns, index=index)

    return dd.from_map(part, range(partitions), meta=part(0, 0))


def wide_length(nbytes: float, partition_nbytes: float) -> int:
    """Return the number of rows of a `wide_table` of these sizes."""
    return math.prod(sizes.table(nbytes, partition_nbytes, WIDE_ROW_NBYTES))
