"""The forms of one session: rows of equal uid and different digests, and which of them stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.store.digest import SESSION_TABLES, run_digests

if TYPE_CHECKING:
    import sqlite3

#: A table of shared rows, its key, and the columns that refer to it; users come before the used.
_SHARED: Final = (
    ("cluster", "id", "test_run", "cluster"),
    ("environment", "fingerprint", "session", "environment"),
    ("revision", "id", "session", "revision"),
    ("package_set", "id", "session", "package_set"),
    ("package", "id", "package_set_package", "package"),
)


def forms(connection: sqlite3.Connection, uid: str) -> list[int]:
    """Return the row ids of all closed sessions with this uid; several are a conflict."""
    query = "SELECT id FROM session WHERE uid=? AND digest IS NOT NULL ORDER BY digest"
    return [row for (row,) in connection.execute(query, (uid,))]


def conflicts(connection: sqlite3.Connection) -> list[str]:
    """Return the uids of which the database holds several forms, sorted."""
    query = (
        "SELECT uid FROM session WHERE digest IS NOT NULL "
        "GROUP BY uid HAVING count(*) > 1 ORDER BY uid"
    )
    return [uid for (uid,) in connection.execute(query)]


def remove_superseded(connection: sqlite3.Connection, uid: str) -> None:
    """Remove every lost form of a session whose closed rows all stand in another form of it.

    Of lost forms that contain each other, the one with the most rows stays, then the one that
    ended last, then the greatest digest: so the order of merging doesn't matter.
    """
    query = (
        "SELECT id, state, finished, digest FROM session "
        "WHERE uid=? AND digest IS NOT NULL ORDER BY digest"
    )
    rows = connection.execute(query, (uid,)).fetchall()
    if len(rows) < 2:
        return
    runs = {row: run_digests(connection, row) for row, *_ in rows}
    closed = {
        row: {(ordinal, digest) for ordinal, (digest, is_closed) in found.items() if is_closed}
        for row, found in runs.items()
    }
    every = {
        row: {(ordinal, digest) for ordinal, (digest, _) in found.items()}
        for row, found in runs.items()
    }
    rank = {
        row: (state == "finished", len(closed[row]), len(every[row]), finished, digest)
        for row, state, finished, digest in rows
    }
    for row, state, _, _ in rows:
        if state == "lost" and any(
            closed[row] <= every[other] and rank[other] > rank[row] for other in rank
        ):
            remove_session(connection, row)


def remove_session(connection: sqlite3.Connection, session_id: int) -> None:
    """Remove a session's rows; rows that it shared stay until `remove_unshared`."""
    for table in reversed(SESSION_TABLES):
        owner = "id" if table == "session" else "session_id"
        connection.execute(f"DELETE FROM {table} WHERE {owner}=?", (session_id,))


def remove_unshared(connection: sqlite3.Connection) -> None:
    """Remove shared rows that nothing refers to any more."""
    for table, key, user, column in _SHARED:
        connection.execute(
            f"DELETE FROM {table} WHERE {key} NOT IN "
            f"(SELECT {column} FROM {user} WHERE {column} IS NOT NULL)"
        )
