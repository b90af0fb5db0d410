"""Ending a session: by its owner, or by whoever finds it open without its lock."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.store import locks
from benchdb.store.digest import session_digest
from benchdb.store.forms import remove_superseded

if TYPE_CHECKING:
    from benchdb.config import Location
    from benchdb.store.connection import Connection

#: What rows that no benchdb wrote may lead to, as the digest of their session is made.
_UNREADABLE: Final = (LookupError, TypeError, ValueError)


def open_sessions(connection: Connection, location: Location) -> tuple[list[str], list[str]]:
    """Return the uids of the open sessions: those whose process lives, and those that are lost.

    Parameters
    ----------
    connection
        On the database or on a copy of it, at any schema since the first; empty, it has none.
    location
        The database that the sessions are recorded into; locks of a file's lie beside it.
    """
    live: list[str] = []
    lost: list[str] = []
    if "session" in connection.tables():
        still = "SELECT uid FROM session WHERE state='open'"
        for (uid,) in connection.execute(f"{still} ORDER BY uid").fetchall():
            if connection.is_claimed(location, uid):
                live.append(uid)
            elif connection.execute(f"{still} AND uid=?", (uid,)).fetchone():  # else it has ended
                lost.append(uid)
    return live, lost


def end_session(connection: Connection, session_id: int, state: str, finished: str) -> str | None:
    """Write the end of a session of which no test run is open.

    A copy of the session may have been closed and merged into the file before: if in this very
    form, the older row stays and the newer is removed; forms that this one supersedes go.

    Parameters
    ----------
    connection
        On the database, in no transaction: the digest is made before others have to wait.
    session_id
        The session's row.
    state
        ``"finished"`` or ``"lost"``.
    finished
        When, as it is stored.

    Returns
    -------
    str or None
        The digest; None where somebody else has ended or removed the session meanwhile.
    """
    end = {"state": state, "finished": finished}
    digest = session_digest(connection, session_id, end)
    if digest is None:
        return None
    with connection.transaction():
        # Read again under the write lock.
        is_open = "SELECT uid FROM session WHERE id=? AND state='open'"
        row = connection.execute(is_open, (session_id,)).fetchone()
        if row is None:
            return None
        (uid,) = row
        twin = "SELECT id FROM session WHERE uid=? AND digest=?"
        if connection.execute(twin, (uid, digest)).fetchone():
            connection.execute("DELETE FROM session WHERE id=?", (session_id,))
        else:
            connection.execute(
                "UPDATE session SET state=?, finished=?, digest=? WHERE id=?",
                (state, finished, digest, session_id),
            )
        remove_superseded(connection, uid)
    return digest


def close_lost_sessions(
    connection: Connection, location: Location, *, discard: bool = True
) -> list[str]:
    """Close every open session whose process is gone, as a function of its rows alone.

    No clock and no host enters, so copies of one file that are closed apart agree. One whose rows
    can't be read stays as it is: see `unclosed`.

    Parameters
    ----------
    connection
        On the database, or on a copy of it.
    location
        The database that the sessions are recorded into; locks of a file's lie beside it.
    discard
        Whether to remove the lock files of those that were closed.

    Returns
    -------
    list of str
        The uids of the sessions that were closed.
    """
    _, lost = open_sessions(connection, location)
    closed = []
    for uid in lost:
        query = "SELECT id FROM session WHERE uid=? AND state='open'"
        try:
            for (row,) in connection.execute(query, (uid,)).fetchall():
                if connection.again(functools.partial(_close_lost, connection, row)):
                    closed.append(uid)
        except _UNREADABLE:
            continue
        if discard and isinstance(location, Path):
            locks.discard(location, uid)
    return closed


def unclosed(connection: Connection, location: Location) -> list[str]:
    """Return a line for each session that `close_lost_sessions` had to leave open."""
    _, lost = open_sessions(connection, location)
    return [
        f"the session {uid} was lost and can't be closed, as its rows don't fit together: "
        "see `benchdb db check`"
        for uid in lost
    ]


def _close_lost(connection: Connection, session_id: int) -> bool:
    """Close one session as lost; its open rows are lost, at the last instant they are known at."""
    with connection.transaction():
        connection.execute(
            "UPDATE test_run SET state='lost', \"end\"=coalesce(phase_start, start) "
            "WHERE session_id=? AND state='open'",
            (session_id,),
        )
    known = (
        'SELECT started, (SELECT max("end") FROM test_run WHERE session_id=session.id) '
        "FROM session WHERE id=? AND state='open'"
    )
    row = connection.execute(known, (session_id,)).fetchone()
    if row is None:
        return False
    # They are text, which sorts as they follow each other.
    last = max(filter(None, row))
    return end_session(connection, session_id, "lost", last) is not None


def described(connection: Connection, uids: list[str]) -> list[str]:
    """Return a line for each lost session: what was running, in which phase and since when."""
    query = (
        "SELECT path, name, phase, phase_start FROM session LEFT JOIN test_run "
        "ON test_run.session_id=session.id AND test_run.state='lost' "
        "WHERE uid=? ORDER BY ordinal"
    )
    lines = []
    for uid in sorted(uids):
        for path, name, phase, since in connection.execute(query, (uid,)):
            what = "between two tests"
            if name is not None:
                case = f"{path}::{name}" if path and path != name else name
                what = f"{case} was in its {phase} phase since {str(since)[:19]} UTC"
            lines.append(f"an earlier session, {uid}, was lost: {what}")
    return lines
