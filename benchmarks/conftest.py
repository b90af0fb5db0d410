"""Clusters and clients for the workloads. Heavy imports stay inside: Dask may be missing."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import clusters, files

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from distributed import Client

HERE = Path(__file__).parent
NEEDED = ("dask", "distributed", "pandas", "pyarrow")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
REASON = f"the workloads need {', '.join(MISSING)}: pip install 'benchdb[dask]'"


class MissingModule(pytest.Module):
    """A file of workloads that can't be imported here."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        pytest.skip(REASON, allow_module_level=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks", "the suite of Dask workloads")
    group.addoption(
        "--cluster",
        default="local",
        metavar="WHERE",
        help="local (default), coiled, or the address of a scheduler, such as tcp://10.0.0.1:8786",
    )
    group.addoption(
        "--cluster-kwargs",
        metavar="FILE",
        help="a YAML file that is joined over benchmarks/cluster_kwargs.yaml",
    )
    group.addoption(
        "--cluster-restart",
        action="store_true",
        help="restart the workers of a cluster given by its address before each test",
    )
    group.addoption(
        "--worker-memory",
        metavar="SIZE",
        help="memory limit of each local worker (default: 1GiB); the data grow with it",
    )
    group.addoption(
        "--scratch",
        metavar="FOLDER",
        help="where workloads write files: a folder that the workers see under the same path, or a "
        "URL that fsspec knows, such as s3://bucket/prefix",
    )
    group.addoption(
        "--runtime-recipe",
        default=os.environ.get("BENCHDB_RUNTIME_RECIPE"),
        metavar="RECIPE",
        help="hold what is installed against this recipe (default: BENCHDB_RUNTIME_RECIPE)",
    )
    group.addoption(
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
    if config.pluginmanager.is_blocked("benchdb"):
        raise pytest.UsageError(
            "the suite is made of benchdb's fixtures: run it without -p no:benchdb"
        )
    from benchdb.errors import UserError

    config.addinivalue_line("markers", "quick: short enough for a demonstration")
    config.addinivalue_line("markers", "long: takes over a minute; runs with -m long or by name")
    try:
        clusters.chosen(config)
    except UserError as error:
        raise pytest.UsageError(f"--cluster: {error}") from None
    given = config.getoption("--scratch", default=None)
    if given is not None and not MISSING:
        try:
            config.option.scratch = files.checked(given, config.invocation_params.dir)
        except UserError as error:
            raise pytest.UsageError(f"--scratch: {error}") from None
    config.add_cleanup(clusters.end_on_sigterm())
    config.pluginmanager.register(clusters.Interrupts(config), "benchmarks-interrupts")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless it is asked for."""
    out = [item for item in items if _is_long(item) and not _is_asked_for(item, config)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
        config.stash[LEFT_OUT] = len(out)


LEFT_OUT: pytest.StashKey[int] = pytest.StashKey()


def _is_long(item: pytest.Item) -> bool:
    # Of other folders' tests the word means what they say it does.
    return item.path.is_relative_to(HERE) and item.get_closest_marker("long") is not None


def _is_asked_for(item: pytest.Item, config: pytest.Config) -> bool:
    name = getattr(item, "originalname", item.name)
    by_id = any(name == given.partition("::")[2].partition("[")[0] for given in config.args)
    # By a part of it, too. What stands behind a `not` there is left out by pytest itself.
    words = re.findall(r"[^\s()]+", config.option.keyword.lower())
    parts = [word.removeprefix("test_") for word in words if word not in {"and", "or", "not"}]
    by_keyword = any(part and part in name.removeprefix("test_").lower() for part in parts)
    return "long" in config.option.markexpr or by_keyword or by_id


def pytest_report_collectionfinish(config: pytest.Config) -> str | None:
    left_out = config.stash.get(LEFT_OUT, 0)
    return f"left out as long: {left_out} (-m long runs them)" if left_out else None


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: Any
) -> Generator[None, Any, Any]:
    if fixturedef.argname != clusters.FIXTURE:
        return (yield)
    try:
        result = yield
    except (Exception, pytest.fail.Exception):  # the latter is none of the former
        clusters.note_fixture(fixturedef, request, failed=True)
        raise
    clusters.note_fixture(fixturedef, request, failed=False)
    return result


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[clusters.FAILED] = False  # in an earlier attempt, it may have
    clusters.renew(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[clusters.FAILED] = True
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(clusters.TROUBLES, ()):
        terminalreporter.write_line(f"cluster: {line}", yellow=True)


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
def scratch(shared_folder: str | None, leftover: Callable[[str], None]) -> Iterator[str]:
    """Return a folder for what a test writes, a path or a URL; it is gone after the test.

    Request it before the client, so that this lets go of the files first.
    """
    with files.made_in(shared_folder, leftover) as folder:
        yield folder


@pytest.fixture(scope="module")
def module_scratch(shared_folder: str | None, leftover: Callable[[str], None]) -> Iterator[str]:
    """Return a folder for files that several tests of a module read; likewise."""
    with files.made_in(shared_folder, leftover) as folder:
        yield folder


@pytest.fixture(scope="session")
def leftover(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Return what takes a line for the summary about a folder that couldn't be removed."""
    return lambda line: clusters.note_trouble(pytestconfig, line)


@pytest.fixture(scope="module")
def shared_folder(
    small_cluster: Any, pytestconfig: pytest.Config, leftover: Callable[[str], None]
) -> str | None:
    """Return what folders are made in; tests are skipped where the workers don't see it."""
    given: str | None = clusters.option(pytestconfig, "--scratch")
    with clusters.failing_in_a_line(), files.made_in(given, leftover) as tried:
        wrong = files.unshared(small_cluster, tried)
    if wrong is not None and given is None:
        pytest.skip(f"its files need a folder that the workers see, too: --scratch FOLDER; {wrong}")
    if wrong is not None:
        pytest.fail(f"--scratch {given}: {wrong}: name one that they see, too", pytrace=False)
    return given


@pytest.fixture(scope="module")
def on_workers(
    pytestconfig: pytest.Config, small_cluster: Any, deadline: float
) -> Callable[[list[Any]], list[Any]]:
    """Return what computes delayed values on the workers before anything is measured."""
    from . import preparation

    def compute(delayed: list[Any]) -> list[Any]:
        with clusters.failing_in_a_line():
            return preparation.computed(pytestconfig, small_cluster, delayed, deadline)

    return compute


@pytest.fixture(scope="session")
def scale() -> float:
    """Return what the sizes of data, and numbers of tasks, are to be multiplied by."""
    return 1.0


@pytest.fixture(scope="module")
def cluster_kind(pytestconfig: pytest.Config) -> str:
    """Return what the tests run on: `local`, `address` or `coiled`."""
    return clusters.chosen(pytestconfig).kind


@pytest.fixture(scope="module")
def cluster_kwargs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what the module's cluster is started with."""
    with clusters.failing_in_a_line():
        return clusters.keywords(request.config, _module(request))


def _module(request: pytest.FixtureRequest) -> str:
    return str(request.path.stem)


@pytest.fixture(scope="module")
def start_cluster(
    request: pytest.FixtureRequest, cluster_kwargs: dict[str, Any]
) -> Callable[[], AbstractContextManager[Any]]:
    """Return what starts a cluster as the module's is started, for a ``with`` block."""
    return lambda: clusters.running(request.config, _module(request), cluster_kwargs)


@pytest.fixture(scope="module")
def small_cluster(start_cluster: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
    """Start the module's cluster, or find the one that runs; give what `Client` takes."""
    with start_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def memory(small_cluster: Any, scale: float) -> float:
    """Return the bytes that sizes are fractions of: the cluster's memory, scaled."""
    from benchdb.clusters.workers import connected

    from .sizes import cluster_memory

    with clusters.failing_in_a_line(), connected(small_cluster) as client:
        return cluster_memory(client) * scale


@pytest.fixture(scope="module")
def deadline(small_cluster: Any, scale: float) -> float:
    """Return the seconds after which a workload counts as stuck."""
    from benchdb.clusters.workers import connected

    from .sizes import deadline, memory_limits

    with clusters.failing_in_a_line(), connected(small_cluster) as client:
        return deadline(max(memory_limits(client)) * scale)


@pytest.fixture(scope="module")
def worker_imports() -> tuple[str, ...]:
    """Return the modules that tasks import; a module that needs others overrides this."""
    return ("dask.array", "dask.dataframe", "distributed.shuffle", "pyarrow.parquet")


@pytest.fixture(scope="module")
def cluster_used(request: pytest.FixtureRequest, cluster_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept, beside each row, of how the module's cluster was started."""
    return clusters.circumstances(request.config, _module(request), cluster_kwargs)


@pytest.fixture
def unmeasured_client(
    request: pytest.FixtureRequest,
    small_cluster: Any,
    cluster_used: dict[str, Any],
    worker_imports: tuple[str, ...],
    test_run_benchmark: Any,
) -> Iterator[Client]:
    """Connect to workers that no other test has used; at an address, to those that are there."""
    from benchdb.clusters.workers import connected, run_on_workers

    def import_what_tasks_need() -> None:
        for name in worker_imports:
            importlib.import_module(name)

    with clusters.failing_in_a_line(), connected(small_cluster) as client:
        clusters.keep_circumstances(test_run_benchmark, cluster_used, client)
        try:
            # Importing takes seconds, in a worker's first task: no part of what is measured.
            run_on_workers(client, import_what_tasks_need, timeout=clusters.IMPORT_TIMEOUT)
        except Exception:
            request.node.stash[clusters.FAILED] = True
            clusters.keep_logs(request.node, client, test_run_benchmark)
            raise
        yield client
        clusters.keep_logs(request.node, client, test_run_benchmark)


@pytest.fixture
def small_client(
    unmeasured_client: Client, benchmark_all: Callable[[Client], AbstractContextManager[None]]
) -> Iterator[Client]:
    """Measure what a test makes of such workers, from here to its end."""
    with benchmark_all(unmeasured_client):
        yield unmeasured_client


@pytest.fixture
def measured_block(
    unmeasured_client: Client, benchmark_all: Callable[[Client], AbstractContextManager[None]]
) -> AbstractContextManager[None]:
    """Return a block to measure, on such workers: for who looks at what was made after it."""
    return benchmark_all(unmeasured_client)
