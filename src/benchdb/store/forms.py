"""The forms of one session: rows of equal uid and different digests, and which of them stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchdb.store.annotations import left_out
from benchdb.store.digest import SESSION_TABLES, run_digests
from benchdb.store.statements import chunks, marks

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchdb.store.connection import Connection


def conflicts(connection: Connection, among: Collection[str] | None = None) -> list[str]:
    """Return the uids of which the database holds several forms, none of them chosen; sorted.

    Parameters
    ----------
    among
        Only these uids; by default all.
    """
    query = "SELECT uid FROM session WHERE digest IS NOT NULL {} GROUP BY uid HAVING count(*) > 1"
    if among is None:
        uids = [uid for (uid,) in connection.execute(query.format(""))]
    else:
        uids = [
            uid
            for some in chunks(sorted(set(among)))
            for (uid,) in connection.execute(query.format(f"AND uid IN ({marks(some)})"), some)
        ]
    return [uid for uid in sorted(uids) if not _is_settled(connection, uid)]


def _is_settled(connection: Connection, uid: str) -> bool:
    """Tell whether somebody has said which form to keep, of those that are here, or to hide all."""
    hidden = left_out(connection, [uid])
    query = "SELECT count(*) FROM session WHERE uid=? AND digest IS NOT NULL"
    (held,) = connection.execute(query, (uid,)).fetchone()
    return int(held) - len(hidden) < 2


@dataclass(frozen=True, slots=True)
class Form:
    """A closed session as it is compared with the other forms of it.

    Parameters
    ----------
    digest, state, finished
        As in the columns.
    closed
        (ordinal, digest) of the test runs that were closed.
    every
        The same of all test runs.
    """

    digest: str
    state: str
    finished: str
    closed: frozenset[tuple[int, str]]
    every: frozenset[tuple[int, str]]


def form(connection: Connection, uid: str, digest: str) -> Form | None:
    """Return a form of a session, None where the database doesn't have it (any more)."""
    query = "SELECT id, state, finished FROM session WHERE uid=? AND digest=?"
    row = connection.execute(query, (uid, digest)).fetchone()
    if row is None:
        return None
    session_id, state, finished = row
    runs = run_digests(connection, session_id).items()
    return Form(
        digest,
        state,
        finished or "",
        frozenset((ordinal, made) for ordinal, (made, is_closed) in runs if is_closed),
        frozenset((ordinal, made) for ordinal, (made, _) in runs),
    )


def superseded(forms: Collection[Form]) -> set[str]:
    """Return the digests of the lost forms whose closed rows all stand in another form.

    Of lost forms that contain each other, the one with the most rows stays, then the one that
    ended last, then the greatest digest: so the order of merging doesn't matter.
    """

    def rank(one: Form) -> tuple[bool, int, int, str, str]:
        finished = one.state == "finished"
        return finished, len(one.closed), len(one.every), one.finished, one.digest

    return {
        one.digest
        for one in forms
        if one.state == "lost"
        and any(one.closed <= other.every and rank(other) > rank(one) for other in forms)
    }


def remove_superseded(connection: Connection, uid: str) -> None:
    """Remove the forms of a session that others supersede."""
    query = "SELECT digest, id, state FROM session WHERE uid=? AND digest IS NOT NULL"
    rows = connection.execute(query, (uid,)).fetchall()
    if len(rows) < 2 or all(state != "lost" for *_, state in rows):
        return  # as nearly always: comparing reads every row of theirs
    found = [form(connection, uid, digest) for digest, *_ in rows]
    gone = superseded([one for one in found if one is not None])
    for digest, session_id, _ in rows:
        if digest in gone:
            remove_session(connection, session_id)


def remove_session(connection: Connection, session_id: int) -> None:
    """Remove a session's rows; those that it shared with others stay."""
    for table in reversed(SESSION_TABLES):
        owner = "id" if table == "session" else "session_id"
        connection.execute(f"DELETE FROM {table} WHERE {owner}=?", (session_id,))
