"""The forms of one session: rows of equal uid and different digests, and which of them stay."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select

from benchdb.store.digest import digest_tables, run_digests
from benchdb.store.models import Base, Session


def forms(connection: Connection, uid: str) -> list[int]:
    """Return the row ids of all closed sessions with this uid; several are a conflict."""
    query = select(Session.id).where(Session.uid == uid, Session.digest.is_not(None))
    return list(connection.scalars(query.order_by(Session.digest)))


def conflicts(connection: Connection) -> list[str]:
    """Return the uids of which the database holds several forms."""
    query = (
        select(Session.uid)
        .where(Session.digest.is_not(None))
        .group_by(Session.uid)
        .having(func.count() > 1)
    )
    return sorted(connection.scalars(query))


def remove_superseded(connection: Connection, uid: str) -> None:
    """Remove every lost form of a session whose closed rows all stand in another form of it.

    Of lost forms that contain each other, the one with the most rows stays, then the one that
    ended last, then the greatest digest: so the order of merging doesn't matter.
    """
    ids = forms(connection, uid)
    if len(ids) < 2:
        return
    facts = {
        row.id: row
        for row in connection.execute(
            select(Session.id, Session.state, Session.finished, Session.digest).where(
                Session.id.in_(ids)
            )
        )
    }
    closed = {row: run_digests(connection, row, closed=True) for row in ids}
    every = {row: run_digests(connection, row, closed=False) for row in ids}

    def rank(row: int) -> tuple[bool, int, int, Any, str]:
        form = facts[row]
        finished = form.state == "finished"
        return finished, len(closed[row]), len(every[row]), form.finished, form.digest

    for row in ids:
        if facts[row].state == "lost" and any(
            closed[row].items() <= every[other].items() and rank(other) > rank(row)
            for other in ids
            if other != row
        ):
            remove_session(connection, row)


def remove_session(connection: Connection, session_id: int) -> None:
    """Remove a session's rows; rows that it shared stay until `remove_unshared`."""
    for table in reversed(digest_tables()):
        owner = table.c.id if table.name == "session" else table.c.session_id
        connection.execute(delete(table).where(owner == session_id))


def remove_unshared(connection: Connection) -> None:
    """Remove shared rows that nothing refers to any more."""
    tables = Base.metadata.tables
    users = {
        "cluster": [tables["test_run"].c.cluster],
        "environment": [tables["session"].c.environment],
        "revision": [tables["session"].c.revision],
        "package_set": [tables["session"].c.package_set],
        "package": [tables["package_set_package"].c.package],
    }
    for name, columns in users.items():
        (key,) = tables[name].primary_key.columns
        used = [select(column).where(column.is_not(None)) for column in columns]
        connection.execute(delete(tables[name]).where(key.not_in(*used)))
