"""What people said about sessions: which form of one to keep, and which to hide.

An annotation never changes. Of several about one session the latest holds, so what was withdrawn
is back when a form of it is kept. Annotations travel with sessions, by merging and by sync.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from benchdb.store.columns import insertion, quoted
from benchdb.store.database import transaction
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

KEEP: Final = "keep"
WITHDRAW: Final = "withdraw"


def annotate_session(
    connection: sqlite3.Connection,
    uid: str,
    key: str,
    *,
    keep: str | None = None,
    author: str | None = None,
) -> None:
    """Say which form of a session to keep, or to withdraw all of them.

    Parameters
    ----------
    connection
        On a database at the newest schema, in no transaction.
    uid
        The session's.
    key
        A new UUID.
    keep
        The digest of the form to keep; by default the session is withdrawn.
    author
        Who says so.
    """
    values = {
        "key": key,
        "made": stored_instant(datetime.now(UTC)),
        "kind": WITHDRAW if keep is None else KEEP,
        "author": author and text(author),
        "session_uid": uid,
        "session_digest": keep,
    }
    with transaction(connection):
        query = (
            "SELECT key, made FROM annotation WHERE session_uid=? AND kind IN (?, ?) "
            "ORDER BY made DESC, key DESC LIMIT 1"
        )
        if before := connection.execute(query, (uid, KEEP, WITHDRAW)).fetchone():
            # Clocks differ, and it must hold over those that are known here.
            after = datetime.fromisoformat(before[1]).replace(tzinfo=UTC) + timedelta(
                microseconds=1
            )
            values["follows"] = before[0]
            values["made"] = max(str(values["made"]), stored_instant(after))
        connection.execute(insertion("annotation", values), tuple(values.values()))
        connection.execute("INSERT INTO local_fresh (uid) VALUES (?)", (key,))


def said_of_sessions(
    connection: sqlite3.Connection, uids: Collection[str] | None = None
) -> dict[str, str | None]:
    """Return what holds of sessions, by uid: the digest to keep, or None for one withdrawn.

    The latest holds.
    """
    query = (
        "SELECT session_uid, kind, session_digest FROM annotation "
        "WHERE kind IN (?, ?) AND session_uid IS NOT NULL ORDER BY made, key"
    )
    rows = connection.execute(query, (KEEP, WITHDRAW))
    return {
        uid: digest if kind == KEEP else None
        for uid, kind, digest in rows
        if uids is None or uid in uids
    }


def left_out(connection: sqlite3.Connection, uids: Collection[str] | None = None) -> set[int]:
    """Return the ids of the sessions that are hidden: withdrawn, or not the form that is kept."""
    hidden: set[int] = set()
    for uid, keep in said_of_sessions(connection, uids).items():
        query = "SELECT digest, id FROM session WHERE uid=? AND digest IS NOT NULL"
        held = dict(connection.execute(query, (uid,)).fetchall())
        if keep is None:
            hidden.update(held.values())
        elif keep in held:  # else it is yet to come
            hidden.update(row for digest, row in held.items() if digest != keep)
    return hidden


def copy_annotations(
    connection: sqlite3.Connection, only: Collection[str] | None = None
) -> list[str]:
    """Copy the annotations that the target lacks from the attached source; return their keys."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_info('annotation', 'main') WHERE name IN "
            "(SELECT name FROM pragma_table_info('annotation', 'source'))"
        )
    ]
    query = (
        "SELECT key FROM source.annotation WHERE key NOT IN (SELECT key FROM main.annotation) "
        "ORDER BY made, key"
    )
    keys = [key for (key,) in connection.execute(query) if only is None or key in only]
    columns = quoted(names)
    if keys:
        with transaction(connection):
            connection.executemany(
                f"INSERT OR IGNORE INTO main.annotation ({columns}) "
                f"SELECT {columns} FROM source.annotation WHERE key=?",
                [(key,) for key in keys],
            )
    return keys
