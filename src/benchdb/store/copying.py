"""Copying sessions from one file into another: a statement for a table, whatever their number.

The source is attached to the target's connection and only read. Row ids differ between files, so
rows that sessions share are found in the target by content, and temporary tables map the ids. They
are filled anew in each transaction, as anybody may prune such rows between two.

Foreign keys are not enforced meanwhile: SQLite looks each row's parents up, which is a sixth of the
work. What is copied refers to what was found or copied in the same transaction, and where that
isn't so by construction it is looked at afterwards, for all rows of a test run at once.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from benchdb.store.columns import quoted
from benchdb.store.database import uri
from benchdb.store.digest import SESSION_TABLES, SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benchdb.store.database import FileConnection

#: KiB; with SQLite's 2 MB the pages of large indexes are read and written over and over.
_CACHE: Final = 128 * 1024

#: Shared tables with row ids: the columns that tell a row, and which rows a copy refers to.
KEYS: Final = {
    "revision": ("key",),
    "package_set": ("key",),
    "package": ("name", "version", "source"),
    "cluster": ("key",),
}
_REFERRED: Final = {
    "revision": "SELECT row.revision AS id FROM temp.session_ids "
    "CROSS JOIN source.session AS row ON row.id = theirs",
    "package_set": "SELECT row.package_set AS id FROM temp.session_ids "
    "CROSS JOIN source.session AS row ON row.id = theirs",
    "package": "SELECT row.package AS id FROM temp.package_set_ids "
    "CROSS JOIN source.package_set_package AS row ON row.package_set = theirs WHERE is_new",
    "cluster": "SELECT row.cluster AS id FROM temp.session_ids "
    "CROSS JOIN source.test_run AS row ON row.session_id = theirs",
}

#: Columns that hold an id of a shared row, to its table.
REFERENCES: Final = {**SHARED, ("package_set_package", "package"): "package"}

_WITHOUT_ENVIRONMENT: Final = """SELECT 1 FROM temp.session_ids CROSS JOIN main.session ON id = ours
    WHERE is_new AND environment IS NOT NULL
    AND environment NOT IN (SELECT fingerprint FROM main.environment) LIMIT 1"""

#: Sessions whose test runs are not numbered from one on without a gap, or that have other rows.
#: No others need be looked at row by row: that is an eighth of the work.
_DISORDERED: Final = """SELECT 1 FROM temp.session_ids WHERE is_new AND (
        (SELECT max(ordinal) > (SELECT max(ordinal) FROM main.test_run WHERE session_id = ours)
            FROM main.{table} WHERE session_id = ours) IS NOT FALSE
        OR (SELECT min(ordinal) < 1 FROM main.{table} WHERE session_id = ours)
        OR EXISTS (SELECT 1 FROM main.{table}
            WHERE session_id = ours AND typeof(ordinal) <> 'integer')
        OR (SELECT min(ordinal) <> 1 OR max(ordinal) <> total(typeof(ordinal) = 'integer')
            OR count(*) <> max(ordinal) FROM main.test_run WHERE session_id = ours)
    ) AND EXISTS (SELECT 1 FROM main.{table} WHERE session_id = ours) LIMIT 1"""

#: Of the rows of a test run, which are neighbours in an index, only one is looked up.
_WITHOUT_TEST_RUN: Final = """SELECT 1 FROM (
        SELECT DISTINCT row.session_id, row.ordinal
        FROM temp.session_ids CROSS JOIN main.{table} AS row ON row.session_id = ours WHERE is_new
    ) AS child WHERE NOT EXISTS (
        SELECT 1 FROM main.test_run AS parent
        WHERE parent.session_id = child.session_id AND parent.ordinal = child.ordinal
    ) LIMIT 1"""


@contextlib.contextmanager
def attached(connection: FileConnection, source: Path) -> Iterator[None]:
    """Attach a file as ``source``, from which the functions of this module copy.

    Parameters
    ----------
    connection
        On the file that takes the rows; both are at the newest schema.
    source
        Another file; it is only read.
    """
    settings = ("temp_store", "main.cache_size", "foreign_keys")
    before = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"PRAGMA main.cache_size=-{_CACHE}")
    connection.execute("ATTACH ? AS source", (uri(source, "ro"),))
    try:
        for name in ("session", *KEYS):
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS temp.{name}_ids "
                "(theirs INTEGER PRIMARY KEY, ours INTEGER, is_new)"
            )
            connection.execute(f"DELETE FROM temp.{name}_ids")
        yield
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("DETACH source")
        with contextlib.suppress(sqlite3.Error):
            for name, value in zip(settings, before, strict=True):
                connection.execute(f"PRAGMA {name}={value}")


def copy_sessions(connection: FileConnection, keys: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Copy sessions with all that belongs to them; must run in a transaction.

    Parameters
    ----------
    connection
        With the source attached.
    keys
        (uid, digest) of each; the target has none of them.

    Returns
    -------
    tuple of int
        How many sessions and test runs were copied.

    Raises
    ------
    sqlite3.IntegrityError
        If rows of the source refer to others that it doesn't have.
    """
    connection.execute("DELETE FROM temp.session_ids")
    connection.executemany(
        "INSERT INTO temp.session_ids (theirs, is_new) "
        "SELECT id, 1 FROM source.session WHERE uid=? AND digest=?",
        keys,
    )
    environment = quoted(_columns(connection, "environment"))
    connection.execute(
        f"INSERT INTO main.environment ({environment}) SELECT {environment} "
        "FROM source.environment WHERE fingerprint IN (SELECT environment FROM temp.session_ids "
        "CROSS JOIN source.session ON id = theirs) ON CONFLICT DO NOTHING"
    )
    for table in ("revision", "package_set", "package"):
        _copy_shared(connection, table)
    _copy_belonging(connection, "revision_package", "revision", "revision")
    _copy_belonging(connection, "package_set_package", "package_set", "package_set")
    names = _columns(connection, "session")
    made = connection.execute(
        f"INSERT INTO main.session ({quoted(names)}) SELECT {_values('session', names)} "
        "FROM temp.session_ids CROSS JOIN source.session AS row ON row.id = theirs "
        "ORDER BY row.started, row.uid"
    )
    _find_ours(connection, "session", ("uid", "digest"))
    if connection.execute(_WITHOUT_ENVIRONMENT).fetchone():
        raise sqlite3.IntegrityError("sessions refer to no row of environment")
    return made.rowcount, copy_test_runs(connection)


def copy_test_runs(connection: FileConnection) -> int:
    """Copy what belongs to the sessions in ``temp.session_ids``; return how many test runs."""
    _copy_shared(connection, "cluster")
    runs, *_ = (
        _copy_belonging(connection, table, "session_id", "session") for table in SESSION_TABLES[1:]
    )
    for table in SESSION_TABLES[2:]:
        if (
            connection.execute(_DISORDERED.format(table=table)).fetchone()
            and connection.execute(_WITHOUT_TEST_RUN.format(table=table)).fetchone()
        ):
            raise sqlite3.IntegrityError(f"rows of {table} refer to no test run")
    return runs


def would_lack(older: FileConnection, newest: FileConnection) -> bool:
    """Tell whether an older schema has no place for something that a file in the newest holds.

    Digests are of sessions' own rows: of annotations, and of what sessions share, nothing else
    would notice.
    """
    tables = older.tables()
    for table in newest.tables():
        known = older.column_kinds(table) if table in tables else {}
        for column in newest.column_kinds(table).keys() - known.keys():
            query = f"SELECT 1 FROM {table} WHERE {quoted([column])} IS NOT NULL LIMIT 1"
            if newest.execute(query).fetchone():
                return True
    return False


def _copy_shared(connection: FileConnection, table: str) -> None:
    """Copy the rows of a table that are referred to and new, and map the ids of all."""
    ids = f"temp.{table}_ids"
    connection.execute(f"DELETE FROM {ids}")
    connection.execute(
        f"INSERT OR IGNORE INTO {ids} (theirs) "
        f"SELECT id FROM ({_REFERRED[table]}) WHERE id IS NOT NULL"
    )
    _find_ours(connection, table, KEYS[table])
    connection.execute(f"UPDATE {ids} SET is_new = ours IS NULL")
    columns = quoted(_columns(connection, table))
    connection.execute(
        f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM {ids} "
        f"CROSS JOIN source.{table} ON id = theirs WHERE is_new"
    )
    _find_ours(connection, table, KEYS[table])
    if connection.execute(f"SELECT 1 FROM {ids} WHERE ours IS NULL").fetchone():
        raise sqlite3.IntegrityError(f"rows refer to no row of {table}")


def _find_ours(connection: FileConnection, table: str, keys: tuple[str, ...]) -> None:
    """Map the ids of rows that are not mapped yet and that the target has."""
    same = " AND ".join(f"own.{key} = row.{key}" for key in keys)
    connection.execute(
        f"UPDATE temp.{table}_ids SET ours = (SELECT own.id FROM source.{table} AS row "
        f"CROSS JOIN main.{table} AS own ON {same} WHERE row.id = theirs) WHERE ours IS NULL"
    )


def _copy_belonging(connection: FileConnection, table: str, column: str, owners: str) -> int:
    """Copy the rows that belong to new rows of another table; return how many."""
    names = [name for name in _columns(connection, table) if name != column]
    made = connection.execute(
        f"INSERT INTO main.{table} ({column}, {quoted(names)}) "
        f"SELECT ours, {_values(table, names)} FROM temp.{owners}_ids "
        f"CROSS JOIN source.{table} AS row ON row.{column} = theirs WHERE is_new"
    )
    return made.rowcount


def _columns(connection: FileConnection, table: str) -> list[str]:
    """Return the columns that the table has in both files, without its row id."""
    query = (
        "SELECT name FROM pragma_table_info(:table, 'main') WHERE name <> 'id' "
        "AND name IN (SELECT name FROM pragma_table_info(:table, 'source'))"
    )
    return [name for (name,) in connection.execute(query, {"table": table})]


def _values(table: str, names: Iterable[str]) -> str:
    """Return what is inserted into columns, with our row ids in the place of theirs."""
    return ", ".join(
        f'(SELECT ours FROM temp.{shared}_ids WHERE theirs = row."{name}")'
        if (shared := REFERENCES.get((table, name)))
        else f'row."{name}"'
        for name in names
    )
