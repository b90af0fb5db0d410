"""What people said about events: annotations of series and a range of revisions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from benchdb.findings import Saying, State
from benchdb.store.annotations import add_annotation
from benchdb.store.values import just_after, read_instant, stored_instant, text

if TYPE_CHECKING:
    from benchdb.store.connection import Connection

_COLUMNS: Final = (
    "key, made, kind, follows, author, text, series, revision_from, revision_to, direction, "
    "session_uid, fixed_by"
)


def stored_sayings(connection: Connection) -> list[Saying]:
    """Return all that was said about events, the earliest first."""
    kinds = tuple(State)
    marks = ", ".join("?" * len(kinds))
    query = f"SELECT {_COLUMNS} FROM annotation WHERE kind IN ({marks}) ORDER BY made, key"
    found = []
    for row in connection.execute(query, [str(kind) for kind in kinds]):
        key, made, kind, follows, author, words, series, after, until, way, uid, fix = row
        found.append(
            Saying(
                key=key,
                made=read_instant(made) or datetime.min.replace(tzinfo=UTC),
                state=State(kind),
                follows=follows,
                author=author,
                text=words,
                series=tuple(line for line in (series or "").split("\n") if line),
                after=after,
                until=until,
                direction=way,
                session=uid,
                commit=fix,
            )
        )
    return found


def add_saying(connection: Connection, saying: Saying) -> Saying:
    """Store what somebody says about an event; return it as it is stored.

    Parameters
    ----------
    connection
        On a database at the newest schema, in no transaction.
    saying
        Its key is new. If it follows another, it is made later than that.
    """
    with connection.transaction():
        made = saying.made
        if saying.follows is not None:
            query = "SELECT made FROM annotation WHERE key=?"
            before = connection.execute(query, (saying.follows,)).fetchone()
            made = just_after(made, before[0] if before else None)
        values = {
            "key": saying.key,
            "made": stored_instant(made),
            "kind": str(saying.state),
            "follows": saying.follows,
            "author": saying.author and text(saying.author),
            "text": saying.text and text(saying.text),
            "session_uid": saying.session,
            "series": "\n".join(text(one) for one in saying.series),
            "revision_from": saying.after,
            "revision_to": saying.until,
            "direction": saying.direction,
            "fixed_by": saying.commit and text(saying.commit),
        }
        add_annotation(connection, values)
    (stored,) = [one for one in stored_sayings(connection) if one.key == saying.key]
    return stored
