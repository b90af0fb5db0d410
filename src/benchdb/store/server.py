"""Opening a database on a PostgreSQL server: to record into it, to read it, to write into it.

What a command does with an older file, reading it through an upgraded copy or upgrading it after a
backup, is not done here: others use the database, too, and `pg_dump` makes the backup.
"""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from benchdb import __version__
from benchdb.errors import ForeignFile, NewerSchema, NoDatabase, UserError
from benchdb.store.database import Found, Schema, version_number
from benchdb.store.lost import close_lost_sessions, open_sessions
from benchdb.store.postgresql import ALONE, ServerConnection, connect, open_raw
from benchdb.store.revisions import head, lineage

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from benchdb.config import Server

#: What only a server needs: when a shared row goes, PostgreSQL looks for rows that refer to it,
#: also for who has seen to it that there are none. A table and a column.
_INDEXED: Final = (("package_set_package", "package"), ("test_run", "cluster"))

#: How indexes are called that a file doesn't have.
SERVERS_OWN: Final = "server_"

#: How the comment on the table of the schema's revision begins, that says who made it.
_MADE_BY: Final = "made by benchdb "


def inspect(connection: ServerConnection, server: Server) -> Found:
    """Return what the database is.

    Raises
    ------
    ForeignFile, NewerSchema
        If it is nothing that this benchdb can use.
    """
    tables = connection.tables()
    if not tables:
        return Found(Schema.EMPTY, None)
    if not {"alembic_version", "test_run", "session"} <= tables:
        raise ForeignFile(
            f"{server} has tables that benchdb did not make: name another database, or a schema "
            "of its own by ?options=-csearch_path%3DNAME at the end of the URL"
        )
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    revision = row[0] if row else None
    if revision == head():
        return Found(Schema.NEWEST, revision)
    if revision in lineage():
        return Found(Schema.OLDER, revision)
    query = "SELECT obj_description(CAST('alembic_version' AS regclass))"
    (said,) = connection.execute(query).fetchone()
    made_by = (said or "").removeprefix(_MADE_BY)
    with contextlib.suppress(ValueError):
        if version_number(made_by) > version_number(__version__):
            raise NewerSchema(
                f"{server} was made by benchdb {made_by} and this is {__version__}: "
                f"install benchdb {made_by} or newer"
            )
    raise NewerSchema(
        f"{server} has schema {revision}, which this benchdb {__version__} doesn't know: "
        "use the checkout that has that revision in alembic/versions"
    )


def connect_to_record(server: Server) -> ServerConnection:
    """Return a connection for writing, after making the newest schema in an empty database.

    Raises
    ------
    sqlite3.Error
        If the server can't be reached, or refuses.
    UserError
        If it has no database that can be recorded into.
    """
    return _writable(server)


def look_at(server: Server, *, filled: bool = False) -> Found:
    """Return what a database is; it stays as it is."""
    with contextlib.closing(connect(server)) as connection:
        found = inspect(connection, server)
        return _filled(found, server) if filled else found


def settle(server: Server) -> Found:
    """Close the sessions that killed processes left, where this user may; return what it is."""
    with contextlib.closing(connect(server)) as connection:
        found = _filled(inspect(connection, server), server)
        _refuse_older(found, server)
        _, lost = open_sessions(connection, server)
    if lost:
        # A user who may only read sees them as open.
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(connect(server, write=True)) as connection,
        ):
            close_lost_sessions(connection, server)
    return found


def make_writable(server: Server) -> None:
    """Make a database ready to be written by a command: see `benchdb.store.opening`."""
    with contextlib.closing(_writable(server)) as connection:
        close_lost_sessions(connection, server)


def upgrade(server: Server) -> str | None:
    """Upgrade to the newest schema; return the former one, None where that is the newest.

    Raises
    ------
    UserError
        If a live session records into it, or it can't be done; it is as it was.
    """
    with contextlib.closing(connect(server)) as connection:
        found = _filled(inspect(connection, server), server)
        if found.schema is Schema.NEWEST:
            return None
        live, _ = open_sessions(connection, server)
    if live:
        raise UserError(
            f"{server} has an older schema and is being recorded into: try again when it is done"
        )
    _migrate(server)
    return found.revision


def engine(server: Server, *, write: bool = False) -> Engine:
    """Return a SQLAlchemy engine; without `write`, the server refuses every write.

    What is read in one of its transactions is from one moment.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: open_raw(server, write=write),
        poolclass=NullPool,
        isolation_level="READ COMMITTED" if write else "REPEATABLE READ",
    )


def _writable(server: Server) -> ServerConnection:
    connection = connect(server, write=True)
    try:
        found = inspect(connection, server)
        _refuse_older(found, server)
        if found.schema is Schema.EMPTY:
            _migrate(server)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(server: Server) -> None:
    """Bring a database to the newest schema; of several processes at once, one does it."""
    from benchdb.store.migrate import run_migrations

    made: Any = engine(server, write=True)
    try:
        with made.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ALONE})")
            raw = ServerConnection(connection.connection.dbapi_connection)
            if inspect(raw, server).schema is Schema.NEWEST:
                return  # another process has done it meanwhile
            _check_encoding(raw, server)
            run_migrations(connection)
            _fit(raw)
            raw.execute(f"COMMENT ON TABLE alembic_version IS '{_MADE_BY}{__version__}'")
    except (UserError, sqlite3.Error):
        raise
    except Exception as error:  # whatever a migration raises, tests must run on
        said = " ".join(str(getattr(error, "orig", None) or error).split())
        raise UserError(
            f"the newest schema could not be made in {server}, which is as it was ({said}): "
            "check that its user may create tables there, or report it"
        ) from error


def _fit(connection: ServerConnection) -> None:
    """Bring text into the order that it has in a file, byte by byte; make what is looked up quick.

    Else two databases would list sessions that began at once in two orders, and to find the cases
    of a test would take reading all test runs.
    """
    query = (
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND data_type = 'text' "
        "AND collation_name IS DISTINCT FROM 'C' ORDER BY table_name"
    )
    changes: dict[str, list[str]] = {}
    for table, column in connection.execute(query):
        change = f'ALTER COLUMN "{column}" TYPE text{connection.bytewise}'
        changes.setdefault(table, []).append(change)
    for table, some in changes.items():
        connection.execute(f'ALTER TABLE "{table}" {", ".join(some)}')
    for table, column in _INDEXED:
        connection.execute(
            f"CREATE INDEX IF NOT EXISTS {SERVERS_OWN}{table}_{column} "
            f"ON {table} ({column}) WHERE {column} IS NOT NULL"
        )


def _check_encoding(connection: ServerConnection, server: Server) -> None:
    (encoding,) = connection.execute("SHOW server_encoding").fetchone()
    if encoding != "UTF8":
        raise UserError(
            f"{server} holds text as {encoding}: name a database with the encoding UTF8"
        )


def _filled(found: Found, server: Server) -> Found:
    if found.schema is Schema.EMPTY:
        raise NoDatabase(
            f"{server} is empty: record into it with `pytest --benchmark --benchmark-db URL`"
        )
    return found


def _refuse_older(found: Found, server: Server) -> None:
    if found.schema is Schema.OLDER:
        raise UserError(
            f"{server} has an older schema: make a copy of it with pg_dump, then run "
            f"`benchdb db upgrade --db {shlex.quote(str(server))}`"
        )
