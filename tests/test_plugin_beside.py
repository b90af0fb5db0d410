"""Beside other plugins that measure, order or wrap tests, each as it is installed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

pytestmark = pytest.mark.portable


def test_pytest_benchmark(suite: Suite) -> None:
    pytest.importorskip("pytest_benchmark")
    suite.write(
        """
        def test_ours(benchmark_time):
            with benchmark_time: pass
        def test_theirs(benchmark): benchmark(sum, range(10))
        def test_both(benchmark, benchmark_time):
            with benchmark_time:
                benchmark.pedantic(sum, args=(range(10),), rounds=3)
        """
    )
    done = suite.run(
        *("--benchmark", "--benchmark-min-rounds=2", "--benchmark-max-time=0.01"),
        *("--benchmark-storage=theirs", "--benchmark-json=theirs.json"),
        plugins="benchmark",
    )
    done.assert_outcomes(passed=3)
    assert suite.runs("name, duration > 0") == [("test_ours", 1), ("test_both", 1)]
    assert (suite.folder / "theirs.json").exists()
    suite.run("--benchmark-auto", "--benchmark-only", plugins="benchmark")
    assert suite.runs("name, setup_outcome", "session_id=2") == [
        ("test_ours", "skipped"),
        ("test_theirs", "passed"),
        ("test_both", "passed"),
    ]


def test_pytest_monitor(suite: Suite) -> None:
    pytest.importorskip("pytest_monitor")
    suite.write(
        """
        import time

        def test_ours(benchmark_time, auto_benchmark_time):
            with benchmark_time: pass
        def test_theirs(): pass
        class TestClass:
            def test_method(self, auto_benchmark_time): assert False
        """
    )
    if "AttributeError" in suite.run("-k", "theirs", plugins="monitor").stdout.str():
        pytest.skip("pytest-monitor doesn't work with this pytest")
    done = suite.run("--benchmark", plugins="monitor")
    done.assert_outcomes(passed=2, failed=1)
    assert suite.runs("name, call_outcome, duration > 0") == [
        ("test_ours", "passed", 1),
        ("TestClass::test_method", "failed", 1),
    ]
    connection = sqlite3.connect(suite.folder / ".pymon")
    try:
        (theirs,) = connection.execute(
            "select count(distinct item) from test_metrics where item_variant like '%ours%'"
        ).fetchone()
    finally:
        connection.close()
    assert theirs == 1


def test_pytest_randomly(suite: Suite) -> None:
    pytest.importorskip("pytest_randomly")
    suite.write(
        """
        import pytest
        @pytest.mark.parametrize("n", range(6))
        def test_many(benchmark_time, n): pass
        """
    )
    suite.run("--benchmark", "-p", "randomly", "-p", "no:cacheprovider", "--benchmark-repeat=2")
    first, second = (suite.runs("name", f"round={number}") for number in (1, 2))
    assert first == second
    assert len(set(first)) == 6


def test_pytest_cov_and_debugging_options(suite: Suite) -> None:
    pytest.importorskip("pytest_cov")
    suite.write("def test_one(benchmark_time, capsys): print('said')")
    done = suite.run("--benchmark", "--cov=.", "--durations=3", "-s", plugins="pytest_cov")
    done.assert_outcomes(passed=1)
    suite.run("--benchmark", "--junit-xml=junit.xml", "-rA").assert_outcomes(passed=1)
    assert "test_one" in (suite.folder / "junit.xml").read_text()
    assert suite.runs("name, state") == [("test_one", "closed")] * 2


def test_a_plugin_that_runs_tests_in_its_own_way(suite: Suite) -> None:
    # As some runners do, it makes the phases itself and logs what they report.
    suite.write(
        "def test_one(benchmark_time): pass\ndef test_two(auto_benchmark_time): pass",
        conftest="""
        import pytest
        from _pytest.runner import runtestprotocol

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """,
    )
    suite.run("--benchmark").assert_outcomes(passed=2)
    assert suite.runs("name, call_outcome, state") == [
        ("test_one", "passed", "closed"),
        ("test_two", "passed", "closed"),
    ]


def test_a_user_hook_that_fails_leaves_no_row_open(suite: Suite) -> None:
    suite.write(
        "def test_one(benchmark_time): pass\ndef test_two(benchmark_time): pass",
        conftest="""
        def pytest_runtest_call(item):
            if item.name == "test_one":
                raise RuntimeError("of a hook")
        """,
    )
    suite.run("--benchmark").assert_outcomes(passed=1, failed=1)
    assert suite.runs("name, call_outcome, state") == [
        ("test_one", "failed", "closed"),
        ("test_two", "passed", "closed"),
    ]
