"""Regressions that were taken for one cause, until more points told their places apart."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.review.causes import AS_MUCH, begin_together, overlap, size
from benchdb.review.judged import SAME_PLACE
from benchdb.review.places import at_one_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchdb.review.judged import Judged
    from benchdb.review.lines import Line
    from benchdb.series import StoredSession
    from benchdb.verdicts import SeriesVerdict

    #: Between which sessions a regression began.
    _Between = tuple[StoredSession, StoredSession]


def raised_when_apart(
    verdicts: Sequence[SeriesVerdict],
    lines: Sequence[Line],
    judge: Callable[[Sequence[Line]], list[Judged]],
) -> list[SeriesVerdict]:
    """Raise regressions that never failed, as they seemed to have a known cause until now.

    Parameters
    ----------
    verdicts, lines
        Of one session of the trunk: what is said of series, and these. There may be more verdicts
        than series.
    judge
        Judges series anew, each by itself.
    """
    found = list(verdicts)
    known = [
        number
        for number, one in enumerate(verdicts[: len(lines)])
        if one.verdict is Verdict.REGRESSED
        and one.certainty == "confirmed"
        and one.raised is not None
        and not one.control
        and not counts_outcomes(one.key.metric)
    ]
    if len({_row(verdicts[number].raised) for number in known}) < 2:
        return found  # none was raised before another
    confirmed = [
        number
        for number, (said, _) in enumerate(zip(verdicts, lines, strict=False))
        if said.certainty == "confirmed" and said.since is not None
    ]
    # What the points of one test may be near is near those of any other that ran in the same
    # sessions: thousands that one commit slowed down are judged together.
    before = _Before(lines, judge)
    near: dict[tuple[tuple[int, ...], int | None], _Near] = {}
    for number in known:
        said, line = verdicts[number], lines[number]
        asked = (tuple(session.row for session in line.at), _row(said.since))
        if asked not in near:
            members = [one for one in confirmed if _begins_near(said, verdicts[one], line)]
            near[asked] = _Near(members, known, verdicts, before)
        if near[asked].seemed_one(number, said, line):
            found[number] = replace(said, raised=None)
    return found


def _begins_near(one: SeriesVerdict, other: SeriesVerdict, line: Line) -> bool:
    """Tell whether two changes begin within a few points of a series."""
    if one.since is None or other.since is None:
        return False
    first, last = sorted((one.since.order, other.since.order))
    return first == last or sum(first < session.order <= last for session in line.at) <= SAME_PLACE


class _Before:
    """Series as they were judged after earlier sessions, each once."""

    def __init__(
        self, lines: Sequence[Line], judge: Callable[[Sequence[Line]], list[Judged]]
    ) -> None:
        self._lines = lines
        self._judge = judge
        self._judged: dict[tuple[int, int], Judged] = {}

    def places(self, numbers: Sequence[int], session: StoredSession) -> dict[int, _Between]:
        """Return between which sessions those of some series began that were confirmed then."""
        then = {number: self._lines[number].up_to(session) for number in numbers}
        new = [number for number in numbers if (number, session.row) not in self._judged]
        for number, one in zip(new, self._judge([then[each] for each in new]), strict=True):
            self._judged[number, session.row] = one
        judged = at_one_place(
            [one.at for one in then.values()],
            [one.values for one in then.values()],
            [self._judged[number, session.row] for number in numbers],
        )
        found = {}
        for number, said in zip(numbers, judged, strict=True):
            if said.verdict is Verdict.REGRESSED and said.certainty == "confirmed":
                at = then[number].at
                found[number] = at[said.begins - 1], at[said.begins]
        return found


class _Near:
    """What moved near one place: it tells where that was, too.

    Parameters
    ----------
    members
        The numbers of all series that moved there.
    known
        Those of what is known to have regressed, there or elsewhere.
    """

    def __init__(
        self,
        members: Sequence[int],
        known: Sequence[int],
        verdicts: Sequence[SeriesVerdict],
        before: _Before,
    ) -> None:
        self._members = members
        self._sizes = {number: size(verdicts[number].effect) for number in members}
        self._before = before
        #: Those that are known, alike in where they began and when they were raised.
        self._alike: dict[object, list[int]] = defaultdict(list)
        self._verdicts = verdicts
        for number in set(members).intersection(known):
            one = verdicts[number]
            self._alike[_row(one.raised), _row(one.before), _row(one.since)].append(number)
        self._places: dict[int, Mapping[int, _Between]] = {}
        self._largest: dict[tuple[int, object], list[tuple[_Between, float]]] = {}

    def seemed_one(self, number: int, said: SeriesVerdict, line: Line) -> bool:
        """Tell whether a regression seemed to begin with others at each session.

        Each since it was raised; the others began beside it, and were raised before it.
        """
        assert said.raised is not None
        least = size(said.effect)
        beside = [
            kind
            for kind, numbers in self._alike.items()
            if _raised_before(self._verdicts[numbers[0]], said)
            and not begin_together(said, self._verdicts[numbers[0]])
            and any(least <= AS_MUCH * self._sizes[one] for one in numbers)
        ]
        if not beside:
            return False
        for session in line.at[:-1]:
            if session.order < said.raised.order:
                continue
            mine = self._at(session).get(number)
            if mine is not None and not any(
                least <= AS_MUCH * largest and overlap(*mine, *place)
                for kind in beside
                for place, largest in self._largest_at(session, kind)
            ):
                return False
        return True

    def _at(self, session: StoredSession) -> Mapping[int, _Between]:
        """Return where each seemed to begin after a session."""
        if session.row not in self._places:
            self._places[session.row] = self._before.places(self._members, session)
        return self._places[session.row]

    def _largest_at(self, session: StoredSession, kind: object) -> list[tuple[_Between, float]]:
        """Return the places where those alike seemed to begin, with the largest change at each."""
        asked = session.row, kind
        if asked not in self._largest:
            at = self._at(session)
            largest: dict[tuple[int, int], tuple[_Between, float]] = {}
            for number in sorted(self._alike[kind], key=self._sizes.__getitem__):
                if (place := at.get(number)) is not None:
                    largest[place[0].row, place[1].row] = place, self._sizes[number]
            self._largest[asked] = list(largest.values())
        return self._largest[asked]


def _row(session: StoredSession | None) -> int | None:
    return None if session is None else session.row


def _raised_before(one: SeriesVerdict, other: SeriesVerdict) -> bool:
    assert one.raised is not None
    assert other.raised is not None
    return one.raised.order < other.raised.order
