"""Gathering verified objects into one file, so that merging them costs few transactions."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.errors import DamagedFile
from benchdb.store.gathering import Gathering, Rows
from benchdb.sync.segments import new_file, scratch
from benchdb.sync.verifying import Damaged, Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from benchdb.store.database import FileConnection
    from benchdb.sync.state import Key

#: Bytes of the largest file whose rows are gathered; larger ones are merged by themselves.
_SMALL: Final = 2**20

#: Rows that are gathered before they are merged.
_MOST: Final = 200_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What is wanted of a verified file: keys, and the rows where it is small enough."""

    keys: Collection[Key]
    rows: Rows | None = None


class Intake:
    """Takes verified files in and hands them on, many small ones as one.

    Parameters
    ----------
    folder
        For temporary files.
    wanted
        Gives the keys of what is wanted of an object.
    merge
        Takes a file at the newest schema, and the keys of the entries wanted of it.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[Frame], Collection[Key]],
        merge: Callable[[Path, Collection[Key]], None],
    ) -> None:
        self.wanted = wanted
        self._file = folder / "gathered.db"
        self._merge = merge
        new_file(self._file)
        self._into = scratch(self._file)
        self._gathering = Gathering(self._into)
        self._rows = 0

    def read(self, connection: FileConnection, database: Path, keys: Collection[Key]) -> Taken:
        """Read entries of a verified file, if it is small; any thread may do so."""
        if database.stat().st_size > _SMALL:
            return Taken(keys)
        return Taken(keys, self._gathering.read(connection, keys))

    def add(self, taken: Taken, database: Path) -> None:
        """Take in what is wanted of a file.

        Raises
        ------
        Damaged
            If it can't be, as its rows are none of ours.
        """
        try:
            if taken.rows is not None:
                self._gathering.add(taken.rows)
                self._rows += len(taken.rows)
            elif taken.keys:
                self._merge(database, taken.keys)
        except (sqlite3.IntegrityError, DamagedFile) as error:
            if isinstance(error.__cause__ or error, sqlite3.IntegrityError):
                raise Damaged(f"its file can't be used ({error})") from error
            raise
        if self._rows > _MOST:
            self.flush()

    def flush(self) -> None:
        """Hand on what was gathered."""
        self._gathering.finish()
        if self._gathering.keys:
            self._merge(self._file, self._gathering.keys)
        self._gathering.go_on()
        self._rows = 0

    def close(self) -> None:
        """Give up what was gathered and not handed on."""
        self._into.close()
