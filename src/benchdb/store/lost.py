"""Ending a session: by its owner, or by whoever finds it open without its lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select, update

from benchdb.store import locks
from benchdb.store.digest import session_digest
from benchdb.store.forms import remove_superseded
from benchdb.store.models import Session, TestRun

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def end_session(connection: Connection, session_id: int, state: str, finished: datetime) -> str:
    """Write the end of a session whose rows are all closed, and its digest, which it returns.

    Must run in a transaction. A copy of the session may have been closed and merged into the file
    before: if in this very form, the older row stays and the newer is removed; forms that this one
    supersedes go.
    """
    mine = Session.__table__.c.id == session_id
    connection.execute(
        update(Session.__table__).where(mine).values(state=state, finished=finished)  # type: ignore[arg-type]
    )
    digest = session_digest(connection, session_id)
    uid = connection.scalar(select(Session.uid).where(mine))
    twin = connection.scalar(select(Session.id).where(Session.uid == uid, Session.digest == digest))
    if twin is None:
        connection.execute(update(Session.__table__).where(mine).values(digest=digest))  # type: ignore[arg-type]
    else:
        connection.execute(Session.__table__.delete().where(mine))  # type: ignore[attr-defined]
    remove_superseded(connection, str(uid))
    return digest


def close_lost_sessions(connection: Connection, path: Path, *, discard: bool = True) -> list[str]:
    """Close every open session whose process is gone, as a function of its rows alone.

    No clock and no host enters, so copies of one file that are closed apart agree.

    Parameters
    ----------
    connection
        On the database, or on a copy of it.
    path
        The database that the sessions are recorded into; their locks lie beside it.
    discard
        Whether to remove the lock files of those that were closed.

    Returns
    -------
    list of str
        The uids of the sessions that were closed.
    """
    open_sessions = select(Session.id, Session.uid).where(Session.state == "open")
    with connection.begin():
        found = connection.execute(open_sessions).all()
    gone = [(row, uid) for row, uid in found if not locks.is_held(path, uid)]
    if not gone:
        return []
    with connection.begin():
        # Read again under the write lock: its owner may have closed one in the meantime.
        still_open = {row for row, _ in connection.execute(open_sessions)}
        gone = [(row, uid) for row, uid in gone if row in still_open]
        for row, _ in gone:
            close_lost(connection, row)
    for _, uid in gone if discard else ():
        locks.discard(path, uid)
    return [uid for _, uid in gone]


def close_lost(connection: Connection, session_id: int) -> str:
    """Close one session as lost; its open rows are lost, at the last instant they are known at."""
    runs: Any = TestRun.__table__
    mine = runs.c.session_id == session_id
    connection.execute(
        update(runs)
        .where(mine, runs.c.state == "open")
        .values(state="lost", end=func.coalesce(runs.c.phase_start, runs.c.start))
    )
    started = connection.scalar(select(Session.started).where(Session.id == session_id))
    last = connection.scalar(select(func.max(TestRun.end)).where(mine))
    finished = max(instant for instant in (started, last) if instant is not None)
    return end_session(connection, session_id, "lost", finished)


def described(connection: Connection, uids: list[str]) -> list[str]:
    """Return a line for each lost session: what was running, in which phase and since when."""
    runs = (
        select(Session.uid, TestRun.path, TestRun.name, TestRun.phase, TestRun.phase_start)
        .outerjoin_from(Session, TestRun, (TestRun.session_id == Session.id) & _LOST)
        .where(Session.uid.in_(uids))
        .order_by(Session.uid, TestRun.ordinal)
    )
    lines = []
    with connection.begin():
        for uid, path, name, phase, since in connection.execute(runs):
            what = "between two tests"
            if name is not None:
                case = f"{path}::{name}" if path and path != name else name
                what = f"{case} was in its {phase} phase since {since:%Y-%m-%d %H:%M:%S} UTC"
            lines.append(f"an earlier session, {uid}, was lost: {what}")
    return lines


_LOST = TestRun.state == "lost"
