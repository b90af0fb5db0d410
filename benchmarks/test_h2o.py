"""Groupby in the ten forms of the db-benchmark of H2O.ai: from few groups to nearly one a row.

The table is of its shape too: ids of K, of K and of N/K values, as strings and as integers, and
three values. Here K grows with the root of N, so that each question has its kind of groups at any
scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from . import data, files, sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

    #: What computes delayed values on the workers, before anything is measured.
    OnWorkers = Callable[[list[Any]], list[Any]]

#: Bytes of one row in memory, measured.
ROW_NBYTES = 102

LARGE = ["id1", "id2", "id3", "id4", "id5", "id6"]


#: Bytes of the table for each part of it that a worker finds the right answers in, in which a
#: group is whole; and how many such parts there are at most.
SLICE_NBYTES, SLICES = 2**24, 4


@pytest.fixture(scope="module")
def table_files(module_scratch: str, memory: float, on_workers: OnWorkers) -> str:
    """Write the table with pandas alone: how Dask writes has no part in how it groups."""
    partitions, rows = sizes.table(memory / 16, memory / 256, ROW_NBYTES)
    groups = max(2, math.isqrt(partitions * rows // 256))
    many = max(2, partitions * rows // groups)

    def part(number: int) -> pd.DataFrame:
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

    write = dask.delayed(files.parquet_writer(module_scratch))
    parts = [dask.delayed(part)(number) for number in range(partitions)]
    on_workers([write(number, each) for number, each in enumerate(parts)])
    return module_scratch


@pytest.fixture(scope="module")
def answers(table_files: str, memory: float, on_workers: OnWorkers) -> dict[str, Any]:
    """Return what pandas answers, which is taken for the truth, by the names of the tests."""
    paths = files.found(table_files)
    slices = min(SLICES, max(1, int(memory / 16 / SLICE_NBYTES)))

    def answer(columns: list[str], ask: Callable[[pd.DataFrame], Any], number: int) -> Any:
        from fsspec.core import url_to_fs

        parts = []
        for each in paths:
            filesystem, path = url_to_fs(each)
            with filesystem.open(path, "rb") as file:
                part = pd.read_parquet(file, columns=columns)
            hashes = pd.util.hash_pandas_object(part[columns[0]], index=False)
            parts.append(part[(hashes % slices == number).to_numpy()])
        return ask(pd.concat(parts, ignore_index=True))

    asked = questions()
    found = on_workers(
        [
            dask.delayed(answer)(columns, ask, number)
            for columns, ask in asked.values()
            for number in range(slices)
        ]
    )
    each = {name: found[at * slices : (at + 1) * slices] for at, name in enumerate(asked)}
    return {
        name: tuple(map(sum, zip(*parts, strict=True)))
        if isinstance(parts[0], tuple)
        else pd.concat([part for part in parts if len(part)])
        for name, parts in each.items()
    }


@pytest.fixture
def answer(request: pytest.FixtureRequest, answers: dict[str, Any]) -> Any:
    """Return the answer of pandas to the question of this test."""
    return answers[request.function.__name__]


def agree(found: pd.DataFrame | pd.Series, answer: pd.DataFrame | pd.Series) -> None:
    """Hold an answer against that of pandas, whatever the order of its groups."""
    found, answer = found.sort_index(), answer.sort_index()
    assert list(found.index) == list(answer.index)
    np.testing.assert_allclose(found.to_numpy("float64"), answer.to_numpy("float64"))


def test_sum_of_few_groups(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 1, K groups of one string: reading two columns of nine is most of the time."""
    table = dd.read_parquet(table_files)
    agree(table.groupby("id1").agg({"v1": "sum"}).compute(), answer)


def test_sum_by_two_strings(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 2, K * K groups of two strings: how fast strings are hashed."""
    table = dd.read_parquet(table_files)
    agree(table.groupby(["id1", "id2"]).agg({"v1": "sum"}).compute(), answer)


def test_sum_and_mean_of_many_groups(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 3, N / K groups of a string: results of chunks that hardly shrink."""
    table = dd.read_parquet(table_files)
    agree(table.groupby("id3").agg({"v1": "sum", "v3": "mean"}, split_out=4).compute(), answer)


def test_means_of_few_groups(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 4, three means of K groups of an integer: sums and counts in one pass."""
    table = dd.read_parquet(table_files)
    agree(table.groupby("id4").agg({"v1": "mean", "v2": "mean", "v3": "mean"}).compute(), answer)


def test_sums_of_many_groups(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 5, three sums of N / K groups of an integer: the tree of reductions."""
    table = dd.read_parquet(table_files)
    agree(table.groupby("id6").agg({"v1": "sum", "v2": "sum", "v3": "sum"}).compute(), answer)


def test_median_and_deviation(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 6, a median: rows of a group must meet, so a shuffle, for columns asked for only."""
    groups = dd.read_parquet(table_files).groupby(["id4", "id5"])
    found = groups.agg({"v3": ["median", "std"]}).compute()
    agree(found, answer)


def test_range_of_many_groups(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 7, a maximum less a minimum of N / K groups, computed on what was aggregated."""
    bounds = (
        dd.read_parquet(table_files).groupby("id3").agg({"v1": "max", "v2": "min"}, split_out=4)
    )
    agree((bounds["v1"] - bounds["v2"]).compute(), answer)


def test_largest_two(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 8, the two largest of each group: a function applied to N / K groups."""

    def two_largest(values: pd.DataFrame) -> pd.DataFrame:
        return values.nlargest(2, columns="v3")[["v3"]]

    table = dd.read_parquet(table_files)[["id6", "v3"]]
    found = table.groupby("id6").apply(two_largest, meta={"v3": "float64"}).compute()
    agree(found.droplevel(1).set_index("v3", append=True, drop=False), answer)


def test_regression(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 9, a squared correlation: a function applied to K * K groups, after a shuffle."""

    def squared_correlation(group: pd.DataFrame) -> float:
        return float(group["v1"].corr(group["v2"]) ** 2)

    table = dd.read_parquet(table_files)[["id2", "id4", "v1", "v2"]]
    groups = table.groupby(["id2", "id4"])
    agree(groups.apply(squared_correlation, meta=("r2", "float64")).compute(), answer)


def test_sum_and_count_by_all_ids(table_files: str, answer: Any, small_client: Client) -> None:
    """Question 10, nearly a group a row: memory of a groupby that reduces nothing."""
    groups = dd.read_parquet(table_files).groupby(LARGE)
    found = groups.agg({"v3": "sum", "v1": "count"}, split_out=16)
    parts = data.parts(found, "v1")
    assert (parts.rows.sum(), parts.total.sum()) == answer


def questions() -> dict[str, tuple[list[str], Callable[[pd.DataFrame], Any]]]:
    """Return what pandas is asked, by another way than Dask is where there is one.

    By a test's name: the columns that it takes, of which the first is one that is grouped by, and
    the function of a table of these.
    """

    def two_largest(table: pd.DataFrame) -> pd.DataFrame:
        ordered = table.sort_values("v3", ascending=False)
        return ordered.groupby("id6").head(2).set_index(["id6", "v3"], drop=False)[["v3"]]

    def squared_correlation(table: pd.DataFrame) -> pd.Series:
        v1, v2 = table["v1"], table["v2"]
        products = table.assign(v11=v1 * v1, v22=v2 * v2, v12=v1 * v2)
        mean = products.groupby(["id2", "id4"])[["v1", "v2", "v11", "v22", "v12"]].mean()
        covariance = mean.v12 - mean.v1 * mean.v2
        return covariance**2 / ((mean.v11 - mean.v1**2) * (mean.v22 - mean.v2**2))

    def spread(table: pd.DataFrame) -> pd.Series:
        groups = table.groupby("id3")
        return groups["v1"].max() - groups["v2"].min()

    return {
        "test_sum_of_few_groups": (["id1", "v1"], lambda table: table.groupby("id1").sum()),
        "test_sum_by_two_strings": (
            ["id1", "id2", "v1"],
            lambda table: table.groupby(["id1", "id2"]).sum(),
        ),
        "test_sum_and_mean_of_many_groups": (
            ["id3", "v1", "v3"],
            lambda table: table.groupby("id3").agg({"v1": "sum", "v3": "mean"}),
        ),
        "test_means_of_few_groups": (
            ["id4", "v1", "v2", "v3"],
            lambda table: table.groupby("id4").mean(),
        ),
        "test_sums_of_many_groups": (
            ["id6", "v1", "v2", "v3"],
            lambda table: table.groupby("id6").sum(),
        ),
        "test_median_and_deviation": (
            ["id4", "id5", "v3"],
            lambda table: table.groupby(["id4", "id5"]).agg(["median", "std"]),
        ),
        "test_range_of_many_groups": (["id3", "v1", "v2"], spread),
        "test_largest_two": (["id6", "v3"], two_largest),
        "test_regression": (["id2", "id4", "v1", "v2"], squared_correlation),
        "test_sum_and_count_by_all_ids": (
            LARGE,
            lambda table: (len(table.drop_duplicates()), len(table)),
        ),
    }
