"""Clusters that these workloads may harm."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from distributed import Client
    from distributed.deploy import Cluster


@pytest.fixture
def own_cluster(cluster_kind: str, small_cluster: Cluster) -> Cluster:
    """Return the cluster if this session started it: others' workers must not be stopped."""
    if cluster_kind == "address":
        pytest.skip("the workload stops workers, which a cluster given by its address may need")
    return small_cluster


@pytest.fixture
def mortal_client(own_cluster: Cluster, small_client: Client) -> Client:
    """Return a client whose workers are processes of their own, which can be killed."""
    if os.getpid() in small_client.run(os.getpid).values():
        pytest.skip("the workload kills workers, and these live in this process")
    return small_client
