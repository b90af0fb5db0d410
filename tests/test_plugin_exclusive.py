"""``@pytest.mark.benchmark_exclusive`` under pytest-xdist: alone among the benchmarked tests."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("xdist")

from benchdb.plugin.exclusive import take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites import Suite


def test_an_exclusive_test_never_meets_a_benchmarked_one(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = suite.pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    suite.write(
        """
        import time, pytest

        @pytest.fixture
        def costly(): time.sleep(0.01)

        @pytest.mark.parametrize("n", range(10))
        def test_shared(benchmark_time, costly, n): time.sleep(0.02)

        @pytest.mark.parametrize("n", range(10))
        @pytest.mark.benchmark_exclusive
        def test_exclusive(benchmark_time, auto_benchmark_time, costly, n):
            time.sleep(0.01)

        @pytest.mark.parametrize("n", range(10))
        def test_shared_too(test_run_benchmark, costly, n): time.sleep(0.02)

        @pytest.mark.benchmark_exclusive
        class TestClass:
            def test_method(self, benchmark_time): pass
        """
    )
    done = suite.run("--benchmark", "-n", "3", "--dist", "worksteal", plugins="xdist")
    done.assert_outcomes(passed=31)
    exclusive = "name like 'test_exclusive%' or name like 'TestClass%'"
    assert suite.runs("count(*), max(beside)", exclusive) == [(11, 0)]
    assert suite.runs("max(beside) > 0", f"not ({exclusive})") == [1]
    met = suite.query(
        f"""
        select one.name, other.name from test_run one join test_run other
        on one.ordinal <> other.ordinal and one.start < other."end" and other.start < one."end"
        where {exclusive.replace("name", "one.name")}
        """
    )
    assert met == []
    assert [path.name for path in temporary.iterdir()] == []


def test_an_exclusive_test_without_a_fixture_is_alone_too(suite: Suite) -> None:
    suite.write(
        """
        import datetime, pathlib, time, pytest

        LOG = pathlib.Path(__file__).with_name("log")

        @pytest.mark.parametrize("n", range(8))
        def test_shared(benchmark_time, n): time.sleep(0.05)

        @pytest.mark.parametrize("n", range(8))
        @pytest.mark.benchmark_exclusive
        def test_exclusive(n):
            times = [datetime.datetime.now(datetime.UTC)]
            time.sleep(0.05)
            times.append(datetime.datetime.now(datetime.UTC))
            with LOG.open("a") as log:
                print(*(time.strftime("%Y-%m-%d %H:%M:%S.%f") for time in times), sep=",", file=log)
        """
    )
    done = suite.run("--benchmark", "-n", "3", plugins="xdist")
    done.assert_outcomes(passed=16)
    alone = sorted(line.split(",") for line in (suite.folder / "log").read_text().splitlines())
    assert len(alone) == 8
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(alone))
    for begun, ended in alone:
        assert (
            suite.query('select name from test_run where start < ? and "end" > ?', ended, begun)
            == []
        )


def test_waiting_for_the_token_is_in_no_measurement_and_no_time_out(suite: Suite) -> None:
    pytest.importorskip("pytest_timeout")
    # The last of them waits for longer than its time-out is.
    suite.write(
        """
        import time, pytest

        @pytest.mark.benchmark_exclusive
        @pytest.mark.timeout(1.5)
        @pytest.mark.parametrize("n", range(4))
        def test_exclusive(auto_benchmark_time, n):
            time.sleep(0.6)
        """
    )
    done = suite.run("--benchmark", "-n", "4", plugins="xdist timeout")
    done.assert_outcomes(passed=4)
    assert suite.runs("count(*), max(duration) < 1.5, max(beside)") == [(4, 1, 0)]
    (waited,) = suite.query(
        'select (julianday(max("end")) - julianday(min(start))) * 86400 from test_run'
    )
    assert waited > 2.3


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_worker_that_dies_frees_what_it_holds(suite: Suite) -> None:
    suite.write(
        """
        import os, signal, pytest

        @pytest.mark.benchmark_exclusive
        def test_dies(benchmark_time): os.kill(os.getpid(), signal.SIGKILL)
        @pytest.mark.benchmark_exclusive
        def test_alone(benchmark_time): pass
        @pytest.mark.parametrize("n", range(4))
        def test_shared(benchmark_time, n): pass
        """
    )
    done = suite.run("--benchmark", "-n", "2", plugins="xdist")
    done.assert_outcomes(passed=5, failed=1)
    assert suite.runs("name, state, phase", "state <> 'closed'") == [("test_dies", "lost", "call")]


def tokens(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@contextlib.contextmanager
def held(folder: Path, *, exclusive: bool) -> Iterator[None]:
    token = take(folder, exclusive=exclusive)
    try:
        yield
    finally:
        token.release()


def test_the_token_goes_in_order_of_asking(tmp_path: Path) -> None:
    got: list[int] = []

    def ask(number: int, exclusive: bool) -> None:
        with held(tmp_path, exclusive=exclusive):
            got.append(number)

    threads = []
    with held(tmp_path, exclusive=True):
        for number in range(6):
            thread = threading.Thread(target=ask, args=(number, number % 2 == 0))
            thread.start()
            while len([*tmp_path.glob("*.shared"), *tmp_path.glob("*.exclusive")]) < number + 2:
                pass
            threads.append(thread)
        assert got == []
    for thread in threads:
        thread.join(timeout=60)
    assert got == list(range(6))
    assert tokens(tmp_path) == []


def test_those_that_share_it_hold_it_together(tmp_path: Path) -> None:
    with held(tmp_path, exclusive=False), held(tmp_path, exclusive=False):
        assert tokens(tmp_path) == ["1.shared", "2.shared"]
    assert tokens(tmp_path) == []


@pytest.mark.parametrize(
    "spoil",
    [
        "shutil.rmtree(folder)",
        "shutil.rmtree(folder); folder.write_text('no folder')",
        "(folder / 'order.lock').mkdir()",
        "locks.append((folder / 'x.shared').open('w')); fcntl.flock(locks[0], fcntl.LOCK_EX)",
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="spoils it by ways of POSIX")
def test_tests_that_can_not_have_the_token_run_without_it(suite: Suite, spoil: str) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.benchmark_exclusive
        @pytest.mark.parametrize("n", range(3))
        def test_exclusive(benchmark_time, n): pass
        @pytest.mark.parametrize("n", range(3))
        def test_shared(benchmark_time, n): pass
        """,
        conftest=f"""
        import fcntl, pathlib, shutil

        locks = []

        def pytest_collection_finish(session):
            if hasattr(session.config, "workerinput"):
                folder = pathlib.Path(session.config.workerinput["benchdb"]["folder"])
                {spoil}
        """,
    )
    done = suite.run("--benchmark", "-n", "1", plugins="xdist")
    done.assert_outcomes(passed=6)
    assert suite.runs("count(*)", "state = 'closed'") == [6]
    said = [line for line in done.outlines if line.startswith("benchmark_exclusive was not heeded")]
    assert len(said) == 1


def test_without_workers_the_mark_changes_nothing(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.benchmark_exclusive
        def test_one(benchmark_time): pass
        """
    )
    suite.run("--benchmark", "--strict-markers").assert_outcomes(passed=1)
    assert suite.runs("name, beside") == [("test_one", 0)]
