"""The lock that says that a session is alive: an operating-system lock on a small file of its own.

The system frees it when the process dies, however it dies; a forked child doesn't keep it. It is
taken before the session's row is written and given back after the session is closed, so an open
session whose lock is free is lost.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from filelock import FileLock, Timeout


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
        self._owner = os.getpid()
        self._lock = FileLock(self._path, blocking=False, thread_local=False)
        self._lock.acquire()

    def release(self) -> None:
        """Give the lock back and remove its file; does nothing in a forked child."""
        if os.getpid() != self._owner:
            return
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._lock.release()
        with contextlib.suppress(OSError):  # Windows can't remove an open file
            self._path.unlink(missing_ok=True)


def is_held(database: Path, uid: str) -> bool:
    """Tell whether a process that lives holds the lock of a session."""
    path = session_lock_path(database, uid)
    if not path.exists():
        return False
    lock = FileLock(path, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, PermissionError):
        return True
    except OSError:
        return False
    lock.release()
    return False


def discard(database: Path, uid: str) -> None:
    """Remove the lock file of a session that is closed."""
    with contextlib.suppress(OSError):
        session_lock_path(database, uid).unlink(missing_ok=True)
