"""Operating-system locks on small files: freed when their process dies, however it dies.

A forked child would share a lock and keep it when its parent was killed, so it closes its copy; not
every release of filelock does so, and importing it takes a tenth of what a session may take to
start.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import random
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


#: What systems say of a lock that another holds; `EACCES` also of a file that can't be opened.
_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)

_held: set[int] = set()


class HeldByAnother(BlockingIOError):
    """Another process holds the lock: to be tried again."""


def _close_in_child() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class ProcessLock:
    """A lock on a file that one process holds; the file is made if there is none.

    Parameters
    ----------
    path
        The file, which nothing else is kept in.

    Raises
    ------
    HeldByAnother
        If another holds it.
    OSError
        If the file can't be made, or can't be locked where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            if error.errno in _TAKEN:
                raise HeldByAnother(error.errno, error.strerror, str(path)) from None
            raise
        _held.add(self._descriptor)

    def release(self, *, remove: bool = True) -> None:
        """Give the lock back and remove its file; does nothing twice, or in a forked child."""
        if self._descriptor not in _held:
            return
        _held.discard(self._descriptor)
        is_there = remove
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
                is_there = False
        os.close(self._descriptor)
        if is_there:  # Windows can't remove an open file; elsewhere it may be another's by now
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
        self._descriptor = -1


def patiently(path: Path, patience: float = math.inf) -> ProcessLock:
    """Take a lock that others hold for a moment only.

    Parameters
    ----------
    patience
        Seconds to wait for it.

    Raises
    ------
    HeldByAnother
        If another still holds it then.
    OSError
        As of `ProcessLock`.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return ProcessLock(path)
        except HeldByAnother:
            if time.monotonic() > until:
                raise
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - so that none starves


def is_locked(path: Path) -> bool:
    """Tell whether a process that lives holds the lock on a file; where in doubt, it does."""
    try:
        descriptor = _opened(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError:  # another user's, or on a read-only file system: enough to ask for its lock
        return os.open(path, os.O_RDONLY)
