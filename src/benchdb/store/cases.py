"""Cases and their test runs, as the commands read them: by the index on names, a few at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb import records
from benchdb.metrics import COLUMN_METRICS, OUTCOME_METRICS
from benchdb.series import Case
from benchdb.store.columns import quoted
from benchdb.store.digest import DROPPED
from benchdb.store.queries import FAILED, HUNG
from benchdb.store.statements import chunks, marks
from benchdb.store.values import text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from benchdb.store.connection import Connection

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
    hung: bool
    values: list[tuple[records.Metric, float]]


def stored_cases(connection: Connection) -> list[Case]:
    """Return every case that was ever run, sorted.

    The index is walked from each name to the next: that takes as long as there are cases, and a
    hundredth of what a DISTINCT takes that looks at all test runs.
    """
    query = """
        WITH RECURSIVE names (name) AS (
            SELECT min(name) FROM test_run
            UNION ALL
            SELECT (SELECT min(t.name) FROM test_run t WHERE t.name > names.name)
            FROM names WHERE names.name IS NOT NULL
        ), cases (name, path) AS (
            SELECT name, (SELECT min(t.path) FROM test_run t WHERE t.name = names.name)
            FROM names WHERE name IS NOT NULL
            UNION ALL
            SELECT name, (SELECT min(t.path) FROM test_run t
                          WHERE t.name = cases.name AND t.path > cases.path)
            FROM cases WHERE cases.path IS NOT NULL
        )
        SELECT path, name FROM cases WHERE path IS NOT NULL
        UNION ALL
        SELECT '', name FROM names
        WHERE EXISTS (SELECT 1 FROM test_run t WHERE t.name = names.name AND t.path IS NULL)
    """
    return sorted({Case(path, name) for path, name in connection.execute(query)})


def ran_cases(connection: Connection, rows: Collection[int]) -> Iterator[tuple[int, Case, bool]]:
    """Yield of sessions, by their ids, each case with a test run that ended.

    Beside it stands whether any of its test runs was not skipped.
    """
    skipped = (
        "state != 'lost' AND (setup_outcome = 'skipped' OR call_outcome = 'skipped') "
        f"AND {FAILED} = 0"
    )
    for some in chunks(sorted(rows)):
        query = (
            f"SELECT session_id, path, name, max(CASE WHEN {skipped} THEN 0 ELSE 1 END) "
            f"FROM test_run WHERE session_id IN ({marks(some)}) AND state != 'open' "
            "GROUP BY session_id, path, name"
        )
        for row, path, name, ran in connection.execute(query, some):
            yield row, Case(path or "", name), bool(ran)


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
        for named, values in (
            ("name = ?", [name]),
            (
                f"name{connection.bytewise} >= ? AND name{connection.bytewise} < ?",
                [f"{name}[", f"{name}{_AFTER_BRACKET}"],
            ),
        ):
            query = f"SELECT DISTINCT path, name FROM test_run WHERE {named}"
            if path is not None:
                query += " AND path = ?"
                values.append(path)
            found |= {Case(at or "", called) for at, called in connection.execute(query, values)}
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
    metrics = _Metrics(connection)
    for names in chunks(list(by_name), _NAMES):
        found = _read_runs(connection, names, metrics)
        for case in (case for name in names for case in by_name[name]):
            yield case, found.pop((case.path, case.name), [])


def column_metrics(connection: Connection) -> tuple[records.Metric, ...]:
    """Return the metrics that are columns: the built-in ones, and those of migrations of one's own.

    Every column of floats is a metric; ``info={"unit": "s"}`` in its model says in which unit.
    """
    built_in = {metric.name: metric for metric in COLUMN_METRICS}
    kinds = connection.column_kinds("test_run")
    return tuple(
        built_in.get(name) or _own_metric(name) for name, kind in kinds.items() if kind == "float"
    )


def _own_metric(name: str) -> records.Metric:
    from benchdb.store.models import Base

    column = Base.metadata.tables["test_run"].columns.get(name)
    unit = "1" if column is None else column.info.get("unit", "1")
    return records.Metric(name, unit, direction=None)


class _Metrics(dict[tuple[str, str, str | None], records.Metric | None]):
    """A metric for each name, unit and direction of a measurement, made once.

    None for a user's own `failed`, `lost` or `hung`: series count them.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.columns = column_metrics(connection)
        self._by_name = {metric.name: metric for metric in self.columns}

    def __missing__(self, key: tuple[str, str, str | None]) -> records.Metric | None:
        name, unit, direction = key
        known = records.Direction.__members__.get(direction or "")
        metric: records.Metric | None = records.Metric(name, unit, known)
        if any((name, unit) == (counted.name, counted.unit) for counted in OUTCOME_METRICS):
            metric = None
        elif (column := self._by_name.get(name)) is not None and column.unit == unit:
            metric = column
        self[key] = metric
        return metric

    def is_column(self, metric: records.Metric) -> bool:
        """Tell whether a metric is one of the columns."""
        return self._by_name.get(metric.name) is metric


def _read_runs(
    connection: Connection, wanted: list[str], metrics: _Metrics
) -> dict[tuple[str, str], list[StoredRun]]:
    """Return the test runs of these names, by the path and the name of their case."""
    found: dict[tuple[str, str], list[StoredRun]] = defaultdict(list)
    measured = _measured(connection, wanted, metrics)
    names = ("session_id", "ordinal", "path", "name", "version", "cluster", "call_outcome", "state")
    columns = quoted([*names, *(metric.name for metric in metrics.columns)])
    query = (
        f"SELECT {FAILED}, {HUNG}, {columns} FROM test_run "
        f"WHERE name IN ({marks(wanted)}) AND state != 'open'"
    )
    for row in connection.execute(query, wanted):
        failed, hung, session, ordinal, path, name, version, cluster, call, state, *rest = row
        taken = [
            (metric, float(value))
            for metric, value in zip(metrics.columns, rest, strict=True)
            if value is not None
        ]
        if beside := measured.get((session, ordinal)):
            # A column holds; one that was added later is empty in rows of before.
            held = {metric.name for metric, _ in taken}
            taken += [
                (metric, value)
                for metric, value in beside
                if not (metric.name in held and metrics.is_column(metric))
            ]
        found[path or "", name].append(
            StoredRun(
                session=session,
                version=version,
                cluster=cluster,
                passed=call == "passed",
                failed=bool(failed),
                lost=state == "lost",
                hung=bool(hung),
                values=taken,
            )
        )
    return found


def _measured(
    connection: Connection, wanted: list[str], metrics: _Metrics
) -> dict[tuple[int, int], list[tuple[records.Metric, float]]]:
    """Return the measurements by session and ordinal, those of columns among them."""
    query = (
        "SELECT m.session_id, m.ordinal, m.metric, m.unit, m.direction, m.value "
        "FROM measurement m JOIN test_run t "
        "ON t.session_id = m.session_id AND t.ordinal = m.ordinal "
        f"WHERE t.name IN ({marks(wanted)}) AND m.value IS NOT NULL AND m.unit NOT LIKE ?"
    )
    found: dict[tuple[int, int], list[tuple[records.Metric, float]]] = defaultdict(list)
    for session, ordinal, name, unit, direction, value in connection.execute(
        query, [*wanted, f"{DROPPED}%"]
    ):
        metric = metrics[name, unit, direction]
        if metric is not None:
            found[session, ordinal].append((metric, value))
    return found
