"""Work shared with a second process, where the system can copy this one with all that it holds."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

_Made = TypeVar("_Made")

#: Seconds that the other process gets beyond what this one took for its half, and how many times
#: that.
_PATIENCE, _TIMES = 5.0, 4.0

#: Why a fork may fail: no memory, no more processes.
_NO_FORK: Final = (OSError, ValueError)


def both_halves(first: Callable[[], _Made], second: Callable[[], _Made]) -> tuple[_Made, _Made]:
    """Return what two functions give; the second in a process of its own, if that is of use.

    Parameters
    ----------
    first, second
        Pure: they compute from what is in memory, open and close nothing. What the second gives can
        be pickled.

    Notes
    -----
    If the other process fails or takes far too long, this one does its work, too: a copy of a
    process with threads of libraries in it may wait for ever.
    """
    if not _can_share():
        return first(), second()
    import multiprocessing

    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_work, args=(second, ours, theirs), daemon=True
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see the notes
            process.start()
    except _NO_FORK:
        return first(), second()
    theirs.close()
    try:
        began = time.monotonic()
        one = first()
        took = time.monotonic() - began
        with contextlib.suppress(EOFError, OSError):
            if ours.poll(_PATIENCE + _TIMES * took):
                return one, ours.recv()
        return one, second()
    finally:
        ours.close()
        process.kill()
        process.join()


def _work(second: Callable[[], object], ours: Connection, theirs: Connection) -> None:
    ours.close()
    with contextlib.suppress(Exception):  # the other process meets it itself
        theirs.send(second())
    theirs.close()


def _can_share() -> bool:
    # macOS's own libraries don't outlive a fork, Windows has none.
    if not sys.platform.startswith("linux"):
        return False
    import multiprocessing

    if multiprocessing.current_process().daemon:
        return False
    return len(os.sched_getaffinity(0)) > 1
