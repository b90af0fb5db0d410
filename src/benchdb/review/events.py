"""Events: what moved at one boundary of a history, what differs there, what people said of it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.findings import Cause, Changes, Differs, Drift, Event, Moved, State, Watched
from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict, verdict_on_change
from benchdb.report.text import short
from benchdb.review.acknowledged import Acknowledged
from benchdb.review.boundaries import boundaries, folded
from benchdb.review.cases import cases_among
from benchdb.review.differences import commit_ranges, differences, differing
from benchdb.review.family import discovered, established
from benchdb.review.remembered import Kept, remembered_history
from benchdb.review.searching import searched_history
from benchdb.review.unmatched import unmatched_tests
from benchdb.store.circumstances import stored_circumstances
from benchdb.store.sayings import stored_sayings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchdb.analysis.results import ChangePoint
    from benchdb.config import Settings
    from benchdb.findings import Circumstances, CommitRange, Difference, Saying
    from benchdb.review.boundaries import Boundary, Place
    from benchdb.review.family import Searched
    from benchdb.review.history import History
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection

#: On each side of a boundary so many sessions must be on one host before another one is a cause.
_HOST_SESSIONS: Final = 3

#: A level is the old one again within so many standard deviations of the noise, or this share.
_BACK_NOISE, _BACK_SHARE = 1.0, 0.01


def find_changes(
    connection: Connection,
    settings: Settings,
    *,
    rate: float,
    every_session: bool = False,
    kept: Kept | None = None,
) -> Changes:
    """Return all that changed in a history.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the trunk, the tags that tell one series from another, and the control tests.
    rate
        The share of false events that is allowed for, above 0 and below 1.
    every_session
        Whether to use sessions off the trunk, too.
    kept
        Gets what may be kept, so that the next search costs what is new.
    """
    kept = Kept() if kept is None else kept
    remembered = remembered_history(connection, settings, kept, every_session=every_session)
    searched = searched_history(connection, remembered, kept)
    return changes_in(connection, settings, remembered.history, searched, rate=rate)


def changes_in(
    connection: Connection,
    settings: Settings,
    history: History,
    searched: Searched,
    *,
    rate: float,
) -> Changes:
    """Return what `find_changes` does, of a history that was searched already.

    Parameters
    ----------
    connection, settings, rate
        As `find_changes` takes them.
    history, searched
        From `benchdb.review.remembered` and `benchdb.review.searching`.
    """
    return _Finding(connection, settings, history, searched, rate).changes()


class _Finding:
    """The making of events from what was found in the series of a history."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        history: History,
        searched: Searched,
        rate: float,
    ) -> None:
        self._connection = connection
        self._history = history
        self._searched = searched
        self._held, self._family = discovered(searched, rate)
        self._rate = rate
        cases = sorted({one.key.case for one in history.series})
        self._said = Acknowledged(
            stored_sayings(connection), history.sessions, settings.renamed, settings.root
        )
        self._unmatched = unmatched_tests(connection, settings, cases)
        self._controls = {case for given in settings.controls for case in cases_among(given, cases)}
        self._first = np.array([one.at[0] for one in history.series], dtype=np.int64)
        self._last = np.array([one.at[-1] for one in history.series], dtype=np.int64)
        numbers = {case: number for number, case in enumerate(cases)}
        self._case = np.array([numbers[one.key.case] for one in history.series], dtype=np.int64)
        self._measures = np.array(
            [not counts_outcomes(one.key.metric) for one in history.series], dtype=np.bool_
        )

    def changes(self) -> Changes:
        """Return it all."""
        history, searched = self._history, self._searched
        every: list[Boundary] = []
        for number, steps in self._held.steps.items():
            one = history.series[number]
            every += boundaries(number, one.at, one.values, steps, searched.steps[number])
        places = folded(every, len(history.sessions))
        drifts = self._held.drifts
        limit = established(
            [one.p for one in places] + [one.p for one in drifts.values()],
            self._family,
            self._rate,
        )
        events = self._events([one for one in places if one.p <= limit])
        drifts = {number: one for number, one in drifts.items() if one.p <= limit}
        return Changes(
            events=tuple(sorted(events, key=_rank)),
            drifts=tuple(sorted(self._drifts(drifts), key=lambda one: -_size(one.effect))),
            watched=tuple(
                Watched(
                    one.key,
                    len(one.values),
                    noise,
                    floor,
                    trunk=one.key.case not in history.fallback,
                )
                for one, noise, floor in zip(
                    history.series, searched.noise.tolist(), searched.floor.tolist(), strict=True
                )
            ),
            sessions=len(history.sessions),
            family=self._family,
            rate=self._rate,
            fallback=tuple(sorted(history.fallback)),
            conflicts=history.conflicts,
            unmatched=self._unmatched,
        )

    def _drifts(self, drifts: Mapping[int, ChangePoint]) -> list[Drift]:
        found = []
        for number, drift in drifts.items():
            one = self._history.series[number]
            found.append(
                Drift(
                    one.key,
                    drift.effect,
                    drift.low,
                    drift.high,
                    drift.before,
                    drift.after,
                    drift.p,
                    self._history.sessions[int(one.at[0])],
                    self._history.sessions[int(one.at[-1])],
                    verdict_on_change(drift.effect, one.key.metric.direction),
                )
            )
        return found

    def _events(self, places: Sequence[Place]) -> list[Event]:
        pairs = [self._pairs(place) for place in places]
        rows = {self._history.sessions[one].row for some in pairs for pair in some for one in pair}
        circumstances = stored_circumstances(self._connection, rows)
        taken: Counter[str] = Counter()
        return [
            self._event(place, some, circumstances, taken)
            for place, some in zip(places, pairs, strict=True)
        ]

    def _event(
        self,
        place: Place,
        pairs: Sequence[tuple[int, int]],
        circumstances: Mapping[int, Circumstances],
        taken: Counter[str],
    ) -> Event:
        sessions = self._history.sessions
        moved = tuple(sorted((self._moved(one) for one in place.members), key=_most_first))
        both = (self._first < place.first) & (self._last >= place.last)
        series = {one.series for one in place.members}
        counted = both & self._measures
        counted[list(series)] = True
        before, after = self._sides(place)
        found = self._differences(pairs, circumstances)
        commits = commit_ranges(before, after)
        controls = tuple(sorted({one.key.case for one in moved} & self._controls))
        saying = self._said.of_event(moved, place.earliest, place.latest)
        # Who was told an id finds the event by it for ever, wherever its boundary is seen later.
        uid = short(saying.session if saying and saying.session else after.uid)
        taken[uid] += 1
        return Event(
            id=uid if taken[uid] == 1 else f"{uid}-{taken[uid]}",
            moved=moved,
            series=int(counted.sum()),
            cases=len(set(self._case[counted].tolist())),
            last_before=before,
            first_after=after,
            earliest=sessions[place.earliest - 1],
            latest=sessions[place.latest],
            commits=commits,
            differences=found,
            controls=controls,
            cause=_cause(found, commits, moved_controls=bool(controls)),
            saying=saying,
            lasts=saying is not None and self._lasts(saying, place),
        )

    def _lasts(self, saying: Saying, place: Place) -> bool:
        """Tell whether most of an event is there still, though it is said to be fixed."""
        left = 0
        for one in place.members:
            series, levels = self._history.series[one.series], (one.step.before, one.step.after)
            # A level that comes back after all was fixed, and is an event of its own.
            left += not _was_back(
                one.step, self._searched.steps[one.series]
            ) and self._said.fixes.failed(saying, series.at, series.values, levels, place.last)
        return 2 * left > len(place.members)

    def _sides(self, place: Place) -> tuple[StoredSession, StoredSession]:
        """Return the sessions next to a place that any of its series has a point at."""
        every = np.unique(np.concatenate([one.at for one in place.members]))
        before = every[every < place.first]
        after = every[every >= place.last]
        return self._history.sessions[int(before[-1])], self._history.sessions[int(after[0])]

    def _pairs(self, place: Place) -> list[tuple[int, int]]:
        """Return the sessions next to a place, a pair for each environment, the commonest first."""
        by_environment: dict[object, list[Boundary]] = defaultdict(list)
        for one in place.members:
            environment = self._history.series[one.series].key.conditions.environment
            by_environment[environment and environment.fingerprint].append(one)
        found = []
        for some in sorted(by_environment.values(), key=len, reverse=True):
            every = np.unique(np.concatenate([one.at for one in some]))
            before, after = every[every < place.first], every[every >= place.last]
            if len(before) and len(after):
                found.append((int(before[-1]), int(after[0])))
        return found

    def _differences(
        self, pairs: Sequence[tuple[int, int]], circumstances: Mapping[int, Circumstances]
    ) -> tuple[Difference, ...]:
        """Return what differs at a place on every machine; if nothing does, on the commonest."""
        sessions = self._history.sessions
        found = [
            differences([circumstances[sessions[one].row]], [circumstances[sessions[two].row]])
            for one, two in pairs
        ]
        if not found:
            return ()
        common = set.intersection(*({(one.kind, one.name) for one in some} for some in found))
        kept = [one for one in found[0] if not common or (one.kind, one.name) in common]
        if any(_is_host(one) for one in kept) and not self._host_moved(*pairs[0]):
            kept = [one for one in kept if not _is_host(one)]
        return tuple(kept)

    def _host_moved(self, last: int, first: int) -> bool:
        """Tell whether all sessions of an environment before were on one host, then on another."""
        sessions = self._history.sessions
        environment = sessions[first].environment
        like = [number for number, one in enumerate(sessions) if one.environment == environment]
        before = {sessions[one].host for one in like if one <= last}
        last_few = [sessions[one].host for one in like if one <= last][-_HOST_SESSIONS:]
        next_few = [sessions[one].host for one in like if one >= first][:_HOST_SESSIONS]
        return (
            len(last_few) == _HOST_SESSIONS
            and len(set(last_few)) == 1
            and len(set(next_few)) == 1
            and next_few[0] not in before
        )

    def _moved(self, one: Boundary) -> Moved:
        series = self._history.series[one.series]
        sessions, step = self._history.sessions, one.step
        last, first = one.sessions
        return Moved(
            key=series.key,
            effect=step.effect,
            low=step.low,
            high=step.high,
            before=step.before,
            after=step.after,
            noise=step.noise,
            p=step.p,
            last_before=sessions[last],
            first_after=sessions[first],
            verdict=verdict_on_change(step.effect, series.key.metric.direction),
            back=_is_back(step, self._searched.steps[one.series]),
        )


def _is_back(step: ChangePoint, every: Sequence[ChangePoint]) -> bool:
    """Tell whether the last level of a series is the one before a step."""
    last = every[-1].after
    return last != step.after and _is_old_level(last, step)


def _was_back(step: ChangePoint, every: Sequence[ChangePoint]) -> bool:
    """Tell whether any level behind a step is the one before it."""
    return any(_is_old_level(one.after, step) for one in every if one.index > step.index)


def _is_old_level(level: float, step: ChangePoint) -> bool:
    near = abs(step.before) * max(_BACK_SHARE, _BACK_NOISE * step.noise)
    return abs(level - step.before) <= near


def _is_host(one: Difference) -> bool:
    return (one.kind, one.name) == (Differs.MACHINE, "host")


def _cause(
    found: Sequence[Difference], commits: Sequence[CommitRange], *, moved_controls: bool
) -> Cause:
    """Return what is to be suspected, by what differs."""
    if moved_controls or differing(found, Differs.MACHINE):
        return Cause.ENVIRONMENT
    if any(one.subject is not None for one in commits):
        return Cause.CODE
    if differing(found, Differs.PACKAGE):
        return Cause.PACKAGES
    if differing(found, Differs.PLATFORM):
        return Cause.PLATFORM
    return Cause.UNKNOWN


def _size(effect: float) -> float:
    """Return how large an effect is, whichever way: the logarithm of the ratio."""
    if not math.isfinite(effect):
        return 1.0
    return abs(math.log(max(effect + 1, 1e-3))) if effect > -1 else 1.0


def _most_first(one: Moved) -> tuple[object, ...]:
    return (
        one.verdict is not Verdict.REGRESSED,
        -_size(one.effect),
        one.key.case,
        one.key.metric.name,
    )


def _rank(event: Event) -> tuple[object, ...]:
    """Return what events are sorted by: open ones of the code that cost most stand first."""
    worse = sum(_size(one.effect) for one in event.moved if one.verdict is Verdict.REGRESSED)
    every = sum(_size(one.effect) for one in event.moved)
    return (
        event.state is not State.OPEN,
        event.back,
        event.cause is Cause.ENVIRONMENT,
        -worse,
        -every,
        -event.first_after.place.timestamp(),
        event.id,
    )
