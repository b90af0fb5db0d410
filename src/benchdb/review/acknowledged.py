"""What people said of changes, held against the changes that are computed anew each time.

It holds for every change of its series, in its direction, whose range of places overlaps its own:
also with more sessions, after a merge, and where noise puts the boundary a session further.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchdb.findings import State, series_text
from benchdb.globs import matches
from benchdb.review.anchors import cuts_between
from benchdb.review.fixes import Fixes
from benchdb.review.renaming import former

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchdb.findings import Moved, Saying
    from benchdb.review.renaming import Renamed
    from benchdb.series import Case, SeriesKey, StoredSession

#: Of an event's series at least this share must be covered for what was said to hold for all of it.
_MOST_OF_IT: Final = 0.5

#: Who says so takes the new level for the baseline.
ACCEPTED: Final = (State.EXPECTED, State.WONT_FIX)


class _Placed(NamedTuple):
    saying: Saying
    first: int
    last: int
    begins: int


class Cause(NamedTuple):
    """An event that was acknowledged, and the number of the session that it begins with."""

    saying: Saying
    begins: int


class Acknowledged:
    """What was said, placed among the sessions of a history.

    Parameters
    ----------
    sayings
        From `benchdb.store.sayings.stored_sayings`: of several about one change the latest holds.
    sessions
        In order of place.
    renamed
        As `benchdb.review.renaming.current` takes it: what was said of a test by a former name
        holds for it still.
    root
        A folder of the repository, which may know of the commits of fixes.
    """

    def __init__(
        self,
        sayings: Iterable[Saying],
        sessions: Sequence[StoredSession],
        renamed: Renamed = (),
        root: Path = Path(),
    ) -> None:
        self.fixes = Fixes(root, sessions)
        self._renamed = renamed
        self._former: dict[Case, list[Case]] = {}
        uids = {one.uid: number for number, one in enumerate(sessions)}
        self._placed = []
        for one in sayings:
            cuts = cuts_between(one.after, one.until, sessions)
            if cuts is not None:
                begins = uids.get(one.session or "", cuts[1])
                self._placed.append(_Placed(one, *cuts, begins))

    def of_event(self, moved: Sequence[Moved], first: int, last: int) -> Saying | None:
        """Return what holds for an event.

        Parameters
        ----------
        moved
            Its series.
        first, last
            The cuts that it may be at.
        """
        found = None
        for one in self._placed:
            if one.first <= last and one.last >= first:
                covered = sum(self.covers(one.saying, each.key, each.direction) for each in moved)
                if covered and covered >= _MOST_OF_IT * len(moved):
                    found = one.saying
        return found

    def of_change(self, key: SeriesKey, direction: str, first: int, last: int) -> Saying | None:
        """Return what holds for a change of one series; None too where it was taken back.

        Parameters
        ----------
        direction
            "up" or "down".
        first, last
            The cuts that it may be at: numbers of the first session of the new level.
        """
        found = None
        for one in self._placed:
            near = (one.first <= last and one.last >= first) or first <= one.begins <= last
            if near and self.covers(one.saying, key, direction):
                found = one.saying
        return None if found is None or found.state is State.OPEN else found

    def causes(self, direction: str, first: int, last: int) -> list[Cause]:
        """Return the events that hold, and began where a change may be, in its direction.

        Such a change is a part of them, though its series was not seen to move when they were
        acknowledged.

        Parameters
        ----------
        direction, first, last
            As `of_change` takes them.
        """
        followed = {one.saying.follows for one in self._placed}
        return [
            Cause(one.saying, one.begins)
            for one in self._placed
            if one.saying.session is not None
            and one.saying.state is not State.OPEN
            and one.saying.key not in followed
            and one.saying.direction in (None, direction)
            and first <= one.begins <= last
        ]

    def baseline_start(self, key: SeriesKey) -> int:
        """Return the number of the session from which on the baseline of a series starts.

        That is where the newest level begins that somebody accepted, as expected or not to be
        fixed; 0 where nobody did. A follow-up takes back what was said before.
        """
        held: list[_Placed] = []
        for new in self._placed:
            if self.covers(new.saying, key, new.saying.direction):
                held = [old for old in held if not _takes_back(new, old)]
                held.append(new)
        starts = [one.begins for one in held if one.saying.state in ACCEPTED]
        return max(starts, default=0)

    def covers(self, saying: Saying, key: SeriesKey, direction: str | None) -> bool:
        """Tell whether something was said of a series by its name, and of this direction."""
        if saying.direction is not None and saying.direction != direction:
            return False
        return any(
            name in saying.series or any(_is_meant(one, name) for one in saying.series)
            for name in self._names(key)
        )

    def _names(self, key: SeriesKey) -> list[str]:
        """Return the names of a series: by which a test is called now, and was."""
        if not self._renamed:
            return [series_text(key)]
        if key.case not in self._former:
            self._former[key.case] = former(key.case, self._renamed)
        cases = (key.case, *self._former[key.case])
        return [series_text(replace(key, case=one)) for one in cases]


def _takes_back(new: _Placed, old: _Placed) -> bool:
    """Tell whether what was said later is of the same change: with more sessions it may move."""
    if new.saying.follows == old.saying.key:
        return True
    return (new.first, new.last, new.saying.direction) == (
        old.first,
        old.last,
        old.saying.direction,
    )


def unknown_series(saying: Saying, keys: Iterable[SeriesKey], renamed: Renamed) -> list[str]:
    """Return what something was said of that is no series, or none yet.

    Parameters
    ----------
    saying
        What was said.
    keys
        All series.
    renamed
        As `Acknowledged` takes it.
    """
    said = Acknowledged((), (), renamed)
    alone = [replace(saying, series=(one,), direction=None) for one in saying.series]
    for key in keys:
        alone = [one for one in alone if not said.covers(one, key, None)]
    return [one.series[0] for one in alone]


def _is_meant(pattern: str, name: str) -> bool:
    """Tell whether a key or glob means a series; what it leaves out at its end may be anything."""
    if "*" in pattern or "?" in pattern:
        return matches(pattern, name) or matches(f"{pattern} *", name)
    return pattern == name or name.startswith(f"{pattern} ")
