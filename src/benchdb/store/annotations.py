"""What people said about sessions: which form of one to keep, and which to hide.

An annotation never changes. Of several about one session the latest holds, so what was withdrawn
is back when a form of it is kept. Annotations travel with sessions, by merging and by sync.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from benchdb.store.columns import insertion, quoted
from benchdb.store.fitness import unfit_annotations
from benchdb.store.values import just_after, stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from benchdb.store.connection import Connection

KEEP: Final = "keep"
WITHDRAW: Final = "withdraw"


def annotate_session(
    connection: Connection,
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
    with connection.transaction():
        query = "SELECT max(started) FROM session WHERE uid=?"
        (started,) = connection.execute(query, (uid,)).fetchone()
        # A slow clock would put it before what it is about, where a horizon may forget it.
        values["made"] = max(str(values["made"]), started or "")
        query = (
            "SELECT key, made FROM annotation WHERE session_uid=? AND kind IN (?, ?) "
            "ORDER BY made DESC, key DESC LIMIT 1"
        )
        if before := connection.execute(query, (uid, KEEP, WITHDRAW)).fetchone():
            values["follows"] = before[0]
            made = just_after(datetime.now(UTC), before[1])
            values["made"] = max(str(values["made"]), stored_instant(made))
        add_annotation(connection, values)


def add_annotation(connection: Connection, values: Mapping[str, Any]) -> None:
    """Store a new annotation, made in this very file; must run in a transaction."""
    connection.execute(insertion("annotation", values), tuple(values.values()))
    connection.execute("INSERT INTO local_fresh (uid) VALUES (?)", (values["key"],))


def said_of_sessions(
    connection: Connection, uids: Collection[str] | None = None
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


def left_out(connection: Connection, uids: Collection[str] | None = None) -> set[int]:
    """Return the ids of the sessions that are hidden: withdrawn, or not the form that is kept."""
    hidden: set[int] = set()
    for uid, keep in said_of_sessions(connection, uids).items():
        query = "SELECT digest, id FROM session WHERE uid=? AND digest IS NOT NULL"
        held = dict(connection.execute(query, (uid,)).fetchall())
        if keep is None:
            hidden.update(held.values())
        elif keep in held or _is_pruned(connection, uid, keep):  # else it is yet to come
            hidden.update(row for digest, row in held.items() if digest != keep)
    return hidden


def _is_pruned(connection: Connection, uid: str, digest: str) -> bool:
    query = "SELECT 1 FROM local_pruned WHERE uid=? AND digest=?"
    return connection.execute(query, (uid, digest)).fetchone() is not None


def copy_annotations(
    ours: Connection, theirs: Connection, only: Collection[str] | None = None
) -> list[str]:
    """Copy the annotations that ours lacks; return their keys.

    Those that hold what they can't stay out: see `benchdb.store.fitness`.
    """
    known = theirs.column_kinds("annotation")
    names = [name for name in ours.column_kinds("annotation") if name in known]
    held = {key for (key,) in ours.execute("SELECT key FROM annotation")}
    wanted = [key for (key,) in theirs.execute("SELECT key FROM annotation ORDER BY made, key")]
    wanted = [key for key in wanted if key not in held and (only is None or key in only)]
    unfit = unfit_annotations(theirs, wanted) if wanted else {}
    query = f"SELECT {quoted(names)} FROM annotation WHERE key=?"
    lacking = {key: theirs.execute(query, (key,)).fetchone() for key in wanted if key not in unfit}
    if lacking:
        with ours.transaction():
            ours.executemany(
                f"{insertion('annotation', names)} ON CONFLICT DO NOTHING", lacking.values()
            )
    return list(lacking)
