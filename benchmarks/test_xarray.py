"""Labelled arrays, as climate science has them: days by places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from . import sizes
from .sums import Sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

xarray = pytest.importorskip("xarray", reason="the workload needs xarray: pip install xarray")

DAYS = 256

#: Days of a year that is made up, so that it divides them.
YEAR = 16


@pytest.fixture(scope="module")
def worker_imports() -> tuple[str, ...]:
    return ("dask.array", "xarray")


@pytest.fixture(autouse=True)
def without_flox() -> Iterator[None]:
    """Let xarray group by itself: whether flox is installed must not make another workload."""
    with xarray.set_options(use_flox=False):
        yield


def days_by_places(nbytes: float, chunk: int) -> tuple[Sums, xarray.DataArray]:
    """Return a labelled array of about that many bytes in chunks of that many days."""
    sums = Sums(DAYS, sizes.width(nbytes, DAYS))
    day = np.arange(DAYS) % YEAR
    labelled = xarray.DataArray(
        sums.array(chunk, -1), dims=("time", "place"), coords={"day": ("time", day)}
    )
    return sums, labelled


def test_reductions(memory: float, small_client: Client) -> None:
    """Least, greatest and mean of the same chunks at once: memory, as each needs all of them."""
    sums, labelled = days_by_places(memory / 2, 2)
    parts = {"least": labelled.min("time"), "most": labelled.max("time")}
    found = xarray.Dataset(parts | {"mean": labelled.mean("time")}).compute()
    days, places = sums.vectors
    np.testing.assert_allclose(found.least, days.min() + places)
    np.testing.assert_allclose(found.most, days.max() + places)
    np.testing.assert_allclose(found["mean"], days.mean() + places)


def test_climatology(memory: float, small_client: Client) -> None:
    """Distance to the mean of equal days of all years: memory, as groups lie across the chunks."""
    sums, labelled = days_by_places(memory / 3, 4)
    by_day = labelled.groupby("day")
    found = (by_day - by_day.mean("time")).mean("place").compute()
    days, _ = sums.vectors
    usual = days.reshape(-1, YEAR).mean(axis=0)
    np.testing.assert_allclose(found, days - np.tile(usual, DAYS // YEAR), atol=1e-9)


def test_rolling_mean(memory: float, small_client: Client) -> None:
    """Mean of each week: chunks with their neighbours' edges, and tasks for these."""
    sums, labelled = days_by_places(memory / 16, 16)
    found = labelled.rolling(time=7).mean().mean("place").compute()
    days, places = sums.vectors
    weeks = np.convolve(days, np.ones(7) / 7, mode="valid")
    np.testing.assert_allclose(found[6:], weeks + places.mean())
    assert np.isnan(found[:6]).all()
