"""Series: points of cases over sessions, computed from the store and never stored.

A series has the points of equal case, version, metric, unit, environment, shape of the cluster and
values of the tags in ``series_tags``. A session gives it one point: the median over the case's test
runs whose call passed. Other outcomes count in the metrics ``failed`` and ``lost`` only.
"""

from __future__ import annotations

import difflib
import re
import statistics
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError
from benchdb.records import Direction, Metric
from benchdb.report.series import CaseSeries, Line, Point, Series, order
from benchdb.store.queries import stored_cases, stored_runs, stored_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from benchdb.config import Settings
    from benchdb.records import Cluster
    from benchdb.store.queries import Case, StoredRun, StoredSession

_FAILED: Final = Metric("failed", "1", Direction.LOWER_IS_BETTER)
_GIB: Final = 2**30
_LOST: Final = Metric("lost", "1", Direction.LOWER_IS_BETTER)

#: A name is near another from here on.
_NEAR: Final = 0.5
_MOST_NAMED: Final = 3


def is_trunk(session: StoredSession, trunk: Sequence[str]) -> bool:
    """Tell whether the series stand on a session.

    They do on clean ones on a branch in `trunk`. Where the project is in no repository, and no
    commit of another subject says otherwise, every session is on the trunk.
    """
    if session.dirty:
        return False
    if session.branch is not None:
        return session.branch in trunk
    return all(one.branch in trunk for one in session.subjects if one.commit is not None)


def place(session: StoredSession) -> datetime:
    """Return where the points of a session stand in their series."""
    committed = [one.committed for one in session.subjects if one.committed is not None]
    return max(committed, default=session.started)


def shape(cluster: Cluster | None) -> Cluster | None:
    """Return a cluster without its versions, which differ along a series.

    A local cluster's limit follows from the machine's memory, which equal machines tell apart by a
    few MiB: from a GiB on it is rounded to an eighth of one.
    """
    if cluster is None:
        return None
    limit = cluster.memory_limit
    if limit is not None and limit >= _GIB:
        limit = round(limit / _GIB * 8) * _GIB // 8
    return replace(cluster, memory_limit=limit, scheduler_versions=(), worker_versions=())


def matching_cases(connection: Connection, given: Sequence[str]) -> list[Case]:
    """Return the cases that are meant, each once, sorted.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    given
        Each a name, the name of a test with all its parameter values, a path, ``path::name``, or a
        pattern of these in which ``*`` stands for anything and ``?`` for one character.

    Raises
    ------
    UserError
        If one means nothing; it names what is near.
    """
    every = stored_cases(connection)
    found: set[Case] = set()
    for one in given:
        some = [case for case in every if one in _names(case)]
        if not some and ("*" in one or "?" in one):
            # Brackets are parameters here, not a set of characters.
            pattern = re.escape(one).replace(r"\*", ".*").replace(r"\?", ".")
            matches = re.compile(pattern, re.DOTALL).fullmatch
            some = [case for case in every if any(matches(name) for name in _names(case))]
        if not some:
            raise UserError(_unknown(one, every))
        found.update(some)
    return sorted(found)


def _names(case: Case) -> set[str]:
    """Return all that a case is called, from its bare name to ``path::Class::name``."""
    names = {case.path} - {""}
    for name in (case.name, case.originalname):
        head, bracket, parameters = name.partition("[")
        parts = head.split("::")
        tails = ["::".join(parts[start:]) for start in range(len(parts))]
        names.update(tail + bracket + parameters for tail in tails)
        if case.path:
            names.add(f"{case.path}::{name}")
    return names


def _unknown(given: str, every: Sequence[Case]) -> str:
    if not every:
        return f"no case {given!r}: nothing is recorded yet, record with `pytest --benchmark`"
    names = sorted({name for case in every for name in (case.name, case.originalname, case.id)})
    held = [name for name in names if given.lower() in name.lower()]
    near = difflib.get_close_matches(given, names, n=_MOST_NAMED, cutoff=_NEAR)
    said = list(dict.fromkeys([*near, *sorted(held, key=len)]))[:_MOST_NAMED]
    if said:
        return f"no case {given!r}: did you mean {' or '.join(repr(name) for name in said)}?"
    return f"no case {given!r}: `benchdb show '*'` shows all {len(every)}"


def case_series(
    connection: Connection,
    cases: Sequence[Case],
    settings: Settings,
    *,
    metrics: Sequence[str] = (),
    every_session: bool = False,
) -> list[CaseSeries]:
    """Return the series of cases, those of one case together.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    cases
        From `matching_cases`.
    settings
        They name the trunk and the tags that tell one series from another.
    metrics
        Names of metrics to keep; all by default.
    every_session
        Whether to use sessions off the trunk too.

    Raises
    ------
    UserError
        If none of the cases has one of `metrics`; it names those that they have.
    """
    runs = stored_runs(connection, cases)
    rows = {run.session for some in runs.values() for run in some}
    sessions = {one.row: one for one in stored_sessions(connection, rows=rows)}
    made = [_of_case(case, runs[case], sessions, settings, every_session) for case in cases]
    return _of_metrics(made, metrics) if metrics else made


def _of_case(
    case: Case,
    runs: Sequence[StoredRun],
    sessions: dict[int, StoredSession],
    settings: Settings,
    every_session: bool,
) -> CaseSeries:
    rows = {run.session for run in runs} & sessions.keys()  # the others are withdrawn
    usable = {row for row in rows if not sessions[row].conflict}
    on_trunk = {row for row in usable if is_trunk(sessions[row], settings.trunk)}
    used = usable if every_session or not on_trunk else on_trunk
    values: dict[tuple[Line, str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    met: dict[tuple[str, str], Metric] = {}
    for run in runs:
        if run.session not in used:
            continue
        line = _line(case, run, sessions[run.session], settings.series_tags)
        found = [(_FAILED, float(run.failed)), (_LOST, float(run.lost))]
        bare = replace(line, cluster=None)  # a lost test run can't tell what it ran on
        for metric, value in found:
            values[bare, metric.name, metric.unit][run.session].append(value)
            met[metric.name, metric.unit] = metric
        for metric, value in run.values.items() if run.passed else ():
            if (metric.name, metric.unit) in _OUTCOMES:
                continue  # a user's own of that name: the count is what the name means here
            values[line, metric.name, metric.unit][run.session].append(value)
            met[metric.name, metric.unit] = metric
    series = []
    for (line, name, unit), by_session in values.items():
        middle = sum if (name, unit) in _OUTCOMES else statistics.median
        points = [
            Point(sessions[row], place(sessions[row]), middle(some), len(some), row in on_trunk)
            for row, some in by_session.items()
        ]
        series.append(Series(line, met[name, unit], tuple(sorted(points, key=order))))
    series.sort(key=_rank)
    return CaseSeries(
        case,
        tuple(series),
        trunk=used <= on_trunk,
        fallback=bool(used) and not on_trunk and not every_session,
        measured=any((one.metric.name, one.metric.unit) not in _OUTCOMES for one in series),
        left_out=len(usable - used),
        conflicts=tuple(sorted({sessions[row].uid for row in rows - usable})),
    )


_OUTCOMES: Final = {(metric.name, metric.unit) for metric in (_FAILED, _LOST)}


def _line(case: Case, run: StoredRun, session: StoredSession, series_tags: tuple[str, ...]) -> Line:
    tags = tuple((key, value) for key, value in session.tags if key in series_tags)
    return Line(case, run.version, session.environment, shape(run.cluster), tags)


def _rank(series: Series) -> tuple[str, ...]:
    line = series.line
    outcome = (series.metric.name, series.metric.unit) in _OUTCOMES
    return (
        line.version or "",
        line.environment.fingerprint if line.environment else "",
        repr(line.tags),
        repr(line.cluster) if line.cluster else "",
        "2" if outcome else "0" if series.metric.name == "duration" else "1",
        series.metric.name,
        series.metric.unit,
    )


def _of_metrics(every: list[CaseSeries], metrics: Sequence[str]) -> list[CaseSeries]:
    known = sorted({series.metric.name for one in every for series in one.series})
    for name in metrics:
        if name not in known:
            raise UserError(f"no metric {name!r} was measured here: use one of {', '.join(known)}")
    return [
        replace(
            one,
            series=tuple(
                replace(each, asked=True) for each in one.series if each.metric.name in metrics
            ),
        )
        for one in every
    ]
