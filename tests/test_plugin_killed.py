"""Processes that end without a word, and forks: no closed row is lost, the file is intact."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from suites import Suite

pytestmark = [
    pytest.mark.portable,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals"),
]

KILLED = """
    import os, signal, pytest

    def die(phase):
        if os.environ.get("DIE_IN") == phase:
            os.kill(os.getpid(), signal.SIGKILL)

    @pytest.fixture
    def around(benchmark_time):
        die("setup")
        yield
        die("teardown")

    def test_before(benchmark_time, test_run_benchmark):
        test_run_benchmark.record("rows", 1)
    def test_asks_for_nothing(): pass
    def test_dying(around): die("call")
    def test_after(benchmark_time): pass
"""


@pytest.mark.parametrize("phase", ["setup", "call", "teardown"])
def test_after_a_kill_the_closed_rows_stand_and_the_open_one_says_where_it_was(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    suite.write(KILLED)
    monkeypatch.setenv("DIE_IN", phase)
    assert suite.run("--benchmark").ret == -9
    assert suite.is_sound()
    assert suite.runs("name, state, phase, phase_start >= start") == [
        ("test_before", "closed", None, None),
        ("test_dying", "open", phase, 1),
    ]
    assert suite.query("select state, digest from session") == [("open", None)]
    monkeypatch.delenv("DIE_IN")
    suite.run("--benchmark").assert_outcomes(passed=4)
    assert suite.query("select state, digest is null from session") == [
        ("lost", 0),
        ("finished", 0),
    ]
    assert suite.runs('name, state, phase, "end" is null', "session_id=1") == [
        ("test_before", "closed", None, 0),
        ("test_dying", "lost", phase, 0),
    ]
    assert suite.query("select metric, value from measurement") == [("rows", 1.0)] * 2
    assert suite.is_sound()
    assert suite.helpers() == []


def test_the_file_alone_is_enough_while_a_session_runs(suite: Suite) -> None:
    # As who copies benchmark.db but not its log does.
    suite.write(
        """
        import shutil, sqlite3

        def test_one(benchmark_time): pass
        def test_copy(benchmark_time, pytestconfig):
            copy = pytestconfig.rootpath / "copy.db"
            shutil.copyfile(pytestconfig.rootpath / "benchmark.db", copy)
            rows = sqlite3.connect(copy).execute("select state from session").fetchall()
            assert rows == [("open",)]
        """
    )
    suite.run("--benchmark", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_fork_inside_a_test_does_no_harm(suite: Suite) -> None:
    suite.write(
        """
        import multiprocessing, os, pytest, sys

        def test_exits_at_once(benchmark_time):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0

        def test_exits_in_its_time(benchmark_time):
            pid = os.fork()
            if pid == 0:
                sys.exit(0)  # runs through all of pytest's own clean-up
            os.waitpid(pid, 0)

        def work(n):
            return n * n

        def test_pool(benchmark_time, test_run_benchmark):
            with multiprocessing.get_context("fork").Pool(2) as pool:
                assert pool.map(work, range(4)) == [0, 1, 4, 9]
            test_run_benchmark.record("n", 4)

        def test_after(benchmark_time): pass
        """
    )
    suite.run("--benchmark", "-W", "ignore")
    assert suite.runs("name, call_outcome, state") == [
        ("test_exits_at_once", "passed", "closed"),
        ("test_exits_in_its_time", "passed", "closed"),
        ("test_pool", "passed", "closed"),
        ("test_after", "passed", "closed"),
    ]
    assert suite.query("select state from session") == ["finished"]
    assert suite.is_sound()
    assert suite.helpers() == []


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "worker"])
@pytest.mark.parametrize("forks", ["--forked", "pytestmark = pytest.mark.forked"])
def test_forked_tests_are_recorded_by_their_parent(
    suite: Suite,
    forks: str,
    workers: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pytest_forked")
    plugins = "pytest_forked xdist" if workers else "pytest_forked"
    for plugin in plugins.split():
        pytest.importorskip(plugin)
    options = [*workers, *([forks] if forks == "--forked" else ())]
    suite.write(
        f"import pytest\n{'' if forks in options else forks}\n"
        """
import os, signal

def test_timed(benchmark_time, test_run_benchmark):
    with benchmark_time:
        test_run_benchmark.peak_memory = 5

@pytest.fixture
def cleaning(benchmark_time):
    yield
    assert False

def test_failed(benchmark_time): assert False
def test_asks_for_nothing(): pass
def test_late(request): request.getfixturevalue("benchmark_time")
def test_teardown(cleaning): pass
def test_killed(benchmark_time): os.kill(os.getpid(), signal.SIGKILL)
""",
        test_then="""
        import os

        def test_after(benchmark_time):
            with open(os.environ["BEHIND"], "a") as behind:
                behind.write("1")
        """,
    )
    # The controller hears of a child's death when its worker is a test further.
    suite.pytester.makeconftest(
        """
        import os, pathlib, time, pytest

        deaths = 0

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_logreport(report):
            global deaths
            if report.when == "???" and "PYTEST_XDIST_WORKER" not in os.environ:
                deaths += 1
                behind = pathlib.Path(os.environ["BEHIND"])
                # In the further round; in the first the worker waits to be given tests.
                while deaths == 2 and behind.stat().st_size < 2:
                    time.sleep(0.001)
            return (yield)
        """
        if workers
        else ""
    )
    monkeypatch.setenv("BEHIND", str(tmp_path / "behind"))
    if "EXITED" in suite.run("-k", "none or timed", *options, plugins=plugins).stdout.str():
        pytest.skip("pytest-forked doesn't work with this pytest")
    done = suite.run("--benchmark", "--benchmark-repeat=2", *options, plugins=plugins)
    done.stdout.fnmatch_lines(["lost: test_suite.py::test_killed (its process died)"])
    for round_number in (1, 2):
        columns = "name, state, phase, call_outcome, teardown_outcome, peak_memory, duration > 0"
        rows = suite.runs(columns, f"round = {round_number}")
        late = ("test_late", "closed", None, "passed", "passed", None, None)
        # Who asks in the call is no benchmarked test before, and not repeated.
        assert rows == [
            ("test_timed", "closed", None, "passed", "passed", 5.0, 1),
            ("test_failed", "closed", None, "failed", "passed", None, None),
            *([late] if round_number == 1 else ()),
            ("test_teardown", "closed", None, "passed", "failed", None, None),
            ("test_killed", "lost", "call", None, None, None, None),
            ("test_after", "closed", None, "passed", "passed", None, None),
        ]
    assert suite.query("select state from session") == ["finished"]
    assert suite.helpers() == []


def test_two_sessions_record_into_one_file_at_once(suite: Suite) -> None:
    # Each waits in its first test until the other has one open, too.
    suite.write(
        """
        import sqlite3, time, pytest

        def test_meet(benchmark_time, pytestconfig):
            until = time.monotonic() + 60
            while True:
                database = sqlite3.connect(pytestconfig.rootpath / "benchmark.db")
                if database.execute("select count(*) from session").fetchone() == (2,):
                    break
                database.close()
                assert time.monotonic() < until
                time.sleep(0.001)

        @pytest.mark.parametrize("n", range(50))
        def test_many(benchmark_time, test_run_benchmark, n):
            test_run_benchmark.record("n", n)
        """
    )
    command = [sys.executable, "-m", "pytest", *suite.arguments("--benchmark", "-q")]
    running = [
        subprocess.Popen(
            command,
            cwd=suite.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        said, _ = process.communicate(timeout=100)
        assert process.returncode == 0, said
        assert "recorded 51 test runs in benchmark.db" in said
    assert suite.query("select state from session") == ["finished", "finished"]
    assert suite.runs("count(*)", "state='closed'") == [102]
    assert suite.is_sound()
    # Of two that close at one instant, each leaves SQLite's files to the other: to who comes next.
    with contextlib.closing(sqlite3.connect(suite.database)) as connection:
        connection.execute("select count(*) from session")
    assert suite.helpers() == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="/proc tells which files are open")
def test_a_child_process_keeps_no_file_of_ours(suite: Suite) -> None:
    # One that outlives the session would keep its lock.
    suite.write(
        """
        import subprocess, sys

        def test_child(benchmark_time):
            ours = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=-1)
            assert b"benchmark.db" not in ours.stdout
        """
    )
    suite.run("--benchmark").assert_outcomes(passed=1)


def test_a_session_whose_lock_file_is_removed_stays_whole(suite: Suite) -> None:
    suite.write(
        """
        import subprocess, sys

        def look(pytestconfig):
            for path in pytestconfig.rootpath.glob("*.lock"):
                path.unlink()
            subprocess.run([sys.executable, "-m", "benchdb", "show"], check=True)

        def test_before(benchmark_time): pass
        def test_looking(benchmark_time, test_run_benchmark, pytestconfig):
            look(pytestconfig)
            test_run_benchmark.record("rows", 3)
        def test_after(benchmark_time): pass
        def test_looking_again(benchmark_time, pytestconfig): look(pytestconfig)
        """
    )
    done = suite.run("--benchmark", "--benchmark-strict")
    done.assert_outcomes(passed=4)
    done.stdout.fnmatch_lines(["recorded 4 test runs in benchmark.db*", "*lost its lock file*"])
    assert suite.query("select state, digest is null from session") == [("finished", 0)]
    assert suite.runs("state, call_outcome") == [("closed", "passed")] * 4
    assert suite.query("select value from measurement where metric='rows'") == [3.0]
    checked = subprocess.run(
        [sys.executable, "-m", "benchdb", "db", "check"], cwd=suite.folder, capture_output=True
    )
    assert checked.returncode == 0, checked.stdout
    assert suite.helpers() == []


#: Dies in the middle of a transaction of which a part is in the file already.
HALF_WRITTEN = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma cache_size=1")
connection.execute("begin")
connection.execute("update test_run set platform = hex(randomblob(90000))")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_half_written_is_undone_and_recorded_into(suite: Suite) -> None:
    suite.write("def test_one(benchmark_time): pass")
    suite.run("--benchmark")
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(suite.database)])
    assert suite.helpers() == ["benchmark.db-journal"]
    suite.run("--benchmark").stdout.fnmatch_lines(["recorded 1 test run in benchmark.db,*"])
    assert suite.query("select count(*), max(length(platform)) < 1000 from test_run") == [(2, 1)]
    assert suite.helpers() == []
