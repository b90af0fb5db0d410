"""Which event is meant by an id, and what is to be stored of what somebody says about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchdb.errors import UserError
from benchdb.findings import Saying, State, series_text
from benchdb.review.anchors import anchor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.findings import Changes, Event

#: Ids that a message names.
_NAMED = 5


def event_called(changes: Changes, given: str) -> Event:
    """Return the event with an id, or the beginning or end of one.

    An event is also found by the session that it may begin with: where a new session moved its
    boundary, who was told the id before still finds it.

    Raises
    ------
    UserError
        If there is none, or several.
    """
    wanted = given.strip().lower()
    every = changes.events
    found = [one for one in every if one.id == wanted]
    if not found and wanted:
        found = [one for one in every if one.id.startswith(wanted) or one.id.endswith(wanted)]
    if not found and wanted:
        found = [one for one in every if _may_begin_with(one, wanted)]
    if len(found) == 1:
        return found[0]
    if not every:
        raise UserError(f"no event {given!r}: `benchdb changes` finds none")
    known = ", ".join(one.id for one in every[:_NAMED])
    more = ", …" if len(every) > _NAMED else ""
    which = "several events are called" if found else "no event"
    raise UserError(f"{which} {given!r}: `benchdb changes --closed` lists {known}{more}")


def _may_begin_with(event: Event, wanted: str) -> bool:
    sides = [event.first_after, event.latest, *(one.first_after for one in event.moved)]
    return any(one.uid.endswith(wanted) for one in sides)


def saying_about(
    event: Event,
    state: State,
    *,
    key: str,
    text: str | None,
    author: str | None,
    commit: str | None = None,
) -> Saying:
    """Return what is to be stored where somebody says how an event stands.

    Parameters
    ----------
    key
        A new UUID.
    text, author
        Why, and who says so.
    commit
        Of a fix.
    """
    ways = {one.direction for one in event.moved}
    series = list(dict.fromkeys(series_text(one.key) for one in event.moved))
    before = event.saying
    if before is not None:  # what was covered stays so
        series += [one for one in before.series if one not in series]
        ways |= {before.direction or "up", before.direction or "down"}
    return Saying(
        key=key,
        made=datetime.now(UTC),
        state=state,
        follows=before.key if before else None,
        author=author,
        text=text,
        series=tuple(series),
        after=anchor(event.earliest),
        until=anchor(event.latest),
        direction=ways.pop() if len(ways) == 1 else None,
        session=before.session if before and before.session else event.first_after.uid,
        commit=commit,
    )


def holding(every: Sequence[Saying]) -> list[Saying]:
    """Return of everything said what no other follows, the latest first."""
    followed = {one.follows for one in every}
    return [one for one in reversed(every) if one.key not in followed]
