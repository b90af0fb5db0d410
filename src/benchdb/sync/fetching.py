"""Fetching objects and verifying them, several side by side."""

from __future__ import annotations

import functools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from benchdb.store.revisions import head
from benchdb.sync.protocol.steps import Missing
from benchdb.sync.verifying import Damaged, Frame, OtherBytes, unpack, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from benchdb.store.database import FileConnection
    from benchdb.sync.objects import Objects
    from benchdb.sync.state import Key

_Result = TypeVar("_Result")

#: Requests at once; and objects that are fetched before the first of them is used.
_WORKERS: Final = 8
_AHEAD: Final = 16


class Taker(Protocol):
    """Takes something of verified objects; `Intake` takes their sessions."""

    def wanted(self, frame: Frame, /) -> Collection[Key]:
        """Return the keys of what is wanted of an object."""

    def read(self, connection: FileConnection, database: Path, keys: Collection[Key]) -> Any:
        """Read what is wanted of a verified file; any thread may call it."""

    def add(self, taken: Any, database: Path) -> None:
        """Take what was read."""


class Fetching:
    """Fetches objects, verifies them, and lets an intake take of each what it wants.

    Parameters
    ----------
    objects
        The remote.
    folder
        For temporary files.
    intake
        Digests are computed of what it wants alone; without one, of everything.
    why
        Takes what is wrong with the objects that can't be used.
    """

    def __init__(
        self, objects: Objects, folder: Path, intake: Taker | None, why: dict[str, str]
    ) -> None:
        self._objects = objects
        self._folder = folder
        self._intake = intake
        self._why = why

    def verified(
        self, names: Collection[str], tell: Callable[[int, int], None]
    ) -> Iterator[tuple[str, Frame | Missing]]:
        """Give each object with what it holds, or why it can't be used.

        Parameters
        ----------
        names
            Of the objects.
        tell
            Is told how many are done, and of how many.
        """
        numbered = {name: self._folder / f"{number}.db" for number, name in enumerate(names)}
        fetch = functools.partial(self._fetch_surely, numbered)
        for name, got in side_by_side(fetch, names, tell):
            database = numbered[name]
            found: Frame | Missing
            try:
                if isinstance(got, Damaged):
                    raise got
                found = self._use(name, database, *got)
            except Damaged as error:
                self._why[name] = str(error)
                found = Missing.DAMAGED
            database.unlink(missing_ok=True)
            yield name, found

    def _fetch_surely(
        self, files: dict[str, Path], name: str
    ) -> tuple[Frame | Missing, Any] | Damaged:
        """Fetch an object again that came with other bytes: it may be sound where it lies."""
        got = self._fetch(files, name)
        return self._fetch(files, name) if isinstance(got, OtherBytes) else got

    def _fetch(self, files: dict[str, Path], name: str) -> tuple[Frame | Missing, Any] | Damaged:
        """Fetch an object; where its schema is the newest, verify and read it, too."""
        database = files[name]
        packed = database.with_suffix(".zst")
        try:
            if not self._objects.fetch(name, packed):
                return Missing.GONE, None
            frame = unpack(name, packed, database)
            if isinstance(frame, Frame) and frame.schema == head():
                return frame, self._verify(database, frame)
            return frame, None
        except Damaged as error:
            return error
        finally:
            packed.unlink(missing_ok=True)

    def _verify(self, database: Path, frame: Frame) -> Any:
        if self._intake is None:
            verify(database, frame)
            return None
        keys = self._intake.wanted(frame)
        read = functools.partial(self._intake.read, database=database, keys=keys)
        return verify(database, frame, keys, read)

    def _use(
        self, name: str, database: Path, frame: Frame | Missing, taken: Any
    ) -> Frame | Missing:
        """Let the intake take what was fetched; return what it holds, or why it can't be used."""
        if isinstance(frame, Missing):
            return frame
        if frame.is_newer:
            self._why[name] = f"was made by benchdb {frame.made_by}: install that or newer"
            return Missing.NEWER
        if frame.schema != head():
            # Not by several threads: Alembic has one context for them all.
            taken = self._verify(database, frame)
        if self._intake is not None and taken is not None:
            self._intake.add(taken, database)
        return frame


def side_by_side(
    work: Callable[[str], _Result], names: Collection[str], tell: Callable[[int, int], None]
) -> Iterator[tuple[str, _Result]]:
    """Do the same for several objects at once, a bounded number ahead; gives them in order.

    Parameters
    ----------
    work
        Takes the name of an object; several threads call it.
    names
        Of the objects.
    tell
        Is told how many are done, and of how many.
    """
    if len(names) == 1:  # as most often: spares the threads
        for name in names:
            yield name, work(name)
        return
    waiting: deque[tuple[str, Any]] = deque()
    done = 0
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        for name in names:
            waiting.append((name, pool.submit(work, name)))
            if len(waiting) > _AHEAD:
                yield _first(waiting)
                done += 1
                tell(done, len(names))
        while waiting:
            yield _first(waiting)
            done += 1
            tell(done, len(names))
    finally:
        pool.shutdown(cancel_futures=True)


def _first(waiting: deque[tuple[str, Any]]) -> tuple[str, Any]:
    name, future = waiting.popleft()
    return name, future.result()
