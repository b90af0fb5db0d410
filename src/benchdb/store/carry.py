"""Carrying an open session over to another file, when its own can't be written any more."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from benchdb.store.copying import attached, copy_test_runs

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.store.database import FileConnection


def carry_over(into: FileConnection, session_id: int, source: Path, uid: str) -> None:
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
    with attached(into, source), into.transaction():
        found = into.execute(
            "INSERT INTO temp.session_ids (theirs, ours, is_new) "
            "SELECT id, ?, 1 FROM source.session WHERE uid=? AND state='open'",
            (session_id, uid),
        )
        if not found.rowcount:
            raise sqlite3.DatabaseError("the session is not in the file")
        copy_test_runs(into)
