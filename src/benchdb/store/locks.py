"""Locks of sessions, which say that they are alive.

A lock is taken before the session's row is written and given back after the session is closed, so
an open session whose lock is free is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from benchdb.locks import ProcessLock, is_locked

if TYPE_CHECKING:
    from pathlib import Path


def session_lock_path(database: Path, uid: str) -> Path:
    """Return the lock file of a session: beside the database, named like its other helpers."""
    if not uid.isascii() or not all(one.isalnum() or one in "._-" for one in uid):
        uid = f"hashed-{hashlib.sha256(uid.encode(errors='replace')).hexdigest()[:32]}"
    return database.with_name(f"{database.name}-{uid}.lock")


def session_lock(database: Path, uid: str) -> ProcessLock:
    """Take the lock of a session that this process records into a database."""
    return ProcessLock(session_lock_path(database, uid))


def is_held(database: Path, uid: str) -> bool:
    """Tell whether a process that lives holds the lock of a session; where in doubt, it does."""
    return is_locked(session_lock_path(database, uid))


def discard(database: Path, uid: str) -> None:
    """Remove the lock file of a session that is closed."""
    with contextlib.suppress(OSError):
        session_lock_path(database, uid).unlink(missing_ok=True)
