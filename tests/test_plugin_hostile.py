"""What tests do to the ground that the plugin stands on, and values that no column should take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite


def test_the_rootdir_never_depends_on_where_the_database_is(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = suite.folder / "project"
    project.mkdir()
    (suite.folder / "records").mkdir()
    (project / "pyproject.toml").write_text("[project]\nname = 'subject'\nversion = '1'\n")
    (project / "test_one.py").write_text("def test_one(benchmark_time): pass\n")
    monkeypatch.chdir(project)
    for _ in range(2):
        refused = suite.run("--benchmark", "--benchmark-db", "../records/a.db")
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        refused.stderr.fnmatch_lines(["*write --benchmark-db=../records/a.db: after a space*"])
        assert suite.run("--benchmark", "--benchmark-db=../records/a.db").ret == 0
    recorded = suite.folder / "records" / "a.db"
    assert suite.runs("path", database=recorded) == ["test_one.py"] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_that_returns_into_pytest_leaves_the_session_alone(suite: Suite) -> None:
    suite.write("""
        import os
        import sqlite3

        def test_fork(benchmark_time):
            if os.fork() == 0:
                raise KeyboardInterrupt
            os.wait()

        def test_after(benchmark_time):
            (state,) = sqlite3.connect("benchmark.db").execute("select state from session")
            assert state == ("open",)
    """)
    suite.pytester.runpytest_subprocess(*suite.arguments("--benchmark", "-s"))
    assert suite.query("select state from session") == ["finished"]
    assert suite.runs("name, call_outcome") == [("test_fork", "passed"), ("test_after", "passed")]


def test_clocks_that_a_test_stops_go_on_for_the_recorder(suite: Suite) -> None:
    suite.write("""
        import datetime, sys, time
        import pytest

        @pytest.fixture(autouse=True)
        def stopped(monkeypatch):
            # As freezegun does: in every module that holds a clock.
            real = {time.perf_counter, time.process_time, time.time}
            for module in list(sys.modules.values()):
                for name, value in list(vars(module).items()) if module else ():
                    if callable(value) and type(value) is type(time.time) and value in real:
                        monkeypatch.setattr(module, name, lambda: 0.0)

        def test_one(benchmark_time):
            with benchmark_time:
                sum(range(100_000))
    """)
    assert suite.run("--benchmark-auto").ret == 0
    (duration,) = suite.runs("duration")
    assert duration > 0


def test_recording_takes_any_value_without_an_error(suite: Suite) -> None:
    suite.write("""
        class Wild:
            def __float__(self):
                raise RuntimeError("no")

        def test_one(test_run_benchmark):
            test_run_benchmark.record("huge", 10**400)
            test_run_benchmark.record("wild", Wild())
            test_run_benchmark.record("good", 1)
            test_run_benchmark.peak_memory = Wild()
            test_run_benchmark.name = "evil"
            test_run_benchmark.call_outcome = "evil"
            test_run_benchmark.attach("log", "https://user:hunter22@host/x")
            test_run_benchmark.cluster_dump_url = "https://user:hunter22@host/y"
    """)
    done = suite.run("--benchmark")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*test_run.name is kept by benchdb*", "*huge was not recorded*"])
    assert suite.runs("name, call_outcome, peak_memory") == [("test_one", "passed", None)]
    assert suite.query("select metric from measurement") == ["good"]
    urls = suite.runs("cluster_dump_url") + suite.query("select url from artifact")
    assert len(urls) == 2
    assert not any("hunter22" in url for url in urls)


def test_benchmark_time_takes_the_same_calls_with_and_without_recording(suite: Suite) -> None:
    suite.write("""
        import asyncio
        import pytest

        def test_blocks(benchmark_time):
            async def block():
                async with benchmark_time, benchmark_time("part"):
                    pass
            asyncio.run(block())

        def test_a_part_without_a_name(benchmark_time):
            with pytest.raises(TypeError, match="name"):
                benchmark_time()
    """)
    suite.run().assert_outcomes(passed=2)
    suite.run("--benchmark").assert_outcomes(passed=2)
    assert suite.query("select metric from measurement") == ["duration.part"]


def test_collecting_only_lists_a_repeated_test_once(suite: Suite) -> None:
    suite.write("def test_one(benchmark_time): pass")
    done = suite.run("--benchmark", "--benchmark-repeat=3", "--collect-only", "-q")
    done.stdout.fnmatch_lines(["1 test collected*"])
    assert not suite.database.exists()
