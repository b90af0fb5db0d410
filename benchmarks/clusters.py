"""What keeps the suite's clusters fit: each test gets one that no other test has left marks on."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchdb.clusters.where import Where

HERE = Path(__file__).parent
KEYWORDS = HERE / "cluster_kwargs.yaml"

#: The fixture whose cluster is looked after.
FIXTURE = "small_cluster"

#: Starts of a module's cluster that may fail before its other tests fail without another.
STARTS = 2

#: Seconds in which the workers must have imported what tasks need; a loaded machine is slow.
IMPORT_TIMEOUT = 120.0


class Standing(NamedTuple):
    """The cluster of a module as pytest holds it."""

    definition: Any
    request: Any
    failed: int
    workers: int | None


STANDING: pytest.StashKey[Standing] = pytest.StashKey()
FAILED: pytest.StashKey[bool] = pytest.StashKey()
TROUBLES: pytest.StashKey[list[str]] = pytest.StashKey()
INTERRUPTED: pytest.StashKey[bool] = pytest.StashKey()


def option(config: pytest.Config, name: str, default: Any = None) -> Any:
    """Return an option; those of this folder don't exist where pytest met it while collecting."""
    return config.getoption(name, default=default)


def chosen(config: pytest.Config) -> Where:
    """Return where the tests run."""
    from benchdb.clusters.where import read_where

    return read_where(str(option(config, "--cluster", "local")))


def keywords(config: pytest.Config, module: str) -> dict[str, Any]:
    """Return the keywords of a module's cluster, from the suite's file and the user's."""
    from benchdb.clusters.where import keywords_from

    where = chosen(config)
    given = option(config, "--cluster-kwargs")
    override = config.invocation_params.dir / given if given else None
    modules = {path.stem for path in HERE.rglob("test_*.py")}
    joined = keywords_from(
        where, KEYWORDS, (module, FIXTURE), override=override, others={FIXTURE, *modules}
    )
    memory = option(config, "--worker-memory")
    if memory is not None and where.kind == "local":
        joined["memory_limit"] = memory
    return joined


def software() -> str | None:
    """Return the software environment on Coiled; package sync without one."""
    return os.environ.get("COILED_SOFTWARE_NAME") or None


def tags(module: str) -> dict[str, str]:
    """Return what clusters on Coiled are tagged with."""
    from benchdb.clusters.tags import ci_tags

    return {"module": module} | ci_tags(os.environ)


@contextlib.contextmanager
def failing_in_a_line(config: pytest.Config | None = None) -> Iterator[None]:
    """Let what is wrong with a cluster be one line, with no traceback.

    With a `config`, what is wrong when pytest is interrupted goes to the summary: nobody would
    catch it.
    """
    from benchdb.errors import UserError

    try:
        yield
    except UserError as error:
        if config is None or not config.stash.get(INTERRUPTED, False):
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        note_trouble(config, str(error))


@contextlib.contextmanager
def running(config: pytest.Config, module: str, given: Mapping[str, Any]) -> Iterator[Any]:
    """Start a module's cluster for a ``with`` block, or find the one that runs."""
    from benchdb.clusters import where

    made = where.running(chosen(config), given, software=software(), tags=tags(module))
    with failing_in_a_line(config), made as cluster:
        yield cluster


# -- between tests


def note_fixture(definition: Any, request: Any, *, failed: bool) -> None:
    """Remember a module's cluster, or that it didn't start."""
    before = request.node.stash.get(STANDING, None)
    failures = (before.failed if before else 0) + 1 if failed else 0
    workers = None if failed else _number(definition.cached_result[0])
    request.node.stash[STANDING] = Standing(definition, request, failures, workers)


def _number(cluster: Any) -> int | None:
    from benchdb.clusters.workers import connected, count_workers
    from benchdb.errors import UserError

    # On Coiled some may be still to come. A scheduler that doesn't answer now is the next test's
    # trouble, which asks again.
    planned = len(getattr(cluster, "plan", ()))
    with contextlib.suppress(UserError, TimeoutError, OSError), connected(cluster) as client:
        return max(planned, count_workers(client))
    return None


def renew(item: pytest.Item) -> None:
    """Make a cluster that another test has used as new; or have pytest start another one."""
    module = item.getparent(pytest.Module)
    standing = module.stash.get(STANDING, None) if module is not None else None
    if standing is None or FIXTURE not in getattr(item, "fixturenames", ()):
        return
    result = standing.definition.cached_result
    if result is None:
        return
    if result[2] is not None:
        # At an address nothing is started, and to look once more takes as long as before.
        if standing.failed < STARTS and chosen(item.config).kind != "address":
            standing.definition.finish(standing.request)
        return
    cluster = result[0]
    if isinstance(cluster, str) and not option(item.config, "--cluster-restart"):
        return
    from benchdb.clusters.local import ending_what_tasks_started
    from benchdb.clusters.workers import NoNanny, connected, restart

    is_ours = not isinstance(cluster, str)
    try:
        with ending_what_tasks_started(cluster), connected(cluster) as client:
            restart(cluster, client, standing.workers)
        return
    except NoNanny as error:
        consequence = "each test gets a cluster of its own" if is_ours else "they aren't restarted"
        if chosen(item.config).kind != "local":  # here it takes less time than a restart
            note_trouble(item.config, f"{error}: {consequence}")
    except Exception as error:  # whatever it is, it's no fault of this test
        note_trouble(item.config, f"before {item.nodeid}: {error or type(error).__name__}")
    if is_ours:
        try:
            # What stands on it, such as data of the module's, goes too and is made anew.
            standing.definition.finish(standing.request)
        except (Exception, pytest.fail.Exception) as lingering:
            note_trouble(item.config, f"before {item.nodeid}: {lingering}")


def note_trouble(config: pytest.Config, line: str) -> None:
    """Keep a line for the summary, once."""
    lines = config.stash.setdefault(TROUBLES, [])
    if line not in lines:
        lines.append(line)


# -- what is kept of a test


def keep_logs(item: pytest.Item, client: Any, row: Any) -> None:
    """Attach a cluster's logs to the row of a test that failed, a file for each that wrote one."""
    if not row or not item.stash.get(FAILED, False):
        return
    from benchdb.collect.dask_logs import cluster_logs

    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name, text in cluster_logs(client).items():
            if text:
                _attach(row, Path(folder), "cluster_log", f"{name}.log", text + "\n")


def keep_circumstances(row: Any, used: Mapping[str, Any], client: Any = None) -> None:
    """Attach what the cluster of a row was started with, secrets hidden."""
    if not row:
        return
    from benchdb.clusters.yaml_files import written
    from benchdb.collect.redaction import redact_tree

    said = dict(used)
    if client is not None:
        said["scheduler"] = client.scheduler.address
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        text = written(redact_tree(said))
        _attach(row, Path(folder), "cluster_kwargs", "cluster_kwargs.merged.yaml", text)


def _attach(row: Any, folder: Path, kind: str, name: str, text: str) -> None:
    path = folder / "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in name)
    path.write_text(text, "utf-8")
    row.attach(kind, path)


def circumstances(config: pytest.Config, module: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module's cluster is started with, and by which options."""
    from importlib.metadata import PackageNotFoundError, version

    where = chosen(config)
    names = (
        *("--cluster", "--cluster-kwargs", "--cluster-restart", "--worker-memory"),
        *("--scratch", "--benchmark-scale"),
    )
    versions = {"python": platform.python_version()}
    for name in ("benchdb", "coiled", "dask", "distributed"):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    said: dict[str, Any] = {
        "module": module,
        "cluster": where.address or where.kind,
        "keywords": dict(given),
        "options": {name: option(config, name) for name in names},
        "versions": versions,
    }
    if where.kind == "coiled":
        said |= {"software": software() or "package sync", "tags": tags(module)}
    return said


# -- signals


class Ended(KeyboardInterrupt):
    """SIGTERM has come. Not `pytest.exit`'s, an Exception, which any handler of those would eat."""


class Interrupts:
    """Notes that pytest was interrupted, and says by its exit code if that was SIGTERM."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ended = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._config.stash[INTERRUPTED] = True
        self._ended = isinstance(excinfo.value, Ended)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._ended:
            session.exitstatus = 128 + signal.SIGTERM


def end_on_sigterm() -> Callable[[], None]:
    """Have SIGTERM end pytest as Ctrl-C does, fixtures and all; return what undoes that."""

    def end(*_: object) -> None:
        raise Ended("SIGTERM")

    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return lambda: None  # somebody else's
    signal.signal(signal.SIGTERM, end)

    def undo() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    return undo
