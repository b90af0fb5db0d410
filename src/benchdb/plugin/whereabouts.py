"""What each process that runs tests is doing, in a small file that outlives it.

A test's reports tell its controller too, but not of what a process was doing when it died:
pytest-rerunfailures holds them back until an attempt is over, and a start names no worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchdb.locks import ProcessLock, is_locked

if TYPE_CHECKING:
    from benchdb.plugin.running import RunningTest

#: Whose whereabouts are those of a process without workers.
NO_WORKER = "-"


#: A controller holds the lock on this file in its folder: one whose lock is free was killed.
_LOCK = "controller.lock"

#: Seconds; a younger lock file may be one that its maker is about to lock.
_SETTLED = 60


class WorkersFolder:
    """The folder that a session's controller shares with the workers on its machine.

    Attributes
    ----------
    path
        Where it is, in the temporary folder.
    """

    def __init__(self, uid: str) -> None:
        self.path = Path(tempfile.gettempdir()) / f"benchdb-{uid}"
        self._lock: ProcessLock | None = None

    def make(self) -> None:
        """Make it, where it can be made: who can't use it does without."""
        if self._lock is None:
            with contextlib.suppress(OSError):
                _remove_abandoned(self.path.parent)
                self.path.mkdir(exist_ok=True)
                self._lock = ProcessLock(self.path / _LOCK)

    def discard(self) -> None:
        """Remove it, when the session's workers are gone."""
        if self._lock is not None:
            self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_abandoned(temporary: Path) -> None:
    """Remove the folders of controllers that were killed."""
    for lock in temporary.glob(f"benchdb-*/{_LOCK}"):
        with contextlib.suppress(OSError):
            if time.time() - lock.stat().st_mtime > _SETTLED and not is_locked(lock):
                shutil.rmtree(lock.parent, ignore_errors=True)


class Whereabouts(NamedTuple):
    """The test that a process is in, or was in last.

    Parameters
    ----------
    asked
        Whether it asked for anything of benchdb so far.
    outcomes
        By phase, of those that are over.
    start, since
        When it began, and when the phase began that it is in.
    """

    nodeid: str
    round: int
    attempt: int
    version: str | None
    asked: bool
    outcomes: dict[str, str]
    start: datetime
    since: datetime


class Diary:
    """Where a process writes its whereabouts; in silence, as no test is to hear of a full disk."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._stream = None
        with contextlib.suppress(OSError):
            self._stream = _path(folder, worker).open("wb", buffering=0)

    def write(self, running: RunningTest) -> None:
        """Write down where a test is; it is kept when the process is killed the moment after."""
        if self._stream is None:
            return
        words = Whereabouts(
            running.item.nodeid,
            running.round,
            running.attempt,
            running.version,
            running.asked,
            running.outcomes,
            running.start,
            running.phase_start,
        )
        line = json.dumps(words, default=datetime.isoformat) + "\n"
        try:
            self._stream.seek(0)
            self._stream.write(line.encode())
        except (OSError, ValueError):
            self._stream = None


def last_words(folder: Path, worker: str) -> list[Any] | None:
    """Return the last whereabouts of a process as plain values, which a report can carry."""
    try:
        with _path(folder, worker).open("rb") as stream:
            words: list[Any] = json.loads(stream.readline())
        return words
    except (OSError, ValueError):
        return None


def whereabouts(words: list[Any] | None) -> Whereabouts | None:
    """Return what `last_words` returned as a record; None where none are known here."""
    try:
        read = Whereabouts(*(words or ()))
        start, since = (datetime.fromisoformat(str(one)) for one in (read.start, read.since))
        return read._replace(start=start, since=since)
    except (ValueError, TypeError):
        return None


def _path(folder: Path, worker: str) -> Path:
    return folder / f"{os.path.basename(worker)}.diary"
