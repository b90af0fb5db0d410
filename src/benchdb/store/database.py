"""Opening a SQLite database: what it is, making a new one, the journal, engines for readers.

Nobody may open a database file other than through SQLite while this process holds a connection to
it: closing any descriptor of a file drops the process's POSIX locks on it. So even its header is
asked for through SQLite.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from benchdb import __version__
from benchdb.errors import DamagedFile, ForeignFile, NewerSchema, NoDatabase, UserError, reason
from benchdb.store import locks
from benchdb.store.columns import insertion, kind_of
from benchdb.store.revisions import head, lineage, schema_script
from benchdb.store.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Engine

    from benchdb.config import Location
    from benchdb.locks import ProcessLock

_Made = TypeVar("_Made")

#: Seconds that a connection waits for another's write. Recording and merging keep it for a fraction
#: of one at a time; upgrading a file and giving its free pages back take as long as copying it.
BUSY_SECONDS: Final = 60.0

#: In the header of every benchdb file, where `file` and others look for its maker: "bnch".
APPLICATION_ID: Final = 0x626E6368

#: File systems whose locks or shared memory don't work well enough for a write-ahead log.
_NETWORK: Final = ("nfs", "cifs", "smb", "afs", "9p", "lustre", "gpfs", "beegfs", "ceph", "sshfs")


class Schema(Enum):
    """How a file's schema stands to the newest."""

    EMPTY = "empty"
    NEWEST = "newest"
    OLDER = "older"


@dataclass(frozen=True, slots=True)
class Found:
    """What a file turned out to be, and the revision of its schema (None if empty)."""

    schema: Schema
    revision: str | None


class FileConnection(sqlite3.Connection):
    """An open SQLite file: see `benchdb.store.connection`."""

    bytewise = ""

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """See `Connection.insert`."""
        return int(self.execute(insertion(table, values), tuple(values.values())).lastrowid or 0)

    def stream(
        self, sql: str, parameters: Sequence[Any] = (), most: int = 500
    ) -> Iterator[Sequence[Any]]:
        """See `Connection.stream`; one row at a time."""
        yield from self.execute(sql, parameters)

    @contextlib.contextmanager
    def transaction(self, *, alone: bool = True) -> Iterator[None]:
        """See `Connection.transaction`."""
        within = self.in_transaction
        self.execute("SAVEPOINT part" if within else "BEGIN IMMEDIATE")
        try:
            yield
            self.execute("RELEASE part" if within else "COMMIT")
        except BaseException:
            if self.in_transaction:  # a full disk has ended it already
                self.execute("ROLLBACK TO part" if within else "ROLLBACK")
                if within:
                    self.execute("RELEASE part")
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Connection.snapshot`."""
        if self.in_transaction:
            yield
            return
        self.execute("BEGIN")
        try:
            yield
        finally:
            if self.in_transaction:
                self.execute("ROLLBACK")

    def again(self, action: Callable[[], _Made]) -> _Made:
        """See `Connection.again`: here whoever writes waits for the others at its beginning."""
        return action()

    def tables(self) -> set[str]:
        """See `Connection.tables`."""
        query = "SELECT name FROM sqlite_master WHERE type='table'"
        return {name for (name,) in self.execute(query)}

    def column_kinds(self, table: str) -> dict[str, str]:
        """See `Connection.column_kinds`."""
        return {row[1]: kind_of(row[2]) for row in self.execute(f'PRAGMA table_info("{table}")')}

    def claim(self, location: Location, uid: str) -> ProcessLock:
        """See `Connection.claim`; the claim lies beside the file, whatever copy of it is open."""
        assert isinstance(location, Path)
        return locks.session_lock(location, uid)

    def is_claimed(self, location: Location, uid: str) -> bool:
        """See `Connection.is_claimed`."""
        assert isinstance(location, Path)
        return locks.is_held(location, uid)

    def checkpoint(self) -> bool:
        """See `Connection.checkpoint`."""
        with contextlib.suppress(sqlite3.Error):
            self.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return True

    def leave(self) -> None:
        """See `Connection.leave`."""
        leave_single_file(self)


def connect(path: Path, *, write: bool = False, create: bool = False) -> FileConnection:
    """Return a connection in autocommit mode, with foreign keys enforced.

    Parameters
    ----------
    path
        The database file.
    write
        Whether it may be written; a reader refuses every write.
    create
        Whether to make the file if there is none.

    Raises
    ------
    sqlite3.Error
        If it can't be opened.
    """
    connection = sqlite3.connect(
        uri(path, "rwc" if create else "rw" if write else "ro"),
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=FileConnection,
    )
    connection.execute("PRAGMA foreign_keys=ON")
    if not write and not create:
        connection.execute("PRAGMA query_only=ON")
    return connection


def uri(path: Path, mode: str) -> str:
    """Return how SQLite is told to open a file: ``ro``, ``rw``, or ``rwc`` to make it, too."""
    # Two slashes at the beginning, which some write, would stand before the name of a host.
    return f"file:{quote(os.fsencode(path)).replace('//', '/')}?mode={mode}"


def inspect(connection: FileConnection, path: Path) -> Found:
    """Return what the open file is.

    Raises
    ------
    ForeignFile, DamagedFile, NewerSchema
        If it is nothing that this benchdb can use; it has not been touched.
    """
    try:
        tables = connection.tables()
        _check_size(connection, path)
        if not tables:
            return Found(Schema.EMPTY, None)
        if not {"alembic_version", "test_run", "session"} <= tables:
            raise ForeignFile(
                f"{path} is a SQLite file that benchdb did not make: name another one",
                other_database=True,
            )
        _refuse_programs(connection, path)
        row = connection.execute("select version_num from alembic_version").fetchone()
        made_by = version_text(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise explained(error, path) from error
    revision = row[0] if row else None
    if revision == head():
        return Found(Schema.NEWEST, revision)
    if revision in lineage():
        return Found(Schema.OLDER, revision)
    if version_number(made_by) > version_number(__version__):
        raise NewerSchema(
            f"{path} was made by benchdb {made_by} and this is {__version__}: "
            f"install benchdb {made_by} or newer"
        )
    raise NewerSchema(
        f"{path} has schema {revision}, which this benchdb {__version__} doesn't know: "
        "use the checkout that has that revision in alembic/versions"
    )


def _refuse_programs(connection: FileConnection, path: Path) -> None:
    """Refuse views in the place of tables, and triggers on them: they may run without end."""
    query = "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('view', 'trigger')"
    for kind, name, table in connection.execute(query):
        if table.lower() in _table_names():
            raise ForeignFile(
                f"{path} has a {kind} that benchdb did not make, {shown(name)}, which reading it "
                "would run: drop it, or name another file",
                other_database=True,
            )


@functools.cache
def _table_names() -> frozenset[str]:
    script = schema_script().read_text("utf-8")
    return frozenset(re.findall(r"^CREATE TABLE (\w+)", script, re.MULTILINE))


def _check_size(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what SQLite takes for empty or whole though it isn't: one byte, half a last page."""
    size = path.stat().st_size
    if size and connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        raise sqlite3.DatabaseError("file is not a database")
    if size % connection.execute("PRAGMA page_size").fetchone()[0]:
        raise sqlite3.DatabaseError("malformed: its end is missing")


def size_of(path: Path) -> int:
    """Return the bytes of a database, with its log."""
    size = 0
    for name in (path.name, f"{path.name}-wal"):
        with contextlib.suppress(OSError):
            size += path.with_name(name).stat().st_size
    return size


def explained(error: BaseException, path: Location) -> UserError:
    """Return the error that a user can act on for one of the database's or the system's."""
    said = reason(error)
    if not isinstance(path, Path):
        return UserError(
            f"{path} can't be used ({said}): check that the server runs, the URL, and what its "
            "user may do"
        )
    if os.path.isdir(path):
        return UserError(f"{path} is a folder: name a file in it")
    if "not a database" in said:
        return ForeignFile(f"{path} is no SQLite database: name another file", other_database=True)
    if "malformed" in said:
        return DamagedFile(
            f"{path} is damaged ({said}): put a copy of it back, "
            f"or save what is left with `sqlite3 {path.name} .recover`"
        )
    if not os.path.exists(path):
        return NoDatabase(f"there is no database at {path}: name one", other_database=True)
    if "locked" in said:
        return UserError(
            f"{path} is being written by another process, for too long to wait for it: "
            "try again when that is done"
        )
    if "readonly" in said:
        return UserError(
            f"{path} can't be written ({said}): change the permissions of it and of its folder, "
            "or name another file"
        )
    return UserError(
        f"{path} can't be used ({said}): check its permissions and the free disk space"
    )


def create_schema(connection: FileConnection) -> None:
    """Make the newest schema in an empty file; of several processes at once, one makes it."""
    try:
        script = schema_script().read_text("utf-8")
    except FileNotFoundError:  # a revision that somebody is working on
        from benchdb.store.schema import schema_sql

        script = schema_sql()
    with connection.transaction():
        if connection.execute("select count(*) from sqlite_master").fetchone()[0] == 0:
            for statement in script.split(";\n"):
                connection.execute(statement)
            connection.execute("insert into alembic_version values (?)", (head(),))
            sign(connection)


def sign(connection: Any) -> None:
    """Write who made the schema into the header, so that older releases can name it."""
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={version_number(__version__)}")


def version_number(version: str) -> int:
    """Return a release as a number that grows with it: 1.2.3 is 10203, as is 1.2.3rc1."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in release[0].split(".")] if release else []
    major, minor, patch = (*parts, 0, 0, 0)[:3]
    return major * 10_000 + minor * 100 + patch


def version_text(number: int) -> str:
    """Return the release that a number stands for."""
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"


def use_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Make ready for many small commits: a write-ahead log, which readers don't block.

    On a network file system a write-ahead log's shared memory doesn't work: there the journal is
    truncated at every commit.
    """
    mode = "TRUNCATE" if on_network(path) else "WAL"
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={mode}")
            break
        except sqlite3.OperationalError as error:
            # SQLite doesn't wait here as it does elsewhere, and two sessions may start at once.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")


def leave_single_file(connection: sqlite3.Connection) -> None:
    """Fold the log into the file, if nobody else has it open; the last one to end does it."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error:
        pass  # another process has it open: the log stays until that one ends


def on_network(path: Path, mounts: str | None = None) -> bool:
    """Tell whether a file lies on a network file system, as far as the system says.

    Parameters
    ----------
    path
        The file; it needn't exist.
    mounts
        What is mounted where, in the form of ``/proc/self/mounts``, which is read by default.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text("utf-8", errors="replace")
        except OSError:
            return False
    folder = os.path.realpath(path.parent)
    kinds = {}
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 2:
            kinds[fields[1].replace("\\040", " ")] = fields[2]
    while folder not in kinds and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return any(name in kinds.get(folder, "") for name in _NETWORK)


def engine(path: Path) -> Engine:
    """Return a SQLAlchemy engine on a database; SQLite refuses every write."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    made = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)

    @event.listens_for(made, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return made
