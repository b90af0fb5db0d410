"""A whole history as arrays: every series at once, for what looks at all of them.

What makes a series and a point is the same as in `benchdb.review.series`, which makes those of a
few cases with all that is known of each point; a test holds the two equal.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchdb.metrics import FAILED, HUNG, LOST, counts_outcomes
from benchdb.review.measurements import Ids, measurements, run_finder
from benchdb.review.renaming import current
from benchdb.review.series import is_trunk, rank, shape
from benchdb.series import Case, Conditions, SeriesKey, conflicts_among
from benchdb.store.queries import stored_clusters, stored_sessions
from benchdb.store.run_columns import RUN_COLUMNS, run_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.records import Cluster, Metric
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection


@dataclass(frozen=True, slots=True, eq=False)
class HistorySeries:
    """A series as arrays of equal length, in order of place.

    Parameters
    ----------
    key
        What makes the series.
    at
        Of each point the index of its session in `History.sessions`.
    values
        In the metric's unit.
    runs
        How many test runs each value is made of.
    """

    key: SeriesKey
    at: NDArray[np.int64]
    values: NDArray[np.float64]
    runs: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> HistorySeries:
        """Return it with some of its points."""
        return HistorySeries(self.key, self.at[kept], self.values[kept], self.runs[kept])


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Sessions in order of place, and the series over them.

    Parameters
    ----------
    sessions
        Those that can be used: not withdrawn, and no other form of them is held.
    trunk
        Of each session whether it is one of the trunk.
    series
        Sorted by case, then conditions, then metric; each on the trunk's sessions, or on every
        session where its case has none of the trunk.
    fallback
        The cases that have no trunk session.
    conflicts
        Uids of sessions that are not used, as there are several forms of them.
    infinite
        The points that the series lack as their values are infinite: these have no level.
    """

    sessions: tuple[StoredSession, ...]
    trunk: NDArray[np.bool_]
    series: tuple[HistorySeries, ...]
    fallback: frozenset[Case]
    conflicts: tuple[str, ...]
    infinite: tuple[HistorySeries, ...] = ()


def read_history(
    connection: Connection,
    settings: Settings,
    *,
    sessions: Collection[int] | None = None,
    every_session: bool = False,
    each_run: bool = False,
    ordered: bool = True,
) -> History:
    """Return all series of a database.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the trunk and the tags that tell one series from another.
    sessions
        Ids of the sessions to read; all by default.
    every_session
        Whether to use sessions off the trunk, too: with `sessions`, what those measured.
    each_run
        Whether each test run is a point of its own, in the order they ran; those of what counts
        outcomes stay one a session.
    ordered
        Whether to sort the series: of many it takes as long as reading them.
    """
    known = stored_sessions(connection, rows=sessions)
    conflicts = conflicts_among(known)
    usable = sorted((one for one in known if not one.conflict), key=lambda one: one.order)
    trunk = np.array([is_trunk(one, settings.trunk) for one in usable], dtype=np.bool_)
    runs = _Runs(connection, settings, usable, None if sessions is None else list(sessions))
    used, fallback = runs.standing(np.ones_like(trunk) if every_session else trunk)
    series, infinite = _parted(runs.series(used, each_run=each_run))
    if ordered:
        series.sort(key=lambda one: (one.key.case, rank(one.key)))
    return History(
        tuple(usable),
        trunk,
        tuple(series),
        frozenset() if every_session else fallback,
        conflicts,
        tuple(infinite),
    )


def _parted(every: Iterable[HistorySeries]) -> tuple[list[HistorySeries], list[HistorySeries]]:
    """Return series without their infinite points, and these."""
    finite, infinite = [], []
    for one in every:
        has_level = np.isfinite(one.values)
        if has_level.all():
            finite.append(one)
            continue
        infinite.append(one.only(~has_level))
        if has_level.any():
            finite.append(one.only(has_level))
    return finite, infinite


class _Runs:
    """Test runs as arrays: of each its session, what it is a run of, its outcome, its values."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        usable: Sequence[StoredSession],
        only: list[int] | None,
    ) -> None:
        self._usable = usable
        rows = np.array([one.row for one in usable], dtype=np.int64)
        self._numbers = np.argsort(rows)
        self._rows = rows[self._numbers]
        self._groups = Ids()  # (name, path, version, cluster)
        columns, blocks = run_columns(connection, sessions=only)
        self._read(columns, blocks)
        self._add_measurements(connection, columns, only)
        self._number_conditions(connection, settings)

    def _read(
        self, columns: Sequence[Metric], blocks: Iterable[tuple[Sequence[object], ...]]
    ) -> None:
        whole: dict[str, list[NDArray[Any]]] = defaultdict(list)
        values: list[list[NDArray[np.float64]]] = [[] for _ in columns]
        for block in blocks:
            sessions, ordinals, names, paths, versions, clusters, *outcomes = block[
                : len(RUN_COLUMNS)
            ]
            at = self._places_of(sessions)
            groups = self._groups
            group = [groups[key] for key in zip(names, paths, versions, clusters, strict=True)]
            kept = at >= 0
            whole["at"].append(at[kept])
            whole["ordinal"].append(np.array(ordinals, dtype=np.int64)[kept])
            whole["group"].append(np.array(group, dtype=np.int64)[kept])
            for name, outcome in zip(("passed", "failed", "lost", "hung"), outcomes, strict=True):
                whole[name].append(np.array(outcome, dtype=np.bool_)[kept])
            for taken, column in zip(values, block[len(RUN_COLUMNS) :], strict=True):
                if column.count(None) == len(column):  # most metrics are not measured
                    taken.append(np.full(int(kept.sum()), np.nan))
                else:
                    taken.append(np.array(column, dtype=np.float64)[kept])
        self._join(columns, whole, values)

    def _places_of(self, sessions: Sequence[Any]) -> NDArray[np.int64]:
        """Return the indices of sessions by their ids, -1 for what is hidden or in conflict."""
        rows = np.array(sessions, dtype=np.int64)
        places = np.searchsorted(self._rows, rows)
        places[places == len(self._rows)] = 0
        if not len(self._rows):
            return np.full_like(rows, -1)
        return np.where(self._rows[places] == rows, self._numbers[places], -1)

    def _join(
        self,
        columns: Sequence[Metric],
        whole: dict[str, list[NDArray[Any]]],
        values: list[list[NDArray[np.float64]]],
    ) -> None:
        self._at = _joined(whole["at"], np.int64)
        self._ordinal = _joined(whole["ordinal"], np.int64)
        self._group = _joined(whole["group"], np.int64)
        self._passed = _joined(whole["passed"], np.bool_)
        self._failed = _joined(whole["failed"], np.bool_)
        self._lost = _joined(whole["lost"], np.bool_)
        self._hung = _joined(whole["hung"], np.bool_)
        #: By metric: which test runs have a value, and their values.
        self._values: dict[Metric, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        for metric, taken in zip(columns, values, strict=True):
            column = _joined(taken, np.float64)
            taken.clear()
            rows_of = np.flatnonzero(~np.isnan(column) & self._passed)
            if rows_of.size:
                self._values[metric] = rows_of, column[rows_of]

    def _add_measurements(
        self, connection: Connection, columns: Sequence[Metric], only: list[int] | None
    ) -> None:
        """Add the metrics that are no columns; and those that are, where the column is empty."""
        find = run_finder(self._at, self._ordinal)

        def passed(sessions: Sequence[object], ordinals: Sequence[object]) -> NDArray[np.int64]:
            run = find(self._places_of(sessions), np.array(ordinals, dtype=np.int64))
            run[run >= 0] = np.where(self._passed[run[run >= 0]], run[run >= 0], -1)
            return run

        for metric, rows, values in measurements(connection, columns, passed, only):
            if not counts_outcomes(metric):
                # A column holds; one that was added later is empty in rows of before.
                held, before = self._values.get(metric, (_NO_ROWS, _NO_VALUES))
                new = ~np.isin(rows, held)
                self._values[metric] = (
                    np.concatenate([held, rows[new]]),
                    np.concatenate([before, values[new]]),
                )

    def _number_conditions(self, connection: Connection, settings: Settings) -> None:
        """Number what makes a series beside the metric; with and without the cluster."""
        rows = {key[3] for key in self._groups if key[3] is not None}
        shapes: dict[int | None, Cluster | None] = {None: None}
        shapes.update({row: shape(one) for row, one in stored_clusters(connection, rows).items()})
        places = Ids()  # (environment, tags)
        place_of = [
            places[
                one.environment, tuple(tag for tag in one.tags if tag[0] in settings.series_tags)
            ]
            for one in self._usable
        ]
        cases, full, bare = Ids(), Ids(), Ids()
        of_group = [
            (
                cases[case],
                full[case, version, shapes[cluster]],
                bare[case, version],
            )
            for name, path, version, cluster in self._groups
            for case in [current(Case(path or "", name), settings.renamed)]
        ]
        numbers = np.array(of_group, dtype=np.int64).reshape(-1, 3)
        of_session = np.array(place_of, dtype=np.int64)
        place = of_session[self._at]
        self._cases = list(cases)
        self._case = numbers[self._group, 0]
        self._full = numbers[self._group, 1] * len(places) + place
        self._bare = numbers[self._group, 2] * len(places) + place
        self._of_full, self._of_bare = list(full), list(bare)
        self._places = list(places)

    def standing(self, trunk: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], frozenset[Case]]:
        """Return which test runs series stand on, and the cases that are not on the trunk."""
        on_trunk = trunk[self._at]
        has_trunk = np.zeros(len(self._cases), dtype=np.bool_)
        has_trunk[self._case[on_trunk]] = True
        fallback = frozenset(self._cases[case] for case in np.flatnonzero(~has_trunk))
        return on_trunk | ~has_trunk[self._case], fallback

    def series(self, used: NDArray[np.bool_], *, each_run: bool) -> list[HistorySeries]:
        """Return the series of the test runs that are used."""
        made = []
        conditions = _ConditionsAt(self._places)
        for metric, (rows, values) in self._values.items():
            kept = used[rows]
            some = rows[kept]
            if each_run:
                order = self._ordinal[some]
                found = _each(self._full[some], self._at[some], order, values[kept])
            else:
                found = _points(self._full[some], self._at[some], values[kept], _median)
            for number, at, value, runs in found:
                of, place = divmod(number, len(self._places))
                case, version, cluster = self._of_full[of]
                key = SeriesKey(case, conditions[version, cluster, place], metric)
                made.append(HistorySeries(key, at, value, runs))
        rows = np.flatnonzero(used)
        outcomes = ((FAILED, self._failed), (LOST, self._lost), (HUNG, self._hung))
        for metric, outcome in outcomes:
            counted = outcome[rows].astype(np.float64)
            for number, at, value, runs in _points(self._bare[rows], self._at[rows], counted, _sum):
                of, place = divmod(number, len(self._places))
                case, version = self._of_bare[of]
                key = SeriesKey(case, conditions[version, None, place], metric)
                made.append(HistorySeries(key, at, value, runs))
        return made


class _ConditionsAt(dict[tuple[str | None, "Cluster | None", int], Conditions]):
    """The conditions of a version and a cluster at a place, one object each however often met."""

    def __init__(self, places: Sequence[tuple[Any, Any]]) -> None:
        super().__init__()
        self._places = places

    def __missing__(self, key: tuple[str | None, Cluster | None, int]) -> Conditions:
        version, cluster, place = key
        environment, tags = self._places[place]
        made = self[key] = Conditions(version, environment, cluster, tags)
        return made


_NO_ROWS: Final = np.array([], dtype=np.int64)
_NO_VALUES: Final = np.array([], dtype=np.float64)


def _points(
    group: NDArray[np.int64],
    at: NDArray[np.int64],
    values: NDArray[np.float64],
    reduce: Callable[
        [NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]
    ],
) -> Iterable[tuple[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]]:
    """Yield of each group its number, sessions, values and numbers of test runs."""
    if not len(group):
        return
    width = int(at.max()) + 1
    keys = group * width + at
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    runs = np.diff(starts, append=len(keys))
    points = reduce(values, starts, runs)
    groups, sessions = np.divmod(keys[starts], width)
    begins = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    ends = np.append(begins[1:], len(groups))
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        yield int(groups[begin]), sessions[begin:end], points[begin:end], runs[begin:end]


def _each(
    group: NDArray[np.int64],
    at: NDArray[np.int64],
    ordinal: NDArray[np.int64],
    values: NDArray[np.float64],
) -> Iterable[tuple[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]]:
    """Yield of each group what `_points` does, with a point for each test run."""
    order = np.lexsort((ordinal, at, group))
    group, at, values = group[order], at[order], values[order]
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(begins[1:], len(group))
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        part = slice(begin, end)
        yield int(group[begin]), at[part], values[part], np.ones(end - begin, dtype=np.int64)


def _median(
    values: NDArray[np.float64], starts: NDArray[np.int64], runs: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the medians of sorted stretches."""
    low, high = values[starts + (runs - 1) // 2], values[starts + runs // 2]
    with np.errstate(over="ignore", invalid="ignore"):
        middle = (low + high) / 2
    middle = np.where(np.isinf(middle), low / 2 + high / 2, middle)
    return np.asarray(np.where(low == high, low, middle), dtype=np.float64)


def _sum(
    values: NDArray[np.float64], starts: NDArray[np.int64], runs: NDArray[np.int64]
) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.add.reduceat(values, starts)
    return sums


def _joined(parts: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.array([], dtype=kind)
