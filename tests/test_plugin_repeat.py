"""``--benchmark-repeat N``: every benchmarked test N times, each as if it were the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

pytestmark = pytest.mark.portable

SUITE = """
    import os, pathlib, pytest

    LOG = pathlib.Path(__file__).with_name("log")

    def log(*words):
        with LOG.open("a") as stream:
            print(os.environ.get("PYTEST_XDIST_WORKER", "-"), *words, file=stream)

    @pytest.fixture(scope="session", autouse=True)
    def of_session():
        log("session up")
        yield
        log("session down")

    @pytest.fixture(scope="module")
    def of_module(of_session):
        log("module up", __name__)
        yield []
        log("module down", __name__)

    @pytest.fixture
    def of_function():
        return []
"""
TESTS = """
    import pytest

    class TestState:
        def test_fresh(self, benchmark_time, request):
            assert not hasattr(self, "seen")
            self.seen = True
            assert request.instance is self

    def test_fixtures(benchmark_time, of_module, of_function, tmp_path):
        of_function.append(1)
        assert of_function == [1]
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "file").touch()

    def test_failing(test_run_benchmark, of_module):
        print("said", "once", "a round")
        assert False

    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.benchmark_version("2")
    def test_versioned(auto_benchmark_time, n): pass

    def test_asks_for_nothing(): pass
"""
NAMES = [
    *("TestState::test_fresh", "test_fixtures", "test_failing"),
    *("test_versioned[1]", "test_versioned[2]", "test_other"),
]


def write(suite: Suite) -> None:
    suite.write(TESTS, conftest=SUITE, test_zoo="def test_other(benchmark_time, of_module): pass")


def test_the_whole_selection_runs_round_by_round(suite: Suite) -> None:
    write(suite)
    done = suite.run("--benchmark", "--benchmark-repeat", "3", "-v")
    done.assert_outcomes(passed=5 * 3 + 1, failed=3)
    assert suite.runs("name, round, attempt") == [
        (name, round_number, 1) for round_number in (1, 2, 3) for name in NAMES
    ]
    assert suite.runs("distinct version", "name like 'test_versioned%'") == ["2"]
    assert suite.runs("distinct version", "name not like 'test_versioned%'") == [None]
    said = done.stdout.str()
    assert said.count("said once a round") == 3
    assert said.count("test_suite.py::test_fixtures PASSED") == 3
    log = (suite.folder / "log").read_text().splitlines()
    assert log[0] == "- session up"
    assert log[-1] == "- session down"
    assert log.count("- session up") == 1
    ups = [line for line in log if "module up" in line]
    assert len(ups) == len([line for line in log if "module down" in line]) == 6


def test_a_worker_runs_its_own_tests_round_by_round(suite: Suite) -> None:
    pytest.importorskip("xdist")
    write(suite)
    done = suite.run(
        *("--benchmark", "--benchmark-repeat", "3", "-n", "2", "--dist", "loadfile"),
        plugins="xdist",
    )
    done.assert_outcomes(passed=5 * 3 + 1, failed=3)
    for path in ("test_suite.py", "test_zoo.py"):
        rows = suite.runs("name, round", f"path='{path}'")
        names = [name for name in NAMES if (name == "test_other") == (path == "test_zoo.py")]
        assert rows == [(name, round_number) for round_number in (1, 2, 3) for name in names]
    assert suite.runs("distinct state") == ["closed"]
    assert done.stdout.str().count("said once a round") == 3
    log = (suite.folder / "log").read_text().splitlines()
    for worker in ("gw0", "gw1"):
        mine = [line for line in log if line.startswith(worker)]
        assert mine[0].endswith("session up")
        assert mine[-1].endswith("session down")
        assert sum("session" in line for line in mine) == 2
        assert sum("module up" in line for line in mine) == sum(
            "module down" in line for line in mine
        )
    assert suite.helpers() == []


@pytest.mark.parametrize("plugins", ["", "xdist"])
def test_reruns_and_time_outs_are_within_a_round(suite: Suite, plugins: str) -> None:
    for module in ("pytest_rerunfailures", "pytest_timeout", *plugins.split()):
        pytest.importorskip(module)
    suite.write(
        """
        import pytest, unittest

        SEEN = []

        def test_flaky(benchmark_time):
            SEEN.append(1)
            assert len(SEEN) % 2 == 0

        @pytest.mark.timeout(60)
        def test_limited(benchmark_time): pass
        """
    )
    suite.run(
        *("--benchmark", "--benchmark-repeat", "2", "--reruns", "1"),
        *(("-n", "1") if plugins else ()),
        plugins=f"rerunfailures timeout {plugins}",
    )
    assert suite.runs("name, round, attempt, call_outcome, state") == [
        ("test_flaky", 1, 1, "failed", "closed"),
        ("test_flaky", 1, 2, "passed", "closed"),
        ("test_limited", 1, 1, "passed", "closed"),
        ("test_flaky", 2, 1, "failed", "closed"),
        ("test_flaky", 2, 2, "passed", "closed"),
        ("test_limited", 2, 1, "passed", "closed"),
    ]


def test_every_kind_of_test_repeats(suite: Suite) -> None:
    pytest.importorskip("pytest_asyncio")
    suite.write(
        '''
        """
        >>> unittest.__name__
        'unittest'
        """
        import unittest, pytest

        class TestCase(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.ready = True
            @classmethod
            def tearDownClass(cls):
                del cls.ready
            def setUp(self):
                assert self.ready and not hasattr(self, "seen")
                self.seen = True
            def test_method(self): assert self.seen

        @pytest.mark.asyncio
        async def test_async(): pass

        @pytest.mark.xfail
        def test_xfail(): assert False
        '''
    )
    suite.run(
        *("--benchmark-auto", "--benchmark-repeat", "2", "--doctest-modules"),
        *("-o", "asyncio_default_fixture_loop_scope=function"),
        plugins="asyncio",
    )
    expected = ["test_suite", "TestCase::test_method", "test_async", "test_xfail"]
    assert suite.runs("name, round") == [(name, n) for n in (1, 2) for name in expected]
    assert suite.runs("distinct call_outcome", "name <> 'test_xfail'") == ["passed"]


@pytest.mark.parametrize("workers", ["", "xdist"])
def test_what_a_test_notes_on_its_item_is_of_its_round_alone(suite: Suite, workers: str) -> None:
    pytest.importorskip(workers or "pytest")
    suite.write(
        """
        import pytest

        SEEN = []

        def test_noted(benchmark_time, record_property, request):
            record_property("round", len(SEEN))
            assert "slow" not in request.keywords
            assert request.node.get_closest_marker("xfail") is None
            request.node.add_marker("slow")
            request.node.extra_keyword_matches.add("slow")
            SEEN.append(1)
            if len(SEEN) == 1:
                request.node.add_marker(pytest.mark.xfail)
                assert False
        """
    )
    more = ("-n", "1") if workers else ()
    done = suite.run(
        *("--benchmark", "--benchmark-repeat", "3", "-W", "ignore", "--junit-xml=junit.xml", *more),
        plugins=workers,
    )
    done.assert_outcomes(xfailed=1, passed=2)
    said = (suite.folder / "junit.xml").read_text()
    assert [said.count(f'name="round" value="{number}"') for number in range(3)] == [1, 1, 1]


def test_stopping_early_stops_the_rounds(suite: Suite) -> None:
    suite.write("def test_1(benchmark_time): pass\ndef test_2(benchmark_time): assert False")
    suite.run("--benchmark", "--benchmark-repeat", "3", "-x")
    assert suite.runs("name, round") == [("test_1", 1), ("test_2", 1)]
    done = suite.run("--benchmark", "--benchmark-repeat", "0")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*benchdb: --benchmark-repeat takes a whole number from 1 on*"])
