"""A cluster of processes on this machine, of which nothing remains, whatever happens in between."""

from __future__ import annotations

import inspect
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from benchdb.clusters.keywords import check_keywords, size, whole_number
from benchdb.errors import UserError
from benchdb.questions import brief
from benchdb.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import psutil
    from distributed import LocalCluster

#: Seconds in which all workers must have come.
START_TIMEOUT: Final = 120.0

#: Seconds in which they must have gone.
CLOSE_TIMEOUT: Final = 30.0

#: Seconds that a process may take to end when it was killed.
_LAST: Final = 5.0

#: Seconds that a process may take to see that its worker has ended.
_GRACE: Final = 0.5

#: Seconds between two looks at who has come.
_GLANCE: Final = 0.02

_ENDED: Final = ("failed", "closing", "closed")

#: Where workers are threads of this process, its memory is no measure of theirs: they would pause
#: as soon as the tests' process is as large as one of them may be.
_OF_THREADS: Final = {
    f"distributed.worker.memory.{limit}": False for limit in ("spill", "pause", "terminate")
}

#: Keywords that this layer sets, and those that distributed has given up.
_OURS: Final = frozenset({"self", "asynchronous", "loop", "start", "ip", "worker_kwargs", "kwargs"})

#: Without a word from the user: the port of the dashboard may be taken by another cluster.
_DEFAULTS: Final = {"threads_per_worker": 1, "dashboard_address": ":0"}


def known_keywords() -> list[str]:
    """Return the keywords that a cluster on this machine can be given: its own, its workers'."""
    from distributed import LocalCluster, Nanny, Worker

    names = {
        name: None
        for kind in (LocalCluster, Nanny, Worker)
        for name in inspect.signature(kind.__init__).parameters
    }
    return [name for name in names if name not in _OURS]


@contextmanager
def running(
    keywords: Mapping[str, Any],
    *,
    start_timeout: float = START_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
) -> Iterator[LocalCluster]:
    """Start a cluster on this machine for a ``with`` block, and end it at the block's end.

    What its scheduler and workers write is in a folder that goes with it; that of a process that
    was killed goes when the next one starts.

    Parameters
    ----------
    keywords
        As ``distributed.LocalCluster`` takes them: ``n_workers``, ``threads_per_worker``,
        ``memory_limit`` of each worker, …; by default a worker of one thread for each core.
    start_timeout
        Seconds in which all workers must have come.
    close_timeout
        Seconds in which all must have gone; what is left then is killed.

    Yields
    ------
    distributed.LocalCluster
        With all its workers.

    Raises
    ------
    UserError
        If it doesn't start, or workers lingered and were killed, in one line.
    """
    import dask
    from dask.system import CPU_COUNT
    from distributed import LocalCluster

    check_keywords(keywords, known_keywords(), "the cluster's keywords")
    given = {**_DEFAULTS, "death_timeout": start_timeout, **keywords}
    asked = given.pop("n_workers", None)
    number = CPU_COUNT if asked is None else whole_number("n_workers", asked)
    if isinstance(limit := given.get("memory_limit"), str) and limit != "auto":
        size("memory_limit", limit)
    with (
        scratch_folder() as folder,
        dask.config.set(
            {
                # Not local_directory=: that reaches the workers alone; the scheduler writes, too.
                "temporary-directory": str(folder),
                # A worker that takes longer to restart is given up, as on a busy machine.
                "distributed.deploy.lost-worker-timeout": "10 minutes",
                **(_OF_THREADS if given.get("processes") is False else {}),
            }
        ),
    ):
        before = _children()
        # In two steps, so that there is something to close if the second is interrupted.
        cluster: Any = object.__new__(LocalCluster)
        try:
            # Workers later: to wait for them here would have no end.
            cluster.__init__(n_workers=0, **given)
        except BaseException as error:
            _close_half(cluster)
            if not isinstance(error, Exception):
                raise
            raise UserError(
                f"the cluster didn't start ({brief(error)}): look at what it was given"
            ) from error
        try:
            _bring(cluster, number, start_timeout)
        except BaseException:
            # While one starts, the cluster can't be closed: it waits for that.
            _kill([one for one in _children() - before if _is_of_dask(one)])
            with suppress(UserError):
                _close(cluster, min(close_timeout, 2 * _LAST))
            raise
        try:
            yield cluster
        finally:
            _close(cluster, close_timeout)


def _bring(cluster: Any, number: int, timeout: float) -> None:
    """Start workers, and wait until they are there."""
    cluster.scale(number)
    deadline = time.monotonic() + timeout
    while len(cluster.workers) < number or len(cluster.scheduler.workers) < number:
        failed = [one for one in cluster.workers.values() if one.status.name in _ENDED]
        here = len(cluster.scheduler.workers)
        if failed or time.monotonic() > deadline:
            why = "the others died" if failed else f"not more in {timeout:g} seconds"
            raise UserError(
                f"{here} of the cluster's {number} workers came, {why}: look at what they printed, "
                "or ask for fewer"
            )
        time.sleep(_GLANCE)


def _close_half(begun: Any) -> None:
    """Close a cluster that didn't come to an end of its start, as far as it got."""
    deadline = time.monotonic() + _LAST
    status = getattr(begun, "status", None)
    # Its loop goes on with the start, and before its end there is nothing that could be closed.
    while status is not None and status.name in ("created", "starting"):
        if time.monotonic() > deadline:
            break
        time.sleep(_GLANCE)
        status = begun.status
    with suppress(Exception):
        begun.close(timeout=_LAST)


def _close(started: Any, timeout: float) -> None:
    """Close a cluster; kill what doesn't go."""
    workers, others = _workers(started), _of_tasks(started)
    try:
        started.close(timeout=timeout)
    except (TimeoutError, AssertionError, OSError):
        started.shutdown_on_close = False  # else Python's end would wait for it again
    finally:  # interrupted, too
        lingering = _kill({*workers, *_workers(started)})
        left = _end(others)
        if started.status.name != "closed":
            with suppress(Exception):
                started.sync(started.scheduler.close, callback_timeout=_LAST)
    if lingering:
        raise UserError(
            f"workers didn't end within {timeout:g} seconds and were killed (processes "
            f"{lingering}): look at what the test left running on them"
        )
    if left:
        raise UserError(left)


@contextmanager
def ending_what_tasks_started(cluster: Any) -> Iterator[None]:
    """Kill the processes that tasks have started, once a block has ended the workers.

    Parameters
    ----------
    cluster
        As `running` gave it; with any other, nothing is killed.

    Raises
    ------
    UserError
        If there were any after the block, which names them.
    """
    others = _of_tasks(cluster)
    yield
    if left := _end(others):
        raise UserError(left)


# -- processes


def _psutil() -> Any:
    import psutil

    return psutil


def _workers(cluster: Any) -> list[psutil.Process]:
    """Return the processes of the workers that there are."""
    psutil, found = _psutil(), []
    for worker in list(getattr(cluster, "workers", {}).values()):
        pid = getattr(worker, "pid", None)
        if pid and pid != os.getpid():  # without processes they live in this one
            with suppress(psutil.Error):
                found.append(psutil.Process(pid))
    return found


def _of_tasks(cluster: Any) -> list[psutil.Process]:
    """Return the processes below those of the workers."""
    found = []
    for worker in _workers(cluster):
        with suppress(_psutil().Error):
            found += worker.children(recursive=True)
    return found


def _children() -> set[psutil.Process]:
    return set(_psutil().Process().children(recursive=True))


def _is_of_dask(process: psutil.Process) -> bool:
    """Tell whether it is of the kind that a nanny starts, not a test's own."""
    with suppress(_psutil().Error):
        line = " ".join(process.cmdline())
        return "multiprocessing" in line and "resource_tracker" not in line
    return False


def _end(others: Collection[psutil.Process]) -> str:
    """Kill what workers have left, and return what is to be said of it; empty if nothing."""
    _psutil().wait_procs(others, timeout=_GRACE)  # some end with their worker, a moment later
    if not (killed := _kill(others)):
        return ""
    return (
        f"tasks left processes behind, which were killed ({killed}): let the test end what it "
        "starts"
    )


def _kill(processes: Collection[psutil.Process]) -> str:
    """Kill those that still run, and return their names and ids; a zombie has ended."""
    psutil, killed = _psutil(), []
    for process in processes:
        with suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                killed.append(f"{process.name()} {process.pid}")
                process.kill()
    psutil.wait_procs(processes, timeout=_LAST)
    return ", ".join(killed)
