"""What the fixtures of a benchmarked test record."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites import Suite

SERIAL_AND_XDIST = pytest.mark.parametrize(
    ("plugins", "options"),
    [
        pytest.param("", (), id="one process", marks=pytest.mark.portable),
        pytest.param("xdist", ("-n", "1"), id="a worker"),
    ],
)


@pytest.mark.portable
def test_each_block_is_a_round_and_each_named_block_a_part(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        def test_one(benchmark_time):
            with benchmark_time:
                pass

        def test_three(benchmark_time):
            for _ in range(3):
                with benchmark_time:
                    pass

        def test_parts(benchmark_time):
            with benchmark_time:
                with benchmark_time("load"):
                    pass
                with benchmark_time("work"):
                    pass
                with benchmark_time("work"):
                    pass

        def test_raising(benchmark_time):
            with benchmark_time:
                raise ValueError("in the block")

        def test_caught(benchmark_time):
            with pytest.raises(ValueError):
                with benchmark_time, benchmark_time("part"):
                    raise ValueError

        def test_asks_and_times_nothing(benchmark_time):
            pass

        def test_whole(auto_benchmark_time):
            sum(range(100_000))

        def test_whole_and_block(auto_benchmark_time, benchmark_time):
            with benchmark_time:
                pass
            sum(range(1_000_000))

        def test_many(benchmark_time):
            for _ in range(1500):
                with benchmark_time:
                    pass

        def test_asks_for_nothing():
            pass
        """
    )
    done = suite.run("--benchmark")
    done.assert_outcomes(passed=9, failed=1)
    done.stdout.fnmatch_lines(["*recorded 9 test runs in benchmark.db, session *"])
    duration = dict(suite.runs("name, duration"))
    assert {name for name, value in duration.items() if value is None} == {
        "test_asks_and_times_nothing"
    }
    assert all(value > 0 for value in duration.values() if value is not None)
    rounds = {
        (name, metric): (unit, direction, value, json.loads(rounds or "null"), n)
        for name, metric, unit, direction, value, rounds, n in suite.query(
            "select name, metric, unit, direction, value, rounds, n "
            "from measurement join test_run using (session_id, ordinal)"
        )
    }
    assert rounds.keys() == {
        ("test_three", "duration"),
        ("test_parts", "duration.load"),
        ("test_parts", "duration.work"),
        ("test_caught", "duration.part"),
        ("test_many", "duration"),
    }
    for (name, metric), (unit, direction, value, raw, n) in rounds.items():
        assert (unit, direction) == ("s", "LOWER_IS_BETTER")
        if raw is None:
            assert n is None
            continue
        if n <= 1000:
            assert len(raw) == n
            assert value == statistics.median(raw)
        if metric == "duration":
            assert value == duration[name]
    assert rounds["test_three", "duration"][4] == 3
    assert rounds["test_parts", "duration.work"][4] == 2
    assert rounds["test_many", "duration"][4] == 1500
    assert len(rounds["test_many", "duration"][3]) == 1000
    assert suite.runs("call_outcome", "name='test_raising'") == ["failed"]
    assert suite.runs("count(*)", '"end" is null or start > "end" or phase is not null') == [0]


VALUES = """
    import datetime, enum, math, pytest
    import numpy as np
    from benchdb.store.models import TestRun
    EAST = datetime.timezone(datetime.timedelta(hours=5))

    def test_fit(test_run_benchmark):
        run = test_run_benchmark
        assert isinstance(run, TestRun) and run
        assert run.name == "test_fit" and run.path == "test_suite.py" and run.round == 1
        run.average_memory = np.float64(1.5)
        run.peak_memory = np.int64(2**40)
        run.duration = np.array(3.25)
        run.compute_time = datetime.timedelta(seconds=90)
        run.transfer_time = np.True_
        run.cluster_name = "a\\0b\\ud800c"
        run.cluster_id = 17
        run.start = datetime.datetime(2026, 1, 1, 5, tzinfo=EAST)
        run.end = datetime.datetime(2026, 1, 1, 0, 0, 1)
        run.disk_spill_time = float("nan")
        run.worker_max_tick = math.inf
        run.coiled_runtime_version = np.str_("1.2")

    def test_unfit(test_run_benchmark):
        test_run_benchmark.duration = "fast"
        test_run_benchmark.peak_memory = object()
        test_run_benchmark.average_memory = [1, 2]
        test_run_benchmark.transfer_time = np.arange(3)
        test_run_benchmark.scheduler_cpu_avg = 1j
        test_run_benchmark.end = "yesterday"
        test_run_benchmark.state = "great"
        test_run_benchmark.cluster_name = "kept"

    @pytest.mark.parametrize("number", [1, 2])
    def test_unknown(test_run_benchmark, number):
        test_run_benchmark.n_rows = number
        test_run_benchmark.shape = np.arange(3)
        test_run_benchmark._private = 1
"""


@SERIAL_AND_XDIST
def test_attributes_of_the_row_are_stored_or_spoken_of(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    pytest.importorskip(plugins or "pytest")
    suite.write(VALUES)
    done = suite.run("--benchmark", *options, plugins=plugins)
    done.assert_outcomes(passed=4)
    assert suite.runs(
        "average_memory, peak_memory, duration, compute_time, transfer_time, cluster_name, "
        'cluster_id, start, "end", disk_spill_time, worker_max_tick, coiled_runtime_version',
        "name='test_fit'",
    ) == [
        (
            *(1.5, 2.0**40, 3.25, 90.0, 1.0, r"a\u0000b\ud800c", "17"),
            *("2026-01-01 00:00:00.000000", "2026-01-01 00:00:01.000000"),
            *(None, float("inf"), "1.2"),
        )
    ]
    assert suite.runs(
        "duration, peak_memory, average_memory, transfer_time, scheduler_cpu_avg, state, "
        'cluster_name, "end" > start',
        "name='test_unfit'",
    ) == [(None, None, None, None, None, "closed", "kept", 1)]
    said = done.stdout.str()
    for name in ("duration", "peak_memory", "average_memory", "transfer_time", "scheduler_cpu_avg"):
        assert f"test_suite.py::test_unfit: test_run.{name} was not stored: " in said
    assert "test_unfit: test_run.end was not stored: 'yesterday' is no instant" in said
    assert "test_unfit: test_run.state is kept by benchdb and was not changed" in said
    for name in ("n_rows", "shape"):
        assert said.count(f'use test_run_benchmark.record("{name}", value, unit=…)') == 1
    assert "_private" not in said


@SERIAL_AND_XDIST
def test_any_metric_is_recorded_and_any_file_attached(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    pytest.importorskip(plugins or "pytest")
    suite.write(
        """
        import math, pathlib
        import numpy as np

        def test_metrics(test_run_benchmark):
            run = test_run_benchmark
            run.record("rows", 5)
            run.record("throughput", np.float32(2.5), unit="MB/s", direction="HIGHER_IS_BETTER")
            for value in (3.0, 1.0, 2.0):
                run.record("latency", value, "s", "LOWER_IS_BETTER")
            run.record("latency", 7, "ms")
            run.record("gap", math.nan)
            run.record("gaps", math.nan)
            run.record("gaps", 4)
            run.record("gaps", math.inf)
            run.record("text\\0\\ud800", 1, unit="\\ud800")
            run.record("peak_memory", 10)
            run.record("wrong", "many")
            run.record("odd", 1, direction="UP")

        def test_files(test_run_benchmark, tmp_path):
            file = tmp_path / "profile.txt"
            file.write_text("one")
            test_run_benchmark.attach("profile", file)
            file.write_text("two")
            test_run_benchmark.attach("profile", str(file))
            file.unlink()
            script = tmp_path / "test_script.py"
            script.write_text("raise SystemExit")
            test_run_benchmark.attach("script", script)
            folder = tmp_path / "dump"
            folder.mkdir()
            (folder / "state.json").write_text("{}")
            test_run_benchmark.attach("cluster_dump", folder)
            test_run_benchmark.attach("page", "https://ci.example/run/7/report.html")
            test_run_benchmark.attach("performance_report", "s3://bucket/a/report.html")
            test_run_benchmark.attach("missing", tmp_path / "absent.txt")
        """
    )
    done = suite.run("--benchmark", *options, plugins=plugins)
    done.assert_outcomes(passed=2)
    found = suite.query("select metric, unit, direction, value, rounds, n from measurement")
    assert sorted(found, key=str) == sorted(
        [
            ("rows", "1", None, 5.0, None, None),
            ("throughput", "MB/s", "HIGHER_IS_BETTER", 2.5, None, None),
            ("latency", "s", "LOWER_IS_BETTER", 2.0, "[3.0, 1.0, 2.0]", 3),
            ("latency", "ms", None, 7.0, None, None),
            ("gap", "1", None, None, None, None),
            ("gaps", "1", None, 4.0, "[null, 4.0, 9e999]", 3),
            (r"text\u0000\ud800", r"\ud800", None, 1.0, None, None),
            ("odd", "1", None, 1.0, None, None),
        ],
        key=str,
    )
    done.stdout.fnmatch_lines(
        [
            "*test_metrics: wrong was not recorded: 'many' is no number",
            "*test_metrics: direction 'UP' of odd is not LOWER_IS_BETTER or HIGHER_IS_BETTER",
            "*test_files: *absent.txt was not attached: No such file or directory",
        ]
    )
    artifacts = suite.query("select kind, name, url, size, sha256 from artifact order by rowid")
    assert [kind for kind, *_ in artifacts] == [
        *("profile", "profile", "script", "cluster_dump", "page", "performance_report")
    ]
    contents = [
        (suite.folder / url).read_bytes() for _, _, url, _, _ in artifacts if "://" not in url
    ]
    assert contents[:3] == [b"one", b"two", b"raise SystemExit"]
    assert [size for *_, size, _ in artifacts] == [*map(len, contents), None, None]
    assert [name for _, name, *_ in artifacts][-2:] == [url for _, _, url, *_ in artifacts][-2:]
    assert suite.runs("peak_memory", "name='test_metrics'") == [10]
    assert suite.runs("performance_report_url, cluster_dump_url", "name='test_files'") == [
        ("s3://bucket/a/report.html", artifacts[3][2])
    ]
    # An attached test is not collected by the next run.
    again = suite.run("--collect-only", "-q", "test_suite.py", "benchmark-artifacts")
    again.stdout.fnmatch_lines(["2 tests collected*"])


@pytest.mark.portable
def test_a_metric_makes_the_column_of_its_name_in_the_columns_unit_only(suite: Suite) -> None:
    suite.write(
        """
        def test_in_milliseconds(test_run_benchmark):
            test_run_benchmark.record("duration", 1500, unit="ms")

        def test_both(test_run_benchmark, benchmark_time):
            with benchmark_time:
                pass
            test_run_benchmark.record("duration", 1500, unit="ms")

        def test_rounds(test_run_benchmark):
            for value in 3, 1, 2:
                test_run_benchmark.record("duration", value, unit="s")
            test_run_benchmark.record("compute_time", 3.0)

        def test_measured(test_run_benchmark, benchmark_memory):
            with benchmark_memory():
                test_run_benchmark.record("peak_memory", 1)
        """
    )
    suite.run("--benchmark").assert_outcomes(passed=4)
    columns = "name, duration < 1, duration, compute_time"
    timed = suite.runs(columns, "name <> 'test_measured'")
    assert [row[:2] for row in timed] == [
        *(("test_in_milliseconds", None), ("test_both", 1), ("test_rounds", 0)),
    ]
    assert timed[2][2:] == (2, 3)
    assert suite.runs("peak_memory > 1", "name='test_measured'") == [1]
    measured = "select name, metric, unit, value from measurement join test_run using (ordinal)"
    assert suite.query(f"{measured} order by ordinal") == [
        ("test_in_milliseconds", "duration", "ms", 1500),
        ("test_both", "duration", "ms", 1500),
        ("test_rounds", "duration", "s", 2),
        ("test_measured", "peak_memory", "B", 1),
    ]


@pytest.mark.portable
def test_without_the_option_every_fixture_takes_the_same_calls(suite: Suite) -> None:
    suite.write(
        """
        import asyncio, sys

        def test_all(
            test_run_benchmark, benchmark_time, auto_benchmark_time, benchmark_memory,
            sample_memory, benchmark_task_durations, benchmark_scheduler, get_cluster_info,
            benchmark_all, performance_report,
        ):
            run = test_run_benchmark
            assert not run
            run.average_memory = 3
            assert run.average_memory == 3 and run.duration is None
            run.no_column = 1
            run.record("rows", 1, unit="1", direction="HIGHER_IS_BETTER")
            run.attach("file", "/nowhere")
            with benchmark_time, benchmark_time("load"), benchmark_memory():
                pass
            client = object()
            meters = [
                benchmark_memory, sample_memory, benchmark_task_durations, benchmark_scheduler,
                benchmark_all, performance_report,
            ]
            async def asynchronously():
                for meter in meters:
                    async with meter(client):
                        pass
            for meter in meters:
                assert not meter
                with meter(client):
                    pass
            asyncio.run(asynchronously())
            get_cluster_info(client)

        def test_light():
            assert not {"sqlalchemy", "sqlite3", "numpy", "psutil", "alembic"} & sys.modules.keys()

        def test_sql(benchmark_db_engine, benchmark_db_session):
            from benchdb.store.models import TestRun
            assert benchmark_db_session.query(TestRun).all() == []
            with benchmark_db_engine.connect() as connection:
                assert connection.exec_driver_sql("select * from test_run").all() == []
        """
    )
    done = suite.run("--no-header", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=3)
    assert "benchdb" not in done.stdout.str()
    made = {path.name for path in suite.folder.iterdir()}
    # The others are pytester's own.
    assert {name for name in made if not name.startswith(("runpytest-", "std"))} <= {
        *("__pycache__", "test_suite.py")
    }


@SERIAL_AND_XDIST
def test_sql_fixtures_read_what_is_recorded_and_refuse_to_write(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    pytest.importorskip(plugins or "pytest")
    suite.write("def test_before(benchmark_time): pass")
    suite.run("--benchmark")
    suite.write(
        """
        import pytest
        from sqlalchemy import select, text
        from benchdb.store.models import TestRun

        def test_reads(benchmark_db_session, benchmark_db_engine, test_run_benchmark):
            names = benchmark_db_session.scalars(select(TestRun.name).order_by(TestRun.session_id))
            assert names.all()[0] == "test_before"
            with benchmark_db_engine.connect() as connection:
                assert connection.execute(text("select count(*) from session")).scalar() == 2

        @pytest.mark.parametrize("n", [1, 2])
        def test_flush(benchmark_db_session, test_run_benchmark, n):
            run = benchmark_db_session.scalars(select(TestRun)).first()
            run.duration = 3
            with pytest.raises(Exception, match=r"test_run_benchmark\\.record\\("):
                benchmark_db_session.commit()

        def test_add(benchmark_db_session, test_run_benchmark):
            benchmark_db_session.add(test_run_benchmark)
            with pytest.raises(Exception, match=r"read-only.*test_run_benchmark\\.record\\("):
                benchmark_db_session.commit()

        def test_statement(benchmark_db_engine):
            with benchmark_db_engine.connect() as connection:
                with pytest.raises(Exception, match=r"read-only.*test_run_benchmark\\.record\\("):
                    connection.execute(text("delete from test_run"))
        """
    )
    done = suite.run("--benchmark", *options, plugins=plugins)
    done.assert_outcomes(passed=5)
    assert suite.runs("name, duration") == [
        ("test_before", None),
        ("test_reads", None),
        ("test_flush[1]", None),
        ("test_flush[2]", None),
        ("test_add", None),
    ]


@SERIAL_AND_XDIST
def test_a_fixture_of_the_users_sets_attributes_after_its_yield(
    suite: Suite, plugins: str, options: tuple[str, ...]
) -> None:
    for module in ("pytest_asyncio", "anyio", *plugins.split()):
        pytest.importorskip(module)
    suite.write(
        """
        import pytest, pytest_asyncio, contextlib, time
        from benchdb.store.models import TestRun

        @pytest.fixture
        def rows(test_run_benchmark):
            yield
            test_run_benchmark.peak_memory = 7.0
            test_run_benchmark.record("rows", 3)

        @pytest.fixture
        def older_form(test_run_benchmark):
            # As suites write it that come from dask/benchmarks.
            @contextlib.contextmanager
            def measure(client):
                start = time.time()
                yield
                if test_run_benchmark:
                    test_run_benchmark.compute_time = 5
            yield measure

        @pytest_asyncio.fixture
        async def of_asyncio(test_run_benchmark):
            yield
            test_run_benchmark.peak_memory = 8.0

        @pytest.fixture
        async def of_anyio(test_run_benchmark):
            yield
            test_run_benchmark.peak_memory = 9.0

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        def test_plain(rows): pass
        def test_older(older_form):
            with older_form(None): pass
        def test_failing(rows): assert False
        @pytest.mark.asyncio
        async def test_asyncio(of_asyncio, benchmark_time):
            with benchmark_time: pass
        @pytest.mark.anyio
        async def test_anyio(of_anyio, auto_benchmark_time): pass
        """
    )
    done = suite.run(
        *("--benchmark", "-o", "asyncio_default_fixture_loop_scope=function", *options),
        plugins=f"asyncio anyio {plugins}",
    )
    done.assert_outcomes(passed=4, failed=1)
    assert suite.runs(
        "name, peak_memory, compute_time, duration > 0, call_outcome, teardown_outcome"
    ) == [
        ("test_plain", 7.0, None, None, "passed", "passed"),
        ("test_older", None, 5.0, None, "passed", "passed"),
        ("test_failing", 7.0, None, None, "failed", "passed"),
        ("test_asyncio", 8.0, None, 1, "passed", "passed"),
        ("test_anyio", 9.0, None, 1, "passed", "passed"),
    ]
    assert suite.query("select metric, value from measurement") == [("rows", 3.0)] * 2
