"""A history read with the help of what was kept of it: only new sessions' test runs are read.

Of each session that ended its points are kept, under its digest and all else that they depend on; a
history is put together from these by one way, whether they were kept or read just now. So what was
kept can't change a result. Whether a session counts at all (trunk, withdrawn, several forms) is
told anew each time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchdb import __version__
from benchdb.metrics import BUILT_IN, OUTCOME_METRICS
from benchdb.review.history import History, HistorySeries, read_history
from benchdb.review.packing import Catalogue, SessionPoints
from benchdb.review.series import is_trunk
from benchdb.series import conflicts_among
from benchdb.store.cache import cached, cached_names, keep
from benchdb.store.cases import column_metrics
from benchdb.store.queries import stored_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from benchdb.config import Location, Settings
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection

#: What hashes of series are multiplied by for each point: odd and large.
_TURN: Final = np.uint64(0x9E3779B97F4A7C15)

#: Sessions whose test runs are read at once.
_AT_ONCE: Final = 200


@dataclass(slots=True)
class Kept:
    """What may be kept of what was computed: bytes by name; and what need no longer be."""

    entries: dict[str, bytes] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)

    def store(self, location: Location) -> None:
        """Write it into the database, if that can be done now."""
        if self.entries or self.stale:
            keep(location, self.entries, self.stale)


class Remembered(NamedTuple):
    """A history, and what tells whether a series is the same as before.

    Parameters
    ----------
    history
        As `benchdb.review.history.read_history` gives it.
    prints
        A hash of each series: of its key, and of the sessions of its points.
    aside
        Makes the series of all that the history has no point for: sessions off the trunk, sorted
        as its own.
    """

    history: History
    prints: NDArray[np.uint64]
    aside: Callable[[], tuple[HistorySeries, ...]]


def remembered_history(
    connection: Connection, settings: Settings, kept: Kept, *, every_session: bool = False
) -> Remembered:
    """Return all series of a database, reading what isn't kept.

    Parameters
    ----------
    connection, settings, every_session
        As `benchdb.review.history.read_history` takes them.
    kept
        Gets what is to be kept.
    """
    known = stored_sessions(connection)
    conflicts = conflicts_among(known)
    usable = sorted((one for one in known if not one.conflict), key=lambda one: one.order)
    basis = _basis(connection, settings)
    reading = _Reading(connection, settings, usable, basis)
    points = reading.points()
    trunk = np.array([is_trunk(one, settings.trunk) for one in usable], dtype=np.bool_)
    combined = _Combined(reading.catalogue, points, trunk, every_session=every_session)
    entries, stale = reading.to_keep(combined.order)
    kept.entries.update(entries)
    kept.stale.update(stale)
    return Remembered(combined.history(usable, conflicts), combined.prints(usable), combined.aside)


def _basis(connection: Connection, settings: Settings) -> str:
    """Return a hash of all that the points of a session depend on beside its rows."""
    said = [
        __version__,
        code_of("review"),
        settings.series_tags,
        settings.renamed,
        [(one.name, one.unit) for one in column_metrics(connection)],
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:20]


def code_of(package: str) -> str:
    """Return a hash of the code of one of benchdb's packages: another one may find otherwise."""
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).parents[1] / package).glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:20]


class _Reading:
    """The points of each session: kept ones, else read from its test runs."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        usable: Sequence[StoredSession],
        basis: str,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._usable = usable
        self._basis = basis
        self._names = cached_names(connection)
        self._new: dict[str, bytes] = {}
        environments = {
            one.environment.fingerprint: one.environment for one in usable if one.environment
        }
        self.catalogue = Catalogue()
        self._kept = False
        series = self._series_name
        if series in self._names:
            try:
                content = cached(connection, [series])[series]
                self.catalogue = Catalogue.unpack(content, environments)
                self._kept = True
            except ValueError:
                self._kept = False
        self._size = len(self.catalogue)

    @property
    def _series_name(self) -> str:
        return f"series {self._basis}"

    def _name(self, session: StoredSession) -> str | None:
        """Return what the points of a session are kept by; None while it may still change."""
        if session.digest is None:
            return None
        return f"points {self._basis} {session.uid} {session.digest}"

    def points(self) -> list[SessionPoints]:
        """Return the points of every session."""
        names = [self._name(one) for one in self._usable]
        held = cached(
            self._connection,
            [name for name in names if self._kept and name and name in self._names],
        )
        sizes = dict(self.catalogue.sizes)
        found: list[SessionPoints | None] = []
        for name in names:
            content = held.pop(name or "", None)
            try:
                points = None if content is None else SessionPoints.unpack(content, sizes)
            except ValueError:
                points = None
            found.append(points)
        missing = [at for at, one in enumerate(found) if one is None]
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            for at, points in zip(some, self._read([self._usable[at] for at in some]), strict=True):
                found[at] = points
                if name := names[at]:
                    self._new[name] = points.pack(self.catalogue.stamp)
        return [one for one in found if one is not None]

    def _read(self, sessions: Sequence[StoredSession]) -> list[SessionPoints]:
        history = read_history(
            self._connection,
            self._settings,
            sessions=[one.row for one in sessions],
            every_session=True,
            ordered=False,
        )
        at_of = {one.row: number for number, one in enumerate(history.sessions)}
        numbers = self.catalogue.numbers(one.key for one in history.series)
        lengths = [len(one.at) for one in history.series]
        series = np.repeat(np.array(numbers, dtype=np.int64), lengths)
        at = _joined([one.at for one in history.series], np.int64)
        values = _joined([one.values for one in history.series], np.float64)
        runs = _joined([one.runs for one in history.series], np.int64)
        order = np.lexsort((series, at))
        edges = np.searchsorted(at[order], np.arange(len(history.sessions) + 1))
        made = []
        for session in sessions:
            number = at_of[session.row]
            own = order[edges[number] : edges[number + 1]]
            made.append(SessionPoints(series[own], values[own], runs[own]))
        return made

    def to_keep(self, order: NDArray[np.int64]) -> tuple[dict[str, bytes], set[str]]:
        """Return what to keep, and what need no longer be."""
        entries = dict(self._new)
        if len(self.catalogue) > self._size or not self._kept:
            entries[self._series_name] = self.catalogue.pack(order)
        wanted = {self._series_name, *(name for one in self._usable if (name := self._name(one)))}
        stale = {name for name in self._names - wanted if name.startswith(("points ", "series "))}
        return entries, stale


class _Combined:
    """Sessions' points put together as series."""

    def __init__(
        self,
        catalogue: Catalogue,
        points: Sequence[SessionPoints],
        trunk: NDArray[np.bool_],
        *,
        every_session: bool,
    ) -> None:
        built_in = {(one.name, one.unit): one for one in (*BUILT_IN.values(), *OUTCOME_METRICS)}
        self._keys = catalogue.keys(built_in)
        self._points = points
        self._trunk = trunk
        self.order = catalogue.order(self._keys)
        self._case = catalogue.case_numbers()
        self._seeds = catalogue.seeds()
        self._fallback = np.zeros(0, dtype=np.bool_)
        self._used: list[NDArray[np.bool_] | None] = [None] * len(points)
        if not every_session:
            self._choose()
        self._count = np.zeros(len(self._keys), dtype=np.int64)
        for one, used in zip(points, self._used, strict=True):
            self._count[one.series if used is None else one.series[used]] += 1

    def _choose(self) -> None:
        """Use sessions of the trunk alone, but for cases that have none of it."""
        cases = int(self._case.max(initial=-1)) + 1
        on_trunk, met = np.zeros(cases, dtype=np.bool_), np.zeros(cases, dtype=np.bool_)
        for one, trunk in zip(self._points, self._trunk.tolist(), strict=True):
            met[self._case[one.series]] = True
            if trunk:
                on_trunk[self._case[one.series]] = True
        self._fallback = met & ~on_trunk
        for at, trunk in enumerate(self._trunk.tolist()):
            if not trunk:
                self._used[at] = self._fallback[self._case[self._points[at].series]]

    def _each(self) -> Iterable[tuple[int, SessionPoints]]:
        for at, (one, used) in enumerate(zip(self._points, self._used, strict=True)):
            if used is not None:
                yield at, SessionPoints(one.series[used], one.values[used], one.runs[used])
            else:
                yield at, one

    def history(self, usable: Sequence[StoredSession], conflicts: tuple[str, ...]) -> History:
        """Return it as `read_history` does."""
        ends = np.cumsum(self._count)
        cursor = ends - self._count
        total = int(self._count.sum())
        at_all = np.empty(total, dtype=np.int64)
        values = np.empty(total)
        runs = np.empty(total, dtype=np.int64)
        for at, one in self._each():
            places = cursor[one.series]
            at_all[places] = at
            values[places] = one.values
            runs[places] = one.runs
            cursor[one.series] += 1
        stops = ends.tolist()
        counts = self._count.tolist()
        self._shown = [number for number in self.order.tolist() if counts[number]]
        series = []
        for number in self._shown:
            own = slice(stops[number] - counts[number], stops[number])
            series.append(HistorySeries(self._keys[number], at_all[own], values[own], runs[own]))
        first_keys = {int(case): self._keys[at].case for at, case in enumerate(self._case.tolist())}
        fallback = frozenset(first_keys[int(one)] for one in np.flatnonzero(self._fallback))
        return History(tuple(usable), self._trunk, tuple(series), fallback, conflicts)

    def aside(self) -> tuple[HistorySeries, ...]:
        """Return as series what sessions measured that the history does without."""
        some = [
            (at, one.series[~used], one.values[~used], one.runs[~used])
            for at, (one, used) in enumerate(zip(self._points, self._used, strict=True))
            if used is not None
        ]
        number = _joined([one for _, one, _, _ in some], np.int64)
        at_all = np.repeat([at for at, *_ in some], [len(one) for _, one, _, _ in some])
        values = _joined([one for _, _, one, _ in some], np.float64)
        runs = _joined([one for _, _, _, one in some], np.int64)
        order = np.argsort(number, kind="stable")
        edges = np.searchsorted(number[order], np.arange(len(self._keys) + 1)).tolist()
        made = []
        for one in self.order.tolist():
            own = order[edges[one] : edges[one + 1]]
            if len(own):
                made.append(HistorySeries(self._keys[one], at_all[own], values[own], runs[own]))
        return tuple(made)

    def prints(self, usable: Sequence[StoredSession]) -> NDArray[np.uint64]:
        """Return a hash of each series of the history: of itself and its points' sessions."""
        found = self._seeds.copy()
        for at, one in self._each():
            session = usable[at]
            said = f"{session.uid} {session.digest}".encode()
            if session.digest is None:  # it may yet measure more
                said += one.series.tobytes() + one.values.tobytes()
            word = hashlib.sha256(said).digest()[:8]
            found[one.series] = found[one.series] * _TURN + np.frombuffer(word, dtype=np.uint64)
        return found[self._shown]


def _joined(parts: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.array([], dtype=kind)
