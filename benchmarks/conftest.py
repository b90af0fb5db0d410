"""Clusters and clients for the workloads. Heavy imports stay inside: Dask may be missing."""

from __future__ import annotations

import argparse
import importlib.util
import math
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Client, LocalCluster

HERE = Path(__file__).parent
NEEDED = ("dask", "distributed", "pandas", "pyarrow")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
REASON = f"the workloads need {', '.join(MISSING)}: pip install 'benchdb[dask]'"

#: Clusters that a test has used: its workers hold what that test left behind.
_used: weakref.WeakSet[LocalCluster] = weakref.WeakSet()


class MissingModule(pytest.Module):
    """A file of workloads that can't be imported here."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        pytest.skip(REASON, allow_module_level=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("benchmarks").addoption(
        "--worker-memory",
        default="1GiB",
        metavar="SIZE",
        help="memory limit of each of the two Dask workers; the data grow with it (default: 1GiB)",
    )
    parser.getgroup("benchmarks").addoption(
        "--benchmark-scale",
        type=_positive,
        metavar="F",
        help="make all data F times as large as the cluster asks for; F becomes part of each case",
    )


def _positive(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not 0 < scale < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, such as 0.1")
    return scale


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # In the test's id, and so in its case: rows of other sizes are another series.
    scale = metafunc.config.getoption("--benchmark-scale", default=None)
    if scale is not None and "scale" in metafunc.fixturenames:
        metafunc.parametrize("scale", [scale], ids=[f"scale={scale:g}"], scope="session")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "quick: short enough for a demonstration")


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    # benchmarks/self measures benchdb itself and needs no Dask.
    if MISSING and module_path.relative_to(HERE).parts[0] != "self":
        return MissingModule.from_parent(parent, path=module_path)
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    # Dask calls what the newest pandas deprecates: under -W error that would fail the workload.
    item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Return a folder for what a test writes; unlike `tmp_path` it is gone after the test.

    Request it before `small_client`, so that the client lets go of the files first.
    """
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def scale() -> float:
    """Return what the sizes of data, and numbers of tasks, are to be multiplied by."""
    return 1.0


@pytest.fixture(scope="module")
def worker_memory(request: pytest.FixtureRequest) -> str:
    """Return the memory limit of a worker; a module that needs another one overrides this."""
    # The option doesn't exist where pytest met this folder only while collecting.
    return str(request.config.getoption("--worker-memory", default="1GiB"))


@pytest.fixture(scope="module")
def small_cluster(worker_memory: str) -> Iterator[LocalCluster]:
    """Start two workers of one thread each; what they spill is gone afterwards."""
    import dask
    from distributed import LocalCluster

    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        # Not local_directory=: that reaches the workers alone, and the scheduler writes too.
        # A worker that takes longer to restart than that is given up, as on a busy machine.
        dask.config.set(
            {
                "temporary-directory": folder,
                "distributed.deploy.lost-worker-timeout": "10 minutes",
            }
        ),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit=worker_memory,
            dashboard_address=":0",
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def memory(small_cluster: LocalCluster, scale: float) -> float:
    """Return the bytes that sizes are fractions of: the cluster's memory, scaled."""
    from distributed import Client

    from .sizes import cluster_memory

    with Client(small_cluster) as client:
        return cluster_memory(client) * scale


@pytest.fixture(scope="module")
def worker_imports() -> tuple[str, ...]:
    """Return the modules that tasks import; a module that needs others overrides this."""
    return ("dask.array", "dask.dataframe", "distributed.shuffle", "pyarrow.parquet")


@pytest.fixture
def small_client(
    small_cluster: LocalCluster,
    worker_imports: tuple[str, ...],
    benchmark_all: Callable[[Client], AbstractContextManager[None]],
) -> Iterator[Client]:
    """Connect to workers that no other test has used, and measure what the test makes of them."""
    from distributed import Client

    def import_what_tasks_need() -> None:
        for name in worker_imports:
            importlib.import_module(name)

    with Client(small_cluster) as client:
        if small_cluster in _used:
            client.restart()
        _used.add(small_cluster)
        # Importing takes seconds, in the first task of a worker: no part of what is measured.
        client.run(import_what_tasks_need)
        with benchmark_all(client):
            yield client
