"""Gathering verified objects into one file, so that merging them costs few transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.sync.segments import copy_entries, new_file, scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from benchdb.store.database import FileConnection
    from benchdb.sync.state import Key

#: Bytes of files that are gathered before they are merged; larger ones are merged by themselves.
_MOST: Final = 64 * 2**20
_LARGE: Final = 16 * 2**20


class Intake:
    """Takes verified files in and hands them on, several small ones as one.

    Parameters
    ----------
    folder
        For temporary files.
    merge
        Takes a file at the newest schema, and the keys of the entries wanted of it.
    """

    def __init__(self, folder: Path, merge: Callable[[Path, Collection[Key]], None]) -> None:
        self._file = folder / "gathered.db"
        self._merge = merge
        self._keys: set[Key] = set()
        self._size = 0
        self._into: FileConnection | None = None

    def add(self, database: Path, wanted: Collection[Key]) -> None:
        """Take in what is wanted of a verified file, and remove the file."""
        size = database.stat().st_size
        lacking = [key for key in wanted if key not in self._keys]
        if size > _LARGE and lacking:
            self._merge(database, lacking)
        elif lacking:
            if self._into is None:
                new_file(self._file)
                self._into = scratch(self._file)
            copy_entries(self._into, database, lacking)
            self._keys.update(lacking)
            self._size += size
        database.unlink()
        if self._size > _MOST:
            self.flush()

    def flush(self) -> None:
        """Hand on what was gathered."""
        if self._into is not None:
            self._into.close()
            self._into = None
            self._merge(self._file, self._keys)
            self._file.unlink()
            self._keys, self._size = set(), 0
