"""Disks that are full or may not be written to: tests run on, and their rows are elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites import Suite

pytestmark = pytest.mark.portable

TEST = "def test_one(benchmark_time): pass"


@pytest.fixture
def temporary(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = suite.pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def mounted(suite: Suite) -> Iterator[Path]:
    """Give a folder on a small disk of its own."""
    folder = suite.pytester.mkdir("small")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(folder)], capture_output=True
    ) if sys.platform == "linux" else None  # fmt: skip
    if done is None or done.returncode:
        pytest.skip("mounting a small disk takes Linux, and rights")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_folder_that_may_not_be_written_to(suite: Suite, temporary: Path, mounted: Path) -> None:
    suite.write(TEST)
    database = mounted / "benchmark.db"
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    done = suite.run("--benchmark", "--benchmark-db", str(database))
    done.assert_outcomes(passed=1)
    (aside,) = temporary.glob("*.db")
    assert suite.runs("name, state", database=aside) == [("test_one", "closed")]
    done.stdout.fnmatch_lines(
        [f"could not record into {database} (*): recorded into {aside}", f"*merge*{aside}"]
    )


def test_a_file_that_may_not_be_written_to(suite: Suite, temporary: Path, mounted: Path) -> None:
    # As on a checkout that is mounted read-only, with a database in it.
    suite.write(TEST)
    database = mounted / "benchmark.db"
    suite.run("--benchmark", "--benchmark-db", str(database))
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    suite.run("--benchmark", "--benchmark-db", str(database)).assert_outcomes(passed=1)
    (aside,) = temporary.glob("*.db")
    assert suite.runs("name, state", database=aside) == [("test_one", "closed")]
    assert suite.query("select count(*) from session", database=database) == [1]


@pytest.mark.parametrize("workers", ["", "xdist"])
def test_a_disk_that_fills_up_midway(
    suite: Suite, temporary: Path, mounted: Path, workers: str
) -> None:
    pytest.importorskip(workers or "pytest")
    suite.write(
        """
        import pytest

        @pytest.mark.parametrize("n", range(60))
        def test_many(benchmark_time, test_run_benchmark, n):
            test_run_benchmark.cluster_name = "x" * 10_000
            test_run_benchmark.record("n", n)
        """
    )
    database = mounted / "benchmark.db"
    more = ("-n", "2") if workers else ()
    done = suite.run("--benchmark", "--benchmark-db", str(database), *more, plugins=workers)
    done.assert_outcomes(passed=60)
    (aside,) = temporary.glob("*.db")
    rows = suite.runs("name, state, cluster_name is null", database=aside)
    rows.sort(key=lambda row: int(row[0][len("test_many[") : -1]))  # workers end in any order
    assert rows == [(f"test_many[{n}]", "closed", 0) for n in range(60)]
    counted = suite.query("select count(*), sum(value) from measurement", database=aside)
    assert counted == [(60, sum(range(60)))]
    assert suite.query("select state from session", database=aside) == ["finished"]
    done.stdout.fnmatch_lines(
        [f"recorded 60 test runs in *{aside.name}*", f"could not record into {database} (*full*"]
    )
    assert suite.query("PRAGMA integrity_check", database=database) == ["ok"]


@pytest.mark.parametrize("workers", ["", "xdist"])
def test_sql_fixtures_read_the_file_that_took_the_session(suite: Suite, workers: str) -> None:
    pytest.importorskip(workers or "pytest")
    suite.database.write_text("no database\n" * 100)
    suite.write(
        """
        from benchdb.store.models import TestRun

        def test_first(benchmark_time): pass
        def test_reads(benchmark_time, benchmark_db_session):
            assert benchmark_db_session.query(TestRun.name).first() == ("test_first",)
        """
    )
    more = ("-n", "1") if workers else ()
    done = suite.run("--benchmark", *more, plugins=workers)
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["could not record into *"])


def test_nowhere_to_record(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    # Neither there, nor beside it, nor in a temporary folder: a limit holds everywhere.
    pytest.importorskip("resource")
    suite.write(
        """
        import pytest

        @pytest.mark.parametrize("n", range(20))
        def test_many(benchmark_time, test_run_benchmark, n):
            test_run_benchmark.cluster_name = "x" * 20_000
        """,
        conftest="""
        import resource, signal

        def pytest_sessionstart():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        """,
    )
    done = suite.run("--benchmark", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=20)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["nothing more could be recorded: *"])
    strict = suite.run("--benchmark", "--benchmark-strict", "-p", "no:cacheprovider")
    assert strict.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.skipif(os.name == "nt", reason="an open file can't be removed")
def test_a_file_that_is_removed_midway_breaks_no_test_and_is_spoken_of(suite: Suite) -> None:
    suite.write(
        """
        def test_one(benchmark_time): pass
        def test_removes(benchmark_time, pytestconfig):
            for path in pytestconfig.rootpath.glob("benchmark.db*"):
                path.unlink()
        def test_three(benchmark_time): pass
        """
    )
    done = suite.run("--benchmark", "--benchmark-strict")
    done.assert_outcomes(passed=3)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*benchmark.db was removed while it was recorded into: *"])
