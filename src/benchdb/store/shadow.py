"""A copy of a session that is recorded into a server: what is left of it when the server goes away.

Without it only the rows after that would be there, as another form of a session that the server
holds the beginning of, and merging would find the two in conflict.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchdb.scratch import scratch_folder
from benchdb.store.database import FileConnection, create_schema
from benchdb.store.live import LiveSession
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from benchdb import records
    from benchdb.config import Location
    from benchdb.store.connection import Connection


class Shadow:
    """The copy: a temporary database of SQLite's own, in memory as long as it is small.

    Parameters
    ----------
    facts, constant
        As the session's `Recorder` has them.
    """

    def __init__(self, facts: records.SessionFacts, constant: Mapping[str, object]) -> None:
        self._recorder: _PrivateRecorder | None = None
        # No session is to fail because of its copy.
        with contextlib.suppress(sqlite3.Error, OSError):
            self._recorder = _PrivateRecorder(Path(), facts, constant)

    def follow(self, verb: str, arguments: tuple[Any, ...]) -> None:
        """Do what a recorder did."""
        try:
            if self._recorder is not None:
                self._recorder.do(verb, arguments)
        except (sqlite3.Error, OSError):
            self.let_go()

    def let_go(self) -> None:
        """Throw the copy away."""
        if self._recorder is not None:
            self._recorder.let_go()
            self._recorder = None

    @contextlib.contextmanager
    def saved(self) -> Iterator[Path]:
        """Give a temporary file with the copy.

        Raises
        ------
        sqlite3.Error, OSError
            If it can't be written, or something could not be copied before.
        """
        if self._recorder is None:
            raise sqlite3.OperationalError("there is no copy of them")
        with scratch_folder() as folder:
            path = folder / "copy.db"
            with contextlib.closing(sqlite3.connect(path)) as into:
                self._recorder.back_up(into)
            self.let_go()
            yield path


class _PrivateConnection(FileConnection):
    def claim(self, location: Location, uid: str) -> Any:
        """See `Connection.claim`: nobody else sees this database."""
        return _NoClaim()


class _NoClaim:
    def release(self) -> None:
        """See `Claim.release`."""


class _PrivateSession(LiveSession):
    def _connect(self) -> Connection:
        connection = sqlite3.connect(
            "", isolation_level=None, check_same_thread=False, factory=_PrivateConnection
        )
        connection.execute("PRAGMA journal_mode=MEMORY")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA foreign_keys=ON")
        create_schema(connection)
        return connection


class _PrivateRecorder(Recorder):
    def _open_session(self, facts: records.SessionFacts, running: Collection[int]) -> LiveSession:
        return _PrivateSession(self.location, facts, running)

    def back_up(self, into: sqlite3.Connection) -> None:
        """Copy all there is."""
        assert isinstance(self._raw, sqlite3.Connection)
        self._raw.backup(into)
