"""A session while it is recorded: its claim, its own row, and its database between two writes."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.locks import ProcessLock
from benchdb.store import shared
from benchdb.store.database import Schema, connect, create_schema, inspect, use_journal
from benchdb.store.lost import close_lost_sessions, described, end_session, unclosed
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchdb import records
    from benchdb.config import Location
    from benchdb.store.connection import Claim, Connection

#: Most seconds from one checkpoint to the next test that has one before it runs.
CHECKPOINT_SECONDS: Final = 2.0

#: How many times as long as a checkpoint took its pause is, so that they take a hundredth of the
#: time; one that takes longer than a fiftieth of a second takes more.
_CHECKPOINT_SHARE: Final = 100

#: Whether the session whose id and uid are given is still open; ids are used again.
IS_OPEN: Final = "EXISTS (SELECT 1 FROM session WHERE id=? AND uid=? AND state='open')"


class LiveSession:
    """A session that this process records.

    Parameters
    ----------
    location
        A SQLite file, missing, empty, or at the newest schema; or a server with such a database.
    facts
        What is known of the session.
    running
        Ordinals of the rows that are open, as the recorder keeps them.

    Attributes
    ----------
    connection : Connection
        On the database.
    id : int
        The session's row.
    found_lost : list of str
        A line for each earlier session that was found lost, and closed.
    reopened : bool
        Whether another process had closed the session, as if this one were gone.

    Raises
    ------
    sqlite3.Error, OSError, UserError
        If the session can't be recorded there; the file is untouched.
    """

    def __init__(
        self, location: Location, facts: records.SessionFacts, running: Collection[int]
    ) -> None:
        self.location = location
        self.uid = facts.uid
        self.reopened = False
        self._running = running
        self._checkpoint = time.monotonic()
        self._pause = 0.0
        self._claim: Claim | None = None
        was_there = not isinstance(location, Path) or location.exists()
        try:
            self.connection = self._connect()
            self._start(facts)
        except BaseException:
            if not was_there and isinstance(location, Path):
                _remove_empty(location)
            raise

    def _connect(self) -> Connection:
        """Open the database, with the newest schema in it."""
        if not isinstance(self.location, Path):
            from benchdb.store.server import connect_to_record

            return connect_to_record(self.location)
        self.location.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(self.location, write=True, create=True)
        try:
            if inspect(connection, self.location).schema is Schema.EMPTY:
                create_schema(connection)
            use_journal(connection, self.location)
        except BaseException:
            connection.close()
            raise
        return connection

    def _start(self, facts: records.SessionFacts) -> None:
        raw = self.connection
        try:
            self.found_lost = described(raw, close_lost_sessions(raw, self.location))
            self.found_lost += unclosed(raw, self.location)
            self._claim = raw.claim(self.location, facts.uid)
            self.id = raw.again(lambda: self._begin(facts))
            self._make_checkpoint()
        except BaseException:
            self.let_go()
            raise

    def _begin(self, facts: records.SessionFacts) -> int:
        raw = self.connection
        with raw.transaction():
            values = {
                "uid": facts.uid,
                "started": stored_instant(facts.started),
                "state": "open",
                "ci_run_url": facts.ci_run_url and text(facts.ci_run_url),
                "command_line": text(facts.command_line),
                "branch": facts.branch and text(facts.branch),
                "dirty": facts.dirty,
                "tags": shared.json_object(facts.tags),
                "host": facts.host and text(facts.host),
                "xdist_workers": facts.xdist_workers,
                "benchdb_version": facts.benchdb_version,
                "environment": shared.environment(raw, facts.environment),
                "revision": shared.revision(raw, facts.revision),
                "package_set": shared.package_set(raw, facts.packages),
            }
            made = raw.insert("session", values)
            for table in ("local_fresh", "local_recorded"):
                noted = f"INSERT INTO {table} (uid) VALUES (?) ON CONFLICT DO NOTHING"
                raw.execute(noted, (facts.uid,))
            return made

    @property
    def own(self) -> tuple[int, str]:
        """The parameters of `IS_OPEN`."""
        return self.id, self.uid

    def write(self, sql: str, values: tuple[Any, ...]) -> None:
        """Write one row, while the session is open: a closed one is never changed.

        Parameters
        ----------
        sql
            A statement whose last condition is `IS_OPEN`.
        values
            Its parameters before those.
        """
        if self.connection.execute(sql, values + self.own).rowcount:
            return
        if not self.connection.execute(f"SELECT {IS_OPEN}", self.own).fetchone()[0]:
            self._reopen()
            self.connection.execute(sql, values + self.own)

    def end(self, finished: str) -> str:
        """End the session, and interrupt the rows that are open yet; returns its digest."""
        digest = self._end(finished)
        if digest is None:
            self._reopen()
            digest = self._end(finished)
        self.connection.leave()
        self.let_go()
        return digest or ""

    def _end(self, finished: str) -> str | None:
        still_open = "UPDATE test_run SET state='interrupted', \"end\"=? WHERE session_id=? "
        self.connection.execute(
            f"{still_open} AND state='open' AND {IS_OPEN}", (finished, self.id, *self.own)
        )
        return end_session(self.connection, self.id, "finished", finished)

    def let_go(self) -> None:
        """Close the connection and give the claim back; an open session is lost by that."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()
        if self._claim is not None:
            self._claim.release()

    def _reopen(self) -> None:
        """Take the session back that another process closed, as its lock was not to be seen.

        Copies of it as it was closed are superseded by what it will be, which holds their rows.
        """
        if isinstance(self._claim, ProcessLock):  # a server's can be claimed again
            self._claim.release(remove=False)
        self._claim = self.connection.claim(self.location, self.uid)
        within = self.connection.in_transaction
        with contextlib.nullcontext() if within else self.connection.transaction():
            taken = self.connection.execute(
                "UPDATE session SET state='open', finished=NULL, digest=NULL "
                "WHERE id=? AND uid=? AND state='lost'",
                self.own,
            )
            if taken.rowcount == 0:
                raise sqlite3.DatabaseError("the session was removed from the file")
            self.connection.executemany(
                "UPDATE test_run SET state='open', \"end\"=NULL WHERE session_id=? AND ordinal=?",
                [(self.id, ordinal) for ordinal in self._running],
            )
        self.reopened = True

    def checkpoint_if_due(self) -> None:
        """Make a checkpoint as something of a test begins, which may hang."""
        if self.connection.in_transaction:
            return  # it has one when it is over
        if time.monotonic() - self._checkpoint > self._pause:
            self._make_checkpoint()

    def _make_checkpoint(self) -> None:
        """Write the log into the file, which a copy of it alone would lack."""
        begun = time.monotonic()
        has_log = self.connection.checkpoint()
        self._checkpoint = time.monotonic()
        self._pause = min(CHECKPOINT_SECONDS, _CHECKPOINT_SHARE * (self._checkpoint - begun))
        if not has_log:
            self._pause = math.inf


def _remove_empty(path: Path) -> None:
    """Leave nothing of a file that was not to become a database."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
