"""Series: points of cases over sessions, computed from the store and never stored.

A series has the points of equal case, version, metric, unit, environment, shape of the cluster and
values of the tags in ``series_tags``. A session gives it one point: the median over the case's test
runs whose call passed. Other outcomes count in ``failed``, ``lost`` and ``hung`` only.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError
from benchdb.metrics import FAILED, HUNG, LOST, counts_outcomes
from benchdb.records import imported_uid
from benchdb.review.renaming import current, former
from benchdb.series import CaseSeries, Conditions, Point, Series, SeriesKey, median
from benchdb.store.cases import stored_runs
from benchdb.store.queries import stored_clusters, stored_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.config import Settings
    from benchdb.records import Cluster, Metric
    from benchdb.series import Case, StoredSession
    from benchdb.store.cases import StoredRun
    from benchdb.store.connection import Connection

_GIB: Final = 2**30


def is_trunk(session: StoredSession, trunk: Sequence[str]) -> bool:
    """Tell whether the series stand on a session.

    They do on clean ones on a branch in `trunk`. Where the project is in no repository, and no
    commit of another subject says otherwise, every session is on the trunk. So is an imported one
    of which the file names no branch.
    """
    if session.dirty:
        return False
    if session.branch is not None:
        return session.branch in trunk
    commits = (one for one in session.subjects if one.commit is not None)
    return imported_uid(session.uid) or all(one.branch in trunk for one in commits)


def shape(cluster: Cluster) -> Cluster:
    """Return a cluster without its versions, which differ along a series.

    A local cluster's limit follows from the machine's memory, which equal machines tell apart by a
    few MiB: from a GiB on it is rounded to an eighth of one.
    """
    limit = cluster.memory_limit
    if limit is not None and limit >= _GIB:
        limit = round(limit / _GIB * 8) * _GIB // 8
    return replace(cluster, memory_limit=limit, scheduler_versions=(), worker_versions=())


def case_series(
    connection: Connection,
    cases: Sequence[Case],
    settings: Settings,
    *,
    last: int,
    metrics: Sequence[str] = (),
    every_session: bool = False,
) -> list[CaseSeries]:
    """Return the series of cases, those of one case together.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    cases
        From `benchdb.review.cases.matching_cases`.
    settings
        They name the trunk and the tags that tell one series from another.
    last
        How many points of a series to make: the newest.
    metrics
        Names of metrics to keep; all by default.
    every_session
        Whether to use sessions off the trunk too.

    Raises
    ------
    UserError
        If none of the cases has one of `metrics`; it names those that they have.
    """
    sessions = _Sessions(connection, settings)
    known: set[str] = set()
    made = []
    for case, runs in _runs_by_current_name(connection, cases, settings.renamed):
        sessions.read(runs)
        values = _CaseValues(sessions, runs, every_session)
        known.update(metric.name for _, metric in values.by_key)
        made.append(values.series(case, last, metrics))
    for name in metrics:
        if name not in known:
            measured = ", ".join(sorted(known))
            raise UserError(f"no metric {name!r} was measured here: use one of {measured}")
    return sorted(made, key=lambda one: one.case)


def _runs_by_current_name(
    connection: Connection, cases: Sequence[Case], renamed: Sequence[tuple[str, str]]
) -> Iterator[tuple[Case, list[StoredRun]]]:
    """Yield cases by the names that they have now, each once, with their test runs."""
    named = {current(case, renamed): former(current(case, renamed), renamed) for case in cases}
    yield from stored_runs(connection, [case for case, before in named.items() if not before])
    for case, before in named.items():
        if before:
            found = stored_runs(connection, [case, *before])
            yield case, [run for _, runs in found for run in runs]


class _Sessions:
    """What is known of the sessions of test runs, read once, and the conditions in them."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._clusters: dict[int, Cluster] = {}
        self._conditions: dict[tuple[int, str | None, int | None], Conditions] = {}
        self._equal: dict[Conditions, Conditions] = {}
        self.rows: dict[int, StoredSession] = {}
        self.trunk: set[int] = set()
        self.newest: list[int] = []

    def read(self, runs: Sequence[StoredRun]) -> None:
        """Read what these test runs refer to and was not read before."""
        rows = {run.session for run in runs} - self.rows.keys()
        for session in stored_sessions(self._connection, rows=rows) if rows else ():
            self.rows[session.row] = session
            if is_trunk(session, self._settings.trunk):
                self.trunk.add(session.row)
        if rows:
            self.newest = sorted(self.rows, key=lambda row: self.rows[row].order, reverse=True)
        clusters = {run.cluster for run in runs if run.cluster is not None}
        if clusters := clusters - self._clusters.keys():
            found = stored_clusters(self._connection, clusters)
            self._clusters.update({row: shape(cluster) for row, cluster in found.items()})

    def conditions(self, session: int, version: str | None, cluster: int | None) -> Conditions:
        """Return the conditions of a test run, equal ones as one object."""
        key = (session, version, cluster)
        found = self._conditions.get(key)
        if found is None:
            row = self.rows[session]
            made = Conditions(
                version,
                row.environment,
                None if cluster is None else self._clusters[cluster],
                tuple(tag for tag in row.tags if tag[0] in self._settings.series_tags),
            )
            found = self._conditions[key] = self._equal.setdefault(made, made)
        return found


class _CaseValues:
    """The values of one case, by series and session."""

    def __init__(self, sessions: _Sessions, runs: Sequence[StoredRun], every_session: bool) -> None:
        self._sessions = sessions
        rows = {run.session for run in runs} & sessions.rows.keys()  # the others are hidden
        usable = {row for row in rows if not sessions.rows[row].conflict}
        on_trunk = usable & sessions.trunk
        self._used = usable if every_session or not on_trunk else on_trunk
        self.trunk = self._used <= on_trunk
        self.fallback = bool(self._used) and not on_trunk and not every_session
        self.left_out = len(usable - self._used)
        self.conflicts = tuple(sorted({sessions.rows[row].uid for row in rows - usable}))
        self.by_key = self._grouped(runs)

    def _grouped(
        self, runs: Sequence[StoredRun]
    ) -> dict[tuple[Conditions, Metric], dict[int, list[float]]]:
        # By the identity of conditions and the name of metrics: hashing them takes long.
        groups: dict[tuple[int, str, str], dict[int, list[float]]] = {}
        keys: dict[tuple[int, str, str], tuple[Conditions, Metric]] = {}

        def add(conditions: Conditions, metric: Metric, session: int, value: float) -> None:
            """Put one value to those of its session and series."""
            key = (id(conditions), metric.name, metric.unit)
            group = groups.get(key)
            if group is None:
                keys[key] = (conditions, metric)
                group = groups[key] = {}
            values = group.get(session)
            if values is None:
                group[session] = [value]
            else:
                values.append(value)

        for run in runs:
            session = run.session
            if session not in self._used:
                continue
            # A lost test run can't tell what it ran on.
            bare = self._sessions.conditions(session, run.version, None)
            add(bare, FAILED, session, run.failed)
            add(bare, LOST, session, run.lost)
            add(bare, HUNG, session, run.hung)
            if run.passed:
                conditions = self._sessions.conditions(session, run.version, run.cluster)
                for metric, value in run.values:
                    add(conditions, metric, session, value)
        return {keys[key]: by_session for key, by_session in groups.items()}

    def series(self, case: Case, last: int, metrics: Sequence[str]) -> CaseSeries:
        """Return the series, with as many of their newest points."""
        made = []
        for (conditions, metric), by_session in self.by_key.items():
            if metrics and metric.name not in metrics:
                continue
            newest = islice((row for row in self._sessions.newest if row in by_session), last)
            points = [self._point(metric, row, by_session[row]) for row in newest]
            made.append(
                Series(SeriesKey(case, conditions, metric), tuple(points[::-1]), len(by_session))
            )
        return CaseSeries(
            case,
            tuple(sorted(made, key=lambda one: rank(one.key))),
            trunk=self.trunk,
            fallback=self.fallback,
            measured=any(not counts_outcomes(metric) for _, metric in self.by_key),
            left_out=self.left_out,
            conflicts=self.conflicts,
        )

    def _point(self, metric: Metric, row: int, values: list[float]) -> Point:
        middle = sum if counts_outcomes(metric) else median
        sessions = self._sessions
        return Point(sessions.rows[row], float(middle(values)), len(values), row in sessions.trunk)


def rank(key: SeriesKey) -> tuple[str, ...]:
    """Return what the series of one case are sorted by: conditions, then the metric."""
    metric = key.metric
    return (
        *rank_of_conditions(key.conditions),
        "2" if counts_outcomes(metric) else "0" if metric.name == "duration" else "1",
        metric.name,
        metric.unit,
    )


def rank_of_conditions(conditions: Conditions) -> tuple[str, ...]:
    """Return what conditions are sorted by."""
    return (
        conditions.version or "",
        conditions.environment.fingerprint if conditions.environment else "",
        repr(conditions.tags),
        _spelled(conditions.cluster) if conditions.cluster else "",
    )


@lru_cache(maxsize=1024)
def _spelled(cluster: Cluster) -> str:
    return repr(cluster)
