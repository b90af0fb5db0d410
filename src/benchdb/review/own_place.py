"""Control tests held against the place where a test changed, whatever is seen of them elsewhere.

Noise may hide from the search what the machine did to a control, or put it elsewhere. Where a test
is known to have changed, only this one place is asked about, and fewer points are enough.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.analysis.given_place import change_at, likeliest_cut
from benchdb.analysis.scale import Scale
from benchdb.review.boundaries import boundary
from benchdb.review.causes import size
from benchdb.review.judged import SAME_PLACE
from benchdb.review.places import boundary_near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.results import ChangePoint
    from benchdb.review.expecting import Values
    from benchdb.review.judged import Judged
    from benchdb.review.lines import Line
    from benchdb.series import StoredSession

#: From so many points on either side of a place tells a level.
_LEAST: Final = 3

#: So many points on either side tell how a series moved.
_NEAR: Final = 20

#: So unlikely by chance, a test still has what a control has no more, or a control went back.
_SURE: Final = 0.01

#: A quick look takes these numbers of points for the old level, and lets pass a p so much larger.
_LOOKED_BACK, _MAY = (_LEAST, 6, _NEAR), 10.0


class Limits(NamedTuple):
    """What a control must show.

    Parameters
    ----------
    p
        The largest chance of its moving so far at one place with no change.
    tolerance
        The effect that doesn't matter.
    times
        A control that moved tells of a test that did by up to so many times as much.
    """

    p: float
    tolerance: float
    times: float

    def shows(self, change: ChangePoint) -> bool:
        """Tell whether a control surely moved."""
        return change.p <= self.p and abs(change.effect) > self.tolerance

    def covers(self, control: ChangePoint, test: ChangePoint) -> bool:
        """Tell whether a test moved the same way as a control, and not much further."""
        same_way = (control.effect > 0) == (test.effect > 0)
        return same_way and size(test.effect) <= self.times * size(control.effect)


class OwnPlaces:
    """A control, to be asked about the places of many tests.

    Parameters
    ----------
    control
        Its series, up to the same session as those of the tests.
    limits
        What it must show.
    """

    def __init__(self, control: Line, limits: Limits) -> None:
        self._control = control
        self._limits = limits
        #: By the stretch before a place: most tests that moved at once ask about the same.
        self._moved: dict[tuple[int, int], _Moved | None] = {}

    def moved_with(self, line: Line, judged: Judged) -> bool:
        """Tell whether it surely moved where a test did, the same way and about as far.

        Where the control moved again since, as when a machine recovers, the test must have done so,
        too: what it has still is its own.

        Parameters
        ----------
        line, judged
            The test's series, and what is said of it: a confirmed change of the trunk.
        """
        cut = judged.begins
        stood = max(judged.stood, line.accepted, cut - _NEAR)
        if not stood < cut < len(line.at):
            return False
        start, begin = (_first(self._control, line.at[at]) for at in (stood, cut))
        if (start, begin) not in self._moved:
            self._moved[start, begin] = _Moved.of(self._control.values, slice(start, begin))
        moved = self._moved[start, begin]
        if moved is None or not self._limits.shows(moved.first):
            return False
        near = slice(start, min(moved.back, begin + _NEAR))
        return self._covered(line, slice(stood, cut), moved) and _at_one_place(
            line, judged, self._control, near, moved.first
        )

    def may_have_moved(self, session: StoredSession) -> bool:
        """Tell whether it may have moved near a session: a quick look, before much is asked."""
        near, values = _first(self._control, session), self._control.values
        return any(
            moved is not None and moved.first.p <= _MAY * self._limits.p
            for begin in range(near - SAME_PLACE, near + SAME_PLACE + 1)
            for points in _LOOKED_BACK
            if begin >= points
            for moved in [_Moved.of(values, slice(begin - points, begin))]
        )

    def _covered(self, line: Line, old: slice, moved: _Moved) -> bool:
        """Tell whether what a control did explains what a test does, at first and since."""
        limits, end = self._limits, len(line.at)
        back = end if moved.rest is None else _first(line, self._control.at[moved.back])
        first = change_at(line.values, old, slice(old.stop, min(back, old.stop + _NEAR)))
        if not limits.covers(moved.first, first):
            return False
        if moved.rest is None or end - back < _LEAST:
            return True
        rest = change_at(line.values, old, slice(back, end))
        if rest.p > _SURE or (rest.effect > 0) != (first.effect > 0):
            return True
        return limits.shows(moved.rest) and limits.covers(moved.rest, rest)


def _first(line: Line, session: StoredSession) -> int:
    """Return the first point of a series that isn't before a session."""
    return bisect_left(line.at, session.order, key=lambda one: one.order)


class _Moved(NamedTuple):
    """What a control did behind a place.

    Parameters
    ----------
    first
        By how much it moved there.
    back
        The point at which it moved again; their number where it didn't.
    rest
        By how much it differs since then from before it all; None where it didn't move again.
    """

    first: ChangePoint
    back: int
    rest: ChangePoint | None

    @classmethod
    def of(cls, values: Values, old: slice) -> _Moved | None:
        """Tell it of a series; None where there are too few points."""
        begin, end = old.stop, len(values)
        if min(begin - old.start, end - begin) < _LEAST:
            return None
        cut = likeliest_cut(values[begin:], _LEAST)
        if cut is not None:
            back = begin + cut
            again = change_at(values, slice(begin, back), slice(back, end))
            if again.p <= _SURE:
                first = change_at(values, old, slice(begin, min(back, begin + _NEAR)))
                return cls(first, back, change_at(values, old, slice(back, end)))
        return cls(change_at(values, old, slice(begin, min(end, begin + _NEAR))), end, None)


def _at_one_place(
    line: Line, judged: Judged, control: Line, near: slice, change: ChangePoint
) -> bool:
    """Tell whether what a control did may have begun with what a test did: neither excludes it."""
    orders = {one.row: one.order for one in (*line.at, *control.at[near])}
    numbers = {row: number for number, row in enumerate(sorted(orders, key=orders.__getitem__))}

    def of(sessions: Sequence[StoredSession]) -> list[int]:
        return [numbers[one.row] for one in sessions]

    mine = boundary_near(0, of(line.at), line.values, judged)
    at = np.array(of(control.at[near]), dtype=np.int64)
    its = boundary(1, at, control.values[near], change, Scale.of(control.values))
    return mine.first <= its.last and its.first <= mine.last
