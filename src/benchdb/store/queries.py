"""What the commands read: frozen records from an open database, in few queries."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, Float, Table, and_, case, func, or_, select

from benchdb import records
from benchdb.metrics import COLUMN_METRICS
from benchdb.store.annotations import left_out
from benchdb.store.database import raw
from benchdb.store.digest import DROPPED
from benchdb.store.forms import conflicts
from benchdb.store.models import (
    Cluster,
    Environment,
    Measurement,
    RevisionPackage,
    Session,
    TestRun,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

_Any = TypeVar("_Any")

_RUNS: Final[Any] = TestRun.__table__

#: Fewer than the variables that any SQLite takes in one statement.
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One session with what it refers to, and its test runs counted.

    Parameters
    ----------
    row
        Its id in this file.
    subjects
        Its revision: the subject packages, sorted by name.
    runs, failed, lost
        Numbers of test runs: all; those of which a phase failed; those whose process was killed.
    conflict
        Whether the file holds other forms of it; analysis uses none of them.
    """

    row: int
    uid: str
    digest: str | None
    started: datetime
    finished: datetime | None
    state: str
    branch: str | None
    dirty: bool | None
    ci_run_url: str | None
    command_line: str | None
    host: str | None
    xdist_workers: int | None
    benchdb_version: str | None
    tags: tuple[tuple[str, str], ...]
    environment: records.Environment | None
    subjects: tuple[records.SubjectRevision, ...]
    runs: int
    failed: int
    lost: int
    conflict: bool


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """A test with its parameter values."""

    path: str
    name: str
    originalname: str

    @property
    def id(self) -> str:
        """``path::name``, as pytest prints it."""
        return f"{self.path}::{self.name}" if self.path else self.name


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One test run of a case, as a series needs it.

    Parameters
    ----------
    session
        The session's id in this file.
    passed
        Whether its call passed: only then do its values count.
    values
        Value by metric, of the metrics that were measured.
    """

    session: int
    version: str | None
    cluster: records.Cluster | None
    passed: bool
    failed: bool
    lost: bool
    values: dict[records.Metric, float]


def stored_sessions(
    connection: Connection,
    *,
    last: int | None = None,
    rows: Collection[int] | None = None,
    hidden: bool = False,
) -> list[StoredSession]:
    """Return sessions, the newest first.

    Parameters
    ----------
    connection
        On a database at the newest schema.
    last
        How many of the newest; all by default.
    rows
        Only those with these ids.
    hidden
        Whether to return those, too, that were withdrawn or are not the form that is kept.
    """
    query = select(Session.__table__).order_by(Session.started.desc(), Session.uid.desc())
    unwanted = set() if hidden else left_out(raw(connection))
    if last is not None:
        query = query.limit(last + len(unwanted))
    found = [
        row
        for row in connection.execute(query).mappings()
        if row["id"] not in unwanted and (rows is None or row["id"] in rows)
    ][:last]
    if not found:
        return []
    counts = _counts(connection, [row["id"] for row in found])
    environments = _environments(connection)
    subjects = _subjects(connection, {row["revision"] for row in found})
    double = set(conflicts(raw(connection)))
    same = [name for name in StoredSession.__dataclass_fields__ if name in found[0]]
    made = []
    for row in found:
        values: dict[str, Any] = {name: row[name] for name in same}
        values["tags"] = _pairs(row["tags"])
        values["environment"] = environments.get(row["environment"])
        runs, failed, lost = counts.get(row["id"], (0, 0, 0))
        made.append(
            StoredSession(
                row=row["id"],
                subjects=tuple(subjects.get(row["revision"], ())),
                runs=runs,
                failed=failed,
                lost=lost,
                conflict=row["uid"] in double,
                **values,
            )
        )
    return made


def stored_cases(connection: Connection) -> list[Case]:
    """Return every case that was ever run, sorted."""
    query = select(_RUNS.c.path, _RUNS.c.name, _RUNS.c.originalname).distinct()
    return sorted(
        Case(path or "", name, original) for path, name, original in connection.execute(query)
    )


def stored_runs(connection: Connection, wanted: Sequence[Case]) -> dict[Case, list[StoredRun]]:
    """Return the test runs of cases that ended, in no particular order."""
    found: dict[Case, list[StoredRun]] = {case: [] for case in wanted}
    names = sorted({case.name for case in wanted})
    for chunk in _chunks(names):
        _read_runs(connection, _RUNS.c.name.in_(chunk), found)
    return found


def _read_runs(connection: Connection, mine: Any, found: dict[Case, list[StoredRun]]) -> None:
    metrics = column_metrics()
    measured = _measured(connection, mine)
    clusters: dict[int, records.Cluster] = {}
    names = ("session_id", "ordinal", "path", "name", "originalname", "version", "cluster")
    columns = [_RUNS.c[name] for name in (*names, "call_outcome", "state")]
    values = [_RUNS.c[metric.name] for metric in metrics]
    query = select(*columns, _FAILED, *values).where(mine, _RUNS.c.state != "open")
    for row in connection.execute(query):
        session, ordinal, path, name, original, version, cluster, call, state, failed, *rest = row
        runs = found.get(Case(path or "", name, original))
        if runs is None:
            continue  # of this name, but in another file
        taken = {
            metric: float(value)
            for metric, value in zip(metrics, rest, strict=True)
            if value is not None
        }
        taken.update(measured.get((session, ordinal), {}))
        if cluster is not None and cluster not in clusters:
            clusters[cluster] = _cluster(connection, cluster)
        runs.append(
            StoredRun(
                session=session,
                version=version,
                cluster=clusters.get(cluster),
                passed=call == "passed",
                failed=bool(failed),
                lost=state == "lost",
                values=taken,
            )
        )


def column_metrics() -> tuple[records.Metric, ...]:
    """Return the metrics that are columns: the built-in ones, and those of migrations of one's own.

    Every column of floats is a metric; ``info={"unit": "s"}`` says in which unit.
    """
    built_in = {metric.name: metric for metric in COLUMN_METRICS}
    return tuple(
        built_in.get(column.name)
        or records.Metric(column.name, column.info.get("unit", "1"), direction=None)
        for column in _RUNS.columns
        if isinstance(column.type, Float)
    )


_FAILED: Final[Any] = func.coalesce(
    or_(
        _RUNS.c.setup_outcome == "failed",
        _RUNS.c.call_outcome == "failed",
        _RUNS.c.teardown_outcome == "failed",
    ),
    False,
)


def _measured(
    connection: Connection, mine: Any
) -> dict[tuple[int, int], dict[records.Metric, float]]:
    """Return the measurements that no column holds, by session and ordinal."""
    table: Any = Measurement.__table__
    columns = {(metric.name, metric.unit) for metric in column_metrics()}
    query = (
        select(
            table.c.session_id,
            table.c.ordinal,
            table.c.metric,
            table.c.unit,
            table.c.direction,
            table.c.value,
        )
        .join(
            _RUNS,
            and_(table.c.session_id == _RUNS.c.session_id, table.c.ordinal == _RUNS.c.ordinal),
        )
        .where(mine, table.c.value.is_not(None), table.c.unit.not_like(f"{DROPPED}%"))
    )
    found: dict[tuple[int, int], dict[records.Metric, float]] = defaultdict(dict)
    for session, ordinal, name, unit, direction, value in connection.execute(query):
        if (name, unit) not in columns:
            found[session, ordinal][_metric(name, unit, direction)] = value
    return found


def _metric(name: str, unit: str, direction: str | None) -> records.Metric:
    known = records.Direction.__members__.get(direction or "")
    return records.Metric(name, unit, known)


def _counts(connection: Connection, sessions: list[int]) -> dict[int, tuple[int, int, int]]:
    found = {}
    for chunk in _chunks(sessions):
        query = (
            select(
                _RUNS.c.session_id,
                func.count(),
                func.sum(case((_FAILED, 1), else_=0)),
                func.sum(case((_RUNS.c.state == "lost", 1), else_=0)),
            )
            .where(_RUNS.c.session_id.in_(chunk))
            .group_by(_RUNS.c.session_id)
        )
        found.update({row: (runs, bad, gone) for row, runs, bad, gone in connection.execute(query)})
    return found


def _environments(connection: Connection) -> dict[str, records.Environment]:
    table: Any = Environment.__table__
    return {
        row["fingerprint"]: records.Environment(
            **{**_known(row, records.Environment), "extra": _pairs(row["extra"])}
        )
        for row in connection.execute(select(table)).mappings()
    }


def _subjects(
    connection: Connection, revisions: set[int | None]
) -> dict[int, list[records.SubjectRevision]]:
    found: dict[int, list[records.SubjectRevision]] = defaultdict(list)
    table: Any = RevisionPackage.__table__
    for chunk in _chunks([row for row in revisions if row is not None]):
        query = select(table).where(table.c.revision.in_(chunk)).order_by(table.c.name)
        for row in connection.execute(query).mappings():
            found[row["revision"]].append(
                records.SubjectRevision(
                    row["name"],
                    row["version"],
                    row["commit_hash"],
                    row["committed"],
                    row["branch"],
                    row["dirty"],
                )
            )
    return found


def _cluster(connection: Connection, row_id: int) -> records.Cluster:
    table: Table = Cluster.__table__  # type: ignore[assignment]
    row = connection.execute(select(table).where(table.c.id == row_id)).mappings().one()
    versions = ("scheduler_versions", "worker_versions")
    said = {name: _pairs(row[name]) for name in versions}
    return records.Cluster(**{**_known(row, records.Cluster), **said})


def _known(row: Any, record: Any) -> dict[str, Any]:
    return {name: row[name] for name in record.__dataclass_fields__ if name in row}


def _pairs(said: str | None) -> tuple[tuple[str, str], ...]:
    """Return a JSON object of strings as pairs; what someone else wrote there is left out."""
    try:
        content = json.loads(said or "{}")
    except ValueError:
        return ()
    if not isinstance(content, dict):
        return ()
    return tuple(sorted((str(key), str(value)) for key, value in content.items()))


def _chunks(rows: list[_Any]) -> Iterator[list[_Any]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
