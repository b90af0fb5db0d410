"""``benchmark.db`` of a remote: all of a history in one file, for who has nothing but SQLite.

Sync never reads it. It is replaced by who has read a newer manifest than the one that it was made
from: its state is asked for before the manifest is, and only that state is replaced. What is hidden
by annotations is left out: SQL that people write by hand asks none. What benchdb did not publish,
or holds what the history lacks, is never replaced: see `benchdb.sync.former`. Of the database of
who makes it only what is unchanged gets into it: a file that rotted would spoil everybody's.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.errors import BenchdbError, DamagedFile, UserError
from benchdb.scratch import scratch_folder
from benchdb.store.annotations import left_out
from benchdb.store.check import check, unsound
from benchdb.store.database import Schema, connect
from benchdb.store.merge import merge_file
from benchdb.store.opening import look_at, make_writable
from benchdb.store.progress import untold
from benchdb.store.prune import prune
from benchdb.sync.former import (
    MOVE,
    PUBLISHED,
    TooNew,
    Untouchable,
    demand_held,
    demand_unused,
    fetch_former,
    forget_in,
    look_into,
    missing,
)
from benchdb.sync.history import pull, seed
from benchdb.sync.machine import Machine, explaining_room
from benchdb.sync.permission import may_maintain
from benchdb.sync.state import clear_known

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from benchdb.config import Location
    from benchdb.store.progress import Progress
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.manifest import Manifest
    from benchdb.sync.state import Key

#: How often one that must go is tried to be replaced.
_ATTEMPTS: Final = 10

_REPLACED: Final = "others replace it all the time: run the same command again"

#: More bytes no server takes in one request.
_MOST: Final = 5 * 10**9


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing.

    Parameters
    ----------
    size
        Bytes of the file; None where it is young, another was faster, this user may not put it,
        something of the history can't be read here, or it was left.
    left
        Why what is there must stay as it is, and what to do next.
    """

    size: int | None = None
    left: str = ""


def publish(
    objects: Objects,
    every: float,
    *,
    local: Location | None = None,
    again: bool = False,
    progress: Progress = untold,
) -> Published:
    """Renew the published file, if it is old; what benchdb did not publish is left.

    Parameters
    ----------
    objects
        The remote.
    every
        Seconds after which it is old.
    local
        A database that holds much of the history already, if there is one.
    again
        Whether what was forgotten may be in it, and must go, however young it is and whoever else
        renews it. It is removed from the file where no other can be made.
    progress
        Is told how far it is.

    Raises
    ------
    UserError
        If it would be too large, or can't be made.
    """
    for _ in range(_ATTEMPTS if again else 1):
        facts = next((one for one in objects.list(PUBLISHED) if one.name == PUBLISHED), None)
        if again:
            if facts is None:
                return Published()
        elif facts is not None and max(facts.age, facts.ahead) < every:
            return Published()
        elif local is not None and not may_maintain(objects, local):
            return Published()  # to find that out at the end would be to fetch it all in vain
        etag = None if facts is None else objects.etag(PUBLISHED)
        try:
            size = _renew(objects, etag, local, progress, again=again)
        except TooNew as error:
            return Published(left=str(error) if again else "")
        except Untouchable as error:
            return Published(left=str(error))
        if size is not None:
            return Published(size)
    return Published(left=_REPLACED if again else "")


class _Unreadable(BenchdbError):
    """Something of the history can't be used."""


def _renew(
    objects: Objects,
    etag: str | None,
    local: Location | None,
    progress: Progress,
    *,
    again: bool,
) -> int | None:
    """Put a file over the one with this ETag, return its bytes; None where it is not to be."""
    with explaining_room(), scratch_folder() as folder:
        former = None if etag is None else fetch_former(objects, folder)
        manifest = Machine(objects).read_manifest().manifest
        if manifest is None:
            return None
        try:
            path = _made(objects, manifest, folder, local, progress)
            if former is not None:
                demand_held(former, path, manifest)
            prune(path, _hidden(path))
            clear_known(path)
            size = _Room(path, objects.url, progress).look()
        except (_Unreadable, UserError) as error:
            if not again or former is None:
                if isinstance(error, _Unreadable):
                    return None
                raise
            forget_in(former, manifest)
            path = former.path
            size = path.stat().st_size
        if etag is not None:
            demand_unused(objects)
        return size if objects.replace(PUBLISHED, path, etag) else None


def _made(
    objects: Objects,
    manifest: Manifest,
    folder: Path,
    local: Location | None,
    progress: Progress,
) -> Path:
    """Make a file of all that the history holds."""
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
    return path


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
    objects: Objects,
    folder: Path,
    manifest: Manifest,
    entries: Callable[[bool], Collection[Key]],
    progress: Progress = untold,
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
    entries
        Gives the keys of all that the history holds; with True, those too of what was pushed since
        it was read: the file may have been renewed meanwhile.
    progress
        Is told how far it is.
    """
    path = folder / PUBLISHED
    if not objects.fetch(PUBLISHED, path):
        return
    try:
        demand_unused(objects)
        former = look_into(path)
        yield from (f"{PUBLISHED}: {line}" for line in check(path, progress).problems)
    except DamagedFile:  # what that says is for who has nothing else
        yield f"{PUBLISHED}: it is damaged: {MOVE}"
        return
    except (Untouchable, UserError, sqlite3.Error) as error:
        yield f"{PUBLISHED}: {str(error).replace(str(path), 'it')}"
        return
    started = former.started.items()
    if forgotten := {key for key, began in started if manifest.forgets(key[0], began)}:
        yield (
            f"{PUBLISHED} still holds {len(forgotten):,} erased or from before the history's "
            "horizon"
        )
    lacking, _ = missing(former, entries(False), manifest)
    if lacking:
        lacking, _ = missing(former, entries(True), manifest)
    if more := len(lacking):
        yield (
            f"{PUBLISHED} holds {more:,} that nothing else has: `benchdb merge` a copy of "
            "it and push"
        )


def _is_ready(local: Location) -> bool:
    """Tell whether a database can be read as it is; all can be done without it."""
    try:
        return look_at(local).schema is Schema.NEWEST
    except UserError:
        return False
