"""Which of two databases it was, when merging one into the other failed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from benchdb.errors import DamagedFile
from benchdb.store.database import explained
from benchdb.store.opening import connected

if TYPE_CHECKING:
    from benchdb.config import Location
    from benchdb.errors import UserError


def blamed(error: sqlite3.Error, target: Location, source: Location, at: Location) -> UserError:
    """Return the error for a merge that failed, about the file that it failed for.

    SQLite doesn't say which of the two it was. The target is only found unfit for being written.
    """
    if isinstance(error, sqlite3.IntegrityError):
        return DamagedFile(
            f"{source} has rows that don't fit together ({error}): run `benchdb db check` on it"
        )
    if isinstance(source, Path) != isinstance(target, Path):
        from benchdb.store.postgresql import is_servers

        return explained(
            error, target if is_servers(error) is not isinstance(target, Path) else source
        )
    try:
        with connected(at) as connection:
            said = "ok"
            if isinstance(at, Path):
                connection.execute("PRAGMA busy_timeout=0")
                (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as its:
        return explained(its, source)
    return explained(error, target if said == "ok" else source)
