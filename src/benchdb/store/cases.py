"""Cases and their test runs, as the commands read them: by the index on names, a few at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Float, and_, exists, func, select, union_all

from benchdb import records
from benchdb.metrics import COLUMN_METRICS, OUTCOME_METRICS
from benchdb.series import Case
from benchdb.store.digest import DROPPED
from benchdb.store.models import Measurement, TestRun
from benchdb.store.queries import FAILED, chunks
from benchdb.store.values import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_RUNS: Final[Any] = TestRun.__table__

#: Names whose test runs are read at once: what bounds the memory that reading takes.
_NAMES: Final = 20

#: The character after the bracket that begins parameters.
_AFTER_BRACKET: Final = chr(ord("[") + 1)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One test run of a case, as a series needs it.

    Parameters
    ----------
    session, cluster
        Ids in this file.
    passed
        Whether its call passed: only then do its values count.
    values
        The metrics that were measured, each once, with their values.
    """

    session: int
    version: str | None
    cluster: int | None
    passed: bool
    failed: bool
    lost: bool
    values: list[tuple[records.Metric, float]]


def stored_cases(connection: Connection) -> list[Case]:
    """Return every case that was ever run, sorted.

    The index is walked from each name to the next: that takes as long as there are cases, and a
    hundredth of what a DISTINCT takes that looks at all test runs.
    """
    names = select(func.min(_RUNS.c.name).label("name")).cte("names", recursive=True)
    next_name = select(func.min(_RUNS.c.name)).where(_RUNS.c.name > names.c.name)
    names = names.union_all(
        select(next_name.scalar_subquery()).where(names.c.name.is_not(None)),
    )
    first_path = select(func.min(_RUNS.c.path)).where(_RUNS.c.name == names.c.name)
    pairs = (
        select(names.c.name, first_path.scalar_subquery().label("path"))
        .where(names.c.name.is_not(None))
        .cte("pairs", recursive=True)
    )
    next_path = select(func.min(_RUNS.c.path)).where(
        _RUNS.c.name == pairs.c.name, _RUNS.c.path > pairs.c.path
    )
    pairs = pairs.union_all(
        select(pairs.c.name, next_path.scalar_subquery()).where(pairs.c.path.is_not(None))
    )
    without_path = exists().where(_RUNS.c.name == names.c.name, _RUNS.c.path.is_(None))
    query = union_all(
        select(pairs.c.name, pairs.c.path).where(pairs.c.path.is_not(None)),
        select(names.c.name, func.coalesce(None, "")).where(without_path),
    )
    return sorted({Case(path, name) for name, path in connection.execute(query)})


def cases_called(connection: Connection, given: str) -> list[Case]:
    """Return the cases of which this is the whole name, with or without path and parameters."""
    given = text(given)
    readings: list[tuple[str | None, str]] = [(None, given)]
    before = given.find("::")
    while before >= 0:
        readings.append((given[:before], given[before + 2 :]))
        before = given.find("::", before + 2)
    found = set()
    for path, name in readings:
        # By ranges, as LIKE has no use for the index.
        inside = and_(_RUNS.c.name >= f"{name}[", _RUNS.c.name < f"{name}{_AFTER_BRACKET}")
        for named in (_RUNS.c.name == name, inside):
            query = select(_RUNS.c.path, _RUNS.c.name).where(named).distinct()
            if path is not None:
                query = query.where(_RUNS.c.path == path)
            found |= {Case(at or "", called) for at, called in connection.execute(query)}
    return sorted(found)


def stored_runs(
    connection: Connection, wanted: Sequence[Case]
) -> Iterator[tuple[Case, list[StoredRun]]]:
    """Yield cases, each with its test runs that ended, in no particular order.

    Those of a few cases at a time are in memory.
    """
    by_name: dict[str, list[Case]] = defaultdict(list)
    for case in wanted:
        by_name[case.name].append(case)
    metrics = _Metrics()
    for names in chunks(list(by_name), _NAMES):
        found = _read_runs(connection, _RUNS.c.name.in_(names), metrics)
        for case in (case for name in names for case in by_name[name]):
            yield case, found.pop((case.path, case.name), [])


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


class _Metrics(dict[tuple[str, str, str | None], records.Metric | None]):
    """A metric for each name, unit and direction of a measurement, made once.

    None for what is read from a column, and for a user's own `failed` or `lost`: series count them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.columns = column_metrics()
        elsewhere = (*self.columns, *OUTCOME_METRICS)
        self._elsewhere = {(metric.name, metric.unit) for metric in elsewhere}

    def __missing__(self, key: tuple[str, str, str | None]) -> records.Metric | None:
        name, unit, direction = key
        known = records.Direction.__members__.get(direction or "")
        metric = records.Metric(name, unit, known)
        self[key] = None if (name, unit) in self._elsewhere else metric
        return self[key]


def _read_runs(
    connection: Connection, mine: Any, metrics: _Metrics
) -> dict[tuple[str, str], list[StoredRun]]:
    """Return test runs by the path and the name of their case."""
    found: dict[tuple[str, str], list[StoredRun]] = defaultdict(list)
    measured = _measured(connection, mine, metrics)
    names = ("session_id", "ordinal", "path", "name", "version", "cluster", "call_outcome", "state")
    columns = [_RUNS.c[name] for name in names]
    values = [_RUNS.c[metric.name] for metric in metrics.columns]
    query = select(*columns, FAILED, *values).where(mine, _RUNS.c.state != "open")
    for row in connection.execute(query).all():
        session, ordinal, path, name, version, cluster, call, state, failed, *rest = row
        taken = [
            (metric, float(value))
            for metric, value in zip(metrics.columns, rest, strict=True)
            if value is not None
        ]
        taken += measured.get((session, ordinal), ())
        found[path or "", name].append(
            StoredRun(
                session=session,
                version=version,
                cluster=cluster,
                passed=call == "passed",
                failed=bool(failed),
                lost=state == "lost",
                values=taken,
            )
        )
    return found


def _measured(
    connection: Connection, mine: Any, metrics: _Metrics
) -> dict[tuple[int, int], list[tuple[records.Metric, float]]]:
    """Return the measurements that no column holds, by session and ordinal."""
    table: Any = Measurement.__table__
    same = and_(table.c.session_id == _RUNS.c.session_id, table.c.ordinal == _RUNS.c.ordinal)
    query = (
        select(
            table.c.session_id,
            table.c.ordinal,
            table.c.metric,
            table.c.unit,
            table.c.direction,
            table.c.value,
        )
        .join(_RUNS, same)
        .where(mine, table.c.value.is_not(None), table.c.unit.not_like(f"{DROPPED}%"))
    )
    found: dict[tuple[int, int], list[tuple[records.Metric, float]]] = defaultdict(list)
    for session, ordinal, name, unit, direction, value in connection.execute(query).all():
        metric = metrics[name, unit, direction]
        if metric is not None:
            found[session, ordinal].append((metric, value))
    return found
