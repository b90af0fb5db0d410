"""Waiting with an end: what hangs is a failure that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from distributed import Future


def computed(collection: Any, deadline: float | None = None) -> Any:
    """Compute a collection; with a deadline, on the current client.

    Parameters
    ----------
    deadline
        Seconds after which it is stuck, and the test fails; None for no end.
    """
    if deadline is None:
        return collection.compute()
    from distributed import get_client

    return result(get_client().compute(collection), deadline)


def result(future: Future, deadline: float) -> Any:
    """Return what a future has; if it isn't done after `deadline` seconds, the test fails."""
    try:
        return future.result(timeout=deadline)
    except TimeoutError:
        if future.done():
            raise  # the task's own
        pytest.fail(f"stuck: not done after {deadline:g} s")


def wait(futures: Any, deadline: float) -> None:
    """Wait for futures, or for what was persisted, likewise."""
    import distributed

    try:
        distributed.wait(futures, timeout=deadline)
    except TimeoutError:
        pytest.fail(f"stuck: not all done after {deadline:g} s")
