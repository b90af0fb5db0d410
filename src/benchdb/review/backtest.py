"""A history judged session by session, as if each had been gated when it was the newest."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchdb.analysis.quick_look import may_have_moved
from benchdb.analysis.student import two_sided_quantile
from benchdb.metrics import counts_outcomes
from benchdb.review.acknowledged import Acknowledged
from benchdb.review.cases import cases_among
from benchdb.review.causes import KnownCauses, begin_together
from benchdb.review.expecting import LAST
from benchdb.review.history import read_history
from benchdb.review.judged import ONE_LOOK, RECENT, SAME_PLACE
from benchdb.review.judging import lasting
from benchdb.review.lines import Line, is_failed, is_judged, rule_of, verdicts_of
from benchdb.review.outcomes import usual_rate
from benchdb.review.unmatched import unmatched
from benchdb.verdicts import Alarm, Backtest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.review.history import History, HistorySeries
    from benchdb.series import Case, StoredSession
    from benchdb.store.connection import Connection
    from benchdb.store.progress import Progress
    from benchdb.verdicts import Certainty, SeriesVerdict


def replay(
    connection: Connection, settings: Settings, progress: Progress, *, last: int | None = None
) -> Backtest:
    """Judge the sessions of the trunk one after another.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        By which to judge; what people said of changes isn't heeded.
    progress
        Is told how many sessions are judged.
    last
        How many of the newest sessions to judge; all by default.
    """
    history = read_history(connection, settings)
    misnamed = unmatched(connection, settings, [one.key for one in history.series])
    return replace(_Replay(history, settings).run(progress, last), unmatched=misnamed)


class _Replay:
    def __init__(self, history: History, settings: Settings) -> None:
        self._sessions = history.sessions
        self._settings = settings
        self._series = [
            one
            for one in history.series
            if one.key.case not in history.fallback and is_judged(one.key, settings)
        ]
        self._counts = np.zeros(len(history.sessions), dtype=np.int64)
        for one in self._series:
            if not counts_outcomes(one.key.metric) or is_failed(one.key):
                self._counts[one.at] += 1
        self._limits = settings.false_alarms / np.maximum(self._counts, 1)
        cases = sorted({one.key.case for one in self._series})
        controls = {case for given in settings.controls for case in cases_among(given, cases)}
        self._controls = [one for one in self._series if one.key.case in controls]
        self._by_outcome: dict[str, list[HistorySeries]] = defaultdict(list)
        for one in self._series:
            if counts_outcomes(one.key.metric):
                self._by_outcome[one.key.metric.name].append(one)
        self._fail_on: Certainty = "suspect" if settings.fail_on == "suspect" else "confirmed"
        #: What was raised of each series: where it begins, its verdict, where it was listed last.
        self._raised: dict[int, list[_Raised]] = defaultdict(list)

    def run(self, progress: Progress, last: int | None) -> Backtest:
        """Judge the newest sessions, the oldest of these first."""
        every = np.flatnonzero(self._counts).tolist()
        judged = every[-last:] if last else every
        first = judged[0] if judged else 0
        # Of what was raised shortly before, it must be known that it is nothing new.
        looked_at = every[-last - RECENT :] if last else every
        candidates = self._candidates()
        for number, session in enumerate(looked_at):
            progress("judging sessions", number, len(looked_at))
            if some := candidates.get(session):
                self._judge(session, some)
        self._follow()
        alarms = [
            one.alarm(self._sessions)
            for some in self._raised.values()
            for one in some
            if one.place.session >= first and one.cause is None
        ]
        return Backtest(
            sessions=len(judged),
            series=int(self._counts.max(initial=0)),
            alarms=tuple(sorted(alarms, key=lambda one: (one.session.order, one.verdict.key.case))),
            fail_on=self._fail_on,
            false_alarms=self._settings.false_alarms,
        )

    def _candidates(self) -> dict[int, dict[int, int]]:
        """Return by session the series that may alarm there, and which of their points that is."""
        # The normal distribution's; one-sided limits.
        limits = self._limits.tolist()
        heights = {one: two_sided_quantile(2 * one / ONE_LOOK, 1e6) for one in set(limits)}
        demanded = np.array([heights[one] for one in limits])
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for number, one in enumerate(self._series):
            if counts_outcomes(one.key.metric):
                points = np.flatnonzero(one.values)
            else:
                points = np.flatnonzero(may_have_moved(one.values, demanded[one.at]))
            for point in points.tolist():
                found[int(one.at[point])][number] = point
        return found

    def _judge(self, session: int, some: dict[int, int]) -> None:
        beside = dict(some)
        for number, one in enumerate(self._series):
            if one in self._controls and number not in beside:
                point = int(np.searchsorted(one.at, session))
                if point < len(one.at) and one.at[point] == session:
                    beside[number] = point
        known, new = self._told(session, beside)
        if new and (elsewhere := self._elsewhere(session)):
            known, new = self._told(session, {**beside, **elsewhere})
        causes = KnownCauses(
            [(said, self._sessions[before.place.session]) for said, before in known]
        )
        for place, begins, said in new:
            if place.series in beside:
                cause = causes.first(said)
                self._note(place, begins, said, None if cause is None else known[cause][1])
        places = _Places(known)
        for number, (said, before) in enumerate(known):
            if before.place.series not in beside or not _is_parted(said, before, places):
                continue
            # It may be seen to begin with another one that is known.
            if causes.first(said, but=number) is None:
                places.leave(said, before)
                self._part(said, before, session)

    def _told(
        self, session: int, points: dict[int, int]
    ) -> tuple[list[tuple[SeriesVerdict, _Raised]], list[tuple[_Place, int, SeriesVerdict]]]:
        """Return what is alarmed at points of series: with what was raised before, and the new."""
        lines = {number: self._line(number, point) for number, point in points.items()}
        verdicts = verdicts_of(
            list(lines.values()),
            self._settings,
            float(self._limits[session]),
            Acknowledged((), ()),
            {},
            usual=dict(self._usual(session, list(lines.values()))),
            first=False,
        )
        numbers = {line.key: number for number, line in lines.items()}
        known: list[tuple[SeriesVerdict, _Raised]] = []
        new = []
        for said in verdicts:
            if said.alarms and (self._fail_on == "suspect" or said.certainty == "confirmed"):
                number = numbers[said.key]
                place = _Place(number, points[number], session)
                begins = _begins(place, said, lines[number])
                before = self._going_on(place, begins, said)
                if before is None:
                    new.append((place, begins, said))
                else:
                    known.append((said, before))
        return known, new

    def _elsewhere(self, session: int) -> dict[int, int]:
        """Return the series of other environments of which something was raised, where last."""
        here = self._sessions[session].environment
        return {
            number: max(one.listed for one in some)
            for number, some in self._raised.items()
            if self._series[number].key.conditions.environment != here
            and not counts_outcomes(self._series[number].key.metric)
        }

    def _line(self, number: int, point: int) -> Line:
        one = self._series[number]
        kept = slice(max(point - LAST, 0), point + 1)
        at = [self._sessions[session] for session in one.at[kept].tolist()]
        return Line(one.key, at, one.values[kept], one.runs[kept], [])

    def _usual(self, session: int, lines: Sequence[Line]) -> Iterator[tuple[str, float]]:
        for name in {one.key.metric.name for one in lines if counts_outcomes(one.key.metric)}:
            yield name, usual_rate(self._outcomes(name, session))

    def _outcomes(
        self, name: str, session: int
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        for one in self._by_outcome[name]:
            stop = int(np.searchsorted(one.at, session, "right"))
            if stop and one.at[stop - 1] == session:  # what others do elsewhere says nothing here
                kept = slice(max(stop - LAST - 1, 0), stop)
                yield one.values[kept], one.runs[kept]

    def _going_on(self, place: _Place, begins: int, verdict: SeriesVerdict) -> _Raised | None:
        """Return what was raised before, if this is it."""
        for one in self._raised[place.series]:
            same = one.verdict.certainty == verdict.certainty
            if same and abs(one.begins - begins) <= SAME_PLACE:
                one.listed, one.lasts = place.point, self._is_last(place)
                return one
        return None

    def _note(
        self, place: _Place, begins: int, verdict: SeriesVerdict, cause: _Raised | None
    ) -> None:
        """Note what is raised for the first time: by itself, or beside what has the same cause."""
        last = self._is_last(place)
        root = cause and (cause.cause or cause)
        self._raised[place.series].append(
            _Raised(place, begins, verdict, place.point, last, cause=root)
        )
        if root is not None and verdict.key.case != root.verdict.key.case:
            root.also.append(verdict.key.case)

    def _part(self, said: SeriesVerdict, one: _Raised, session: int) -> None:
        """Raise by itself what seemed to have a known cause, and is seen to begin elsewhere now."""
        if one.cause is not None and said.key.case in one.cause.also:
            one.cause.also.remove(said.key.case)
        one.place = one.place._replace(point=one.listed, session=session)
        one.verdict, one.cause = said, None

    def _follow(self) -> None:
        """Tell for how long regressions stay listed when they aren't new any more.

        The last point at which each is listed is searched by halves, of all at once.
        """
        left = [
            (one, one.listed, min(len(series.at) - 1, one.begins + LAST - 1))
            for number, some in self._raised.items()
            for series in [self._series[number]]
            for one in some
            if one.cause is None and not counts_outcomes(series.key.metric)
        ]
        asked = [(one, last) for one, listed, last in left if listed < last]
        left = [some for some in left if some[1] < some[2]]
        while left:
            answers = self._lasting(asked)
            left = [
                (one, at, last) if lasts else (one, listed, at - 1)
                for (one, listed, last), (_, at), lasts in zip(left, asked, answers, strict=True)
            ]
            for one, listed, _ in left:
                one.listed = listed
                one.lasts = listed == len(self._series[one.place.series].at) - 1
            left = [some for some in left if some[1] < some[2]]
            asked = [(one, (listed + last + 1) // 2) for one, listed, last in left]

    def _lasting(self, asked: Sequence[tuple[_Raised, int]]) -> list[bool]:
        """Tell of regressions whether they are listed still at a point of their series."""
        series = [self._series[one.place.series] for one, _ in asked]
        starts = [max(point - LAST, 0) for _, point in asked]
        values = [
            one.values[start : point + 1]
            for one, start, (_, point) in zip(series, starts, asked, strict=True)
        ]
        rules = [
            rule_of(one.key, self._settings, float(self._limits[one.at[point]]))
            for one, (_, point) in zip(series, asked, strict=True)
        ]
        return [
            any(abs(other.begins + start - one.begins) <= SAME_PLACE for other in found)
            for found, start, (one, _) in zip(lasting(values, rules), starts, asked, strict=True)
        ]

    def _is_last(self, place: _Place) -> bool:
        return place.point == len(self._series[place.series].at) - 1


def _begins(place: _Place, verdict: SeriesVerdict, line: Line) -> int:
    """Return the first point of a new level, in its series."""
    if verdict.since is None:
        return place.point
    rows = [one.row for one in line.at]
    return place.point + 1 - len(rows) + rows.index(verdict.since.row)


class _Place(NamedTuple):
    """A point: the number of its series, its own there, and that of its session."""

    series: int
    point: int
    session: int


class _Places:
    """Where what has one cause seems to begin now, by the alarm that tells of that cause."""

    def __init__(self, known: Sequence[tuple[SeriesVerdict, _Raised]]) -> None:
        self._counts: dict[int, Counter[object]] = defaultdict(Counter)
        self._any: dict[object, SeriesVerdict] = {}
        for said, one in known:
            place = _place_of(said)
            self._counts[id(one.cause or one)][place] += 1
            self._any[place] = said

    def beside(self, said: SeriesVerdict, root: _Raised) -> list[SeriesVerdict]:
        """Return a verdict for each place at which others with its cause begin."""
        mine = _place_of(said)
        return [
            self._any[place]
            for place, count in self._counts[id(root)].items()
            if count > (place == mine)
        ]

    def leave(self, said: SeriesVerdict, one: _Raised) -> None:
        """Take one out, as it has a cause of its own."""
        self._counts[id(one.cause or one)][_place_of(said)] -= 1


def _is_parted(said: SeriesVerdict, one: _Raised, places: _Places) -> bool:
    """Tell whether what seemed to have a known cause is seen to begin elsewhere now."""
    root = one.cause
    if root is None:
        return False
    like = places.beside(said, root)
    if like and root.verdict.key.conditions.environment != said.key.conditions.environment:
        like.append(root.verdict)  # its series isn't judged now
    return bool(like) and not any(begin_together(said, other) for other in like)


def _place_of(said: SeriesVerdict) -> object:
    return said.before and said.before.row, said.since and said.since.row


@dataclass(slots=True, eq=False)
class _Raised:
    """An alarm: where, from where on, what was said, and where it was listed last.

    One that has the cause of an earlier one fails nothing; that one knows its case.
    """

    place: _Place
    begins: int
    verdict: SeriesVerdict
    listed: int
    lasts: bool
    cause: _Raised | None = None
    also: list[Case] = field(default_factory=list)

    def alarm(self, sessions: Sequence[StoredSession]) -> Alarm:
        """Return it as it is reported."""
        stayed = self.listed - self.place.point + 1
        also = tuple(dict.fromkeys(self.also))
        return Alarm(sessions[self.place.session], self.verdict, stayed, self.lasts, also)
