"""Clients and workers of a cluster, whatever its kind; nothing here waits without an end."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb.errors import UserError, one_line
from benchdb.questions import Answers, ask_workers, named, worker_addresses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from distributed import Client

#: Seconds in which a scheduler must answer.
ANSWER_TIMEOUT: Final = 30.0

#: Seconds in which workers must be back after a restart.
RESTART_TIMEOUT: Final = 60.0

#: Seconds that a deadline of distributed's own may be late.
_LAST_MOMENT: Final = 0.5

#: Seconds between two looks at how many workers there are.
_GLANCE: Final = 0.05

_T = TypeVar("_T")


@contextmanager
def connected(cluster: Any, *, timeout: float = ANSWER_TIMEOUT) -> Iterator[Client]:
    """Connect a client to a cluster for a ``with`` block.

    At its end the scheduler lets go of the client's futures, and of the plugins that the client
    registered: the cluster may have other users.

    Parameters
    ----------
    cluster
        What ``distributed.Client`` takes: a cluster, or the address of a scheduler.
    timeout
        Seconds in which the scheduler must answer, and at the end once more.

    Raises
    ------
    UserError
        If none answers, in one line.
    """
    address = cluster if isinstance(cluster, str) else getattr(cluster, "scheduler_address", "")
    begun = time.monotonic()
    # In two steps, so that there is something to close if the second fails.
    client: Any = object.__new__(_client_class())
    try:
        client.__init__(cluster, timeout=timeout)
    except BaseException as error:
        _give_up(client)
        if not isinstance(error, Exception):
            raise
        late = f" within {timeout:g} seconds" if time.monotonic() - begun >= timeout else ""
        raise UserError(
            f"no scheduler answers at {address}{late} ({one_line(error)}): is it running, and is "
            "that its address?"
        ) from error
    plugins: list[tuple[str, str]] = []
    _note_plugins(client, plugins)
    try:
        yield client
    finally:
        # A scheduler that is gone, or doesn't answer, holds nothing of ours that could be had.
        with suppress(Exception):
            if plugins and client.status == "running":
                within(client, timeout, lambda: _without(client, plugins))
        with suppress(Exception):
            client.close(timeout=timeout)


@functools.cache
def _client_class() -> Any:
    """Return a client class that keeps to its timeout whatever the scheduler does.

    Distributed's own waits without an end where a port is open and nothing answers, as when the
    scheduler's process is stopped.
    """
    from distributed import Client

    untyped: Any = Client

    class PunctualClient(untyped):  # type: ignore[misc]
        async def _start(self, **given: Any) -> Any:
            starting = asyncio.ensure_future(super()._start(**given))
            # A moment more, as distributed's own errors say more than ours.
            await asyncio.wait({starting}, timeout=float(self._timeout) + _LAST_MOMENT)
            if starting.done():
                return starting.result()
            starting.cancel()
            raise TimeoutError("its port is open, and nothing comes from it")

    return PunctualClient


def _give_up(client: Any) -> None:
    """Leave neither a thread nor a default client of one that couldn't connect."""
    with suppress(Exception):
        client.close(timeout=_LAST_MOMENT)
    with suppress(Exception):
        client._loop_runner.stop()


def _note_plugins(client: Any, plugins: list[tuple[str, str]]) -> None:
    """Have a client note, by kind and name, which plugins it registers."""
    from distributed import NannyPlugin, SchedulerPlugin

    register = client.register_plugin

    def noting(plugin: Any, name: str | None = None, **more: Any) -> Any:
        called = name or getattr(plugin, "name", None)
        if called is None:
            called = name = f"{type(plugin).__name__}-{uuid.uuid4()}"
        kinds = {SchedulerPlugin: "scheduler", NannyPlugin: "nanny"}
        kind = next((kind for cls, kind in kinds.items() if isinstance(plugin, cls)), "worker")
        # Before it is registered: a scheduler keeps one that fails on the workers, too.
        plugins.append((kind, called))
        return register(plugin, name, **more)

    client.register_plugin = noting


async def _without(client: Any, plugins: list[tuple[str, str]]) -> None:
    for kind, name in plugins:
        with suppress(Exception):  # its test took it away itself
            if kind == "scheduler":
                await client.unregister_scheduler_plugin(name)
            else:
                await client.unregister_worker_plugin(name, nanny=kind == "nanny")


def within(client: Any, timeout: float, question: Callable[[], Awaitable[_T]]) -> _T:
    """Run a coroutine on a client's loop, with a deadline in seconds.

    Raises
    ------
    TimeoutError
        If it isn't done by then.
    """
    answer: _T = client.sync(question, callback_timeout=timeout)
    return answer


def count_workers(client: Any, *, timeout: float = ANSWER_TIMEOUT) -> int:
    """Return how many workers a scheduler has.

    Raises
    ------
    TimeoutError
        If it doesn't answer.
    """

    def count(dask_scheduler: Any) -> int:
        return len(dask_scheduler.workers)

    # Not Client.scheduler_info(): some releases of distributed name five workers at most there.
    here: int = within(client, timeout, lambda: client.run_on_scheduler(count))
    return here


def wait_for_workers(
    client: Any, number: int, *, timeout: float = ANSWER_TIMEOUT, exactly: bool = False
) -> None:
    """Wait until there are as many workers.

    Parameters
    ----------
    exactly
        Whether more are too many.

    Raises
    ------
    UserError
        If there aren't in time, in one line.
    """
    deadline = time.monotonic() + timeout
    here = None
    while time.monotonic() < deadline:
        with suppress(TimeoutError):
            here = count_workers(client, timeout=max(deadline - time.monotonic(), _GLANCE))
            if here == number or (here > number and not exactly):
                return
        time.sleep(_GLANCE)
    what = "the scheduler doesn't answer" if here is None else f"it has {here}"
    raise UserError(
        f"the cluster didn't have {number} workers within {timeout:g} seconds ({what}): look at "
        "its logs, or ask for fewer"
    )


class NoNanny(UserError):
    """Workers that nothing would start again."""


def restart(
    cluster: Any, client: Any, number: int | None, *, timeout: float = RESTART_TIMEOUT
) -> None:
    """Make all workers anew, as many as there were: none has what tasks left behind.

    Parameters
    ----------
    cluster
        What the client was connected to; it is scaled where it can be.
    number
        How many workers there must be; as many as there are if None.
    timeout
        Seconds for all of it.

    Raises
    ------
    NoNanny
        If some have no nanny; nothing is restarted then.
    UserError
        If they don't come back, or there are none, in one line.
    """
    deadline = time.monotonic() + timeout

    try:
        _restart(cluster, client, number, deadline)
    except UserError:
        raise
    except Exception as error:
        late = f" within {timeout:g} seconds" if time.monotonic() >= deadline else ""
        raise UserError(
            f"the cluster's workers didn't restart{late} ({type(error).__name__}): look at its logs"
        ) from error


def _restart(cluster: Any, client: Any, number: int | None, deadline: float) -> None:
    def left() -> float:
        return max(deadline - time.monotonic(), _GLANCE)

    here = count_workers(client, timeout=left())
    number = here if number is None else number
    if number < 1:
        raise UserError("the cluster has no workers: look at its logs")
    if hasattr(cluster, "scale") and here != number:
        cluster.scale(number)
        wait_for_workers(client, number, timeout=left(), exactly=True)
    if bare := _without_nanny(client, left()):
        raise NoNanny(f"{bare} of the workers have no nanny, and wouldn't survive a restart")
    within(client, left(), lambda: client.restart(timeout=left(), wait_for_workers=True))
    wait_for_workers(client, number, timeout=left())


def _without_nanny(client: Any, timeout: float) -> int:
    def count(dask_scheduler: Any) -> int:
        workers = dask_scheduler.workers.values()
        return sum(not worker.nanny for worker in workers)

    bare: int = within(client, timeout, lambda: client.run_on_scheduler(count))
    return bare


def run_on_workers(client: Any, function: Callable[..., Any], *, timeout: float) -> dict[str, Any]:
    """Run a function on all workers, and return what each said, by address.

    Parameters
    ----------
    timeout
        Seconds that each has. All are asked at once, and a frozen one holds up no other.

    Raises
    ------
    UserError
        If it raises there, or a worker doesn't answer: a line that names them.
    """

    async def all_of_them() -> Answers:
        addresses = await asyncio.wait_for(worker_addresses(client), ANSWER_TIMEOUT)
        return await ask_workers(client, function, workers=addresses, seconds=timeout)

    async def unless_lost() -> Answers:
        asking = asyncio.ensure_future(all_of_them())
        try:
            while client.status == "running" and not asking.done():
                await asyncio.wait({asking}, timeout=_GLANCE)
            if asking.done():
                return asking.result()
        finally:
            asking.cancel()
        raise ConnectionError

    given: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    try:
        given, wrong, _ = within(client, ANSWER_TIMEOUT + timeout + 1, unless_lost)
    except ConnectionError:
        wrong["the scheduler"] = "it is gone"
    except Exception as error:
        wrong["the scheduler"] = type(error).__name__
    if wrong:
        raise UserError(
            f"not ready within {timeout:g} seconds: {named(wrong)}: look at the cluster's logs"
        )
    return given
