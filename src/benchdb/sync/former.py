"""What lies in the place of a remote's ``benchmark.db``: a copy that may be replaced, or not.

Anybody may have put a file there: one of the ancestor's, the database that they record into, or
something else. What is replaced was published by benchdb, which the file itself tells: it has no
tables of others, no session that is open, and knows nothing of remotes, of what was recorded into
it or pruned from it. And it holds nothing that the history lacks.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.errors import BenchdbError, DamagedFile, ForeignFile, NewerSchema, UserError
from benchdb.records import ANNOTATION
from benchdb.store.database import Schema, connect, inspect
from benchdb.store.merge import merge_file
from benchdb.store.opening import connected, explaining, make_writable
from benchdb.store.prune import prune
from benchdb.sync.state import LEARNT, clear_known

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from benchdb.store.connection import Connection
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.manifest import Manifest
    from benchdb.sync.state import Key

PUBLISHED: Final = "benchmark.db"

#: What SQLite keeps beside a file that somebody writes into, or was killed doing so.
_BESIDE: Final = (f"{PUBLISHED}-wal", f"{PUBLISHED}-journal")

_TAKE_IN: Final = "`benchdb merge` a copy of it and push, then move it away"
MOVE: Final = "move it away, and the next sync makes another"


class Untouchable(BenchdbError):
    """The file must stay as it is; says why, and what to do next."""


class TooNew(Untouchable):
    """A newer benchdb made it, and is to renew it."""


@dataclass(frozen=True, slots=True)
class Former:
    """A copy of the file, at the newest schema.

    Parameters
    ----------
    path
        Where it is.
    started
        When each of its entries began.
    lost
        Those that are lost forms, which others may have superseded.
    """

    path: Path
    started: Mapping[Key, str]
    lost: frozenset[Key]


def fetch_former(objects: Objects, folder: Path) -> Former | None:
    """Fetch what lies there and look into it; None where nothing does.

    Raises
    ------
    Untouchable
        If benchdb did not publish it, or somebody is using it.
    """
    demand_unused(objects)
    path = folder / "former.db"
    return look_into(path) if objects.fetch(PUBLISHED, path) else None


def demand_unused(objects: Objects) -> None:
    """Refuse a file that is written into: a part of it is in another beside it."""
    if any(one.name in _BESIDE and one.size for one in objects.list(PUBLISHED)):
        raise Untouchable(f"it is a database that is, or was, written into: {_TAKE_IN}")


def look_into(path: Path) -> Former:
    """Look into a copy of the file, which is upgraded.

    Raises
    ------
    Untouchable
        If benchdb did not publish it.
    """
    try:
        _demand_published(path)
        make_writable(path)
        with explaining(path), connected(path) as connection:
            _demand_unknowing(connection, path)
            query = "SELECT uid, digest FROM session WHERE state = 'lost'"
            lost = frozenset(connection.execute(query).fetchall())
            return Former(path, _entries(connection), lost)
    except NewerSchema as error:
        said = str(error).replace(str(path), "it")
        raise TooNew(f"{said}, and run the same command again") from error
    except ForeignFile as error:
        raise Untouchable(f"it is no database of benchdb's: {MOVE}") from error
    except (DamagedFile, sqlite3.DatabaseError) as error:
        raise Untouchable(f"it is damaged: {MOVE}") from error


def _demand_published(path: Path) -> None:
    """Refuse what can be told before the file is upgraded."""
    with explaining(path), contextlib.closing(connect(path, write=True)) as connection:
        if inspect(connection, path).schema is Schema.EMPTY:
            raise ForeignFile(f"{path} is empty")
        query = "SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')"
        (strange,) = connection.execute(query).fetchone()
        if strange:
            raise Untouchable(f"it has views or triggers, so others work with it: {_TAKE_IN}")
        query = "SELECT count(*) FROM session WHERE digest IS NULL"
        (live,) = connection.execute(query).fetchone()
        if live:
            raise Untouchable(f"a session is, or was, recorded into it: {_TAKE_IN}")


def _demand_unknowing(connection: Connection, path: Path) -> None:
    """Refuse a database that somebody works with."""
    fresh = path.with_name("fresh.db")
    make_writable(fresh)
    with connected(fresh) as other:
        ours = other.tables()
    theirs = connection.tables() - ours
    if any(not name.startswith("sqlite_") for name in theirs):  # those SQLite makes, as by ANALYZE
        raise Untouchable(f"it has tables of others: {_TAKE_IN}")
    queries = [f"SELECT 1 FROM {table} LIMIT 1" for table in LEARNT]  # noqa: S608 - constants
    if any(connection.execute(query).fetchone() for query in queries):
        raise Untouchable(f"it is a database that somebody works with: {_TAKE_IN}")


def _entries(connection: Connection) -> dict[Key, str]:
    rows = connection.execute("SELECT uid, digest, started FROM session").fetchall()
    entries = {(uid, digest): started for uid, digest, started in rows}
    for key, made in connection.execute("SELECT key, made FROM annotation"):
        entries[key, ANNOTATION] = made
    return entries


def missing(
    former: Former, held: Collection[Key], manifest: Manifest
) -> tuple[list[Key], list[Key]]:
    """Return the keys of what is in the file, not held, and not forgotten.

    The second ones are lost forms of sessions that are held in another, which may have superseded
    them.
    """
    uids = {uid for uid, _ in held}
    lacking = [
        key
        for key, started in former.started.items()
        if key not in held and not manifest.forgets(key[0], started)
    ]
    lost = [key for key in lacking if key in former.lost and key[0] in uids]
    return [key for key in lacking if key not in lost], lost


def demand_held(former: Former, path: Path, manifest: Manifest) -> None:
    """Refuse a file that holds what a history lacks and has not forgotten.

    Parameters
    ----------
    former
        The file.
    path
        A database of all that the history holds; of no use any more if this raises.
    manifest
        It tells what is forgotten.

    Raises
    ------
    Untouchable
        If there is something.
    """
    with connected(path) as connection:
        held = _entries(connection).keys()
    lacking, lost = missing(former, held, manifest)
    more = len(lacking)
    if lost:
        try:  # what was superseded is not copied
            merged = merge_file(path, former.path, only=lost)
        except UserError as error:
            raise Untouchable(f"it is damaged: {MOVE}") from error
        more += merged.added + len(merged.unfit)
    if more:
        raise Untouchable(f"it holds {more:,} that the history lacks: {_TAKE_IN}")


def forget_in(former: Former, manifest: Manifest) -> None:
    """Remove from the copy what the history has forgotten; all else stays."""
    gone = [key for key, started in former.started.items() if manifest.forgets(key[0], started)]
    said = [(key,) for key, kind in gone if kind == ANNOTATION]
    with (
        explaining(former.path),
        connected(former.path, write=True) as connection,
        connection.transaction(),
    ):
        connection.executemany("DELETE FROM annotation WHERE key=?", said)
    if kept := prune(former.path, [key for key in gone if key[1] != ANNOTATION]).kept:
        raise UserError(
            f"{PUBLISHED} can't be freed of what was forgotten ({kept}): run the same command again"
        )
    clear_known(former.path)
