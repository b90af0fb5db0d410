"""Opening a database file for a command: to look at it, to read it, to write into it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import DamagedFile, ForeignFile, NoDatabase, UserError
from benchdb.scratch import scratch_folder
from benchdb.store.database import (
    Found,
    Schema,
    connect,
    create_schema,
    engine,
    explained,
    inspect,
    leave_single_file,
)
from benchdb.store.lost import close_lost_sessions, open_sessions
from benchdb.store.progress import untold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from benchdb.config import Location
    from benchdb.store.connection import Connection
    from benchdb.store.database import FileConnection
    from benchdb.store.progress import Progress

#: Milliseconds that a command which only reads waits to close a lost session.
_BUSY_MILLISECONDS: Final = 2000

#: Pages of a file that are copied between two looks at the progress.
_PAGES: Final = 2000

#: What SQLite answers a reader where it must write first: roll back, or make the index of a log.
_UNSETTLED: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)

#: By this SQLite notices what state a file is in.
_FIRST_LOOK: Final = "SELECT count(*) FROM sqlite_master"


@contextlib.contextmanager
def explaining(path: Location) -> Iterator[None]:
    """Turn errors of the database and of the system into those that a user can act on."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explained(error, path) from error
    except Exception as error:
        cause = getattr(error, "orig", None)  # SQLAlchemy's errors carry the database's
        if cause is None or (not isinstance(cause, sqlite3.Error) and isinstance(path, Path)):
            raise
        raise explained(cause, path) from error


def look_at(path: Location, *, filled: bool = False) -> Found:
    """Return what a database is; it stays as it is.

    Parameters
    ----------
    path
        The file, or the server.
    filled
        Whether it must not be empty.

    Raises
    ------
    UserError
        If there is none, or it is none of benchdb's.
    """
    if not isinstance(path, Path):
        from benchdb.store import server

        with explaining(path):
            return server.look_at(path, filled=filled)
    if not os.path.lexists(path):
        raise NoDatabase(
            f"there is no database at {path}: make one with `pytest --benchmark`, or name another",
            other_database=True,
        )
    _refuse_strange(path)
    if os.path.isfile(path) and not os.access(path, os.R_OK):
        raise UserError(f"{path} can't be read by this user: change its permissions")
    with explaining(path), opened(path) as (connection, _):
        found = inspect(connection, path)
    if filled:
        _refuse_empty(found, path)
    return found


def _refuse_strange(path: Path) -> None:
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        # To open a pipe would wait for who writes into it.
        raise ForeignFile(f"{path} is no ordinary file: name another one", other_database=True)


def _refuse_empty(found: Found, path: Path) -> None:
    if found.schema is Schema.EMPTY:
        raise UserError(f"{path} is empty: record into it with `pytest --benchmark`")


@contextlib.contextmanager
def reading(path: Location, say: Callable[[str], None] = lambda _: None) -> Iterator[Connection]:
    """Give a connection that reads one state of a database of the user's own.

    It is at the newest schema, with no lost session open: see `settle` and `readable`.

    Parameters
    ----------
    path
        A SQLite file, or a server.
    say
        Takes a line for the user: that the file is read through a copy.

    Raises
    ------
    UserError
        If there is no such file, or it can't be read.
    """
    if settle(path).schema is Schema.OLDER:
        say(
            f"{path} has an older schema and is read through a temporary copy: "
            "`benchdb db upgrade` upgrades it for good"
        )
    with (
        newest(path) as at,
        explaining(path),
        connected(at) as connection,
        connection.snapshot(),
    ):
        try:
            yield connection
        except (ValueError, TypeError, OverflowError) as error:
            from benchdb.store.fitness import first_unfit

            if (said := first_unfit(connection)) is None:
                raise
            raise DamagedFile(
                f"{path}: {said}: `benchdb db prune --session UID` removes a session"
            ) from error


def reading_engine(location: Location) -> Engine:
    """Return a SQLAlchemy engine on which the database refuses every write."""
    if isinstance(location, Path):
        return engine(location)
    from benchdb.store import server

    return server.engine(location)


def settle(path: Location) -> Found:
    """Finish what killed processes left, where that can be done now; return what the database is.

    Their lost sessions are closed, and their half-written changes rolled back.
    """
    if not isinstance(path, Path):
        from benchdb.store import server

        with explaining(path):
            return server.settle(path)
    found = look_at(path)
    if found.schema is not Schema.NEWEST or not os.access(path, os.W_OK):
        return found
    with explaining(path), opened(path) as (connection, at):
        _, lost = open_sessions(connection, path)
        if at == path and not lost:
            return found
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(connect(path, write=True)) as connection,
    ):
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        close_lost_sessions(connection, path)
        leave_single_file(connection)
    return found


def roll_back(path: Path) -> None:
    """Undo the half-written change that a killed process left in a file that is to be written."""
    with contextlib.closing(connect(path)) as connection:
        try:
            connection.execute(_FIRST_LOOK)
        except sqlite3.OperationalError as error:
            if not _is_unsettled(error):
                raise
        else:
            return
    with contextlib.closing(connect(path, write=True)) as connection:
        connection.execute(_FIRST_LOOK)


def _is_unsettled(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in _UNSETTLED


@contextlib.contextmanager
def connected(path: Location, *, write: bool = False) -> Iterator[Connection]:
    """Give an open database, closed after the block; it is at the newest schema already."""
    if isinstance(path, Path):
        with contextlib.closing(connect(path, write=write)) as connection:
            yield connection
    else:
        from benchdb.store import postgresql

        with contextlib.closing(postgresql.connect(path, write=write)) as on_server:
            yield on_server


@contextlib.contextmanager
def newest(location: Location, progress: Progress = untold) -> Iterator[Location]:
    """Give where a database can be read at the newest schema: for a file, see `readable`.

    On a server, lost sessions that this user may not close are open, still.

    Raises
    ------
    UserError
        If it can't be read, or there is nothing in it.
    """
    if isinstance(location, Path):
        with readable(location, progress) as at:
            yield at
    else:
        settle(location)
        yield location


@contextlib.contextmanager
def readable(path: Path, progress: Progress = untold) -> Iterator[Path]:
    """Give where a database can be read at the newest schema, with no lost session open.

    It is the file itself where that is so already, else a temporary copy: a file that is only read
    is never changed.

    Raises
    ------
    UserError
        If it can't be read, or there is nothing in it.
    """
    with contextlib.ExitStack() as stack:
        with explaining(path):
            connection, at = stack.enter_context(opened(path))
            found = inspect(connection, path)
            _refuse_empty(found, path)
            live, lost = open_sessions(connection, path)
            as_it_is = found.schema is Schema.NEWEST and not lost
            if at == path and not as_it_is:
                tell = untold if live else progress
                at = stack.enter_context(
                    _copied(path, lambda copy: back_up(connection, copy, tell))
                )
            connection.close()
        if found.schema is Schema.OLDER:
            from benchdb.store.migrate import upgrade

            upgrade(path, at=at)
        if not as_it_is:
            with explaining(path), contextlib.closing(connect(at, write=True)) as connection:
                close_lost_sessions(connection, path, discard=False)
        yield at


def make_writable(path: Location, progress: Progress = untold) -> Path | None:
    """Make a database ready to be written by a command; a new one, where there is none.

    It is at the newest schema then, and no lost session is open in it.

    Returns
    -------
    Path or None
        The copy that was made of an older one before it was upgraded.

    Raises
    ------
    UserError
        If it can't be; it is as it was.
    """
    if not isinstance(path, Path):
        from benchdb.store import server

        with explaining(path):
            server.make_writable(path)
        return None
    copy = None
    _refuse_strange(path)
    folder = path.parent
    if not os.path.lexists(path) and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        raise UserError(
            f"no file can be made in {folder}: see that it is a folder and can be written, "
            "or name another file",
            other_database=True,
        )
    with explaining(path), contextlib.closing(connect(path, write=True, create=True)) as connection:
        found = inspect(connection, path)
        if found.schema is Schema.EMPTY:
            create_schema(connection)
        live, _ = open_sessions(connection, path)
    if found.schema is Schema.OLDER:
        from benchdb.store.migrate import upgrade

        if live:
            raise UserError(
                f"{path} has an older schema and is being recorded into: try again when it is done"
            )
        copy = upgrade(path, progress=progress)
    with explaining(path), contextlib.closing(connect(path, write=True)) as connection:
        if close_lost_sessions(connection, path):
            leave_single_file(connection)
    return copy


def upgrade_database(path: Location, progress: Progress = untold) -> tuple[str, Path | None] | None:
    """Upgrade to the newest schema; return the former one and the copy made of a file.

    Returns None for one that is at the newest already, or was upgraded by another in this moment.

    Raises
    ------
    UserError
        If a live session records into it, or it can't be done; it is as it was.
    """
    if not isinstance(path, Path):
        from benchdb.store import server

        with explaining(path):
            former = server.upgrade(path)
        return None if former is None else (former, None)
    found = look_at(path, filled=True)
    copy = make_writable(path, progress) if found.schema is Schema.OLDER else None
    return None if copy is None else (found.revision or "", copy)


def back_up(connection: sqlite3.Connection, copy: Path, progress: Progress) -> None:
    """Copy a database through SQLite.

    Parameters
    ----------
    connection
        On the database.
    copy
        The file to make.
    progress
        Is told the pages; with `untold`, all are copied in one go, as must be where somebody may
        write meanwhile: at each of their commits a copy by pages starts again.
    """

    def tell(_: int, remaining: int, total: int) -> None:
        progress("copying", total - remaining, total)

    pages = -1 if progress is untold else _PAGES
    with contextlib.closing(sqlite3.connect(copy)) as into:
        connection.backup(into, pages=pages, progress=tell)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[FileConnection, Path]]:
    """Open a file to read it as it is; gives where it is read, too.

    A process that was killed may leave a journal or a log that SQLite must work in before anybody
    can read, and a reader may not do that: then a temporary copy is opened.
    """
    at = path
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(contextlib.closing(connect(path)))
        try:
            connection.execute(_FIRST_LOOK)
        except sqlite3.OperationalError as error:
            if not _is_unsettled(error) or not path.exists():
                raise
            connection.close()  # before the files are opened by other means than SQLite
            at = stack.enter_context(_copied(path, lambda copy: _copy_files(path, copy)))
            connection = stack.enter_context(contextlib.closing(connect(at, write=True)))
        yield connection, at


def _copy_files(path: Path, copy: Path) -> None:
    shutil.copyfile(path, copy)
    for end in ("-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{end}", f"{copy}{end}")


@contextlib.contextmanager
def _copied(path: Path, fill: Callable[[Path], None]) -> Iterator[Path]:
    """Give a temporary copy of a file, which `fill` makes."""
    with scratch_folder() as folder:
        copy = folder / path.name
        try:
            fill(copy)
        except (sqlite3.Error, OSError) as error:
            full = (getattr(error, "sqlite_errorcode", None), getattr(error, "errno", None))
            if full[0] != sqlite3.SQLITE_FULL and full[1] != errno.ENOSPC:
                raise
            raise UserError(
                f"{path} must be read through a copy, for which {tempfile.gettempdir()} has no "
                "room: free some, or name another folder by the variable TMPDIR"
            ) from error
        yield copy
