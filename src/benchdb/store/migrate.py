"""Migrations: upgrading a database, and the body of ``alembic/env.py``.

An upgrade is one exclusive transaction in place, after a backup beside the file, with foreign keys
off (batch mode recreates a table by dropping it, which would delete its children by cascade) and
checked before the commit. A file is never renamed over one that others may hold.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from benchdb.errors import DamagedFile, UserError
from benchdb.store.database import connect, explained, sign
from benchdb.store.digest import DROPPED, column_kind
from benchdb.store.models import Base
from benchdb.store.revisions import head, migrations_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        _run_migrations(connection)
    context.configure(
        connection=connection,
        process_revision_directives=_keep_dropped_values,
        user_module_prefix=None,
        render_item=_render_item,
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


def _run_migrations(connection: Connection, target: str = "head") -> None:
    """Bring the schema up to `target`; works inside of ``env.py`` too."""
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


def upgrade(path: Path, *, backup: bool = True) -> Path | None:
    """Upgrade a database to the newest schema.

    Parameters
    ----------
    path
        A SQLite file at an older schema that no live session records into.
    backup
        Whether to keep a copy beside it.

    Returns
    -------
    Path or None
        The copy.

    Raises
    ------
    UserError
        If it can't be done; the file is as it was.
    """
    try:
        connection = connect(path, write=True)
        try:
            copy = _backed_up(connection, path) if backup else None
            _upgrade_in_place(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explained(error, path) from error
    return copy


def _backed_up(connection: sqlite3.Connection, path: Path) -> Path:
    (revision,) = connection.execute("select version_num from alembic_version").fetchone()
    copy = path.with_name(f"{path.name}.before-{head()}-was-{revision}")
    with contextlib.closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
    return copy


def _upgrade_in_place(raw: sqlite3.Connection, path: Path, target: str = "head") -> None:
    raw.execute("PRAGMA foreign_keys=OFF")
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")

    try:
        with engine.connect() as connection, connection.begin():
            _run_migrations(connection, target)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise DamagedFile(
                    f"{path} has {len(broken)} rows without their parents and was left as it was: "
                    "run `benchdb db check` on it"
                )
            sign(raw)
    except UserError:
        raise
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _render_item(kind: str, item: Any, _: Any) -> str | bool:
    # Migrations stand for ever and must not import what models may rename.
    if kind == "type" and type(item).__module__.startswith("benchdb."):
        return f"sa.{item.impl!r}"
    return False


def _keep_dropped_values(_: Any, __: Any, directives: list[Any]) -> None:
    """Before a column of test_run is dropped, let its values become measurements.

    The history keeps them, and digests made before still hold: see `benchdb.store.digest`.
    """
    for script in directives:
        for group in script.upgrade_ops_list:
            group.ops = list(_with_keeping(group.ops))


def _with_keeping(operations: Iterable[Any]) -> Iterable[Any]:
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps) and operation.table_name == "test_run":
            for inner in operation.ops:
                if isinstance(inner, ops.DropColumnOp):
                    yield ops.ExecuteSQLOp(keep_values_sql(inner))
        yield operation


def keep_values_sql(dropped: ops.DropColumnOp) -> str:
    """Return the SQL that turns a dropped column's values into measurements."""
    column = dropped.to_column()
    name = column.info.get("frozen", column.name)
    kind = column_kind(column)
    quoted = f'"{dropped.column_name}"'
    return (
        "INSERT INTO measurement (session_id, ordinal, metric, unit, rounds) "
        f"SELECT session_id, ordinal, '{name}', '{DROPPED}{kind}', json_array({quoted}) "
        f"FROM test_run WHERE {quoted} IS NOT NULL"
    )
