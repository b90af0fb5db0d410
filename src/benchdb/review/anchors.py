"""Anchors: revisions that annotations name, found again among the sessions of any file.

An anchor is a commit and its committer time, ``COMMIT 2026-01-31T12:00:00Z``, or an instant alone
where the commits of a session are unknown. The instant is what places it; so it holds in a file
that lacks the session, and when places are computed anew. People may also write a commit alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime
from typing import TYPE_CHECKING

from benchdb.errors import UserError
from benchdb.records import in_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.findings import Saying
    from benchdb.series import StoredSession


def anchor(session: StoredSession) -> str:
    """Return the anchor of a session."""
    place = session.place
    spelled = place.isoformat().replace("+00:00", "Z")
    for subject in session.subjects:
        if subject.committed == place and subject.commit:
            return f"{subject.commit} {spelled}"
    return spelled


def place_of(spelled: str, sessions: Sequence[StoredSession], *, newest: bool) -> datetime | None:
    """Return the place that an anchor names; None where no session here tells.

    Parameters
    ----------
    spelled
        The anchor.
    sessions
        Where a commit is looked up that has no instant beside it.
    newest
        Of several sessions with that commit, whether to take the newest place or the oldest.
    """
    for word in reversed(spelled.split()):
        try:
            return in_utc(datetime.fromisoformat(word))
        except (ValueError, OverflowError):  # a zone may put it before the first year
            continue
    commit = spelled.strip()
    places = [one.place for one in sessions if commit and one.ran_at(commit)]
    if not places:
        return None
    return max(places) if newest else min(places)


def cuts_between(
    after: str | None, until: str | None, sessions: Sequence[StoredSession]
) -> tuple[int, int] | None:
    """Return the first and the last cut between two anchors; None where they can't be placed.

    Parameters
    ----------
    after, until
        The anchors; None for an open side.
    sessions
        In order of place. A cut is the number of the first session behind it.
    """
    places = [one.place for one in sessions]
    first, last = 1, len(sessions)  # behind the last there may be a contender
    start = end = None
    if after is not None:
        start = place_of(after, sessions, newest=True)
        if start is None:
            return None
        first = bisect_right(places, start)
    if until is not None:
        end = place_of(until, sessions, newest=False)
        if end is None:
            return None
        last = bisect_left(places, end)
    if start is not None and start == end:  # between sessions of one commit
        first, last = bisect_left(places, start) + 1, bisect_right(places, start) - 1
    return first, last


def unplaced(saying: Saying, sessions: Sequence[StoredSession]) -> list[str]:
    """Return the anchors that no session here places: it can't be told yet of what that was said.

    Raises
    ------
    UserError
        If the range ends before it begins.
    """
    after, until = (
        None if one is None else place_of(one, sessions, newest=newest)
        for one, newest in ((saying.after, True), (saying.until, False))
    )
    if after is not None and until is not None and after > until:
        raise UserError(
            f"of {saying.series[0]}: after {saying.after} is later than until {saying.until}: "
            "swap them"
        )
    given = ((saying.after, after), (saying.until, until))
    return [one for one, place in given if one is not None and place is None]
