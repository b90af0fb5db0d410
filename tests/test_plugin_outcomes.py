"""The rows that outcomes of every kind leave, as serial pytest and as a worker of pytest-xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

pytestmark = pytest.mark.portable

SERIAL_AND_XDIST = pytest.mark.parametrize(
    ("plugins", "options"), [("", ()), ("xdist", ("-n", "2"))], ids=["one process", "workers"]
)

OUTCOMES = """
    import pytest

    pytestmark = pytest.mark.usefixtures("benchmark_time")

    @pytest.fixture
    def fails(): assert False
    @pytest.fixture
    def skips(): pytest.skip("in a fixture")
    @pytest.fixture
    def fails_later():
        yield
        assert False

    def test_passed(): pass
    def test_failed(): assert False
    @pytest.mark.skip(reason="always")
    def test_skip_mark(): pass
    @pytest.mark.skipif("True", reason="always")
    def test_skipif(): pass
    def test_skip_in_fixture(skips): pass
    def test_skip_in_body(): pytest.skip("here")
    @pytest.mark.xfail
    def test_xfailed(): assert False
    @pytest.mark.xfail
    def test_xpassed(): pass
    @pytest.mark.xfail(strict=True)
    def test_xpassed_strict(): pass
    @pytest.mark.xfail(run=False)
    def test_xfail_not_run(): pass
    @pytest.mark.xfail(raises=KeyError)
    def test_xfail_of_another_kind(): assert False
    def test_xfail_in_body(): pytest.xfail("here")
    @pytest.mark.xfail
    def test_xfail_in_setup(fails): pass
    def test_setup_error(fails): pass
    def test_teardown_error(fails_later): pass
    def test_failed_and_teardown_error(fails_later): assert False
    def test_absent_fixture(no_such_fixture): pass
    @pytest.mark.parametrize("path", ["a/b", "x::y", "[z]", "é\\n", "a@b"])
    @pytest.mark.parametrize("n", [1])
    def test_parameters(n, path): pass

    class TestClass:
        class TestInner:
            def test_method(self): pass

    @pytest.mark.parametrize("n", [])
    def test_no_parameters(n): pass
"""

#: pytest's name for what has no parameter.
NO_PARAMETERS = "NOTSET" if pytest.version_tuple >= (8, 4) else "n0"

EXPECTED = {
    "test_passed": ("passed", "passed", "passed"),
    "test_failed": ("passed", "failed", "passed"),
    "test_skip_mark": ("skipped", None, "passed"),
    "test_skipif": ("skipped", None, "passed"),
    "test_skip_in_fixture": ("skipped", None, "passed"),
    "test_skip_in_body": ("passed", "skipped", "passed"),
    "test_xfailed": ("passed", "xfailed", "passed"),
    "test_xpassed": ("passed", "xpassed", "passed"),
    "test_xpassed_strict": ("passed", "failed", "passed"),
    "test_xfail_not_run": ("xfailed", None, "passed"),
    "test_xfail_of_another_kind": ("passed", "failed", "passed"),
    "test_xfail_in_body": ("passed", "xfailed", "passed"),
    "test_xfail_in_setup": ("xfailed", None, "passed"),
    "test_setup_error": ("failed", None, "passed"),
    "test_teardown_error": ("passed", "passed", "failed"),
    "test_failed_and_teardown_error": ("passed", "failed", "failed"),
    "test_absent_fixture": ("failed", None, "passed"),
    "test_parameters[1-a/b]": ("passed", "passed", "passed"),
    "test_parameters[1-x::y]": ("passed", "passed", "passed"),
    "test_parameters[1-[z]]": ("passed", "passed", "passed"),
    r"test_parameters[1-\xe9\n]": ("passed", "passed", "passed"),
    "test_parameters[1-a@b]": ("passed", "passed", "passed"),
    "TestClass::TestInner::test_method": ("passed", "passed", "passed"),
    f"test_no_parameters[{NO_PARAMETERS}]": ("skipped", None, "passed"),
}


@SERIAL_AND_XDIST
def test_every_outcome_of_each_phase_is_in_the_row(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    pytest.importorskip(plugins or "pytest")
    suite.write(OUTCOMES)
    done = suite.run("--benchmark", *options, plugins=plugins)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    expected = {name: (*phases, "closed") for name, phases in EXPECTED.items()}
    assert suite.outcomes() == expected
    assert suite.runs("count(*)", '"end" is null or phase is not null') == [0]
    assert set(suite.runs("originalname, path", "name like 'test_parameters%'")) == {
        ("test_parameters", "test_suite.py")
    }
    assert suite.runs("originalname", "name like 'TestClass%'") == [
        "TestClass::TestInner::test_method"
    ]
    assert suite.query("select state, xdist_workers from session") == [
        ("finished", 2 if plugins else None)
    ]
    assert suite.is_sound()
    assert suite.helpers() == []


@SERIAL_AND_XDIST
def test_every_test_is_recorded_with_no_fixture_at_all(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    for module in ("pytest_asyncio", "anyio", *plugins.split()):
        pytest.importorskip(module)
    suite.write(
        '''
        """
        >>> 1 + 1
        2
        """
        import unittest, pytest

        class TestCase(unittest.TestCase):
            def test_method(self): pass
            def test_failing(self): self.fail()
            @unittest.skip("always")
            def test_skipped(self): pass
            @unittest.expectedFailure
            def test_expected(self): self.fail()

        class TestAsyncCase(unittest.IsolatedAsyncioTestCase):
            async def test_async(self): pass

        def documented():
            """
            >>> documented()
            3
            """

        def test_plain(): bytearray(50_000_000)

        def test_block(benchmark_time):
            with benchmark_time:
                pass
            sum(range(1_000_000))

        def test_slow_setup(slow): pass

        @pytest.fixture
        def slow(): sum(range(1_000_000))

        @pytest.mark.asyncio
        async def test_asyncio(): pass

        @pytest.mark.anyio
        async def test_anyio(anyio_backend): pass

        @pytest.fixture
        def anyio_backend(): return "asyncio"
        ''',
        test_other="def test_other(): pass",
    )
    (suite.folder / "test_text.txt").write_text(">>> 'text'\n'text'\n")
    done = suite.run(
        *("--benchmark-auto", "--doctest-modules", *options),
        *("-o", "asyncio_default_fixture_loop_scope=function"),
        plugins=f"asyncio anyio {plugins}",
    )
    done.assert_outcomes(passed=10, failed=2, skipped=1, xfailed=1)
    passed, skipped = (
        ("passed", "passed", "passed", "closed"),
        ("skipped", None, "passed", "closed"),
    )
    failed = ("passed", "failed", "passed", "closed")
    found = suite.outcomes()
    # In which phase unittest's own mark skips depends on the pytest.
    assert found.pop("TestCase::test_skipped") in [skipped, ("passed", "skipped", *passed[2:])]
    assert found == {
        "test_suite": passed,  # the module's doctest
        "test_suite.documented": failed,
        "test_text.txt": passed,
        "TestCase::test_method": passed,
        "TestCase::test_failing": failed,
        "TestCase::test_expected": ("passed", "xfailed", "passed", "closed"),
        "TestAsyncCase::test_async": passed,
        "test_plain": passed,
        "test_block": passed,
        "test_slow_setup": passed,
        "test_asyncio": passed,
        "test_anyio": passed,
        "test_other": passed,
    }
    ran = "call_outcome is not null"
    assert suite.runs("count(*)", f"({ran}) <> (coalesce(duration, 0) > 0)") == [0]
    metrics = suite.query(
        "select name, metric, unit, value "
        "from measurement join test_run using (session_id, ordinal)"
    )
    assert all(value > 0 for *_, value in metrics)
    assert {(metric, unit) for _, metric, unit, _ in metrics} >= {("cpu_time", "s")}
    assert sorted(name for name, metric, *_ in metrics if metric == "cpu_time") == sorted(
        suite.runs("name", ran)
    )
    value = {(name, metric): value for name, metric, _, value in metrics}
    duration = dict(suite.runs("name, duration"))
    assert duration["test_block"] < value["test_block", "cpu_time"]  # its block, not its call
    assert value["test_slow_setup", "cpu_time"] < value["test_block", "cpu_time"]
    if ("test_plain", "process_peak_memory") in value:  # where the system tells
        least = value["test_slow_setup", "process_peak_memory"]
        assert value["test_plain", "process_peak_memory"] > least + 40_000_000


def test_the_session_ends_early_with_the_right_rows(suite: Suite) -> None:
    suite.write(
        """
        def test_1(benchmark_time): pass
        def test_2(benchmark_time): assert False
        def test_3(benchmark_time): pass
        """
    )
    done = suite.run("--benchmark", "-x")
    done.stdout.fnmatch_lines(["*recorded 2 test runs*"])
    assert suite.runs("name, call_outcome, teardown_outcome, state") == [
        ("test_1", "passed", "passed", "closed"),
        ("test_2", "failed", "passed", "closed"),
    ]
    done = suite.run("--benchmark", "--stepwise")
    done = suite.run("--benchmark", "--lf")
    assert suite.runs("name", "session_id=2") == ["test_1", "test_2"]
    assert suite.runs("name", "session_id=3") == ["test_2"]
    assert suite.query("select distinct state from session") == ["finished"]


def test_a_session_that_runs_no_test_leaves_no_row(suite: Suite) -> None:
    suite.write("def test_1(benchmark_time): pass", test_broken="import no_such_module_at_all")
    assert suite.run("--benchmark", "--collect-only", "test_suite.py").ret == 0
    assert suite.run("--benchmark").ret == pytest.ExitCode.INTERRUPTED
    assert not suite.database.exists()
    suite.run("--benchmark", "--continue-on-collection-errors", "--setup-show")
    assert suite.runs("name") == ["test_1"]
    assert suite.query("select state from session") == ["finished"]


CTRL_C = "os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize(
    ("how", "phase"),
    [(CTRL_C, "setup"), (CTRL_C, "call"), (CTRL_C, "teardown"), ("pytest.exit('enough')", "call")],
)
def test_what_an_interrupt_cut_short_is_interrupted(suite: Suite, how: str, phase: str) -> None:
    suite.write(
        f"""
        import os, signal, pytest

        def interrupt(phase):
            if phase == {phase!r}:
                {how}

        @pytest.fixture
        def around(benchmark_time):
            interrupt("setup")
            yield
            interrupt("teardown")

        def test_1(benchmark_time): pass
        def test_2(around): interrupt("call")
        def test_3(benchmark_time): pass
        """
    )
    done = suite.run("--benchmark")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*recorded 2 test runs*"])
    assert suite.runs("name, state, phase") == [
        ("test_1", "closed", None),
        ("test_2", "interrupted", phase),
    ]
    assert suite.runs("count(*)", '"end" is null') == [0]
    assert suite.query("select state, digest is null from session") == [("finished", 0)]


def test_subtests_belong_to_the_row_of_their_test(suite: Suite) -> None:
    plugins = "" if hasattr(pytest, "Subtests") else "subtests"
    if plugins:
        pytest.importorskip("pytest_subtests")
    suite.write(
        """
        import unittest

        def test_subtests(subtests, benchmark_time):
            for n in range(3):
                with subtests.test(n=n), benchmark_time:
                    assert n != 1

        class TestCase(unittest.TestCase):
            def test_method(self):
                for n in range(3):
                    with self.subTest(n=n):
                        self.assertNotEqual(n, 1)
        """
    )
    suite.run("--benchmark-auto", plugins=plugins)
    assert suite.runs("name, state, setup_outcome, teardown_outcome") == [
        ("test_subtests", "closed", "passed", "passed"),
        ("TestCase::test_method", "closed", "passed", "passed"),
    ]
    assert suite.query("select n from measurement where metric='duration'") == [3]
