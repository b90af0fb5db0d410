"""Sessions for the tests of the store, and what a file holds, told without row ids."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchdb.records import (
    Artifact,
    ClosedTestRun,
    Cluster,
    Environment,
    Measurement,
    Package,
    PackageSet,
    Revision,
    SessionFacts,
    SubjectRevision,
)
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EPOCH = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

ENVIRONMENT = Environment(
    "f" * 16, "A CPU", 2, 8, "Linux", "x86_64", "CPython", "3.11", (("k", "v"),)
)

CLUSTER = Cluster(
    "local",
    workers=2,
    threads=1,
    memory_limit=2**31,
    scheduler_versions=(("dask", "2026.8"),),
    worker_versions=(("dask", "2026.8"),),
)


def facts(uid: str = "session-1", day: int = 0, **changes: Any) -> SessionFacts:
    """Return what is known of a session; those of equal `day` share packages and revision."""
    made = SessionFacts(
        uid=uid,
        started=EPOCH + timedelta(days=day),
        environment=ENVIRONMENT,
        packages=PackageSet(
            f"set-{day}", (Package("common", "1"), Package("nightly", str(day), "git+x"))
        ),
        revision=Revision(
            f"revision-{day}", (SubjectRevision("common", "1", "abc", EPOCH, "main", False),)
        ),
        command_line="pytest --benchmark",
        ci_run_url="https://ci/1",
        branch="main",
        dirty=False,
        host="host",
        xdist_workers=2,
        tags=(("runner", "a"),),
        benchdb_version="0.1.0",
    )
    return replace(made, **changes)


def names(test: str = "test_one") -> tuple[str, str, str]:
    """Return the names that a row is opened with."""
    return f"{test}[1]", test, "test_it.py"


def closed(number: int = 0, **columns: Any) -> ClosedTestRun:
    """Return a test run with a cluster, measurements and an artifact; values vary by `number`."""
    return ClosedTestRun(
        setup_outcome="passed",
        call_outcome="passed",
        teardown_outcome="passed",
        start=EPOCH,
        end=EPOCH + timedelta(seconds=number),
        version="2",
        columns={"duration": 0.1 + 0.2 + number, "average_memory": 3.0 + number, **columns},
        measurements=(
            Measurement("rows", "1", None, number + 0.5),
            Measurement(
                "duration", "s", "LOWER_IS_BETTER", 1 / 3, (0.1, 1 / 3), 2, 0.1, 1 / 3, 0.2, 0.1
            ),
        ),
        artifacts=(Artifact("dump", "dump.zst", size=12, sha256="ab"),),
        cluster=CLUSTER,
    )


def fill(recorder: Recorder, runs: Iterable[int]) -> None:
    """Record a closed test run for every number."""
    for number in runs:
        ordinal = recorder.open(EPOCH, names(f"test_{number}"))
        recorder.close(ordinal, closed(number))


def record(path: Path, uid: str = "session-1", runs: Iterable[int] = (0, 1), day: int = 0) -> str:
    """Record a finished session; returns its digest."""
    recorder = Recorder(path, facts(uid, day))
    fill(recorder, runs)
    return recorder.finish(EPOCH + timedelta(days=day, hours=1))


def lose(path: Path, uid: str = "session-1", runs: Iterable[int] = (0,), day: int = 0) -> None:
    """Leave an open session with an open row, as a killed process does."""
    recorder = Recorder(path, facts(uid, day))
    fill(recorder, runs)
    ordinal = recorder.open(EPOCH, names("test_killed"))
    recorder.advance(ordinal, "setup", "passed", EPOCH + timedelta(seconds=9))
    recorder.let_go()


def query(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return what plain SQL finds in a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def execute(path: Path, *statements: str) -> None:
    """Change a file by plain SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def forms(path: Path) -> set[tuple[str, str]]:
    """Return the key of every session in a file."""
    return {(uid, digest) for uid, digest in query(path, "select uid, digest from session")}


#: Each table that is merged: its rows with natural keys in the place of row ids.
_CONTENTS = {
    "session": """select s.*, r.key, p.key from session s left join revision r on r.id = s.revision
        left join package_set p on p.id = s.package_set""",
    "test_run": """select s.uid, s.digest, c.key, t.* from test_run t
        join session s on s.id = t.session_id left join cluster c on c.id = t.cluster""",
    "measurement": "select uid, digest, t.* from measurement t join session s on s.id = session_id",
    "artifact": "select uid, digest, t.* from artifact t join session s on s.id = session_id",
    "annotation": "select * from annotation",
    "environment": "select * from environment",
    "cluster": "select * from cluster",
    "revision": "select * from revision",
    "revision_package": """select r.key, p.* from revision_package p
        join revision r on r.id = p.revision""",
    "package": "select * from package",
    "package_set": "select * from package_set",
    "package_set_package": """select s.key, p.name, p.version, p.source from package_set_package m
        join package_set s on s.id = m.package_set join package p on p.id = m.package""",
}
_IDS = {"id", "session_id", "cluster", "package_set"}


def contents(path: Path) -> dict[str, list[str]]:
    """Return all that a file holds, without row ids and in an order of its own."""
    held = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table, sql in _CONTENTS.items():
            cursor = connection.execute(sql)
            columns = [column for column, *_ in cursor.description]
            left_out = _IDS | ({"revision"} if table in ("session", "revision_package") else set())
            held[table] = sorted(
                repr(
                    [
                        (name, value)
                        for name, value in zip(columns, row, strict=True)
                        if name not in left_out
                    ]
                )
                for row in cursor
            )
    return held
