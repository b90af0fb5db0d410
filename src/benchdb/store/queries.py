"""Sessions as the commands read them: frozen records from an open database, in few queries."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, case, func, or_, select

from benchdb import records
from benchdb.series import CountedSession, StoredSession
from benchdb.store.database import raw
from benchdb.store.forms import conflicts
from benchdb.store.models import Cluster, Environment, RevisionPackage, Session, TestRun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_Any = TypeVar("_Any")

_RUNS: Final[Any] = TestRun.__table__

#: Fewer than the variables that any SQLite takes in one statement.
_CHUNK: Final = 500

#: Whether a phase of a test run failed.
FAILED: Final[Any] = func.coalesce(
    or_(
        _RUNS.c.setup_outcome == "failed",
        _RUNS.c.call_outcome == "failed",
        _RUNS.c.teardown_outcome == "failed",
    ),
    False,
)


def stored_sessions(
    connection: Connection,
    *,
    last: int | None = None,
    rows: Collection[int] | None = None,
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
    """
    table: Any = Session.__table__
    query = select(table).order_by(table.c.started.desc(), table.c.uid.desc())
    if last is not None:
        query = query.limit(last)
    if rows is None:
        found = list(connection.execute(query).mappings())
    else:
        found = [
            row
            for some in chunks(sorted(rows))
            for row in connection.execute(query.where(table.c.id.in_(some))).mappings()
        ]
        found.sort(key=lambda row: (row["started"], row["uid"]), reverse=True)
        found = found[:last]
    if not found:
        return []
    environments = _environments(connection)
    subjects = _subjects(connection, {row["revision"] for row in found})
    double = set(conflicts(raw(connection)))
    same = [name for name in StoredSession.__dataclass_fields__ if name in found[0]]
    made = []
    for row in found:
        values: dict[str, Any] = {name: row[name] for name in same}
        values["tags"] = _pairs(row["tags"])
        values["environment"] = environments.get(row["environment"])
        made.append(
            StoredSession(
                row=row["id"],
                subjects=tuple(subjects.get(row["revision"], ())),
                conflict=row["uid"] in double,
                **values,
            )
        )
    return made


def counted_sessions(connection: Connection, *, last: int | None = None) -> list[CountedSession]:
    """Return sessions with their test runs counted, the newest first.

    Parameters
    ----------
    connection
        On a database at the newest schema.
    last
        How many of the newest; all by default.
    """
    found = stored_sessions(connection, last=last)
    counts = _counts(connection, [one.row for one in found])
    made = []
    for one in found:
        runs, failed, lost = counts.get(one.row, (0, 0, 0))
        said = {name: getattr(one, name) for name in StoredSession.__dataclass_fields__}
        made.append(CountedSession(**said, runs=runs, failed=failed, lost=lost))
    return made


def stored_clusters(connection: Connection, rows: Collection[int]) -> dict[int, records.Cluster]:
    """Return the clusters with these ids."""
    table: Any = Cluster.__table__
    found = {}
    for some in chunks(sorted(rows)):
        for row in connection.execute(select(table).where(table.c.id.in_(some))).mappings():
            said = {name: _pairs(row[name]) for name in ("scheduler_versions", "worker_versions")}
            found[row["id"]] = records.Cluster(**{**_known(row, records.Cluster), **said})
    return found


def _counts(connection: Connection, sessions: list[int]) -> dict[int, tuple[int, int, int]]:
    found = {}
    for chunk in chunks(sessions):
        query = (
            select(
                _RUNS.c.session_id,
                func.count(),
                func.sum(case((FAILED, 1), else_=0)),
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
    for chunk in chunks([row for row in revisions if row is not None]):
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


def chunks(items: list[_Any], size: int = _CHUNK) -> Iterator[list[_Any]]:
    """Yield items, as many at a time as one statement may name."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
