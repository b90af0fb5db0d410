"""The tables of the suite in benchmarks/: that they hold what the workloads' truths rely on."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

SUITE = Path(__file__).parent.parent / "benchmarks"

#: Four partitions of 10 rows, of 32 bytes each.
SIZES = (1280, 320)


@pytest.fixture(scope="module")
def data() -> Iterator[Any]:
    """Import it as the package's: an installed pytest doesn't have the root on its path."""
    import dask

    name = "suite_of_benchmarks"
    spec = importlib.util.spec_from_file_location(
        name, SUITE / "__init__.py", submodule_search_locations=[str(SUITE)]
    )
    assert spec is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    with dask.config.set(scheduler="synchronous"):
        yield importlib.import_module(f"{name}.data")
    for loaded in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[loaded]


def test_each_key_of_a_table_comes_equally_often(data: Any) -> None:
    table = data.table(*SIZES, keys=8).compute()
    assert len(table) == data.length(*SIZES) == 40
    assert table["key"].value_counts().to_dict() == dict.fromkeys(range(8), 5)
    assert table["key"].tolist() != sorted(table["key"])


def test_the_lower_keys_come_once_more_where_the_rows_do_not_divide(data: Any) -> None:
    counts = data.table(*SIZES, keys=12).compute()["key"].value_counts()
    assert [counts[key] for key in range(12)] == [4] * 4 + [3] * 8


def test_a_lookup_has_each_key_once(data: Any) -> None:
    assert sorted(data.lookup(*SIZES).compute()["key"]) == list(range(40))


def test_tables_are_the_same_each_time(data: Any) -> None:
    for make in (lambda: data.table(*SIZES, keys=3), lambda: data.wide_table(4000, 2000)):
        pd.testing.assert_frame_equal(make().compute(), make().compute())


def test_a_sorted_table_lies_as_its_divisions_say(data: Any) -> None:
    table = data.sorted_table(*SIZES)
    assert table.divisions == (0, 10, 20, 30, 39)
    assert table.compute().index.tolist() == list(range(40))
    assert table.loc[25:30].compute().index.tolist() == list(range(25, 31))


def test_parts_say_what_lies_in_each_partition(data: Any) -> None:
    parts = data.parts(data.lookup(*SIZES), "key")
    assert parts["rows"].tolist() == parts["distinct"].tolist() == [10] * 4
    assert parts["total"].tolist() == [45, 145, 245, 345]
    assert parts["lowest"].tolist() == [0, 10, 20, 30]
    assert parts["highest"].tolist() == [9, 19, 29, 39]
    assert data.parts(data.sorted_table(*SIZES), "key")["total"].tolist() == [45, 145, 245, 345]


def test_a_part_without_rows_has_no_lowest(data: Any) -> None:
    table = data.lookup(*SIZES)
    parts = data.parts(table[table["key"] < 10], "key")
    assert parts["rows"].tolist() == [10, 0, 0, 0]
    assert parts["lowest"].isna().tolist() == [False, True, True, True]


def test_a_wide_table_has_the_rows_that_are_promised(data: Any) -> None:
    assert len(data.wide_table(76_000, 38_000).compute()) == data.wide_length(76_000, 38_000) == 100


def test_no_partition_is_made_before_the_workers_make_it(data: Any) -> None:
    for make in (lambda: data.table(2**50, 2**49, keys=3), lambda: data.wide_table(2**50, 2**49)):
        assert make().npartitions == 2
    assert data.sorted_table(2**50, 2**49)["x"].dtype == "float64"


def test_what_has_each_key_once_is_told_from_what_has_not(data: Any) -> None:
    data.assert_each_once(data.parts(data.lookup(*SIZES), "key"), 40)
    for wrong in (data.table(*SIZES, keys=39), data.lookup(960, 320), data.table(*SIZES, keys=1)):
        with pytest.raises(AssertionError):
            data.assert_each_once(data.parts(wrong, "key"), 40)
