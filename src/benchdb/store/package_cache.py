"""The installed packages as an earlier session saw them, kept in the database under their folders.

Read before a session starts, without SQLAlchemy; a file that can't be read is no cache.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from benchdb.store.database import connect

if TYPE_CHECKING:
    from pathlib import Path


def package_scan(path: Path, key: str) -> str | None:
    """Return what was kept under `key` in the database at `path`, None where nothing was."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(connect(path)) as connection:
            query = "SELECT packages FROM local_package_scan WHERE key=?"
            row = connection.execute(query, (key,)).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else str(row[0])
