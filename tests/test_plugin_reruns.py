"""Beside pytest-rerunfailures and pytest-timeout: attempts are rows, time-outs have a phase."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

pytestmark = pytest.mark.portable

SERIAL_AND_XDIST = pytest.mark.parametrize(
    ("plugins", "options"),
    [("", ()), ("xdist", ("-n", "2", "--dist", "loadfile"))],
    ids=["one process", "workers"],
)


@SERIAL_AND_XDIST
def test_each_attempt_of_a_test_is_a_row(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    for module in ("pytest_rerunfailures", *plugins.split()):
        pytest.importorskip(module)
    suite.write(
        """
        import pytest

        SEEN = {}

        def fail_until(name, attempt):
            SEEN[name] = SEEN.get(name, 0) + 1
            assert SEEN[name] >= attempt

        @pytest.fixture
        def flaky_setup(benchmark_time): fail_until("setup", 2)

        @pytest.fixture
        def flaky_teardown(benchmark_time):
            yield
            fail_until("teardown", 2)

        def test_call(benchmark_time, test_run_benchmark):
            test_run_benchmark.record("attempt", SEEN.get("call", 0) + 1)
            fail_until("call", 3)
        def test_setup(flaky_setup): pass
        def test_teardown(flaky_teardown): pass
        def test_never(benchmark_time): assert False
        def test_steady(benchmark_time): pass
        def test_asks_for_nothing(): fail_until("none", 2)
        @pytest.mark.flaky(reruns=1)
        class TestMarked:
            def test_method(self, auto_benchmark_time): fail_until("method", 2)
        """
    )
    suite.run("--benchmark", "--reruns", "2", *options, plugins=f"rerunfailures {plugins}")
    assert suite.runs("name, attempt, round, setup_outcome, call_outcome, teardown_outcome") == [
        ("test_call", 1, 1, "passed", "failed", "passed"),
        ("test_call", 2, 1, "passed", "failed", "passed"),
        ("test_call", 3, 1, "passed", "passed", "passed"),
        ("test_setup", 1, 1, "failed", None, "passed"),
        ("test_setup", 2, 1, "passed", "passed", "passed"),
        ("test_teardown", 1, 1, "passed", "passed", "failed"),
        ("test_teardown", 2, 1, "passed", "passed", "passed"),
        ("test_never", 1, 1, "passed", "failed", "passed"),
        ("test_never", 2, 1, "passed", "failed", "passed"),
        ("test_never", 3, 1, "passed", "failed", "passed"),
        ("test_steady", 1, 1, "passed", "passed", "passed"),
        ("TestMarked::test_method", 1, 1, "passed", "failed", "passed"),
        ("TestMarked::test_method", 2, 1, "passed", "passed", "passed"),
    ]
    assert suite.runs("distinct state") == ["closed"]
    assert suite.query("select value from measurement where metric='attempt'") == [1, 2, 3]
    assert suite.runs("duration > 0", "name like 'TestMarked%'") == [1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="time-outs by signal need signals")
def test_a_time_out_by_signal_is_a_failure(suite: Suite) -> None:
    pytest.importorskip("pytest_timeout")
    suite.write(
        """
        import time, pytest

        @pytest.fixture
        def slow(benchmark_time): time.sleep(60)
        @pytest.fixture
        def slow_to_end(benchmark_time):
            yield
            time.sleep(60)

        @pytest.mark.timeout(0.2)
        def test_call(benchmark_time):
            with benchmark_time:
                time.sleep(60)
        @pytest.mark.timeout(0.2)
        def test_setup(slow): pass
        @pytest.mark.timeout(0.2)
        def test_teardown(slow_to_end): pass
        def test_after(benchmark_time): pass
        """
    )
    suite.run("--benchmark", "--timeout-method=signal", plugins="timeout")
    assert suite.outcomes() == {
        "test_call": ("passed", "failed", "passed", "closed"),
        "test_setup": ("failed", None, "passed", "closed"),
        "test_teardown": ("passed", "passed", "failed", "closed"),
        "test_after": ("passed", "passed", "passed", "closed"),
    }
    assert suite.runs("duration > 0", "name='test_call'") == [1]


def test_a_time_out_that_ends_the_process_leaves_a_lost_row(suite: Suite) -> None:
    pytest.importorskip("pytest_timeout")
    suite.write(
        """
        import time, pytest

        def test_before(benchmark_time): pass

        @pytest.mark.timeout(0.2)
        def test_hanging(benchmark_time, pytestconfig):
            mark = pytestconfig.rootpath / "hung"
            if not mark.exists():
                mark.touch()
                time.sleep(60)
        """
    )
    done = suite.run("--benchmark", "--timeout-method=thread", plugins="timeout")
    assert done.ret == 1
    assert suite.runs("name, state, phase") == [
        ("test_before", "closed", None),
        ("test_hanging", "open", "call"),
    ]
    suite.run("--benchmark", "--timeout-method=thread", plugins="timeout").assert_outcomes(passed=2)
    assert suite.runs("name, state, phase", "session_id=1") == [
        ("test_before", "closed", None),
        ("test_hanging", "lost", "call"),
    ]
    assert suite.query("select state from session") == ["lost", "finished"]


def test_a_time_out_that_ends_a_worker_leaves_a_lost_row(suite: Suite) -> None:
    pytest.importorskip("pytest_timeout")
    pytest.importorskip("xdist")
    suite.write(
        """
        import time, pytest

        @pytest.mark.timeout(0.2)
        def test_hanging(benchmark_time): time.sleep(60)
        def test_after(benchmark_time): pass
        """
    )
    suite.run("--benchmark", "-n", "1", "--timeout-method=thread", plugins="timeout xdist")
    assert suite.runs("name, state, phase") == [
        ("test_hanging", "lost", "call"),
        ("test_after", "closed", None),
    ]
