"""What a gate raised of the trunk, to say how it stands before `changes` shows an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchdb.findings import Saying, series_text
from benchdb.records import Verdict
from benchdb.review.anchors import anchor
from benchdb.review.gate import judge
from benchdb.review.series import is_trunk
from benchdb.store.queries import stored_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.config import Settings
    from benchdb.findings import State
    from benchdb.store.connection import Connection
    from benchdb.verdicts import SeriesVerdict


def raised_since(connection: Connection, settings: Settings, given: str) -> list[SeriesVerdict]:
    """Return the regressions of the trunk's newest session that begin with a session.

    Parameters
    ----------
    connection, settings
        As `benchdb.review.gate.judge` takes them.
    given
        The end of that session's uid, which is what the event will be called.
    """
    wanted = given.strip().lower()
    trunk = sorted(
        (
            one
            for one in stored_sessions(connection)
            if not one.conflict and one.state != "open" and is_trunk(one, settings.trunk)
        ),
        key=lambda one: one.order,
    )
    found = [one for one in trunk if wanted and one.uid.endswith(wanted)]
    if len(found) != 1:
        return []
    newest = next(one for one in reversed(trunk) if one.environment == found[0].environment)
    return [
        one
        for one in judge(connection, settings, [f"session:{newest.uid}"]).verdicts
        if one.verdict is Verdict.REGRESSED and not one.control and one.since == found[0]
    ]


def saying_of_raised(
    some: Sequence[SeriesVerdict],
    state: State,
    *,
    key: str,
    text: str | None,
    author: str | None,
    commit: str | None = None,
) -> Saying:
    """Return what is to be stored where somebody says how regressions of one session stand.

    Parameters
    ----------
    some
        From `raised_since`, at least one.
    state, key, text, author, commit
        As `benchdb.review.naming.saying_about` takes them.
    """
    before = min((one.before for one in some if one.before), key=lambda one: one.order)
    since = next(one.since for one in some if one.since)
    ways = {"up" if one.effect > 0 else "down" for one in some}
    return Saying(
        key=key,
        made=datetime.now(UTC),
        state=state,
        follows=None,
        author=author,
        text=text,
        series=tuple(dict.fromkeys(series_text(one.key) for one in some)),
        after=anchor(before),
        until=anchor(since),
        direction=ways.pop() if len(ways) == 1 else None,
        session=since.uid,
        commit=commit,
    )
