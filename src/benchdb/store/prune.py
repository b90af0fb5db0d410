"""Pruning: removing sessions from a database for good."""

from __future__ import annotations

import functools
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.store.batches import Turns, batches, is_recorded_into, sizes_of
from benchdb.store.database import FileConnection, leave_single_file, size_of
from benchdb.store.forms import remove_session
from benchdb.store.lost import open_sessions
from benchdb.store.opening import connected, explaining
from benchdb.store.progress import untold
from benchdb.store.values import stored_instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from benchdb.config import Location
    from benchdb.store.connection import Connection
    from benchdb.store.progress import Progress

#: A table of shared rows, its key, and a query of the keys that sessions refer to.
_SHARED: Final = (
    ("cluster", "id", "SELECT cluster FROM test_run WHERE cluster IS NOT NULL"),
    ("environment", "fingerprint", "SELECT environment FROM session WHERE environment IS NOT NULL"),
    ("revision", "id", "SELECT revision FROM session WHERE revision IS NOT NULL"),
    ("package_set", "id", "SELECT package_set FROM session WHERE package_set IS NOT NULL"),
    (
        "package",
        "id",
        """SELECT package FROM package_set_package
        WHERE package_set IN (SELECT package_set FROM session)""",
    ),
)

#: About as many packages are installed in an environment.
_ROWS_OF_A_SET: Final = 400

#: What belongs to a shared row and goes with it.
_MEMBERS: Final = {"revision": "revision_package", "package_set": "package_set_package"}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` did.

    Parameters
    ----------
    sessions, test_runs
        Numbers of rows removed.
    freed
        Bytes given back.
    kept
        Why freed pages stay in the file, to be used again; None where they were given back.
    """

    sessions: int
    test_runs: int
    freed: int
    kept: str | None


def prune(path: Location, keys: Collection[tuple[str, str]], progress: Progress = untold) -> Pruned:
    """Remove sessions, and what no other refers to; they are noted, so no merge brings them back.

    Parameters
    ----------
    path
        A database at the newest schema.
    keys
        (uid, digest) of closed sessions; those that are gone already are passed over.
    progress
        Is told how far it is.
    """
    before = size_of(path) if isinstance(path, Path) else 0
    sessions = runs = done = 0
    with explaining(path), connected(path, write=True) as connection:
        if isinstance(connection, FileConnection):
            # SQLite looks for the children of every shared row that goes, through all of their
            # table where that has no index of them: minutes in a large file. Indexes would cost
            # whoever records and merges; here it is known what refers to what.
            connection.execute("PRAGMA foreign_keys=OFF")
        turns = Turns(connection)
        for batch in batches(_sizes(connection, keys)):
            removed = connection.again(functools.partial(_remove_all, connection, batch))
            sessions += len(removed)
            runs += sum(removed)
            done += len(batch)
            progress("removing", done, len(keys))
            turns.give()
        _remove_unshared(connection)
        progress("giving room back", 0, 0)
        kept: str | None = "the server looks after that"
        if isinstance(connection, FileConnection):
            kept = _vacuum(connection, path)
    after = size_of(path) if isinstance(path, Path) else 0
    return Pruned(sessions, runs, max(0, before - after), kept)


def _sizes(
    connection: Connection, keys: Collection[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], int]]:
    forms: dict[str, list[tuple[str, str]]] = {}
    for key in keys:
        forms.setdefault(key[0], []).append(key)
    for uid, rows in sizes_of(connection, list(forms)):
        for key in forms[uid]:
            yield key, rows


def _remove_all(connection: Connection, batch: Sequence[tuple[str, str]]) -> list[int]:
    """Remove sessions in one transaction; return how many test runs each had that was there."""
    with connection.transaction():
        found = [_remove(connection, uid, digest) for uid, digest in batch]
    return [runs for runs in found if runs is not None]


def _remove(connection: Connection, uid: str, digest: str) -> int | None:
    """Remove a session; return how many test runs it had, None where there is none."""
    query = "SELECT id FROM session WHERE uid=? AND digest=?"
    row = connection.execute(query, (uid, digest)).fetchone()
    if row is None:
        return None
    count = "SELECT count(*) FROM test_run WHERE session_id=?"
    (runs,) = connection.execute(count, row).fetchone()
    remove_session(connection, row[0])
    connection.execute(
        "INSERT INTO local_pruned (uid, digest, pruned) VALUES (?, ?, ?) "
        "ON CONFLICT (uid, digest) DO UPDATE SET pruned = excluded.pruned",
        (uid, digest, stored_instant(datetime.now(UTC))),
    )
    return int(runs)


def _remove_unshared(connection: Connection) -> None:
    """Remove shared rows that nothing refers to any more, unless somebody else is writing.

    What can go is found before others have to wait. It holds until another connection commits. One
    that records has written rows, too, to which it is going to refer.
    """
    version = _version(connection)
    unused = {
        (table, key): connection.execute(
            f"SELECT {key} FROM {table} WHERE {key} NOT IN ({used})"
        ).fetchall()
        for table, key, used in _SHARED
    }
    for (table, key), rows in unused.items():
        for batch in batches((row, 1 + _ROWS_OF_A_SET * (table in _MEMBERS)) for row in rows):
            with connection.transaction():
                if _version(connection) != version or is_recorded_into(connection):
                    return  # the next to prune removes them
                if table in _MEMBERS:
                    connection.executemany(f"DELETE FROM {_MEMBERS[table]} WHERE {table}=?", batch)
                connection.executemany(f"DELETE FROM {table} WHERE {key}=?", batch)


def _version(connection: Connection) -> object:
    """Return what changes as somebody else commits; on a server, as sessions come and go."""
    if isinstance(connection, FileConnection):
        return connection.execute("PRAGMA data_version").fetchone()
    query = "SELECT count(*), max(id) FROM session"
    return connection.execute(query).fetchone()


def _vacuum(connection: FileConnection, path: Location) -> str | None:
    """Give freed pages back, where nobody records; return why not, else None."""
    if any(open_sessions(connection, path)):
        return "it is being recorded into"
    kept = None
    try:
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        is_open = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        # Pages are given back by copying the others: the disk may be full.
        failed = f"no copy of it could be made ({error})"
        kept = "it is open elsewhere" if is_open else failed
    leave_single_file(connection)
    return kept
