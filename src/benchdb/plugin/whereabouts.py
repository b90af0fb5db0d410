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
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchdb.plugin.running import RunningTest

#: Whose whereabouts are those of a process without workers.
NO_WORKER = "-"


def workers_folder(uid: str) -> Path:
    """Return the folder that a session's controller shares with the workers on its machine."""
    return Path(tempfile.gettempdir()) / f"benchdb-{uid}"


def make_workers_folder(uid: str) -> Path:
    """Make that folder, where it can be made: who can't use it does without."""
    folder = workers_folder(uid)
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    return folder


def discard_workers_folder(uid: str) -> None:
    """Remove that folder, when the session's workers are gone."""
    shutil.rmtree(workers_folder(uid), ignore_errors=True)


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


def last_written(folder: Path, worker: str) -> Whereabouts | None:
    """Return the last whereabouts of a process; None where none are known here."""
    try:
        with _path(folder, worker).open("rb") as stream:
            words = Whereabouts(*json.loads(stream.readline()))
        start, since = (datetime.fromisoformat(str(one)) for one in (words.start, words.since))
        return words._replace(start=start, since=since)
    except (OSError, ValueError, TypeError):
        return None


def _path(folder: Path, worker: str) -> Path:
    return folder / f"{os.path.basename(worker)}.diary"
