"""What the local database holds, and what it knows of remotes, in its ``local_…`` tables.

These may be emptied at any time: then more is looked up in the remote, and nothing else changes.
They are not written where the database can't be. Those on a server are of all who use it: what one
of them learns about a remote the others know, too.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchdb.records import ANNOTATION
from benchdb.store.database import FileConnection, Schema, inspect
from benchdb.store.opening import connected, explaining
from benchdb.store.queries import of_uids
from benchdb.sync.protocol.names import Entry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from benchdb.config import Location
    from benchdb.store.connection import Connection
    from benchdb.sync.protocol.manifest import Manifest

Key = tuple[str, str]


@dataclass(slots=True)
class Known:
    """What is known of a remote.

    Parameters
    ----------
    born, generation
        Of the manifest, when it was last read; empty and 0 for a remote that was never met.
    entries
        Keys of what it holds.
    objects
        Objects that hold nothing which the local database lacks.
    """

    born: str = ""
    generation: int = 0
    entries: set[Key] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)

    def is_of(self, manifest: Manifest | None) -> bool:
        """Tell whether a manifest is of the history that is known, and no older."""
        if manifest is None:
            return not self.generation
        return not self.born or (
            manifest.born == self.born and manifest.generation >= self.generation
        )


@contextlib.contextmanager
def _reading(at: Location) -> Iterator[Connection]:
    with explaining(at), connected(at) as connection, connection.snapshot():
        yield connection


def load_known(at: Location, url: str) -> Known:
    """Return what a database knows of a remote, by its `address`."""
    with _reading(at) as connection:
        query = "SELECT id, born, generation FROM local_remote WHERE url=?"
        row = connection.execute(query, (url,)).fetchone()
        if row is None:
            return Known()
        remote, born, generation = row
        query = "SELECT uid, digest FROM local_remote_entry WHERE remote=?"
        entries = set(connection.execute(query, (remote,)).fetchall())
        query = "SELECT name FROM local_remote_object WHERE remote=?"
        objects = {name for (name,) in connection.execute(query, (remote,))}
    return Known(born, generation, entries, objects)


def save_known(
    path: Location, url: str, before: Known, after: Known, gone_out: Iterable[str] = ()
) -> None:
    """Note what is known of a remote, where the database can be written.

    Parameters
    ----------
    path
        The local database.
    url
        The remote's `address`.
    before
        As it was loaded; what differs is written.
    after
        As it is now.
    gone_out
        Uids of what is not in this database alone any more.
    """
    # Nothing is lost without it: it is looked up again. Nor may it hold up who records.
    with (
        contextlib.suppress(sqlite3.Error),
        connected(path, write=True) as connection,
    ):
        if (
            isinstance(connection, FileConnection)
            and isinstance(path, Path)
            and inspect(connection, path).schema is not Schema.NEWEST
        ):
            return  # it was read through a copy
        with connection.transaction(alone=False):
            _save(connection, url, before, after)
            connection.executemany(
                "DELETE FROM local_fresh WHERE uid=?", [(uid,) for uid in gone_out]
            )


def _save(connection: Connection, url: str, before: Known, after: Known) -> None:
    """Write what differs; what others have learnt of the same history meanwhile stays."""
    connection.execute("DELETE FROM local_remote WHERE url=? AND born<>?", (url, after.born))
    connection.execute(
        "INSERT INTO local_remote (url, born, generation) VALUES (?, ?, ?) "
        "ON CONFLICT (url) DO UPDATE SET generation = excluded.generation "
        "WHERE local_remote.born = excluded.born",
        (url, after.born, after.generation),
    )
    query = "SELECT id FROM local_remote WHERE url=? AND born=?"
    row = connection.execute(query, (url, after.born)).fetchone()
    if row is None:
        return  # in this moment another has found another history there
    (remote,) = row
    same = before.born == after.born
    had: tuple[set[Any], set[Any]] = (before.entries, before.objects) if same else (set(), set())
    connection.executemany(
        "INSERT INTO local_remote_entry (remote, uid, digest) VALUES (?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(remote, *key) for key in sorted(after.entries - had[0])],
    )
    connection.executemany(
        "DELETE FROM local_remote_entry WHERE remote=? AND uid=? AND digest=?",
        [(remote, *key) for key in sorted(had[0] - after.entries)],
    )
    connection.executemany(
        "INSERT INTO local_remote_object (remote, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(remote, name) for name in sorted(after.objects - had[1])],
    )
    connection.executemany(
        "DELETE FROM local_remote_object WHERE remote=? AND name=?",
        [(remote, name) for name in sorted(had[1] - after.objects)],
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """What a local database holds: closed sessions, annotations; what was pruned; what is fresh."""

    entries: dict[Key, Entry]
    pruned: set[Key]
    fresh: set[str]


def load_holding(at: Location) -> Holding:
    """Return what a local database holds."""
    with _reading(at) as connection:
        rows = connection.execute(
            "SELECT started, uid, digest FROM session WHERE digest IS NOT NULL"
        )
        entries = {(row[1], row[2]): Entry(*row) for row in rows}
        for made, key in connection.execute("SELECT made, key FROM annotation"):
            entries[key, ANNOTATION] = Entry(made, key, ANNOTATION)
        pruned = set(connection.execute("SELECT uid, digest FROM local_pruned").fetchall())
        fresh = {uid for (uid,) in connection.execute("SELECT uid FROM local_fresh")}
    return Holding(entries, pruned, fresh)


def may_note(path: Location, at: Location) -> bool:
    """Tell whether what is known of a remote can be noted.

    Where it can't, what is fresh stays so, and would be put into the remote again each time.

    Parameters
    ----------
    path, at
        The local database, and where it is read.
    """
    if isinstance(path, Path):
        return at == path and os.access(path, os.W_OK)
    with _reading(path) as connection:
        query = "SELECT has_table_privilege('local_fresh', 'DELETE') AND NOT pg_is_in_recovery()"
        return bool(connection.execute(query).fetchone()[0])


def weights(at: Location, keys: Iterable[Key]) -> dict[Key, int]:
    """Return about how many bytes each of these takes in a segment."""
    columns = """(SELECT count(*) FROM test_run WHERE session_id = id),
        (SELECT count(*) FROM measurement WHERE session_id = id),
        (SELECT coalesce(sum(length(rounds)), 0) FROM measurement WHERE session_id = id)"""
    found = dict.fromkeys(keys, _SESSION)
    for key, runs, measured, rounds in _of_sessions(at, columns, found):
        found[key] = _SESSION + _RUN * runs + _MEASUREMENT * measured + rounds // 2
    return found


#: Bytes, compressed.
_SESSION = 2000
_RUN = 60
_MEASUREMENT = 20


def count_runs(at: Location, keys: Iterable[Key]) -> int:
    """Return how many test runs some sessions have together."""
    columns = "(SELECT count(*) FROM test_run WHERE session_id = id)"
    return sum(runs for _, runs in _of_sessions(at, columns, set(keys)))


def _of_sessions(at: Location, columns: str, keys: Collection[Key]) -> Iterator[tuple[Any, ...]]:
    """Give the key of each of some sessions that are there, and what is asked for of it."""
    if not keys:
        return
    with _reading(at) as connection:
        uids = {uid for uid, kind in keys if kind != ANNOTATION}
        for uid, digest, *rest in of_uids(connection, f"uid, digest, {columns}", uids):
            if (uid, digest) in keys:
                yield ((uid, digest), *rest)


#: Tables of what a database has learnt of itself and of remotes: none of it is for others.
LEARNT = ("local_remote", "local_fresh", "local_recorded", "local_pruned")


def clear_known(path: Path) -> None:
    """Forget what a file knows of remotes, and what was pruned from it: it goes to others."""
    with connected(path, write=True) as connection, connection.transaction():
        for table in LEARNT:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
