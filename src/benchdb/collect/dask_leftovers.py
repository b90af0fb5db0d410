"""Nothing of a window stays on a cluster: not on slow servers, nor where its client is lost.

All functions here return others that a scheduler or a worker runs, as `dask_window` has it. They
take the server as their `dask_worker`: Dask passes a scheduler under that name, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where the process of a server keeps the names of windows that must not begin any more.
_ENDED: Final = "_benchdb_ended_windows"


class ServerFunctions(NamedTuple):
    """What begins and ends something on a scheduler or a worker, and looks at it meanwhile."""

    begin: Callable[..., Any]
    end: Callable[..., Any]
    glance: Callable[..., None] | None = None


def unless_ended(begin: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for a server that may hear of the end of a window before of its begin.

    It takes the window's name and a tuple of what else `begin` takes.
    """
    attribute = _ENDED

    def begin_unless_ended(window: str, given: tuple[Any, ...], dask_worker: Any) -> Any:
        import sys

        if (window, dask_worker.address) in vars(sys).get(attribute, ()):
            return None
        return begin(window, *given, dask_worker)

    return begin_unless_ended


def for_good(end: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that ends a window on a server so that it won't begin later.

    It takes the window's name and a tuple of what else `end` takes.
    """
    attribute = _ENDED

    def end_for_good(window: str, given: tuple[Any, ...], dask_worker: Any) -> None:
        import sys

        vars(sys).setdefault(attribute, set()).add((window, dask_worker.address))
        end(window, *given, dask_worker)

    return end_for_good


def watched(functions: ServerFunctions, seconds: float) -> ServerFunctions:
    """Return functions for a scheduler that end what they began when the client is lost.

    Parameters
    ----------
    functions
        They take the window's name and the scheduler; `end` takes more between.
    seconds
        Between two looks at whether the client is there.
    """
    begin, end, glance = functions

    def begin_watched(
        window: str, client_id: str, nothing: tuple[Any, ...], lost: bytes, dask_worker: Any
    ) -> Any:
        """Begin; where the client is lost, `end` takes `nothing`, and all workers run `lost`."""
        from tornado.ioloop import PeriodicCallback

        scheduler = dask_worker
        answer = begin(window, scheduler)

        async def end_on_workers() -> None:
            message = {"op": "run", "function": lost, "wait": True}
            await scheduler.broadcast(msg=message, on_error="ignore")

        def tick() -> None:
            if client_id not in scheduler.clients:  # its test is gone, and won't ask any more
                end_watched(window, nothing, scheduler)
                scheduler.loop.add_callback(end_on_workers)
            elif glance is not None:
                glance(window, scheduler)

        callback = PeriodicCallback(tick, seconds * 1000)
        scheduler.periodic_callbacks[f"benchdb-{window}"] = callback
        callback.start()
        return answer

    def end_watched(window: str, given: tuple[Any, ...], dask_worker: Any) -> Any:
        callback = dask_worker.periodic_callbacks.pop(f"benchdb-{window}", None)
        if callback is not None:
            callback.stop()
        return end(window, *given, dask_worker)

    return ServerFunctions(begin_watched, end_watched)


def when_lost(window: str, end: Callable[..., Any]) -> bytes:
    """Return, pickled, what ends a window on a worker whose scheduler has lost the client."""
    from distributed.protocol import pickle

    def end_lost(dask_worker: Any) -> None:
        end(window, dask_worker)

    dumps: Any = pickle.dumps
    dumped: bytes = dumps(end_lost)
    return dumped
