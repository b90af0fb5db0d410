"""The lock that says that a session is alive: an operating-system lock on a small file of its own.

The system frees it when the process dies, however it dies. It is taken before the session's row is
written and given back after the session is closed, so an open session whose lock is free is lost.

A forked child would share the lock and keep it when its parent was killed, so it closes its copy;
not every release of filelock does so.
"""

from __future__ import annotations

import contextlib
import os
import sys
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


_held: set[int] = set()


def _close_in_child() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def session_lock_path(database: Path, uid: str) -> Path:
    """Return the lock file of a session: beside the database, named like its other helpers."""
    return database.with_name(f"{database.name}-{uid}.lock")


class SessionLock:
    """Held by the process that records a session, from before its first row until it is closed.

    Parameters
    ----------
    database
        The SQLite file that the session is recorded into.
    uid
        The session's uid.

    Raises
    ------
    OSError
        If the file can't be made or locked.
    """

    def __init__(self, database: Path, uid: str) -> None:
        self._path = session_lock_path(database, uid)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(self._descriptor)
        except OSError:
            os.close(self._descriptor)
            raise
        _held.add(self._descriptor)

    def release(self) -> None:
        """Give the lock back and remove its file; does nothing twice, or in a forked child."""
        if self._descriptor not in _held:
            return
        _held.discard(self._descriptor)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        with contextlib.suppress(OSError):  # Windows can't remove an open file
            self._path.unlink(missing_ok=True)
        self._descriptor = -1


def is_held(database: Path, uid: str) -> bool:
    """Tell whether a process that lives holds the lock of a session; where in doubt, it does."""
    path = session_lock_path(database, uid)
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


def discard(database: Path, uid: str) -> None:
    """Remove the lock file of a session that is closed."""
    with contextlib.suppress(OSError):
        session_lock_path(database, uid).unlink(missing_ok=True)
