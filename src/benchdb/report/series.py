"""Series, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from benchdb.metrics import counts_outcomes
from benchdb.report import text
from benchdb.report.sessions import SHORT_FINGERPRINT, conflict_line, subjects_content
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of
from benchdb.series import median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.records import Cluster
    from benchdb.series import Case, CaseSeries, Conditions, Point, Series, SeriesKey


def series_tables(
    every: Sequence[CaseSeries],
    trunk: Sequence[str],
    preferred: tuple[str, ...] = (),
    *,
    zeros: bool = False,
) -> list[Table]:
    """Return what to show of cases: of one its points too, of several a row a series.

    Parameters
    ----------
    every
        The cases.
    trunk
        Names of the branches that series stand on.
    preferred
        Names of the subjects that stand for a revision, the first first.
    zeros
        Whether to show series that count outcomes where there was none.
    """
    shown = [_shown(one, zeros=zeros) for one in every]
    tables = []
    if len(every) == 1:
        for conditions, some in shown[0].items():
            tables.append(conditions_table(every[0].case, conditions, some))
            tables.append(points_table(some, preferred))
        if not tables:
            tables.append(Table((), (), every[0].case.id))
    else:
        tables.append(overview_table([some for one in shown for some in one.values()]))
    remarks = _remarks(every, trunk)
    return [*tables, Table((), (), remarks=tuple(remarks))] if remarks else tables


def _shown(one: CaseSeries, *, zeros: bool) -> dict[Conditions, list[Series]]:
    """Return the series of a case that a table shows, those of equal conditions together."""
    found = {
        conditions: [
            series
            for series in some
            if zeros
            or not counts_outcomes(series.key.metric)
            or any(point.value for point in series.points)
        ]
        for conditions, some in one.by_conditions().items()
    }
    return {conditions: some for conditions, some in found.items() if some}


def _remarks(every: Sequence[CaseSeries], trunk: Sequence[str]) -> list[text.Line]:
    """Return what to know of the series that they don't show."""
    remarks: list[text.Line] = []
    branches = " or ".join(trunk) or "a branch in [tool.benchdb] trunk"
    off = [one for one in every if one.fallback]
    if off:
        whose = "" if len(every) == 1 else f" for {text.counted(len(off), 'case')}"
        remarks.append(f"no clean session on {branches} yet{whose}: every session is used")
    left_out = sum(one.left_out for one in every)
    if left_out:
        most = max(one.left_out for one in every)
        said = text.counted(most, "session") if len(every) == 1 else "sessions"
        remarks.append(f"{said} off the trunk left out: --all uses them too")
    unpassed = [one for one in every if not one.measured]
    if unpassed:
        whose = "it" if len(every) == 1 else text.counted(len(unpassed), "case")
        remarks.append(f"no test run of {whose} passed and was measured")
    conflicts = dict.fromkeys(uid for one in every for uid in one.conflicts)
    if conflicts:
        remarks.append(conflict_line(list(conflicts)))
    return remarks


def overview_table(every: Sequence[Sequence[Series]]) -> Table:
    """Return a table with a row a series: of many cases, those of equal conditions together."""
    rows: list[tuple[str | Cell, ...]] = []
    environments = {some[0].key.conditions.environment for some in every}
    for some in every:
        case, conditions = some[0].key.case, some[0].key.conditions
        said = (case.id, described(conditions, named=len(environments) > 1))
        for number, series in enumerate(some):
            rows.append((*("" if number else part for part in said), *_series_cells(series)))
    columns = (
        Column("case", code=True, above=True),
        Column("conditions", optional=True, above=True),
        *_SERIES_COLUMNS,
    )
    return Table(columns, tuple(rows))


def conditions_table(case: Case, conditions: Conditions, some: Sequence[Series]) -> Table:
    """Return a table with a row a series: of one case under equal conditions."""
    rows = [_series_cells(series) for series in some]
    return Table(_SERIES_COLUMNS, tuple(rows), case.id, described(conditions))


def points_table(some: Sequence[Series], preferred: tuple[str, ...]) -> Table:
    """Return a table with a row a session and a column a series, the newest first.

    Parameters
    ----------
    some
        Series of one case under equal conditions.
    preferred
        Names of the subjects that stand for a revision, the first first.
    """
    last = max(len(series.points) for series in some)
    points = {point.session.row: point for series in some for point in series.points}
    newest = sorted(points.values(), key=lambda point: point.session.order, reverse=True)[:last]
    measured = [series for series in some if not counts_outcomes(series.key.metric)]
    outcomes = [series for series in some if series not in measured] if measured else []
    shown = measured or some
    values = [_values(series, newest) for series in shown]
    counts = [(series.key.metric.name, _values(series, newest)) for series in outcomes]
    scales = [
        scale_of(found.values(), series.key.metric.unit)
        for series, found in zip(shown, values, strict=True)
    ]
    off_trunk = not all(point.trunk for point in newest)
    rows: list[tuple[str | Cell, ...]] = []
    for point in newest:
        session = point.session
        main = text.main_subject(session.subjects, session.branch, preferred)
        state = "" if session.state == "finished" else session.state
        counted = [
            f"{found[session.row]:g} {name}" for name, found in counts if found.get(session.row)
        ]
        rows.append(
            (
                text.minute(session.started),
                text.short(session.uid),
                Cell(state, "live" if state == "open" else "bad"),
                Cell(", ".join(counted), "bad"),
                (session.branch or "-") if off_trunk else "",
                text.revision(main),
                *(
                    scale.number(found.get(session.row))
                    for scale, found in zip(scales, values, strict=True)
                ),
            )
        )
    columns = (
        Column("started (UTC)"),
        Column("session", code=True),
        Column("state", optional=True),
        Column("outcome", optional=True),
        Column("branch", rank=2, optional=True),
        Column("revision", rank=1, optional=True),
        *(
            Column(
                scale.title(series.key.metric.name), right=True, rank=3 + number if number else 0
            )
            for number, (scale, series) in enumerate(zip(scales, shown, strict=True))
        ),
    )
    total = max(series.total for series in some)
    remark = f"the newest {last:,} of {total:,}: --last {total} shows all" if total > last else ""
    return Table(columns, tuple(rows), remarks=(remark,) if remark else ())


def _values(series: Series, some: Sequence[Point]) -> dict[int, float]:
    """Return the values of a series at the sessions of some points."""
    kept = {point.session.row for point in some}
    return {point.session.row: point.value for point in series.points if point.session.row in kept}


_SERIES_COLUMNS: Final = (
    Column("metric", code=True),
    Column("points", right=True, rank=2),
    Column("last", right=True),
    Column("median", right=True, rank=1),
    Column("trend"),
)


def _series_cells(series: Series) -> tuple[str | Cell, ...]:
    values = [point.value for point in series.points]
    scale = scale_of(values, series.key.metric.unit)
    return (
        series.key.metric.name,
        f"{series.total:,}",
        scale.text(values[-1]),
        scale.text(median(values)),
        Cell(values=tuple(values)),
    )


def described(conditions: Conditions, *, named: bool | None = None) -> str:
    """Return conditions in one line.

    Parameters
    ----------
    conditions
        What to describe.
    named
        Whether to name the environment by its fingerprint, or not at all; by default it is told.
    """
    environment = ""
    if conditions.environment and named is None:
        environment = text.environment(conditions.environment)
    elif conditions.environment and named:
        environment = f"environment {conditions.environment.fingerprint[:SHORT_FINGERPRINT]}"
    said = [
        f"version {conditions.version}" if conditions.version else "",
        text.cluster(conditions.cluster) if conditions.cluster else "",
        text.pairs(conditions.tags),
        environment,
    ]
    return " · ".join(part for part in said if part)


def series_content(every: Sequence[CaseSeries]) -> dict[str, Any]:
    """Return the content of ``benchdb/series/1``; its series are made as they are written."""
    return {
        "series": (
            {
                "case": one.case.id,
                "path": one.case.path or None,
                "name": one.case.name,
                **conditions_content(series.key.conditions),
                "metric": series.key.metric.name,
                "unit": series.key.metric.unit,
                "direction": series.key.metric.direction,
                "trunk": one.trunk,
                "total": series.total,
                "points": [_point(point) for point in series.points],
            }
            for one in every
            for series in one.series
        )
    }


def key_content(key: SeriesKey) -> dict[str, Any]:
    """Return what makes a series as JSON documents name it."""
    return {
        "case": key.case.id,
        **conditions_content(key.conditions),
        "metric": key.metric.name,
        "unit": key.metric.unit,
        "direction": key.metric.direction,
    }


def conditions_content(conditions: Conditions) -> dict[str, Any]:
    """Return conditions as JSON documents name them."""
    environment, cluster = conditions.environment, conditions.cluster
    return {
        "version": conditions.version,
        "environment": environment and environment.fingerprint,
        "cluster": cluster and _shape(cluster),
        "tags": dict(conditions.tags),
    }


def _shape(cluster: Cluster) -> dict[str, Any]:
    versions = ("scheduler_versions", "worker_versions")
    return {name: value for name, value in asdict(cluster).items() if name not in versions}


def _point(point: Point) -> dict[str, Any]:
    session = point.session
    return {
        "session": session.uid,
        "place": session.place,
        "started": session.started,
        "value": point.value,
        "runs": point.runs,
        "trunk": point.trunk,
        "branch": session.branch,
        "dirty": session.dirty,
        "subjects": subjects_content(session.subjects),
    }
