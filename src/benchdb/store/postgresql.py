"""An open PostgreSQL database; the only home of psycopg, which is loaded when a server is named."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sqlite3
import time
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb.errors import UserError
from benchdb.store.columns import insertion, kind_of, quoted
from benchdb.store.database import BUSY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from benchdb.config import Location, Server

_Made = TypeVar("_Made")

#: What a connection is asked for, unless the URL says otherwise: a server that is gone, or a
#: network that drops silent connections, must not hold up tests for hours.
_PARAMETERS: Final = {
    "client_encoding": "utf8",
    "fallback_application_name": "benchdb",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

#: Settings of a session, whatever the server's are; those that it doesn't know are left out.
_SETTINGS: Final = {
    "default_transaction_isolation": "read committed",
    "lock_timeout": f"{BUSY_SECONDS:.0f}s",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "extra_float_digits": "1",
    "datestyle": "ISO",
}

#: What PostgreSQL undid for the sake of others: serialization_failure, deadlock_detected.
_UNDONE: Final = ("40001", "40P01")
_ATTEMPTS: Final = 10

#: A forked child must not keep their sockets open when its parent is killed.
_opened: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()


def _leave_in_child() -> None:
    for connection in _opened:
        with contextlib.suppress(Exception):
            # Not closed: the number may not become another file's, which libpq would write to.
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, connection.fileno())
            os.close(nowhere)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)


class Undone(sqlite3.OperationalError):
    """The server undid a transaction for the sake of others; it may be done again."""


def driver() -> Any:
    """Return the module psycopg.

    Raises
    ------
    UserError
        If it isn't installed.
    """
    try:
        import psycopg
    except ImportError:
        raise UserError(
            "PostgreSQL needs psycopg, which is not installed here: "
            "pip install 'benchdb[postgresql]'"
        ) from None
    return psycopg


def connect(server: Server, *, write: bool = False) -> ServerConnection:
    """Return a connection in autocommit mode; without `write`, the server refuses every write.

    Raises
    ------
    sqlite3.Error
        If there is no way to it.
    UserError
        If the URL makes no sense, or psycopg isn't installed.
    """
    raw = open_raw(server, write=write)
    raw.autocommit = True
    raw.adapters.register_loader("timestamp", _instant_loader())
    return ServerConnection(raw)


def open_raw(server: Server, *, write: bool = False) -> Any:
    """Return psycopg's connection, with the settings that all of ours have: see `connect`."""
    psycopg = driver()
    scheme, _, rest = server.url.partition("://")
    try:
        given = psycopg.conninfo.conninfo_to_dict(f"{scheme.partition('+')[0]}://{rest}")
    except psycopg.Error:  # its message has the password
        raise UserError(
            f"{server} is no URL that PostgreSQL understands: write it as "
            "postgresql+psycopg://USER@HOST/DATABASE, with %XX for special characters"
        ) from None
    settings = {**_SETTINGS, "default_transaction_read_only": "off" if write else "on"}
    with translated():
        made = psycopg.connect(**{**_PARAMETERS, **given})
        try:
            _opened.add(made)
            names, values = list(settings), list(settings.values())
            made.execute(
                "SELECT set_config(name, value, false) FROM "
                "unnest(%s::text[], %s::text[]) AS wanted (name, value) "
                "WHERE name IN (SELECT lower(pg_settings.name) FROM pg_settings)",
                (names, values),
            )
            made.commit()
        except BaseException:
            made.close()
            raise
    return made


@functools.lru_cache(maxsize=1)
def _instant_loader() -> Any:
    """Return what makes text of an instant, in the form in which SQLite holds it."""
    from psycopg.adapt import Loader

    class InstantLoader(Loader):
        def load(self, data: Any) -> str:
            """Return all six digits of a second's fraction: PostgreSQL leaves zeros out."""
            whole, _, fraction = bytes(data).decode().partition(".")
            return f"{whole}.{fraction:0<6}"

    return InstantLoader


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn errors of psycopg's into sqlite3's of the same name: both are those of the DB-API."""
    psycopg = driver()
    try:
        yield
    except psycopg.Error as error:
        raise sqlites(error) from error


def is_servers(error: sqlite3.Error) -> bool:
    """Tell whether an error is one of psycopg's, translated."""
    return isinstance(error.__cause__, driver().Error)


def sqlites(error: Any) -> sqlite3.Error:
    """Return sqlite3's error for one of psycopg's, with a message of one line."""
    said = " ".join((error.diag.message_primary or str(error)).split()) or type(error).__name__
    if error.sqlstate in _UNDONE:
        return Undone(said)
    names = (one.__name__ for one in type(error).__mro__)
    known = next(getattr(sqlite3, name) for name in names if hasattr(sqlite3, name))
    made: sqlite3.Error = known(said)
    return made


@functools.lru_cache(maxsize=500)
def _marked(sql: str) -> Any:
    return sql.replace("%", "%%").replace("?", "%s").encode()


def lock_key(name: str) -> int:
    """Return the key of an advisory lock: 64 bits, made from a name."""
    made = hashlib.sha256(f"benchdb:{name}".encode()).digest()
    return int.from_bytes(made[:8], "big", signed=True)


#: Of whoever changes what other sessions' rows matter for.
ALONE: Final = lock_key("alone")


class ServerConnection:
    """An open PostgreSQL database: see `benchdb.store.connection`.

    A session's claim is an advisory lock of the very connection that its rows are written by: who
    lost the one can't write by the other.
    """

    bytewise = ' COLLATE "C"'

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw
        self._kinds: dict[str, dict[str, str]] = {}

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """See `Connection.execute`."""
        with translated():
            return self.raw.execute(_marked(sql), tuple(parameters))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        """See `Connection.executemany`."""
        with translated():
            cursor = self.raw.cursor()
            cursor.executemany(_marked(sql), list(parameters))
            return cursor

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """See `Connection.insert`."""
        sql = f"{insertion(table, values)} RETURNING id"
        return int(self.execute(sql, tuple(values.values())).fetchone()[0])

    def stream(
        self, sql: str, parameters: Sequence[Any] = (), most: int = 500
    ) -> Iterator[Sequence[Any]]:
        """See `Connection.stream`; the server keeps the rest."""
        with translated(), self.raw.cursor("stream") as cursor:
            cursor.execute(_marked(sql), tuple(parameters))
            while rows := cursor.fetchmany(most):
                yield from rows

    @contextlib.contextmanager
    def copying(
        self, table: str, names: Sequence[str], types: Sequence[str]
    ) -> Iterator[Callable[[Sequence[Any]], None]]:
        """Give what takes rows for a table, of which nothing is there before the block has ended.

        Parameters
        ----------
        table, names, types
            The table, columns of it, and their types, exactly: values go in PostgreSQL's own form.

        Raises
        ------
        sqlite3.IntegrityError
            If the server doesn't take a value.
        """
        sql: Any = f"COPY {table} ({quoted(names)}) FROM STDIN (FORMAT BINARY)"
        try:
            with translated(), self.raw.cursor() as cursor, cursor.copy(sql) as copy:
                copy.set_types(types)
                yield copy.write_row
        except sqlite3.DataError as error:
            raise sqlite3.IntegrityError(str(error)) from error

    @property
    def in_transaction(self) -> bool:
        """See `Connection.in_transaction`."""
        return self.raw.info.transaction_status != 0  # IDLE

    @contextlib.contextmanager
    def transaction(self, *, alone: bool = True) -> Iterator[None]:
        """See `Connection.transaction`."""
        with translated(), self.raw.transaction():
            if alone:
                self.raw.execute("SELECT pg_advisory_xact_lock(%s)", (ALONE,))
            yield

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Connection.snapshot`."""
        if self.in_transaction:
            yield
            return
        with translated(), self.raw.transaction():
            self.raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    def again(self, action: Callable[[], _Made]) -> _Made:
        """See `Connection.again`."""
        for attempt in range(_ATTEMPTS):
            try:
                return action()
            except Undone:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.01 * 2**attempt)
        raise AssertionError

    def tables(self) -> set[str]:
        """See `Connection.tables`; those of the schema that new ones would be made in."""
        query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        return {name for (name,) in self.execute(query)}

    def column_kinds(self, table: str) -> dict[str, str]:
        """See `Connection.column_kinds`."""
        if table not in self._kinds:
            query = (
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = "
                "CAST(? AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            )
            found = self.execute(query, (table,))
            self._kinds[table] = {name: kind_of(declared) for name, declared in found}
        return self._kinds[table]

    def trust_references(self, tables: Sequence[str]) -> bool:
        """Let the server not look for the parents of each row, until the transaction ends.

        It takes two thirds of inserting them. Only superusers may say so, and who was granted it.
        As all other triggers rest, too, there must be none.

        Parameters
        ----------
        tables
            That are going to be written.

        Returns
        -------
        bool
            Whether it is so; then the caller has to see to it that there are no orphans.
        """
        query = (
            "SELECT 1 FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND relnamespace = CAST(current_schema() AS regnamespace) "
            "AND relname = ANY(?) LIMIT 1"
        )
        if self.execute(query, (list(tables),)).fetchone():
            return False
        psycopg = driver()
        try:
            with self.raw.transaction():
                self.raw.execute("SET LOCAL session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def column_types(self, table: str) -> set[str]:
        """Return the types of a table's columns, as PostgreSQL spells them."""
        query = (
            "SELECT DISTINCT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
            "CAST(? AS regclass) AND attnum > 0 AND NOT attisdropped"
        )
        return {spelled for (spelled,) in self.execute(query, (table,))}

    def claim(self, location: Location, uid: str) -> _Claim:
        """See `Connection.claim`."""
        row = self.execute("SELECT pg_try_advisory_lock(?)", (lock_key(uid),)).fetchone()
        if not row[0]:
            raise sqlite3.OperationalError(f"another process records session {uid}")
        return _Claim(self)

    def is_claimed(self, location: Location, uid: str) -> bool:
        """See `Connection.is_claimed`; only looks, so that two who do don't disturb each other."""
        query = (
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND CAST(classid AS bigint) = ? AND CAST(objid AS bigint) = ?"
        )
        high, low = divmod(lock_key(uid) % 2**64, 2**32)
        return self.execute(query, (high, low)).fetchone() is not None

    def checkpoint(self) -> bool:
        """See `Connection.checkpoint`: the server makes its own."""
        return False

    def leave(self) -> None:
        """See `Connection.leave`."""

    def close(self) -> None:
        """See `Connection.close`."""
        self.raw.close()


class _Claim:
    """Freed as its connection is closed, however that comes about."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    def release(self) -> None:
        """See `Claim.release`."""
        self._connection.close()
