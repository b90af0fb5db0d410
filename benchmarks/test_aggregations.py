"""Aggregations of one's own: what a groupby does when Dask does not know the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.dataframe as dd

from . import data

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from pandas.core.groupby import SeriesGroupBy


def test_custom_aggregation(memory: float, small_client: Client) -> None:
    """Memory and time of a dd.Aggregation of three steps, whose chunks are small."""

    def bounds(groups: SeriesGroupBy) -> tuple[pd.Series, pd.Series]:
        return groups.min(), groups.max()

    def join(lows: SeriesGroupBy, highs: SeriesGroupBy) -> tuple[pd.Series, pd.Series]:
        return lows.min(), highs.max()

    def spread(low: pd.Series, high: pd.Series) -> pd.Series:
        return high - low

    rows = data.length(memory / 2, memory / 64)
    table = data.lookup(memory / 2, memory / 64)
    table["group"] = table["key"] % 100
    aggregation = dd.Aggregation("spread", chunk=bounds, agg=join, finalize=spread)
    found = table.groupby("group").agg({"key": aggregation}).compute()["key"].sort_index()
    groups = range(min(rows, 100))
    assert list(found.index) == list(groups)
    assert found.tolist() == [(rows - 1 - group) // 100 * 100 for group in groups]


def test_custom_aggregation_of_lists(memory: float, small_client: Client) -> None:
    """Memory of a dd.Aggregation that keeps every distinct value until the end, as Python lists."""

    def unique(groups: SeriesGroupBy) -> pd.Series:
        return groups.unique().map(list)

    def flatten(groups: SeriesGroupBy) -> pd.Series:
        return groups.agg(lambda lists: list({value for part in lists for value in part}))

    def length(lists: pd.Series) -> pd.Series:
        return lists.map(len)

    rows = data.length(memory / 64, memory / 512)
    table = data.lookup(memory / 64, memory / 512)
    table["group"] = table["key"] % 100
    table["value"] = table["key"] // 200
    aggregation = dd.Aggregation("distinct", chunk=unique, agg=flatten, finalize=length)
    found = table.groupby("group").agg({"value": aggregation}).compute()["value"].sort_index()
    groups = range(min(rows, 100))
    assert list(found.index) == list(groups)
    assert found.tolist() == [(rows - 1 - group) // 200 + 1 for group in groups]
