"""What tests do to the ground that the plugin stands on, and values that no column should take."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

pytestmark = pytest.mark.portable


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


def test_no_unit_of_a_metric_makes_a_file_unusable(suite: Suite) -> None:
    suite.write("""
        def test_one(test_run_benchmark):
            test_run_benchmark.record("a", 1.0, unit="column:foo")
            test_run_benchmark.record("b", 1.0, unit="column:float")
            test_run_benchmark.record("b", 2.0, unit="column:float")
            test_run_benchmark.record("c", 2.0, unit="Column:text")
            test_run_benchmark.record("good", 1)
    """)
    for _ in range(2):
        done = suite.run("--benchmark")
        assert done.ret == 0
        done.stdout.fnmatch_lines(
            ["*the metric a was not stored: units that begin with 'column:'*"]
        )
    assert suite.query("select state from session") == ["finished"] * 2
    assert suite.query("select metric from measurement") == ["good"] * 2


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


HOSTILE = """
    import datetime, decimal, enum
    import pytest

    class Wild:
        def __no(self, *arguments):
            raise RuntimeError("no")
        __reduce__ = __reduce_ex__ = __eq__ = __bool__ = __float__ = __int__ = __index__ = __no
        __str__ = __repr__ = __hash__ = __len__ = __iter__ = __getattr__ = __no

    class WildText(str):
        def encode(self, *arguments):
            raise RuntimeError("no")
        isascii = __iter__ = __str__ = __eq__ = encode
        __hash__ = str.__hash__

    class WildInteger(int):
        def __int__(self):
            raise RuntimeError("no")
        __index__ = __eq__ = __repr__ = bit_length = __int__
        __hash__ = int.__hash__

    class Colour(enum.IntEnum):
        RED = 2**60 + 1

    ITSELF = []
    ITSELF.append(ITSELF)
    VALUES = {
        "wild": Wild(), "text": WildText("x"), "integer": WildInteger(5), "huge": 10**400,
        "hugest": 10**5000, "surrogate": chr(0xD800), "nul": "a" + chr(0), "itself": ITSELF,
        "keys": {Wild: Wild()}, "enum": Colour.RED, "decimal": decimal.Decimal("1e999"),
        "infinite": float("inf"), "nan": float("nan"), "bytes": b"x", "complex": 1j,
        "instant": datetime.datetime(9999, 1, 1), "delta": datetime.timedelta.max, "type": Wild,
    }
    try:
        import numpy, pandas
    except ImportError:
        pass
    else:
        VALUES |= {
            "numpy": numpy.float32(1.5), "array": numpy.arange(3), "day": numpy.datetime64("NaT"),
            "scalar": numpy.array(7), "stamp": pandas.Timestamp(1), "nat": pandas.NaT,
            "na": pandas.NA, "frame": pandas.DataFrame({"a": [1]}), "dtype": numpy.dtype("f8"),
        }
    COLUMNS = ["peak_memory", "compute_time", "cluster_name", "start", "end", "no_column"]

    @pytest.mark.parametrize("name", VALUES)
    def test_value(test_run_benchmark, name):
        value = VALUES[name]
        for column in COLUMNS:
            setattr(test_run_benchmark, column, value)
        test_run_benchmark.record("value", value)
        test_run_benchmark.record("value", 1.0)
        test_run_benchmark.record(value, 1.0, value, value)
        test_run_benchmark.attach(value, value)
"""


@pytest.mark.parametrize("plugins", ["", "xdist"])
def test_no_value_of_a_test_does_harm(suite: Suite, plugins: str) -> None:
    for module in plugins.split():
        pytest.importorskip(module)
    suite.write(HOSTILE)
    done = suite.run("--benchmark", *(["-n", "2"] if plugins else []), plugins=plugins)
    assert done.ret == 0, done.stdout.str()
    (tests,) = suite.runs("count(*)")
    done.assert_outcomes(passed=tests)
    assert suite.runs("distinct state || call_outcome") == ["closedpassed"]
    instants = """typeof(start) = 'text' and typeof("end") = 'text' and length(start) = 26"""
    assert suite.runs(f"count(*), sum({instants} and julianday(start) > 0)") == [(tests, tests)]
    assert suite.query("select distinct typeof(compute_time) from test_run order by 1") == [
        "null",
        "real",
    ]
    recorded = "select count(*) from measurement where metric = 'value' and value = 1.0"
    assert suite.query(recorded)[0] > tests / 2
    known = dict(suite.runs("name, cluster_name"))
    assert known["test_value[surrogate]"].lower() == "\\ud800"
    assert suite.query("select count(*) from measurement, json_each(rounds)")[0] > 0
    assert suite.is_sound()
    assert suite.helpers() == []


def test_rounds_are_json_whatever_was_measured(suite: Suite) -> None:
    suite.write("""
        def test_one(test_run_benchmark):
            for value in (1.5, float("inf"), float("-inf"), float("nan")):
                test_run_benchmark.record("rate", value)
                test_run_benchmark.record("none", float("nan"))
            test_run_benchmark.record("one", float("inf"))
    """)
    suite.run("--benchmark").assert_outcomes(passed=1)
    assert suite.query(
        "select key, atom from measurement, json_each(rounds) where metric = 'rate' order by key"
    ) == [(0, 1.5), (1, float("inf")), (2, float("-inf")), (3, None)]
    stored = dict(suite.query("select metric, rounds from measurement"))
    assert json.loads(stored["rate"], parse_constant=pytest.fail)[1:3] == [
        float("inf"),
        float("-inf"),
    ]
    assert suite.query("select metric, value, n from measurement order by metric") == [
        ("none", None, 4),
        ("one", float("inf"), None),
        ("rate", 1.5, 4),
    ]


def test_with_auto_a_timed_block_is_the_duration(suite: Suite) -> None:
    suite.write(
        """
        import time

        def test_block(benchmark_time):
            time.sleep(0.2)
            with benchmark_time:
                pass

        def test_only_a_part(benchmark_time):
            with benchmark_time("part"):
                pass
            time.sleep(0.2)

        def test_block_in_setup(measured):
            time.sleep(0.2)

        def test_raises(benchmark_time):
            with benchmark_time:
                raise ValueError
    """,
        conftest="""
        import pytest

        @pytest.fixture
        def measured(benchmark_time):
            with benchmark_time:
                pass
    """,
    )
    suite.run("--benchmark-auto")
    assert suite.runs("name, duration > 0.1") == [
        ("test_block", 0),
        ("test_only_a_part", 1),
        ("test_block_in_setup", 0),
        ("test_raises", 0),
    ]
    assert suite.query("select count(*) from measurement where metric = 'cpu_time'") == [4]
