"""Looking after a database file: opening it to read, telling about it, checking, pruning."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DBAPIError

from benchdb.errors import NoDatabase, UserError
from benchdb.store.database import (
    Found,
    Schema,
    connect,
    engine,
    explained,
    inspect,
    leave_single_file,
    raw,
)
from benchdb.store.digest import session_digest
from benchdb.store.forms import remove_session, remove_unshared
from benchdb.store.lost import close_lost_sessions, open_sessions
from benchdb.store.merge import prepare, readable
from benchdb.store.models import LocalPruned, Measurement, Session, TestRun
from benchdb.store.revisions import head

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

#: Milliseconds that a command which only reads waits to close a lost session.
_PATIENCE: Final = 2000


@contextlib.contextmanager
def reading(path: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[Connection]:
    """Give a read-only connection on a database at the newest schema with no lost session open.

    A lost session is closed in the file where that can be written; else, and where the schema is
    older, a temporary copy is read.

    Parameters
    ----------
    path
        A SQLite file.
    say
        Takes a line for the user: that the file is read through a copy.

    Raises
    ------
    UserError
        If there is no such file, or it can't be read.
    """
    found = look_at(path)
    if found.schema is Schema.OLDER:
        say(
            f"{path} has an older schema and is read through a temporary copy: "
            "`benchdb db upgrade` upgrades it for good"
        )
    elif found.schema is Schema.NEWEST:
        _close_lost_if_possible(path)
    with readable(path) as at, explaining(path), engine(at).connect() as connection:
        yield connection


def look_at(path: Path) -> Found:
    """Return what a file is.

    Raises
    ------
    UserError
        If there is none, or it is none of benchdb's.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file in it")
    if not path.exists():
        raise NoDatabase(
            f"there is no database at {path}: make one with `pytest --benchmark`, "
            "or name another with --db"
        )
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} can't be read by this user: change its permissions")
    with explaining(path), contextlib.closing(connect(path)) as connection:
        return inspect(connection, path)


@contextlib.contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into those that a user can act on."""
    try:
        yield
    except sqlite3.Error as error:
        raise explained(error, path) from error
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        raise explained(error.orig, path) from error


def _close_lost_if_possible(path: Path) -> None:
    if not os.access(path, os.W_OK):
        return
    with contextlib.closing(connect(path)) as connection:
        _, lost = open_sessions(connection, path)
        if not lost:
            return
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(path, write=True)) as on:
        on.execute(f"PRAGMA busy_timeout={_PATIENCE}")
        close_lost_sessions(on, path)
        leave_single_file(on)


# -- info


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a database file is and holds.

    Parameters
    ----------
    size
        Bytes, with the log that may lie beside it.
    schema
        The revision of its schema; `newest` tells whether it is this benchdb's.
    sessions, test_runs, measurements
        Numbers of rows.
    first, last
        When the first and the last session started.
    backups, aside
        Files beside it: copies from before an upgrade; sessions that could not be recorded into it.
    """

    path: Path
    size: int
    schema: str
    newest: bool
    sessions: int
    test_runs: int
    measurements: int
    first: datetime | None
    last: datetime | None
    backups: tuple[Path, ...]
    aside: tuple[Path, ...]


def file_facts(path: Path, connection: Connection) -> FileFacts:
    """Return what a file is and holds.

    Parameters
    ----------
    path
        The file.
    connection
        From `reading`.
    """
    found = look_at(path)
    first, last, sessions = connection.execute(
        select(func.min(Session.started), func.max(Session.started), func.count(Session.id))
    ).one()
    count: Any = func.count()
    return FileFacts(
        path=path,
        size=size_of(path),
        schema=found.revision or "",
        newest=found.schema is Schema.NEWEST,
        sessions=sessions,
        test_runs=connection.scalar(select(count).select_from(TestRun)) or 0,
        measurements=connection.scalar(select(count).select_from(Measurement)) or 0,
        first=first,
        last=last,
        backups=_beside(path, f"{path.name}.before-", ""),
        aside=_beside(path, f"{path.stem}-", path.suffix or ".db"),
    )


def size_of(path: Path) -> int:
    """Return the bytes of a database, with its log."""
    size = 0
    for name in (path.name, f"{path.name}-wal"):
        with contextlib.suppress(OSError):
            size += path.with_name(name).stat().st_size
    return size


def _beside(path: Path, start: str, end: str) -> tuple[Path, ...]:
    return tuple(
        sorted(
            other
            for other in path.parent.iterdir()
            if other.name.startswith(start) and other.name.endswith(end) and other != path
        )
    )


# -- upgrade


def upgrade_file(path: Path) -> tuple[str, Path] | None:
    """Upgrade a file to the newest schema; return its former schema and the copy made of it.

    Returns None for one that is at the newest already, or was upgraded by another in this moment.

    Raises
    ------
    UserError
        If a live session records into it, or it can't be done; it is as it was.
    """
    found = look_at(path)
    if found.schema is Schema.EMPTY:
        raise UserError(f"{path} is empty: record into it with `pytest --benchmark`")
    if found.schema is Schema.NEWEST:
        return None
    with explaining(path):
        prepare(path)
    former = found.revision or ""
    copies = _beside(path, f"{path.name}.before-{head()}-was-{former}", "")
    return (former, copies[-1]) if copies else None


def make_writable(path: Path) -> Path | None:
    """Make a database ready to be written by a command, and a new one where there is none.

    Returns the copy that was made of an older one before it was upgraded.

    Raises
    ------
    UserError
        If it can't be; it is as it was.
    """
    upgraded = None
    if path.exists() and look_at(path).schema is Schema.OLDER:
        upgraded = upgrade_file(path)
    with explaining(path):
        prepare(path)
    return None if upgraded is None else upgraded[1]


# -- check


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` looked at, and a line for everything that is wrong."""

    sessions: int
    test_runs: int
    problems: tuple[str, ...]


def check(path: Path, progress: Callable[[int, int], None] = lambda _, __: None) -> Checked:
    """Look whether a file is sound and every closed session is what it was when it was closed.

    Parameters
    ----------
    path
        A SQLite file.
    progress
        Called with the number of sessions done and of all.

    Raises
    ------
    UserError
        If it is so damaged that it can't be looked into, or none of benchdb's.
    """
    look_at(path)
    problems = []
    with explaining(path), contextlib.closing(connect(path)) as found:
        for (said,) in found.execute("PRAGMA integrity_check(20)"):
            if said != "ok":
                problems.append(f"the file is damaged: {said}")
        for table, row, parent, _ in found.execute("PRAGMA foreign_key_check"):
            problems.append(f"row {row} of {table} refers to no row of {parent}")
    runs = 0
    rows: list[tuple[int, str, str]] = []
    try:
        with reading(path) as connection:
            query = select(Session.id, Session.uid, Session.digest)
            closed = query.where(Session.digest.is_not(None)).order_by(Session.started, Session.uid)
            rows = [(row, uid, str(digest)) for row, uid, digest in connection.execute(closed)]
            connection.rollback()
            for done, (row, uid, digest) in enumerate(rows):
                progress(done, len(rows))
                count, problem = _check_session(connection, row, uid, digest)
                runs += count
                problems += problem
            progress(len(rows), len(rows))
    except UserError as error:
        if not problems:
            raise
        problems.append(str(error))
    return Checked(len(rows), runs, tuple(problems))


def _check_session(
    connection: Connection, row: int, uid: str, digest: str
) -> tuple[int, list[str]]:
    """Check one session in a transaction of its own, so that who records waits for none."""
    try:
        if connection.scalar(select(Session.digest).where(Session.id == row)) != digest:
            return 0, []  # pruned or superseded meanwhile
        runs = _runs_of(connection, row)
        try:
            same = session_digest(raw(connection), row) == digest
        except (ValueError, TypeError, KeyError) as error:
            return runs, [f"session {uid} has a row that can't be read: {error}"]
    finally:
        connection.rollback()
    said = f"session {uid} was changed after it was closed: its rows don't give its digest {digest}"
    return runs, [] if same else [said]


def _runs_of(connection: Connection, row: int) -> int:
    mine = select(func.count()).select_from(TestRun).where(TestRun.session_id == row)
    return connection.scalar(mine) or 0


# -- prune


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` did: sessions and test runs removed, bytes given back, whether all could be."""

    sessions: int
    test_runs: int
    freed: int
    vacuumed: bool


def prune(path: Path, rows: Collection[tuple[str, str]]) -> Pruned:
    """Remove sessions, and what no other refers to; they are noted, so no merge brings them back.

    Parameters
    ----------
    path
        A database at the newest schema.
    rows
        (uid, digest) of closed sessions; those that are gone already are passed over.
    """
    before = size_of(path)
    runs = removed = 0
    now = datetime.now(UTC)
    with explaining(path), engine(path, write=True).connect() as connection:
        with connection.begin():
            for uid, digest in rows:
                this = (Session.uid == uid) & (Session.digest == digest)
                row = connection.scalar(select(Session.id).where(this))
                if row is None:
                    continue
                runs += _runs_of(connection, row)
                remove_session(raw(connection), row)
                connection.execute(
                    insert(LocalPruned).prefix_with("OR REPLACE"),
                    {"uid": uid, "digest": digest, "pruned": now},
                )
                removed += 1
            if not _being_recorded(connection):
                # Else a row that a recorder has just written, and is about to use, would go.
                remove_unshared(raw(connection))
        vacuumed = _vacuum(raw(connection), path)
    return Pruned(removed, runs, max(0, before - size_of(path)), vacuumed)


def _being_recorded(connection: Connection) -> bool:
    return connection.scalar(select(Session.id).where(Session.state == "open").limit(1)) is not None


def _vacuum(connection: sqlite3.Connection, path: Path) -> bool:
    """Give freed pages back, where nobody records; needs as much room again as the file takes."""
    if any(open_sessions(connection, path)):
        return False
    try:
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("VACUUM")
    except sqlite3.OperationalError:
        return False  # somebody has it open, or the disk is full: SQLite reuses the pages
    leave_single_file(connection)
    return True
