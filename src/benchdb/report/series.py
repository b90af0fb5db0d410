"""Series: what one is, and how it looks as a table and as JSON."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from benchdb.report import text
from benchdb.report.sessions import SHORT_FINGERPRINT, conflict_line, subjects_content
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from benchdb.records import Cluster, Environment, Metric
    from benchdb.store.queries import Case, StoredSession

#: Metrics that count outcomes; tables show them where there is something to count.
OUTCOMES: Final = ("failed", "lost")


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one metric of one case in one session.

    Parameters
    ----------
    place
        Where it stands in its series: the newest committer time among the session's subjects, else
        the session's start.
    value
        The median over the case's test runs whose call passed.
    runs
        The number of these.
    trunk
        Whether it comes from a trunk session.
    """

    session: StoredSession
    place: datetime
    value: float
    runs: int
    trunk: bool


@dataclass(frozen=True, slots=True)
class Line:
    """What the series of a case have in common that differ in their metric alone."""

    case: Case
    version: str | None = None
    environment: Environment | None = None
    cluster: Cluster | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one line and one metric, in order of place; `asked` if asked for by name."""

    line: Line
    metric: Metric
    points: tuple[Point, ...]
    asked: bool = False

    @property
    def telling(self) -> bool:
        """Whether a table should show it: what only counts outcomes needs one to count."""
        return (
            self.asked
            or self.metric.name not in OUTCOMES
            or any(point.value for point in self.points)
        )


@dataclass(frozen=True, slots=True)
class CaseSeries:
    """All series of one case.

    Parameters
    ----------
    trunk
        Whether they stand on trunk sessions alone.
    fallback
        Whether every session is used because there is no trunk session.
    measured
        Whether a test run that passed was measured.
    left_out
        Number of the case's sessions that are in no series because they are no trunk sessions.
    conflicts
        Uids of its sessions that are in no series because there are several forms of them.
    """

    case: Case
    series: tuple[Series, ...]
    trunk: bool
    fallback: bool
    measured: bool
    left_out: int
    conflicts: tuple[str, ...] = ()

    def lines(self) -> dict[Line, list[Series]]:
        """Return the telling series by line, counted outcomes with the line that they belong to.

        What counts outcomes is on no cluster, as a lost test run can't tell its own; where the
        other series of the case ran on one shape alone, they are shown with them.
        """
        found: dict[Line, list[Series]] = {}
        for series in self.series:
            if series.telling:
                found.setdefault(series.line, []).append(series)
        for line in [line for line in found if line.cluster is None]:
            like = [other for other in found if replace(other, cluster=None) == line != other]
            if len(like) == 1 and all(each.metric.name in OUTCOMES for each in found[line]):
                found[like[0]] += found.pop(line)
        return found


def series_tables(
    every: Sequence[CaseSeries], last: int, trunk: Sequence[str], preferred: tuple[str, ...] = ()
) -> list[Table]:
    """Return what to show of cases: of one its points too, of several a row a series.

    Parameters
    ----------
    every
        The cases.
    last
        How many points of a series to show.
    trunk
        Names of the branches that series stand on.
    preferred
        Names of the subjects that stand for a revision, the first first.
    """
    tables = []
    if len(every) == 1:
        for line, some in every[0].lines().items():
            tables.append(line_table(line, some, last))
            tables.append(points_table(some, last, preferred))
        if not tables:
            tables.append(Table((), (), every[0].case.id))
    else:
        tables.append(overview_table(every, last))
    remarks = _remarks(every, trunk)
    return [*tables, Table((), (), remarks=tuple(remarks))] if remarks else tables


def _remarks(every: Sequence[CaseSeries], trunk: Sequence[str]) -> list[str]:
    """Return what to know of the series that they don't show."""
    remarks = []
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


def overview_table(every: Sequence[CaseSeries], last: int) -> Table:
    """Return a table with a row a series: of many cases."""
    rows: list[tuple[str | Cell, ...]] = []
    telling = [
        (line, series) for one in every for line, some in one.lines().items() for series in some
    ]
    placed = len({line.environment for line, _ in telling}) > 1
    before: Line | None = None
    for line, series in telling:
        again = line == before
        place = line.environment.fingerprint[:SHORT_FINGERPRINT] if line.environment else ""
        shape = text.cluster(line.cluster) if line.cluster else ""
        said = (
            line.case.id,
            line.version or "",
            place if placed else "",
            shape,
            text.pairs(line.tags),
        )
        rows.append((*("" if again else part for part in said), *_series_cells(series, last)))
        before = line
    columns = (
        Column("case", code=True, fold=True),
        Column("version", rank=4, optional=True),
        Column("environment", rank=3, optional=True),
        Column("cluster", rank=5, optional=True, fold=True),
        Column("tags", rank=6, optional=True, fold=True),
        *_SERIES_COLUMNS,
    )
    return Table(columns, tuple(rows))


def line_table(line: Line, some: Sequence[Series], last: int) -> Table:
    """Return a table with a row a series: of one line."""
    rows = [_series_cells(series, last) for series in some]
    return Table(_SERIES_COLUMNS, tuple(rows), line.case.id, _described(line))


def points_table(some: Sequence[Series], last: int, preferred: tuple[str, ...]) -> Table:
    """Return a table with a row a session and a column a metric: of one line, the newest first."""
    sessions = {point.session.row: point for series in some for point in series.points}
    newest = sorted(sessions.values(), key=order, reverse=True)[:last]
    kept = {point.session.row for point in newest}
    values = [
        {point.session.row: point.value for point in series.points if point.session.row in kept}
        for series in some
    ]
    scales = [
        scale_of(found.values(), series.metric.unit)
        for series, found in zip(some, values, strict=True)
    ]
    off_trunk = not all(point.trunk for point in newest)
    rows: list[tuple[str | Cell, ...]] = []
    for point in newest:
        session = point.session
        main = text.main_subject(session.subjects, session.branch, preferred)
        state = "" if session.state == "finished" else session.state
        rows.append(
            (
                text.minute(session.started),
                text.short(session.uid),
                Cell(state, "live" if state == "open" else "bad"),
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
        Column("branch", rank=2, optional=True),
        Column("revision", rank=1, optional=True),
        *(
            Column(scale.title(series.metric.name), right=True, rank=3 + number if number else 0)
            for number, (scale, series) in enumerate(zip(scales, some, strict=True))
        ),
    )
    total = len(sessions)
    remark = f"the newest {last} of {total:,} sessions" if total > last else ""
    return Table(columns, tuple(rows), remarks=(remark,) if remark else ())


def order(point: Point) -> tuple[datetime, datetime, str]:
    """Return what points of a series are sorted by."""
    return point.place, point.session.started, point.session.uid


_SERIES_COLUMNS: Final = (
    Column("metric", code=True),
    Column("points", right=True, rank=2),
    Column("last", right=True),
    Column("median", right=True, rank=1),
    Column("trend"),
)


def _series_cells(series: Series, last: int) -> tuple[str | Cell, ...]:
    values = [point.value for point in series.points[-last:]]
    scale = scale_of(values, series.metric.unit)
    return (
        series.metric.name,
        f"{len(series.points):,}",
        scale.text(values[-1]),
        scale.text(statistics.median(values)),
        Cell(values=tuple(values)),
    )


def _described(line: Line) -> str:
    said = [
        f"version {line.version}" if line.version else "",
        text.cluster(line.cluster) if line.cluster else "",
        text.pairs(line.tags),
        text.environment(line.environment) if line.environment else "",
    ]
    return " · ".join(part for part in said if part)


def series_content(every: Sequence[CaseSeries], last: int) -> dict[str, Any]:
    """Return the content of ``benchdb/series/1``."""
    return {
        "series": [
            {
                "case": series.line.case.id,
                "path": series.line.case.path or None,
                "name": series.line.case.name,
                "version": series.line.version,
                "metric": series.metric.name,
                "unit": series.metric.unit,
                "direction": series.metric.direction,
                "environment": series.line.environment and series.line.environment.fingerprint,
                "cluster": series.line.cluster and _shape(series.line.cluster),
                "tags": dict(series.line.tags),
                "trunk": one.trunk,
                "points": [_point(point) for point in series.points[-last:]],
            }
            for one in every
            for series in one.series
        ]
    }


def _shape(cluster: Cluster) -> dict[str, Any]:
    versions = ("scheduler_versions", "worker_versions")
    return {name: value for name, value in asdict(cluster).items() if name not in versions}


def _point(point: Point) -> dict[str, Any]:
    session = point.session
    return {
        "session": session.uid,
        "place": point.place,
        "started": session.started,
        "value": point.value,
        "runs": point.runs,
        "trunk": point.trunk,
        "branch": session.branch,
        "dirty": session.dirty,
        "subjects": subjects_content(session.subjects),
    }
