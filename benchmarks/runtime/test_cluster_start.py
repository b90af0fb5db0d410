"""Clusters of its own: how long people wait for one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.clusters import keep_circumstances

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: Starts that are measured where they cost nothing.
ROUNDS = 3


@pytest.fixture(autouse=True)
def kept(cluster_used: dict[str, Any], test_run_benchmark: Any) -> None:
    """Keep, beside the row, how the clusters are started."""
    keep_circumstances(test_run_benchmark, cluster_used)


def test_cluster_start(
    cluster_kind: str,
    cluster_kwargs: dict[str, Any],
    start_cluster: Callable[[], AbstractContextManager[Any]],
    benchmark_time: Any,
    get_cluster_info: Any,
) -> None:
    """How long a cluster takes until all its workers are there, and until it is gone."""
    if cluster_kind == "address":
        pytest.skip("a cluster that is given by its address is neither started nor closed")
    from benchdb.clusters.workers import connected, count_workers

    for _ in range(ROUNDS if cluster_kind == "local" else 1):
        with ExitStack() as stack:
            with benchmark_time("start"):
                cluster = stack.enter_context(start_cluster())
            get_cluster_info(cluster)
            with connected(cluster) as client:
                here = count_workers(client)
                assert here == cluster_kwargs.get("n_workers", here) > 0
            with benchmark_time("close"):
                stack.close()
