"""Groupby in the ten forms of the db-benchmark of H2O.ai: from few groups to nearly one a row.

The table is of its shape too: ids of K, of K and of N/K values, as strings and as integers, and
three values. Here K grows with the root of N, so that each question has its kind of groups at any
scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from . import data, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distributed import Client

#: Bytes of one row in memory, measured.
ROW_NBYTES = 102

LARGE = ["id1", "id2", "id3", "id4", "id5", "id6"]


def part(number: int, rows: int, groups: int, many: int) -> pd.DataFrame:
    """Return a stretch of the table, with `groups` values of the small ids, `many` of the large."""
    rng = np.random.default_rng(number)
    few_names = pd.array([f"id{i:03}" for i in range(1, groups + 1)], dtype="string[pyarrow]")
    many_names = pd.array([f"id{i:010}" for i in range(1, many + 1)], dtype="string[pyarrow]")
    return pd.DataFrame(
        {
            "id1": few_names.take(rng.integers(groups, size=rows)),
            "id2": few_names.take(rng.integers(groups, size=rows)),
            "id3": many_names.take(rng.integers(many, size=rows)),
            "id4": rng.integers(1, groups + 1, size=rows),
            "id5": rng.integers(1, groups + 1, size=rows),
            "id6": rng.integers(1, many + 1, size=rows),
            "v1": rng.integers(1, 6, size=rows),
            "v2": rng.integers(1, 16, size=rows),
            "v3": rng.random(rows) * 100,
        }
    )


@pytest.fixture(scope="module")
def files(shared_folder: str | None, memory: float) -> Iterator[Path]:
    """Write the table with pandas alone: how Dask writes has no part in how it groups."""
    partitions, rows = sizes.table(memory / 16, memory / 256, ROW_NBYTES)
    groups = max(2, math.isqrt(partitions * rows // 256))
    many = max(2, partitions * rows // groups)
    with data.folder(shared_folder) as folder:
        for number in range(partitions):
            path = folder / f"part.{number:04d}.parquet"
            part(number, rows, groups, many).to_parquet(path)
        yield folder


@pytest.fixture(scope="module")
def whole(files: Path) -> pd.DataFrame:
    """Return the table in pandas, whose answers are taken for the truth."""
    return pd.read_parquet(files)


@pytest.fixture
def answer(request: pytest.FixtureRequest, whole: pd.DataFrame) -> Any:
    """Return the answer of pandas, found before anything is measured."""
    return ANSWERS[request.function](whole)


def agree(found: pd.DataFrame | pd.Series, answer: pd.DataFrame | pd.Series) -> None:
    """Hold an answer against that of pandas, whatever the order of its groups."""
    found, answer = found.sort_index(), answer.sort_index()
    assert list(found.index) == list(answer.index)
    np.testing.assert_allclose(found.to_numpy("float64"), answer.to_numpy("float64"))


def test_sum_of_few_groups(files: Path, answer: Any, small_client: Client) -> None:
    """Question 1, K groups of one string: reading two columns of nine is most of the time."""
    table = dd.read_parquet(files)
    agree(table.groupby("id1").agg({"v1": "sum"}).compute(), answer)


def test_sum_by_two_strings(files: Path, answer: Any, small_client: Client) -> None:
    """Question 2, K * K groups of two strings: how fast strings are hashed."""
    table = dd.read_parquet(files)
    agree(table.groupby(["id1", "id2"]).agg({"v1": "sum"}).compute(), answer)


def test_sum_and_mean_of_many_groups(files: Path, answer: Any, small_client: Client) -> None:
    """Question 3, N / K groups of a string: results of chunks that hardly shrink."""
    table = dd.read_parquet(files)
    agree(table.groupby("id3").agg({"v1": "sum", "v3": "mean"}, split_out=4).compute(), answer)


def test_means_of_few_groups(files: Path, answer: Any, small_client: Client) -> None:
    """Question 4, three means of K groups of an integer: sums and counts in one pass."""
    table = dd.read_parquet(files)
    agree(table.groupby("id4").agg({"v1": "mean", "v2": "mean", "v3": "mean"}).compute(), answer)


def test_sums_of_many_groups(files: Path, answer: Any, small_client: Client) -> None:
    """Question 5, three sums of N / K groups of an integer: the tree of reductions."""
    table = dd.read_parquet(files)
    agree(table.groupby("id6").agg({"v1": "sum", "v2": "sum", "v3": "sum"}).compute(), answer)


def test_median_and_deviation(files: Path, answer: Any, small_client: Client) -> None:
    """Question 6, a median: rows of a group must meet, so a shuffle, for columns asked for only."""
    groups = dd.read_parquet(files).groupby(["id4", "id5"])
    found = groups.agg({"v3": ["median", "std"]}).compute()
    agree(found, answer)


def test_range_of_many_groups(files: Path, answer: Any, small_client: Client) -> None:
    """Question 7, a maximum less a minimum of N / K groups, computed on what was aggregated."""
    bounds = dd.read_parquet(files).groupby("id3").agg({"v1": "max", "v2": "min"}, split_out=4)
    agree((bounds["v1"] - bounds["v2"]).compute(), answer)


def test_largest_two(files: Path, answer: Any, small_client: Client) -> None:
    """Question 8, the two largest of each group: a function applied to N / K groups."""

    def two_largest(values: pd.DataFrame) -> pd.DataFrame:
        return values.nlargest(2, columns="v3")[["v3"]]

    table = dd.read_parquet(files)[["id6", "v3"]]
    found = table.groupby("id6").apply(two_largest, meta={"v3": "float64"}).compute()
    agree(found.droplevel(1).set_index("v3", append=True, drop=False), answer)


def test_regression(files: Path, answer: Any, small_client: Client) -> None:
    """Question 9, a squared correlation: a function applied to K * K groups, after a shuffle."""

    def squared_correlation(group: pd.DataFrame) -> float:
        return float(group["v1"].corr(group["v2"]) ** 2)

    table = dd.read_parquet(files)[["id2", "id4", "v1", "v2"]]
    groups = table.groupby(["id2", "id4"])
    agree(groups.apply(squared_correlation, meta=("r2", "float64")).compute(), answer)


def test_sum_and_count_by_all_ids(files: Path, answer: Any, small_client: Client) -> None:
    """Question 10, nearly a group a row: memory of a groupby that reduces nothing."""
    groups = dd.read_parquet(files).groupby(LARGE)
    found = groups.agg({"v3": "sum", "v1": "count"}, split_out=16)
    parts = data.parts(found, "v1")
    assert (parts.rows.sum(), parts.total.sum()) == answer


def _two_largest(whole: pd.DataFrame) -> pd.DataFrame:
    ordered = whole[["id6", "v3"]].sort_values("v3", ascending=False)
    return ordered.groupby("id6").head(2).set_index(["id6", "v3"], drop=False)[["v3"]]


def _squared_correlation(whole: pd.DataFrame) -> pd.Series:
    v1, v2 = whole["v1"], whole["v2"]
    products = whole.assign(v11=v1 * v1, v22=v2 * v2, v12=v1 * v2)
    mean = products.groupby(["id2", "id4"])[["v1", "v2", "v11", "v22", "v12"]].mean()
    covariance = mean.v12 - mean.v1 * mean.v2
    return covariance**2 / ((mean.v11 - mean.v1**2) * (mean.v22 - mean.v2**2))


def _range(whole: pd.DataFrame) -> pd.Series:
    groups = whole.groupby("id3")
    return groups["v1"].max() - groups["v2"].min()


#: What pandas answers, by another way than that asked of Dask where there is one.
ANSWERS: dict[Callable[..., None], Callable[[pd.DataFrame], Any]] = {
    test_sum_of_few_groups: lambda whole: whole.groupby("id1")[["v1"]].sum(),
    test_sum_by_two_strings: lambda whole: whole.groupby(["id1", "id2"])[["v1"]].sum(),
    test_sum_and_mean_of_many_groups: lambda whole: whole.groupby("id3").agg(
        {"v1": "sum", "v3": "mean"}
    ),
    test_means_of_few_groups: lambda whole: whole.groupby("id4")[["v1", "v2", "v3"]].mean(),
    test_sums_of_many_groups: lambda whole: whole.groupby("id6")[["v1", "v2", "v3"]].sum(),
    test_median_and_deviation: lambda whole: whole.groupby(["id4", "id5"])[["v3"]].agg(
        ["median", "std"]
    ),
    test_range_of_many_groups: _range,
    test_largest_two: _two_largest,
    test_regression: _squared_correlation,
    test_sum_and_count_by_all_ids: lambda whole: (
        len(whole[LARGE].drop_duplicates()),
        len(whole),
    ),
}
