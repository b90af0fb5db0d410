"""Migrations: upgrading a database, and the body of ``alembic/env.py``.

An upgrade is one transaction in place, after a backup beside the file, with foreign keys
off (batch mode recreates a table by dropping it, which would delete its children by cascade) and
checked before the commit. A file is never renamed over one that others may hold.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from benchdb.errors import DamagedFile, UserError
from benchdb.store.autogenerate import keep_digests, render_item
from benchdb.store.database import Schema, connect, inspect, sign
from benchdb.store.models import Base
from benchdb.store.opening import back_up, explaining
from benchdb.store.progress import untold
from benchdb.store.revisions import head, migrations_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchdb.store.database import FileConnection
    from benchdb.store.progress import Progress

#: Where `upgrade` hands its connection to `run_environment`.
_CONNECTION = "connection"

_OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "render_as_batch": True,
    "compare_type": True,
    "transactional_ddl": True,
}


def run_environment() -> None:
    """Run what Alembic was called for; ``alembic/env.py`` does nothing else.

    ``alembic revision --autogenerate`` and ``alembic check`` compare the models with what all
    migrations make of an empty database, whatever lies in the working folder.
    """
    connection = context.config.attributes.get(_CONNECTION)
    if connection is None:
        connection = _memory()
        run_migrations(connection)
    context.configure(
        connection=connection,
        process_revision_directives=keep_digests,
        user_module_prefix=None,
        render_item=render_item,
        **_OPTIONS,
    )
    with context.begin_transaction():
        context.run_migrations()


def _memory() -> Connection:
    return create_engine("sqlite://", poolclass=StaticPool).connect()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes[_CONNECTION] = connection
    return config


def run_migrations(connection: Connection, target: str = "head") -> None:
    """Bring the schema up to `target`, in SQLite and PostgreSQL; works inside ``env.py`` too."""
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config(connection))
    migration = MigrationContext.configure(
        connection, opts={**_OPTIONS, "fn": lambda rev, _: script._upgrade_revs(target, rev)}
    )
    with Operations.context(migration):
        migration.run_migrations()


def migrated_schema(path: Path, revision: str = "head") -> None:
    """Make a new database by the migrations alone, up to a revision."""
    connection = connect(path, write=True, create=True)
    try:
        _upgrade_in_place(connection, path, revision)
    finally:
        connection.close()


def upgrade(path: Path, *, at: Path | None = None, progress: Progress = untold) -> Path | None:
    """Upgrade a database to the newest schema.

    Parameters
    ----------
    path
        A SQLite file at an older schema that no live session records into.
    at
        A temporary copy of it, which is upgraded in its place, without a backup.
    progress
        Is told how far the backup is.

    Returns
    -------
    Path or None
        The backup, which lies beside it; None where another process has upgraded it meanwhile.

    Raises
    ------
    UserError
        If it can't be done; the file is as it was.
    """
    copies: list[Path] = []

    def keep_copy() -> None:
        copies.append(_backed_up(path, progress))
        progress("upgrading", 0, 0)

    before = keep_copy if at is None else None
    try:
        with explaining(path), contextlib.closing(connect(at or path, write=True)) as connection:
            _upgrade_in_place(connection, path, before=before)
    except UserError:
        raise
    except Exception as error:  # whatever a migration raises, tests must run on
        raise UserError(
            f"{path} could not be upgraded and was left as it was "
            f"({type(error).__name__}: {error}): record into another file, and report it"
        ) from error
    return copies[0] if copies else None


def _backed_up(path: Path, progress: Progress) -> Path:
    # By a connection of its own: the one that holds the write lock can't be copied from.
    with contextlib.closing(connect(path)) as source:
        (revision,) = source.execute("select version_num from alembic_version").fetchone()
        copy = path.with_name(f"{path.name}.before-{head()}-was-{revision}")
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        try:
            back_up(source, unfinished, progress)
            unfinished.replace(copy)
        finally:
            unfinished.unlink(missing_ok=True)
    return copy


def _upgrade_in_place(
    raw: FileConnection,
    path: Path,
    target: str = "head",
    before: Callable[[], None] | None = None,
) -> None:
    """Upgrade in one transaction that no other writes in; `before` is called in it, if need be.

    Readers see the file as it was, and the commit waits for them.
    """
    raw.execute("PRAGMA foreign_keys=OFF")
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.connect() as connection, connection.begin():
            if before is not None:
                if inspect(raw, path).schema is Schema.NEWEST:
                    return  # another process has upgraded it meanwhile
                before()
            run_migrations(connection, target)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise DamagedFile(
                    f"{path} has {len(broken)} rows without their parents and was left as it was: "
                    "run `benchdb db check` on it"
                )
            sign(raw)
    finally:
        raw.execute("PRAGMA foreign_keys=ON")
