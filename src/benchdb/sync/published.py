"""``benchmark.db`` of a remote: all of a history in one file, for who has nothing but SQLite.

Sync never reads it. It is replaced by who has read a newer manifest than the one that it was made
from: its state is asked for before the manifest is, and only that state is replaced. What is hidden
by annotations is left out: SQL that people write by hand asks none. Of the database of who makes it
only what is unchanged gets into it: a file that rotted would spoil everybody's.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from benchdb.errors import BenchdbError, UserError
from benchdb.store.annotations import left_out
from benchdb.store.check import check, unsound
from benchdb.store.database import Schema, connect
from benchdb.store.merge import merge_file
from benchdb.store.opening import connected, look_at, make_writable
from benchdb.store.progress import untold
from benchdb.store.prune import prune
from benchdb.store.scratch import scratch_folder
from benchdb.sync.history import pull, seed
from benchdb.sync.machine import Machine, explaining_room
from benchdb.sync.state import clear_known

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.config import Location
    from benchdb.store.progress import Progress
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.manifest import Manifest

PUBLISHED: Final = "benchmark.db"

#: How often one that must go is tried to be replaced.
_ATTEMPTS: Final = 10

#: More bytes no server takes in one request.
_MOST: Final = 5 * 10**9


def publish(
    objects: Objects,
    every: float,
    *,
    local: Location | None = None,
    again: bool = False,
    progress: Progress = untold,
) -> int | None:
    """Renew the published file, if it is old.

    Parameters
    ----------
    objects
        The remote.
    every
        Seconds after which it is old.
    local
        A database that holds much of the history already, if there is one.
    again
        Whether what is there must go, however young it is and whoever else renews it.
    progress
        Is told how far it is.

    Returns
    -------
    int or None
        Its bytes; None where it is young, another was faster, or something can't be read here; 0
        where it had to go, and was deleted, as no other could be made.

    Raises
    ------
    UserError
        If it would be too large, or can't be made.
    """
    if again:
        return _publish_surely(objects, local, progress)
    facts = next((one for one in objects.list(PUBLISHED) if one.name == PUBLISHED), None)
    if facts is not None and facts.age < every:
        return None
    etag = None if facts is None else objects.etag(PUBLISHED)
    with contextlib.suppress(_Unreadable):  # what is there may have what this client can't read
        return _publish(objects, etag, local, progress)
    return None


class _Unreadable(BenchdbError):
    """Something of the history can't be used."""


def _publish_surely(objects: Objects, local: Location | None, progress: Progress) -> int | None:
    """Make a file that was made before go: by another in its place, else by deleting it."""
    with contextlib.suppress(_Unreadable):
        for _ in range(_ATTEMPTS):
            etag = objects.etag(PUBLISHED)
            if etag is None:
                return None
            try:
                size = _publish(objects, etag, local, progress)
            except UserError:
                objects.delete([PUBLISHED])
                raise
            if size is not None:
                return size
    objects.delete([PUBLISHED])
    return 0


def _publish(
    objects: Objects, etag: str | None, local: Location | None, progress: Progress
) -> int | None:
    """Make the file and put it over the one with this ETag; None where it is not to be."""
    manifest = Machine(objects).read_manifest().manifest
    if manifest is None:
        return None
    with explaining_room(), scratch_folder() as folder:
        path = folder / PUBLISHED
        room = _Room(path, objects.url, progress)
        # Compressed, to begin with: it can't be known before how many bytes they make.
        room.demand(sum(month.current.size for month in manifest.months.values()))
        make_writable(path)
        if local is not None and _is_ready(local):
            keys, known = seed(local, objects, manifest.forgets)
            if keys and known.is_of(manifest):
                merge_file(path, local, only=keys, progress=room)
                room.look()
                _leave_out_changed(path, progress)
        if pull(path, objects, progress=room).unusable:
            raise _Unreadable
        prune(path, _hidden(path))
        clear_known(path)
        return room.look() if objects.replace(PUBLISHED, path, etag) else None


def _leave_out_changed(path: Path, progress: Progress) -> None:
    """Remove sessions that were changed where they came from: segments have them as they were."""
    with contextlib.closing(connect(path)) as connection:
        keys = connection.execute("SELECT uid, digest FROM session").fetchall()
    if changed := unsound(path, keys, progress):
        prune(path, changed.keys())
        clear_known(path)  # else what was pruned would not be pulled


class _Room:
    """Sees to it that the file is none that a server doesn't take, while it grows."""

    def __init__(self, path: Path, url: str, progress: Progress) -> None:
        self._path = path
        self._url = url
        self._progress = progress

    def __call__(self, doing: str, done: int, of: int) -> None:
        """Pass on how far it is."""
        self.look()
        self._progress(doing, done, of)

    def look(self) -> int:
        """Return how many bytes it has by now."""
        size = self._path.stat().st_size
        self.demand(size)
        return size

    def demand(self, size: int) -> None:
        """Refuse a file that has so many bytes or more."""
        if size > _MOST:
            raise UserError(
                f"{PUBLISHED} of {self._url} would have {size / 1e9:.1f} GB or more, and a server "
                "takes 5: set publish_every = 0 in [tool.benchdb], and use `benchdb pull`"
            )


def _hidden(path: Path) -> list[tuple[str, str]]:
    """Return the keys of the sessions that were withdrawn, and of forms that others are kept of."""
    with contextlib.closing(connect(path)) as connection:
        query = "SELECT uid, digest FROM session WHERE id=?"
        return [connection.execute(query, (row,)).fetchone() for row in left_out(connection)]


def check_published(
    objects: Objects, folder: Path, manifest: Manifest, progress: Progress = untold
) -> Iterator[str]:
    """Give a line for everything that is wrong with the published file, if there is one.

    Parameters
    ----------
    objects
        The remote.
    folder
        For temporary files.
    manifest
        It tells what must not be in it.
    progress
        Is told how far it is.
    """
    path = folder / PUBLISHED
    if not objects.fetch(PUBLISHED, path):
        return
    try:
        yield from (f"{PUBLISHED}: {line}" for line in check(path, progress).problems)
        with connected(path) as connection:
            started = connection.execute("SELECT uid, started FROM session").fetchall()
    except (UserError, sqlite3.Error) as error:
        yield f"{PUBLISHED}: {str(error).replace(str(path), 'it')}"
        return
    if forgotten := {uid for uid, began in started if manifest.forgets(uid, began)}:
        yield (
            f"{PUBLISHED} still holds {len(forgotten):,} erased or from before the history's "
            "horizon"
        )


def _is_ready(local: Location) -> bool:
    """Tell whether a database can be read as it is; all can be done without it."""
    try:
        return look_at(local).schema is Schema.NEWEST
    except UserError:
        return False
