"""Sessions as the commands read them: frozen records from an open database, in few queries.

By plain statements, as importing SQLAlchemy would take longer than all of them. The columns are
those of `benchdb.store.models`, and have the names of the records' fields.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb import records
from benchdb.series import CountedSession, StoredSession
from benchdb.store.annotations import left_out
from benchdb.store.forms import conflicts
from benchdb.store.statements import chunks, marks
from benchdb.store.values import read_instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from benchdb.store.connection import Connection

_Any = TypeVar("_Any")

#: More rows than there are.
_ALL: Final = 2**62

#: Whether a phase of a test run failed, as 1 or 0.
FAILED: Final = (
    "CASE WHEN 'failed' IN (setup_outcome, call_outcome, teardown_outcome) THEN 1 ELSE 0 END"
)

#: Whether a test run hung, as 1 or 0.
HUNG: Final = "CASE WHEN hang_class IS NOT NULL THEN 1 ELSE 0 END"


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
        From `benchdb.store.opening.reading`.
    last
        How many of the newest; all by default.
    rows
        Only those with these ids.
    hidden
        Whether to return those, too, that were withdrawn or are not the form that is kept.
    """
    unwanted = set() if hidden else left_out(connection)
    order = "ORDER BY started DESC, uid DESC LIMIT ?"
    limit = _ALL if last is None else last + len(unwanted)
    if rows is None:
        found = _records(connection, f"SELECT * FROM session {order}", (limit,))
    else:
        found = [
            row
            for some in chunks(sorted(rows))
            for row in _records(
                connection,
                f"SELECT * FROM session WHERE id IN ({marks(some)}) {order}",
                (*some, limit),
            )
        ]
        found.sort(key=lambda row: (row["started"], row["uid"]), reverse=True)
    found = [row for row in found if row["id"] not in unwanted][:last]
    if not found:
        return []
    environments = _environments(connection)
    subjects = _subjects(connection, {row["revision"] for row in found})
    double = set(conflicts(connection, None if rows is None else {row["uid"] for row in found}))
    return [
        _made(
            StoredSession,
            {
                **row,
                "row": row["id"],
                "started": read_instant(row["started"]),
                "finished": read_instant(row["finished"]),
                "dirty": _truth(row["dirty"]),
                "tags": _pairs(row["tags"]),
                "environment": environments.get(row["environment"]),
                "subjects": tuple(subjects.get(row["revision"], ())),
                "conflict": row["uid"] in double,
            },
        )
        for row in found
    ]


def recorded_here(connection: Connection) -> set[str]:
    """Return the uids of the sessions that were recorded into this database, not merged into it."""
    return {uid for (uid,) in connection.execute("SELECT uid FROM local_recorded")}


def counted_sessions(
    connection: Connection, *, last: int | None = None, hidden: bool = False
) -> list[CountedSession]:
    """Return sessions with their test runs counted, the newest first.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    last, hidden
        As in `stored_sessions`.
    """
    found = stored_sessions(connection, last=last, hidden=hidden)
    counts = _counts(connection, [one.row for one in found])
    made = []
    for one in found:
        runs, failed, lost = counts.get(one.row, (0, 0, 0))
        said = {field.name: getattr(one, field.name) for field in fields(one)}
        made.append(CountedSession(**said, runs=runs, failed=failed, lost=lost))
    return made


def content_mark(connection: Connection) -> tuple[object, ...]:
    """Return what is another where anything was recorded, merged, pruned or said since."""
    queries = (
        "SELECT count(*), max(id), count(digest) FROM session",
        "SELECT count(*), max(made) FROM annotation",
        (
            "SELECT count(*) FROM test_run WHERE state != 'open' "
            "AND session_id IN (SELECT id FROM session WHERE digest IS NULL)"
        ),
    )
    return tuple(value for query in queries for value in connection.execute(query).fetchone())


def stored_clusters(connection: Connection, rows: Collection[int]) -> dict[int, records.Cluster]:
    """Return the clusters with these ids."""
    found = {}
    for some in chunks(sorted(rows)):
        query = f"SELECT * FROM cluster WHERE id IN ({marks(some)})"
        for row in _records(connection, query, some):
            said = {name: _pairs(row[name]) for name in ("scheduler_versions", "worker_versions")}
            found[row["id"]] = _made(records.Cluster, {**row, **said})
    return found


def _counts(connection: Connection, sessions: list[int]) -> dict[int, tuple[int, int, int]]:
    found = {}
    for some in chunks(sessions):
        query = (
            f"SELECT session_id, count(*), sum({FAILED}), "
            "sum(CASE WHEN state = 'lost' THEN 1 ELSE 0 END) FROM test_run "
            f"WHERE session_id IN ({marks(some)}) GROUP BY session_id"
        )
        found.update(
            {row: (runs, bad, gone) for row, runs, bad, gone in connection.execute(query, some)}
        )
    return found


def _environments(connection: Connection) -> dict[str, records.Environment]:
    return {
        row["fingerprint"]: _made(records.Environment, {**row, "extra": _pairs(row["extra"])})
        for row in _records(connection, "SELECT * FROM environment")
    }


def _subjects(
    connection: Connection, revisions: set[int | None]
) -> dict[int, list[records.SubjectRevision]]:
    found: dict[int, list[records.SubjectRevision]] = defaultdict(list)
    for some in chunks([row for row in revisions if row is not None]):
        query = f"SELECT * FROM revision_package WHERE revision IN ({marks(some)}) ORDER BY name"
        for row in _records(connection, query, some):
            found[row["revision"]].append(
                records.SubjectRevision(
                    row["name"],
                    row["version"],
                    row["commit_hash"],
                    read_instant(row["committed"]),
                    row["branch"],
                    _truth(row["dirty"]),
                )
            )
    return found


def of_uids(
    connection: Connection, columns: str, uids: Collection[str], table: str = "session"
) -> Iterator[Any]:
    """Give columns, or what else SQL makes of them, of the closed sessions with these uids."""
    for some in chunks(sorted(uids)):
        yield from connection.execute(
            f"SELECT {columns} FROM {table} WHERE uid IN ({marks(some)}) AND digest IS NOT NULL",
            some,
        )


def _records(
    connection: Connection, query: str, values: Sequence[object] = ()
) -> list[dict[str, Any]]:
    """Return rows, each by the names of its columns."""
    cursor = connection.execute(query, values)
    names = [name for name, *_ in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _made(record: type[_Any], row: dict[str, Any]) -> _Any:
    """Return a record from what has the names of its fields."""
    return record(**{field.name: row[field.name] for field in fields(record)})  # type: ignore[arg-type]


def _truth(stored: int | None) -> bool | None:
    return None if stored is None else bool(stored)


def _pairs(said: str | None) -> tuple[tuple[str, str], ...]:
    """Return a JSON object of strings as pairs; what someone else wrote there is left out."""
    try:
        content = json.loads(said or "{}")
    except ValueError:
        return ()
    if not isinstance(content, dict):
        return ()
    return tuple(sorted((str(key), str(value)) for key, value in content.items()))
