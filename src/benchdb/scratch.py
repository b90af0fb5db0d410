"""Temporary folders that don't outlive their process for long, however it ends.

A folder holds a lock as long as it is used. Whoever makes the next one removes those whose lock is
free: what a killed pull had fetched may be gigabytes.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.locks import ProcessLock, is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "benchdb-scratch-"
_LOCK: Final = "lock"

#: Seconds for which a lock that is free is believed to be about to be taken.
_NEW: Final = 60.0


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a temporary folder, and remove those that killed processes left behind."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        lock = None
        with contextlib.suppress(OSError):  # without one, nobody removes it but this process
            lock = ProcessLock(folder / _LOCK)
        try:
            yield folder
        finally:
            if lock is not None:
                lock.release()


def _sweep(parent: Path) -> None:
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{_PREFIX}*"):
            lock = folder / _LOCK
            try:
                age = time.time() - lock.stat().st_mtime
            except OSError:  # none, or another user's
                continue
            if age > _NEW and not is_locked(lock):
                shutil.rmtree(folder, ignore_errors=True)
