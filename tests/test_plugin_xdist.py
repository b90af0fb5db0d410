"""Recording with pytest-xdist: no row is lost, whoever runs the tests and whoever dies."""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from benchdb.plugin.neighbours import Neighbours

pytest.importorskip("xdist")

if TYPE_CHECKING:
    from suites import Suite

MIXED = """
    import pytest

    @pytest.fixture(scope="session", autouse=True)
    def for_the_session(tmp_path_factory): pass

    @pytest.mark.xdist_group("one")
    @pytest.mark.parametrize("n", range(3))
    def test_grouped(benchmark_time, n): pass

    class TestClass:
        @pytest.mark.xdist_group("a b::c")
        def test_odd_group(self, benchmark_time): pass

    @pytest.mark.parametrize("address", ["a@b", "a@[b]"])
    def test_address(benchmark_time, address): pass

    @pytest.mark.xdist_group("two")
    @pytest.mark.parametrize("address", ["a@b"])
    def test_both(benchmark_time, address): assert False

    def test_late(request): request.getfixturevalue("benchmark_time")
    def test_asks_for_nothing(): pass
"""
NAMES = {
    *("test_grouped[0]", "test_grouped[1]", "test_grouped[2]", "TestClass::test_odd_group"),
    *("test_address[a@b]", "test_address[a@[b]]", "test_both[a@b]", "test_late"),
}
MODES = [
    pytest.param("load", marks=pytest.mark.portable),
    *("loadscope", "loadfile", "loadgroup", "worksteal"),
    pytest.param("each", marks=pytest.mark.portable),
    "no",
]


@pytest.mark.parametrize("mode", MODES)
def test_every_way_to_deal_out_tests_records_each_of_them(suite: Suite, mode: str) -> None:
    suite.write(MIXED)
    inner = suite.pytester.mkdir("inner@folder") / "test_inner.py"
    inner.write_text("def test_inner(benchmark_time): pass\n")
    suite.run("--benchmark", "-n", "2", "--dist", mode, plugins="xdist")
    copies = 2 if mode == "each" else 1
    names = suite.runs("name")
    assert Counter(names) == dict.fromkeys((*NAMES, "test_inner"), copies)
    assert Counter(suite.runs("originalname"))["test_grouped"] == 3 * copies
    assert suite.runs("path", "name = 'test_inner'") == ["inner@folder/test_inner.py"] * copies
    assert set(suite.runs("path", "name <> 'test_inner'")) == {"test_suite.py"}
    assert set(suite.runs("state")) == {"closed"}
    assert suite.runs("call_outcome", "call_outcome <> 'passed'") == ["failed"] * copies
    assert suite.helpers() == []


def test_no_row_of_hundreds_is_lost(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.parametrize("n", range(200))
        def test_many(test_run_benchmark, benchmark_time, n):
            with benchmark_time:
                test_run_benchmark.peak_memory = n
                test_run_benchmark.record("n", n)
        """
    )
    done = suite.run("--benchmark", "-n", "4", plugins="xdist")
    done.assert_outcomes(passed=200)
    done.stdout.fnmatch_lines(["*recorded 200 test runs*"])
    assert sorted(suite.runs("peak_memory")) == list(range(200))
    wrong = "name <> 'test_many[' || cast(value as int) || ']' or value <> peak_memory"
    assert suite.query(
        f"select count(*), sum({wrong}) from measurement join test_run using (session_id, ordinal)"
        " where metric='n'"
    ) == [(200, 0)]
    assert suite.runs("count(*)", "duration is null or state <> 'closed'") == [0]
    assert suite.runs("min(ordinal), max(ordinal), max(beside) between 1 and 3") == [(1, 200, 1)]
    assert suite.is_sound()


DYING = """
    import os, signal, pytest

    def die(name, phase):
        if name == f"test_{phase}":
            os.kill(os.getpid(), signal.SIGKILL)

    @pytest.fixture
    def around(request, benchmark_time):
        die(request.node.name, "setup")
        yield
        die(request.node.name, "teardown")

    def test_setup(around): pass
    def test_call(around): die("test_call", "call")
    def test_teardown(around): pass
    def test_no_row(): os.kill(os.getpid(), signal.SIGKILL)
    @pytest.mark.parametrize("n", range(12))
    def test_other(benchmark_time, n): pass
"""


def test_a_row_says_in_which_phase_its_worker_was_killed(suite: Suite) -> None:
    suite.write(DYING)
    # One worker after the other: pytest-xdist itself fails where two die at one moment.
    done = suite.run("--benchmark", "-n", "1", plugins="xdist")
    done.assert_outcomes(passed=13, failed=4)  # one of them passed, then died
    lost = suite.runs("name, state, phase, setup_outcome, call_outcome", "state <> 'closed'")
    assert sorted(lost) == [
        ("test_call", "lost", "call", "passed", None),
        ("test_setup", "lost", "setup", None, None),
        ("test_teardown", "lost", "teardown", "passed", "passed"),
    ]
    assert len(suite.runs("name", "name like 'test_other%' and state='closed'")) == 12
    assert suite.runs("count(*)", '"end" is null or phase_start > "end"') == [0]
    for name in ("test_setup", "test_call", "test_teardown"):
        done.stdout.fnmatch_lines([f"lost: test_suite.py::{name} (its process died)"])
    assert suite.query("select state from session") == ["finished"]
    assert suite.is_sound()


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        ("-n 2", 2),
        ("--dist=load --tx 2*popen", 2),
        ("--dist=load --tx popen --tx 2*popen", 3),
        ("-n 2 --dist=no", 2),
        ("-n 0", None),
    ],
)
def test_a_session_says_how_many_workers_it_has(
    suite: Suite, options: str, workers: int | None
) -> None:
    suite.write("def test_one(benchmark_time): pass")
    suite.run("--benchmark", *options.split(), plugins="xdist").assert_outcomes(passed=1)
    assert suite.query("select xdist_workers from session") == [workers]


def test_a_lost_row_fails_a_strict_session(suite: Suite) -> None:
    pytest.importorskip("pytest_rerunfailures")
    suite.write(
        """
        import os, signal, time, pytest

        def test_dies_once(benchmark_time, pytestconfig):
            mark = pytestconfig.rootpath / "died"
            if not mark.exists():
                mark.touch()
                time.sleep(1)  # pytest-rerunfailures' controller is still to hear of reruns
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    options = ("--benchmark", "-n", "1", "--reruns", "1")
    assert suite.run(*options, plugins="xdist rerunfailures").ret == 0
    assert suite.runs("attempt, state") == [(1, "lost"), (2, "closed")]
    for path in (suite.database, suite.folder / "died"):
        path.unlink()
    done = suite.run(*options, "--benchmark-strict", plugins="xdist rerunfailures")
    assert suite.runs("attempt, state, phase") == [(1, "lost", "call"), (2, "closed", None)]
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert suite.run(*options, "--benchmark-strict", plugins="xdist rerunfailures").ret == 0


def test_an_open_row_tells_an_xfail_from_a_skip(suite: Suite) -> None:
    suite.write(
        """
        import pathlib, sqlite3, time, pytest

        FOLDER = pathlib.Path(__file__).parent

        @pytest.fixture
        def looks(test_run_benchmark):
            yield
            for _ in range(3000):
                connection = sqlite3.connect(FOLDER / "benchmark.db")
                rows = connection.execute("select call_outcome from test_run").fetchall()
                connection.close()
                if rows != [(None,)]:
                    break
                time.sleep(0.01)
            (FOLDER / "seen").write_text(str(rows))

        @pytest.mark.xfail
        def test_one(looks): assert False
        """
    )
    suite.run("--benchmark", "-n", "1", plugins="xdist").assert_outcomes(xfailed=1)
    assert (suite.folder / "seen").read_text() == "[('xfailed',)]"


def test_a_test_given_twice_is_told_with_its_own_round_where_it_died(suite: Suite) -> None:
    suite.write(
        """
        import os, signal
        SEEN = []

        def test_one(benchmark_time):
            SEEN.append(1)
            if len(SEEN) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    twice = ("--keep-duplicates", "test_suite.py", "test_suite.py")
    suite.run("--benchmark", "-n", "1", "--max-worker-restart=0", *twice, plugins="xdist")
    assert suite.runs("round, state") == [(1, "closed"), (1, "lost")]


def test_what_a_killed_controller_left_is_removed_by_the_next(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = suite.pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    suite.write(
        """
        import os, signal

        def test_one(benchmark_time):
            if "KILL" in os.environ:
                os.kill(os.getppid(), signal.SIGKILL)
        """
    )
    monkeypatch.setenv("KILL", "1")
    assert suite.run("--benchmark", "-n", "1", plugins="xdist").ret == -9
    (left,) = temporary.iterdir()
    monkeypatch.delenv("KILL")
    # As long afterwards that it is none which is just being made.
    os.utime(left / "controller.lock", (0, 0))
    (temporary / "benchdb-of-another-kind").mkdir()
    suite.run("--benchmark", "-n", "1", plugins="xdist").assert_outcomes(passed=1)
    assert [path.name for path in temporary.iterdir()] == ["benchdb-of-another-kind"]


def test_stopping_early_leaves_no_open_row(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.parametrize("n", range(40))
        def test_many(benchmark_time, n):
            assert n != 5
        """
    )
    assert suite.run("--benchmark", "-n", "2", "--maxfail=1", plugins="xdist").ret != 0
    assert suite.query("select state from session") == ["finished"]
    assert suite.runs("distinct state", "name='test_many[5]'") == ["closed"]
    assert set(suite.runs("distinct state")) <= {"closed", "interrupted"}
    assert suite.runs("count(*)", '"end" is null') == [0]


def test_a_row_says_how_many_ran_beside_it(suite: Suite) -> None:
    suite.write(
        """
        import time, pytest

        @pytest.fixture(autouse=True)
        def folder(pytestconfig):
            global FOLDER
            FOLDER = pytestconfig.rootpath

        def wait_for(name):
            until = time.monotonic() + 60
            while not (FOLDER / name).exists():
                assert time.monotonic() < until
                time.sleep(0.001)

        @pytest.mark.xdist_group("left")
        def test_left(benchmark_time):
            (FOLDER / "left").touch()
            wait_for("right")
            wait_for("quiet")

        @pytest.mark.xdist_group("right")
        def test_right(benchmark_time):
            (FOLDER / "right").touch()
            wait_for("left")
            wait_for("quiet")

        @pytest.mark.xdist_group("quiet")
        def test_asks_for_nothing():
            (FOLDER / "quiet").touch()

        @pytest.mark.xdist_group("quiet")
        def test_later(pytestconfig, request):
            wait_for("left")
            wait_for("right")
            request.getfixturevalue("benchmark_time")

        @pytest.mark.xdist_group("left")
        def test_last(benchmark_time): pass
        """
    )
    suite.run("--benchmark", "-n", "3", "--dist", "loadgroup", plugins="xdist")
    beside = dict(suite.runs("name, beside"))
    assert beside["test_left"] in (1, 2)
    assert beside["test_right"] in (1, 2)
    (overlaps,) = suite.query(
        """
        select count(*) from test_run one where beside < (
            select max(at) from (
                select (select count(*) from test_run other
                        where other.start <= instant.start and other.end > instant.start) - 1 as at
                from test_run instant where instant.start >= one.start and instant.start < one.end
            )
        )
        """
    )
    assert overlaps == 0


def test_a_controller_that_hears_late_settles_who_ran_beside_whom() -> None:
    second = [datetime(2026, 1, 1, 0, 0, n, tzinfo=UTC) for n in range(10)]
    neighbours = Neighbours()
    neighbours.begin(1, second[1])
    assert neighbours.end(1, second[1], second[3]) == 0
    neighbours.begin(2, second[6])  # it was heard of four seconds after it began
    assert neighbours.end(2, second[2], second[7]) == 0
    neighbours.begin(3, second[7])
    assert neighbours.end(3, second[7], second[8]) == 0
    neighbours.begin(4, second[8])
    neighbours.cancel(4)
    assert neighbours.settle() == {1: 1, 2: 1}
    assert neighbours.settle() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(
    ("signal", "at_once", "later"),
    [("SIGINT", "interrupted", "finished"), ("SIGKILL", "open", "lost")],
)
def test_the_controller_is_stopped_while_workers_run_tests(
    suite: Suite, signal: str, at_once: str, later: str
) -> None:
    suite.write(
        f"""
        import os, signal, sqlite3, time, pytest

        def test_1(benchmark_time): pass

        def test_2(benchmark_time, pytestconfig):
            if (pytestconfig.rootpath / "stopped").exists():
                return
            uri = "file:" + str(pytestconfig.rootpath / "benchmark.db") + "?mode=ro"
            database = sqlite3.connect(uri, uri=True)
            sql = "select 1 from test_run where name='test_2' and phase='call'"
            until = time.monotonic() + 60
            while not database.execute(sql).fetchall() and time.monotonic() < until:
                time.sleep(0.001)
            database.close()
            (pytestconfig.rootpath / "stopped").touch()
            os.kill(os.getppid(), signal.{signal})
            time.sleep(1)  # what comes of this test is heard no more
        """
    )
    suite.run("--benchmark", "-n", "1", plugins="xdist")
    assert suite.runs("name, state, phase") == [
        ("test_1", "closed", None),
        ("test_2", at_once, "call"),
    ]
    assert suite.is_sound()
    suite.run("--benchmark", "-n", "1", plugins="xdist").assert_outcomes(passed=2)
    assert suite.query("select state from session") == [later, "finished"]
    assert suite.runs("count(*)", '"end" is null') == [0]
    assert suite.helpers() == []
