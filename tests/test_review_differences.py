"""What differs between two sessions beside their numbers, as a command reads it from a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from store_samples import CLUSTER, ENVIRONMENT, EPOCH, facts, fill

from benchdb.findings import CommitRange, Difference, Differs
from benchdb.records import Package, PackageSet, Revision, SubjectRevision
from benchdb.review.differences import commit_ranges, differences
from benchdb.store.circumstances import stored_circumstances
from benchdb.store.opening import reading
from benchdb.store.queries import stored_sessions
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.portable


def between(
    path: Path, before: dict[str, Any], after: dict[str, Any]
) -> tuple[tuple[Difference, ...], tuple[CommitRange, ...]]:
    """Record two sessions with these facts; return what differs between them."""
    for number, changes in enumerate((before, after)):
        columns = changes.pop("columns", {})
        recorder = Recorder(path, facts(f"session-{number}", number, **changes))
        fill(recorder, [0])
        recorder.finish(EPOCH + timedelta(days=number, hours=1))
        for name, value in columns.items():
            from store_samples import execute

            execute(
                path,
                f"update test_run set {name}='{value}' where session_id="
                f"(select id from session where uid='session-{number}')",
            )
    with reading(path) as connection:
        new, old = stored_sessions(connection)
        found = stored_circumstances(connection, [old.row, new.row])
        return differences([found[old.row]], [found[new.row]]), commit_ranges(old, new)


SAME = PackageSet("same", (Package("common", "1"), Package("numpy", "2.0")))


def test_equal_sessions_differ_in_nothing(tmp_path: Path) -> None:
    one = Revision("one", (SubjectRevision("common", "1", "abc", EPOCH, "main", False),))
    equal = {"packages": SAME, "revision": one}
    assert between(tmp_path / "b.db", dict(equal), dict(equal)) == ((), ())


def test_packages_that_came_went_or_changed_are_named_and_subjects_once(tmp_path: Path) -> None:
    later = EPOCH + timedelta(hours=5)
    found, ranges = between(
        tmp_path / "b.db",
        {
            "packages": PackageSet("a", (Package("common", "1"), Package("numpy", "2.0"))),
            "revision": Revision("a", (SubjectRevision("common", "1", "aaa", EPOCH),)),
        },
        {
            "packages": PackageSet(
                "b", (Package("common", "2"), Package("coiled", "1.2"), Package("numpy", "2.1"))
            ),
            "revision": Revision("b", (SubjectRevision("common", "2", "bbb", later),)),
        },
    )
    assert found == (
        Difference(Differs.SUBJECT, "common", ("1 (aaa)",), ("2 (bbb)",)),
        Difference(Differs.PACKAGE, "numpy", ("2.0",), ("2.1",)),
        Difference(Differs.PLATFORM, "coiled", (), ("1.2",)),
    )
    assert ranges == (CommitRange("common", "aaa", "bbb", "1", "2", EPOCH, later),)


def test_the_machine_the_load_and_the_patch_level_of_python_are_compared(tmp_path: Path) -> None:
    other = replace(ENVIRONMENT, fingerprint="e" * 16, cpu_model="Another", extra=(("k", "w"),))
    found, _ = between(
        tmp_path / "b.db",
        {"packages": SAME, "columns": {"python_version": "3.11.7", "platform": "linux"}},
        {
            "packages": SAME,
            "environment": other,
            "host": "elsewhere",
            "xdist_workers": None,
            "columns": {"python_version": "3.11.8", "platform": "linux", "beside": 3},
        },
    )
    assert found == (
        Difference(Differs.PACKAGE, "python", ("3.11.7",), ("3.11.8",)),
        Difference(Differs.MACHINE, "cpu_model", ("A CPU",), ("Another",)),
        Difference(Differs.MACHINE, "host", ("host",), ("elsewhere",)),
        Difference(Differs.MACHINE, "k", ("v",), ("w",)),
        Difference(Differs.LOAD, "beside", ("0",), ("3",)),
        Difference(Differs.LOAD, "xdist_workers", ("2",), ("0",)),
    )


def test_what_one_session_does_not_know_is_no_difference(tmp_path: Path) -> None:
    found, ranges = between(
        tmp_path / "b.db",
        {"packages": SAME, "revision": Revision("none", ())},
        {"packages": PackageSet("empty", ()), "revision": Revision("none", ()), "host": None},
    )
    assert found == ()
    assert ranges == (CommitRange(None, None, None, None, None, EPOCH, EPOCH + timedelta(days=1)),)


def test_versions_on_a_cluster_and_its_platform_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    from store_samples import closed

    for number, cluster in enumerate(
        (
            replace(CLUSTER, kind="coiled", region="eu-west-1"),
            replace(CLUSTER, kind="coiled", region="us-east-1", worker_versions=(("dask", "9"),)),
        )
    ):
        recorder = Recorder(path, facts(f"session-{number}", packages=SAME))
        ordinal = recorder.open(EPOCH, ("test_one", "test_one", "test_it.py"))
        recorder.close(ordinal, replace(closed(), cluster=cluster))
        recorder.finish(EPOCH + timedelta(hours=number))
    with reading(path) as connection:
        new, old = stored_sessions(connection)
        found = stored_circumstances(connection, [old.row, new.row])
    assert differences([found[old.row]], [found[new.row]]) == (
        Difference(Differs.PACKAGE, "dask (workers)", ("2026.8",), ("9",)),
        Difference(Differs.PLATFORM, "region", ("eu-west-1",), ("us-east-1",)),
    )
