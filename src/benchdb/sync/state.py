"""What the local file holds, and what it knows of remotes, in its ``local_…`` tables.

These may be emptied at any time: then more is looked up in the remote, and nothing else changes.
They are not written where the file can't be.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchdb.records import ANNOTATION
from benchdb.store.database import Schema, connect, inspect
from benchdb.sync.protocol.names import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchdb.sync.objects import Objects
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
        Objects that hold nothing which the local file lacks.
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


def address(objects: Objects) -> str:
    """Return what a remote is known by, wherever it is named from."""
    return objects.url if "://" in objects.url else os.path.abspath(objects.url)


def load_known(at: Path, url: str) -> Known:
    """Return what a file knows of a remote, by its `address`."""
    with contextlib.closing(connect(at)) as connection:
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
    path: Path, url: str, before: Known, after: Known, gone_out: Iterable[str] = ()
) -> None:
    """Note what is known of a remote, where the file can be written.

    Parameters
    ----------
    path
        The local file.
    url
        The remote's `address`.
    before
        As it was loaded; what differs is written.
    after
        As it is now.
    gone_out
        Uids of what is not in this file alone any more.
    """
    # Nothing is lost without it: it is looked up again. Nor may it hold up who records.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(connect(path, write=True)) as connection,
    ):
        if inspect(connection, path).schema is not Schema.NEWEST:
            return
        with connection.transaction():
            _save(connection, url, before, after)
            connection.executemany(
                "DELETE FROM local_fresh WHERE uid=?", [(uid,) for uid in gone_out]
            )


def _save(connection: sqlite3.Connection, url: str, before: Known, after: Known) -> None:
    query = "SELECT id, born FROM local_remote WHERE url=?"
    row = connection.execute(query, (url,)).fetchone()
    same = row is not None and row[1] == after.born == before.born
    if row is not None and not same:
        connection.execute("DELETE FROM local_remote WHERE id=?", (row[0],))
    if same:
        remote = row[0]
        connection.execute(
            "UPDATE local_remote SET generation=? WHERE id=? AND generation<>?",
            (after.generation, remote, after.generation),
        )
    else:
        remote = connection.execute(
            "INSERT INTO local_remote (url, born, generation) VALUES (?, ?, ?)",
            (url, after.born, after.generation),
        ).lastrowid
    had: tuple[set[Any], set[Any]] = (before.entries, before.objects) if same else (set(), set())
    connection.executemany(
        "INSERT OR IGNORE INTO local_remote_entry (remote, uid, digest) VALUES (?, ?, ?)",
        [(remote, *key) for key in sorted(after.entries - had[0])],
    )
    connection.executemany(
        "DELETE FROM local_remote_entry WHERE remote=? AND uid=? AND digest=?",
        [(remote, *key) for key in sorted(had[0] - after.entries)],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO local_remote_object (remote, name) VALUES (?, ?)",
        [(remote, name) for name in sorted(after.objects - had[1])],
    )
    connection.executemany(
        "DELETE FROM local_remote_object WHERE remote=? AND name=?",
        [(remote, name) for name in sorted(had[1] - after.objects)],
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """What a local file holds: closed sessions and annotations; what was pruned; what is fresh."""

    entries: dict[Key, Entry]
    pruned: set[Key]
    fresh: set[str]


def load_holding(at: Path) -> Holding:
    """Return what a local file holds."""
    with contextlib.closing(connect(at)) as connection:
        rows = connection.execute(
            "SELECT started, uid, digest FROM session WHERE digest IS NOT NULL"
        )
        entries = {(row[1], row[2]): Entry(*row) for row in rows}
        for made, key in connection.execute("SELECT made, key FROM annotation"):
            entries[key, ANNOTATION] = Entry(made, key, ANNOTATION)
        pruned = set(connection.execute("SELECT uid, digest FROM local_pruned").fetchall())
        fresh = {uid for (uid,) in connection.execute("SELECT uid FROM local_fresh")}
    return Holding(entries, pruned, fresh)


def weights(at: Path, keys: Iterable[Key]) -> dict[Key, int]:
    """Return about how many bytes each of these takes in a segment."""
    query = """SELECT (SELECT count(*) FROM test_run WHERE session_id = id),
        (SELECT count(*) FROM measurement WHERE session_id = id),
        (SELECT coalesce(sum(length(rounds)), 0) FROM measurement WHERE session_id = id)
        FROM session WHERE uid=? AND digest=?"""
    found = {}
    with contextlib.closing(connect(at)) as connection:
        for key in keys:
            row = connection.execute(query, key).fetchone()
            runs, measured, rounds = row or (0, 0, 0)
            found[key] = _SESSION + _RUN * runs + _MEASUREMENT * measured + rounds // 2
    return found


#: Bytes, compressed.
_SESSION = 2000
_RUN = 60
_MEASUREMENT = 20


def count_runs(at: Path, keys: Iterable[Key]) -> int:
    """Return how many test runs some sessions have together."""
    query = "SELECT count(*) FROM test_run JOIN session ON session_id = id WHERE uid=? AND digest=?"
    with contextlib.closing(connect(at)) as connection:
        return sum(int(connection.execute(query, key).fetchone()[0]) for key in keys)


def clear_known(path: Path) -> None:
    """Forget all that a file knows of remotes: it goes to others."""
    with contextlib.closing(connect(path, write=True)) as connection, connection.transaction():
        connection.execute("DELETE FROM local_remote")
        connection.execute("DELETE FROM local_fresh")
