"""What was computed from a file and is kept in it: ``local_cache``.

It may be emptied at any time, is never merged or pushed, and what is in it names all that it was
made from. Where a file can't be written it is done without.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.store.opening import connected
from benchdb.store.statements import chunks, marks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from benchdb.config import Location
    from benchdb.store.connection import Connection

#: Milliseconds to wait for others who write.
_BUSY_MILLISECONDS: Final = 500

#: Entries that are written at once, so that nobody who records has to wait for long.
_AT_ONCE: Final = 20


def cached_names(connection: Connection) -> set[str]:
    """Return the names of all entries."""
    if "local_cache" not in connection.tables():
        return set()
    return {name for (name,) in connection.execute("SELECT name FROM local_cache")}


def cached(connection: Connection, names: Collection[str]) -> dict[str, bytes]:
    """Return entries by name, those that there are."""
    found = {}
    for some in chunks(sorted(names)):
        query = f"SELECT name, content FROM local_cache WHERE name IN ({marks(some)})"
        found.update({name: bytes(content) for name, content in connection.execute(query, some)})
    return found


def keep(location: Location, entries: Mapping[str, bytes], stale: Iterable[str] = ()) -> bool:
    """Write entries, and remove those that are stale; False where that can't be done now.

    Parameters
    ----------
    location
        The database; nothing reads it in a transaction of this process.
    entries
        By name.
    stale
        Names.
    """
    if isinstance(location, Path) and not os.access(location, os.W_OK):
        return False
    names = sorted(entries)
    try:
        with connected(location, write=True) as connection:
            if isinstance(location, Path):
                connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
            for some in chunks(names, _AT_ONCE):
                with connection.transaction(alone=False):
                    connection.executemany(
                        "INSERT INTO local_cache (name, content) VALUES (?, ?) "
                        "ON CONFLICT (name) DO UPDATE SET content = excluded.content",
                        [(name, entries[name]) for name in some],
                    )
            with connection.transaction(alone=False):
                connection.executemany(
                    "DELETE FROM local_cache WHERE name = ?", [(name,) for name in stale]
                )
            with contextlib.suppress(sqlite3.Error):
                connection.leave()
    except (sqlite3.Error, OSError):
        return False
    return True
