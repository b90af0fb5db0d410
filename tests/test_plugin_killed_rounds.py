"""Processes killed in a further round or attempt: the row says which, and in which phase."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

PHASES = pytest.mark.parametrize("phase", ["setup", "call", "teardown"])

#: Dies once, in the phase that DIE_IN names, when the test runs the DIE_AT-th time.
SUITE = """
    import os, pathlib, signal, pytest

    FOLDER = pathlib.Path(__file__).parent
    RUNS = []

    def die(phase):
        at = len(RUNS) + (phase == "setup")
        if (os.environ["DIE_IN"], int(os.environ["DIE_AT"])) == (phase, at):
            try:
                (FOLDER / "died").touch(exist_ok=False)  # of two workers one
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    @pytest.fixture
    def around(benchmark_time):
        die("setup")
        RUNS.append(1)
        yield
        die("teardown")

    def test_dying(around):
        die("call")
        assert "FAIL" not in os.environ or len(RUNS) > 1

    def test_other(benchmark_time): pass
    def test_asks_for_nothing(): pass
"""

OUTCOMES = {
    "setup": (None, None),
    "call": ("passed", None),
    "teardown": ("passed", "passed"),
}


@PHASES
@pytest.mark.parametrize("workers", ["none", "load", "each", "loadfile"])
def test_a_kill_in_a_further_round_is_told_with_its_round_and_phase(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, phase: str, workers: str
) -> None:
    suite.write(SUITE)
    monkeypatch.setenv("DIE_IN", phase)
    monkeypatch.setenv("DIE_AT", "2")
    options = ["--benchmark", "--benchmark-repeat=3"]
    if workers == "none":
        assert suite.run(*options).ret == -9
    else:
        pytest.importorskip("xdist")
        options += ["-n", "2" if workers == "each" else "1", "--dist", workers]
        done = suite.run(*options, plugins="xdist")
        assert done.ret == pytest.ExitCode.TESTS_FAILED
        done.stdout.fnmatch_lines(["lost: test_suite.py::test_dying (its process died)"])
    state = "open" if workers == "none" else "lost"
    columns = "name, round, attempt, phase, setup_outcome, call_outcome"
    assert suite.runs(columns, f"state = '{state}'") == [
        ("test_dying", 2, 1, phase, *OUTCOMES[phase])
    ]
    closed = suite.runs("name, round", "state = 'closed'")
    assert set(suite.runs("distinct state")) == {state, "closed"}
    if workers == "each":
        assert closed.count(("test_dying", 1)) == 2
        assert closed.count(("test_dying", 3)) == 1
    else:
        assert closed == [("test_dying", 1), ("test_other", 1)]
    assert suite.is_sound()


@PHASES
@pytest.mark.parametrize("at", [1, 2])
def test_a_worker_killed_before_an_attempt_is_over_is_told_with_attempt_and_phase(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, phase: str, at: int
) -> None:
    # pytest-rerunfailures tells of an attempt's phases only when all of them are over.
    pytest.importorskip("xdist")
    pytest.importorskip("pytest_rerunfailures")
    suite.write(SUITE)
    monkeypatch.setenv("DIE_IN", phase)
    monkeypatch.setenv("DIE_AT", str(at))
    monkeypatch.setenv("FAIL", "1")
    suite.run("--benchmark", "-n", "1", "--reruns", "2", plugins="xdist rerunfailures")
    setup, call = OUTCOMES[phase]
    if at == 1 and call:
        call = "failed"
    columns = "round, attempt, phase, setup_outcome, call_outcome, phase_start between start and"
    assert suite.runs(f'{columns} "end"', "state = 'lost'") == [(1, at, phase, setup, call, 1)]
    attempts = suite.runs("attempt, state", "name = 'test_dying'")
    assert attempts[at - 1] == (at, "lost")
    assert attempts[-1] == (at + 1 if at == 2 else len(attempts), "closed")
    assert suite.runs("distinct state", "name = 'test_other'") == ["closed"]


@PHASES
def test_a_lost_test_began_by_its_workers_clock_however_late_the_controller_hears_of_it(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    pytest.importorskip("xdist")
    suite.write(
        SUITE,
        conftest="""
        import os, pathlib, pytest, time

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logstart(nodeid):
            heard = pathlib.Path(__file__).with_name("heard")
            if "dying" in nodeid and "PYTEST_XDIST_WORKER" not in os.environ:
                while not heard.with_name("died").exists():
                    time.sleep(0.01)
                if not heard.exists():
                    heard.write_text(str(time.time()))
        """,
    )
    monkeypatch.setenv("DIE_IN", phase)
    monkeypatch.setenv("DIE_AT", "1")
    suite.run("--benchmark", "-n", "1", plugins="xdist")
    heard = float((suite.folder / "heard").read_text())
    (row,) = suite.runs('start, phase_start, "end"', "state = 'lost'")
    start, phase_start, end = (datetime.fromisoformat(f"{one}+00:00").timestamp() for one in row)
    assert start <= phase_start < heard < end


def test_a_test_that_asks_late_has_a_row_from_then_on(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write(
        """
        import os, signal, pytest

        def test_late(request):
            request.getfixturevalue("benchmark_time")
            if "LIVE" not in os.environ:
                os.kill(os.getpid(), signal.SIGKILL)

        def test_never():
            if "LIVE" not in os.environ:
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    columns = "name, state, phase, setup_outcome, call_outcome"
    assert suite.run("--benchmark").ret == -9
    assert suite.runs(columns) == [("test_late", "open", "call", "passed", None)]
    pytest.importorskip("xdist")
    suite.run("--benchmark", "-n", "1", plugins="xdist").assert_outcomes(failed=2)
    lost = ("test_late", "lost", "call", "passed", None)
    assert suite.runs(columns) == [lost, lost]
    monkeypatch.setenv("LIVE", "1")
    suite.run("--benchmark").assert_outcomes(passed=2)
    assert suite.runs(columns, "session_id = 3") == [
        ("test_late", "closed", None, "passed", "passed")
    ]
    assert suite.helpers() == []


def test_subtests_fail_their_test_but_do_not_end_its_call(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.write(
        """
        import os

        def test_going_on(benchmark_time, subtests):
            for number in range(3):
                with subtests.test(number=number):
                    assert number != 1

        def test_dying(benchmark_time, subtests):
            with subtests.test("only"):
                pass
            os.kill(os.getpid(), 9)
        """
    )
    if not hasattr(pytest, "Subtests"):
        pytest.skip("this pytest has no subtests")
    for plugins, options, state in ("xdist", ("-n", "1"), "lost"), ("", (), "open"):
        suite.run("--benchmark", *options, plugins=plugins)
        columns = "name, state, phase, call_outcome"
        assert suite.runs(columns, "session_id = (select max(session_id) from test_run)") == [
            ("test_going_on", "closed", None, "failed"),
            ("test_dying", state, "call", None),
        ]


def test_a_test_that_dies_in_its_setup_and_asks_for_nothing_has_no_row(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.write(
        """
        import os, signal, pytest

        @pytest.fixture
        def dying(): os.kill(os.getpid(), signal.SIGKILL)

        def test_asks_for_nothing(dying): pass
        def test_other(benchmark_time): pass
        """
    )
    done = suite.run("--benchmark", "-n", "1", plugins="xdist")
    done.assert_outcomes(passed=1, failed=1)
    assert suite.runs("name, state") == [("test_other", "closed")]


def test_rounds_that_a_dead_worker_took_with_it_are_spoken_of(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.write(
        """
        import os, signal

        def test_first(benchmark_time): pass
        def test_dies(benchmark_time): os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = suite.run("--benchmark", "--benchmark-repeat", "3", "-n", "1", plugins="xdist")
    done.stdout.fnmatch_lines(
        ["*test_suite.py::test_first: only 1 of 3 rounds ran, as a worker died"]
    )
    assert suite.runs("name, round, state") == [
        ("test_first", 1, "closed"),
        ("test_dies", 1, "lost"),
    ]
