"""The arrays of the suite in benchmarks/: whether what is said of their elements is true."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

da = pytest.importorskip("dask.array")
import dask  # noqa: E402

SUITE = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def sums_of() -> Iterator[Any]:
    """Import by path: an installed pytest has no reason to have the root on its path."""
    init = SUITE / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        "benchmark_suite", init, submodule_search_locations=[str(SUITE)]
    )
    assert spec is not None
    with pytest.MonkeyPatch.context() as patch, dask.config.set(scheduler="sync"):
        patch.setitem(sys.modules, "benchmark_suite", importlib.util.module_from_spec(spec))
        yield importlib.import_module("benchmark_suite.sums").Sums
        for name in [name for name in sys.modules if name.startswith("benchmark_suite.")]:
            del sys.modules[name]


def test_each_element_is_the_sum_of_one_of_each_vector(sums_of) -> None:
    sums = sums_of(4, 3, 2)
    first, second, third = sums.vectors
    values = sums.array(3, 2, -1).compute()
    assert values.shape == (4, 3, 2)
    assert values[2, 1, 0] == first[2] + second[1] + third[0]
    np.testing.assert_array_equal(values, np.add.outer(np.add.outer(first, second), third))


def test_the_same_data_come_each_time_and_others_with_another_seed(sums_of) -> None:
    np.testing.assert_array_equal(sums_of(5, 4).array(2, 2), sums_of(5, 4).array(5, 4))
    assert not sums_of(5, 4).are_in(sums_of(5, 4, seed=1).array(2, 2))
    assert not np.array_equal(*sums_of(5, 5).vectors)


def test_means_are_known_without_the_array(sums_of) -> None:
    sums = sums_of(6, 5, 4)
    values = sums.array(2, 5, 3).compute()
    for axes in [(0,), (1,), (0, 2), (0, 1, 2)]:
        np.testing.assert_allclose(sums.mean(*axes), values.mean(axis=axes))


@pytest.mark.parametrize("chunks", [(2, 3), (6, 1), (6, 9)])
def test_an_array_holds_its_sums_whatever_its_chunks(sums_of, chunks: tuple[int, int]) -> None:
    assert sums_of(6, 9).are_in(sums_of(6, 9).array(3, 3).rechunk(chunks))


def test_an_array_does_not_hold_them_with_one_element_amiss(sums_of) -> None:
    values = sums_of(6, 9).array(6, 9).compute()
    values[[2, 3], [7, 8]] = values[[3, 2], [8, 7]]
    assert not sums_of(6, 9).are_in(da.from_array(values, chunks=3))


def test_an_array_does_not_hold_them_with_a_row_amiss_or_missing(sums_of) -> None:
    array = sums_of(6, 9).array(3, 3)
    assert not sums_of(6, 9).are_in(array[[1, 0, 2, 3, 4, 5]])
    assert not sums_of(6, 9).are_in(array[:5])


def test_a_square_is_about_as_large_as_asked_for(sums_of) -> None:
    sums, array = sums_of.square(8 * 100**2, 8 * 10**2)
    assert array.shape == sums.shape == (100, 100)
    assert array.chunksize == (10, 10)
    assert sums.are_in(array)
