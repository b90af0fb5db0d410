"""DataFrames: rows picked, counted, described, and sent to the others of their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask
import pytest
from packaging.version import Version

from . import data

if TYPE_CHECKING:
    from distributed import Client


@pytest.mark.parametrize("method", ["p2p", "tasks"])
def test_shuffle(method: str, memory: float, small_client: Client) -> None:
    """Throughput, transfer and disk use of a shuffle, and that no row is lost on the way."""
    rows = data.length(memory / 4, memory / 128)
    keys = max(1, rows // 64)
    table = data.table(memory / 4, memory / 128, keys)
    parts = data.parts(table.shuffle("key", shuffle_method=method), "key")
    assert parts.rows.sum() == rows
    assert parts.distinct.sum() == keys, "a key is in two partitions"


@pytest.mark.parametrize("method", ["p2p", "tasks"])
def test_set_index(method: str, memory: float, small_client: Client) -> None:
    """Two passes over the data, one to find the quantiles: a third would show in the time."""
    rows = data.length(memory / 8, memory / 128)
    table = data.table(memory / 8, memory / 128, keys=rows)
    parts = data.parts(table.set_index("x", shuffle_method=method), "x")
    assert parts.rows.sum() == rows
    borders = parts.dropna()[["lowest", "highest"]].to_numpy().ravel()
    assert (borders[1:] >= borders[:-1]).all(), "partitions overlap"
    assert parts.total.sum() / rows == pytest.approx(0.5, abs=0.01)


def test_filter(memory: float, small_client: Client) -> None:
    """Memory of a tenth of the rows of a table as large as memory: the others must go at once."""
    rows = data.length(memory, memory / 64)
    table = data.lookup(memory, memory / 64)
    kept = table[(table["key"] % 10 == 0) & (table["x"] >= 0)]
    parts = data.parts(kept, "key")
    tenth = len(range(0, rows, 10))
    assert parts.rows.sum() == tenth
    assert parts.total.sum() == 10 * tenth * (tenth - 1) // 2


def test_dropna(memory: float, small_client: Client) -> None:
    """Time and memory of two passes that drop rows, over all columns and over one."""
    rows = data.length(memory / 2, memory / 64)
    table = data.lookup(memory / 2, memory / 64)
    table["x"] = table["x"].where(table["key"] % 10 != 0)
    table["y"] = table["y"].where(table["key"] % 10 != 1)
    without_x, without_y = len(range(0, rows, 10)), len(range(1, rows, 10))
    assert data.rows(table.dropna()) == rows - without_x - without_y
    assert data.rows(table.dropna(subset=["y"])) == rows - without_y


def test_describe(memory: float, small_client: Client) -> None:
    """Time and memory of many reductions over one table: its partitions must be made only once."""
    rows = data.length(memory / 4, memory / 64)
    found = data.lookup(memory / 4, memory / 64).describe().compute()
    keys = found["key"]
    assert (found.loc["count"] == rows).all()
    assert (keys["min"], keys["max"]) == (0, rows - 1)
    assert keys["mean"] == pytest.approx((rows - 1) / 2)
    assert keys["std"] == pytest.approx((rows * (rows + 1) / 12) ** 0.5)
    assert (abs(found.loc[["25%", "50%", "75%"], "x"] - [0.25, 0.5, 0.75]) < 0.05).all()


@pytest.mark.parametrize("repeats", [16, 16384])
def test_value_counts(repeats: int, memory: float, small_client: Client) -> None:
    """Memory of counting values: few counts in one partition, or a sixteenth of the rows in 4."""
    rows = data.length(memory / 4, memory / 128)
    keys = max(1, rows // repeats)
    table = data.table(memory / 4, memory / 128, keys)
    counts = table["key"].value_counts(split_out=4 if repeats == 16 else 1)
    parts = data.parts(counts.to_frame("times"), "times")
    assert parts.rows.sum() == keys
    assert parts.total.sum() == rows
    assert parts.lowest.min() >= rows // keys
    assert parts.highest.max() <= -(-rows // keys)


@pytest.mark.xfail(Version(dask.__version__) < Version("2025.2"), reason="dask#11695", strict=True)
def test_value_counts_of_booleans(memory: float, small_client: Client) -> None:
    """Two counts of a comparison, and not two of each partition, as before 2025.2 (dask#11695)."""
    rows = data.length(memory / 2, memory / 128)
    table = data.table(memory / 2, memory / 128, keys=rows)
    counts = (table["x"] < table["y"]).value_counts().compute()
    assert sorted(counts.index) == [False, True]
    assert counts.sum() == rows
    assert counts[True] / rows == pytest.approx(0.5, abs=0.05)


@pytest.mark.quick
def test_groupby(memory: float, small_client: Client) -> None:
    """Memory and time of a groupby with many groups, whose result is spread over partitions."""
    rows = data.length(memory / 8, memory / 128)
    keys = max(1, rows // 64)
    table = data.table(memory / 8, memory / 128, keys)
    means = table.groupby("key").agg({"x": "mean", "y": "sum", "z": "count"}, split_out=4)
    parts = data.parts(means, "z")
    assert parts.rows.sum() == keys
    assert parts.total.sum() == rows
    assert parts.highest.max() <= -(-rows // keys)
