"""Carrying an open session over to another file, when its own can't be written any more."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchdb.store.columns import column_kinds, quoted
from benchdb.store.database import transaction
from benchdb.store.digest import SESSION_TABLES

if TYPE_CHECKING:
    from pathlib import Path


def carry_over(into: sqlite3.Connection, session_id: int, source: Path, uid: str) -> None:
    """Copy the test runs of an open session, with what belongs to them, in one commit.

    Parameters
    ----------
    into
        On the file that takes them, at the same schema.
    session_id
        The session's row there.
    source
        The file that they are in; it is only read.
    uid
        The session's.

    Raises
    ------
    sqlite3.Error
        If they can't be read, or written; none is copied then.
    """
    into.execute("ATTACH ? AS source", (f"file:{quote(os.fsencode(source))}?mode=ro",))
    try:
        with transaction(into):
            query = "SELECT id FROM source.session WHERE uid=? AND state='open'"
            row = into.execute(query, (uid,)).fetchone()
            if row is None:
                raise sqlite3.DatabaseError("the session is not in the file")
            for table in SESSION_TABLES[1:]:
                _copy(into, table, session_id, row[0])
    finally:
        with contextlib.suppress(sqlite3.Error):
            into.execute("DETACH source")


def _copy(into: sqlite3.Connection, table: str, session_id: int, former: int) -> None:
    names = [name for name in column_kinds(into, table) if name != "session_id"]
    values = quoted(names, "theirs")
    source = f"source.{table} AS theirs"
    if table == "test_run":
        columns = quoted(name for name in column_kinds(into, "cluster") if name != "id")
        into.execute(
            f"INSERT OR IGNORE INTO cluster ({columns}) SELECT {columns} FROM source.cluster "
            "WHERE id IN (SELECT cluster FROM source.test_run WHERE session_id=?)",
            (former,),
        )
        values = values.replace('theirs."cluster"', "mine.id")
        source += (
            " LEFT JOIN source.cluster AS their_cluster ON their_cluster.id = theirs.cluster"
            " LEFT JOIN cluster AS mine ON mine.key = their_cluster.key"
        )
    into.execute(
        f"INSERT INTO {table} (session_id, {quoted(names)}) "
        f"SELECT ?, {values} FROM {source} WHERE theirs.session_id=?",
        (session_id, former),
    )
