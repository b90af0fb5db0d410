"""`benchdb.read`: the history as a DataFrame, for notebooks."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from made_up import add, project
from recorded import ROOT, environ
from store_samples import CLUSTER, EPOCH, closed, execute, facts, lose, names, query, record

import benchdb
from benchdb.errors import UserError
from benchdb.records import ClosedTestRun, Measurement
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

pd = pytest.importorskip("pandas")

pytestmark = pytest.mark.portable


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three sessions: the second with a test that failed, the third off the trunk."""
    monkeypatch.chdir(tmp_path)
    for name in ("BENCHDB_URL", "DB_NAME"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "benchmark.db"
    record(path, "session-1", runs=(0, 1))
    recorder = Recorder(path, facts("session-2", 1, tags=(("runner", "b"), ("os", "linux"))))
    ordinal = recorder.open(EPOCH, names("test_0"))
    recorder.close(
        ordinal,
        ClosedTestRun(
            "passed",
            "failed",
            "passed",
            EPOCH,
            EPOCH,
            measurements=(
                Measurement("duration", "s", "LOWER_IS_BETTER", 0.25),
                Measurement("rows", "B", "HIGHER_IS_BETTER", 7.0),
                Measurement("state", "1", None, 3.0),
            ),
        ),
    )
    recorder.finish(EPOCH + timedelta(days=1, hours=1))
    recorder = Recorder(path, facts("session-3", 2, branch="feature"))
    recorder.close(recorder.open(EPOCH, names("test_0")), closed(5))
    recorder.finish(EPOCH + timedelta(days=2, hours=1))
    return path


def test_a_row_is_a_test_run_with_typed_columns(database: Path) -> None:
    runs = benchdb.read()
    assert len(runs) == 4
    assert runs["session"].tolist() == ["session-1", "session-1", "session-2", "session-3"]
    assert runs["case"].tolist() == [f"test_it.py::test_{n}[1]" for n in (0, 1, 0, 0)]
    words = ("session", "branch", "environment", "case", "path", "name", "call_outcome", "cluster")
    assert {str(runs[name].dtype) for name in words} == {"category"}
    for name in ("started", "place", "start", "end"):
        assert str(runs[name].dtype) == "datetime64[us, UTC]"
    assert runs["started"][0] == EPOCH
    assert runs["end"][1] == EPOCH + timedelta(seconds=1)
    assert str(runs["round"].dtype) == "int64"
    assert (runs["xdist_workers"] == 2).all()
    assert str(runs["dirty"].dtype) == "boolean"
    assert runs["trunk"].tolist() == [True, True, True, False]
    assert runs["tag:os"].isna().tolist() == [True, True, False, True]
    assert runs["commit:common"].tolist() == ["abc"] * 4
    assert runs["cluster"][0].startswith(f"local cluster, {CLUSTER.workers} workers")
    assert runs["call_outcome"].tolist() == ["passed", "passed", "failed", "passed"]


def test_metrics_are_columns_and_their_units_are_told(database: Path) -> None:
    runs = benchdb.read(str(database))
    assert runs["duration"].tolist() == pytest.approx([0.3, 1.3, 0.25, 5.3])
    assert runs["rows"].tolist()[:2] == [0.5, 1.5]
    # Another unit is another metric; and a metric may have the name of a column.
    assert runs["rows [B]"].tolist()[2] == 7.0
    assert runs["state [1]"].tolist()[2] == 3.0
    assert set(runs["state"]) == {"closed"}
    assert runs.attrs["units"]["average_memory"] == "B"
    assert runs.attrs["directions"] == {
        "duration": "LOWER_IS_BETTER",
        "average_memory": "LOWER_IS_BETTER",
        "rows": None,
        "rows [B]": "HIGHER_IS_BETTER",
        "state [1]": None,
    }
    stored = query(database, "select sum(duration) from test_run")[0][0]
    assert runs["duration"].sum() == pytest.approx(stored + 0.25)


def test_what_is_read_can_be_narrowed_down(database: Path) -> None:
    assert len(benchdb.read(cases="test_0")) == 3
    assert benchdb.read(cases=["test_1*", "nothing*", "test_1[1]"][:1])["duration"].tolist() == [
        1.3
    ]
    assert benchdb.read(metrics="rows").attrs["units"] == {"rows": "1", "rows [B]": "B"}
    assert "average_memory" not in benchdb.read(metrics=["rows"])
    day = EPOCH + timedelta(days=1)
    for since in (day, day.date(), day.date().isoformat(), day.isoformat()):
        assert benchdb.read(since=since)["session"].tolist() == ["session-2", "session-3"]
    assert benchdb.read(since=date(2027, 1, 1)).empty
    assert benchdb.read(since=datetime(2026, 1, 3, tzinfo=UTC), trunk_only=True)[
        "session"
    ].tolist() == ["session-2"]


def test_lost_runs_are_rows_and_hidden_sessions_are_none(database: Path) -> None:
    lose(database, "session-4", runs=(), day=3)
    record(database, "session-5", runs=(), day=4)  # who records next, closes what was lost
    assert benchdb.read()["state"].tolist() == ["closed"] * 4 + ["lost"]
    execute(
        database,
        "insert into annotation (key, made, kind, session_uid) "
        "values ('k', '2026-01-09 00:00:00.000000', 'withdraw', 'session-1')",
    )
    assert "session-1" not in set(benchdb.read()["session"])
    execute(
        database,
        "insert into session (uid, digest, started, state) "
        "values ('session-2', 'other', '2026-01-03 00:00:00.000000', 'finished')",
    )
    runs = benchdb.read()
    assert runs.attrs["conflicts"] == ["session-2"]
    assert "session-2" not in set(runs["session"])


def test_an_empty_database_gives_an_empty_frame(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    Recorder(path, facts()).finish(EPOCH)
    runs = benchdb.read(path)
    assert runs.empty
    assert {"session", "case", "start"} <= set(runs.columns)


def test_renamed_tests_have_the_name_of_today(database: Path) -> None:
    (database.parent / "pyproject.toml").write_text(
        '[tool.benchdb.renamed]\n"test_it.py::test_0" = "test_it.py::test_new"\n'
    )
    runs = benchdb.read(cases="test_it.py::test_0")
    assert set(runs["case"]) == {"test_it.py::test_new[1]"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"db": "no.db"}, "there is no database at"),
        ({"cases": "test_zero"}, "no case 'test_zero': "),
        ({"metrics": "durations"}, "no metric 'durations' was measured here: use one of duration"),
        ({"since": "yesterday"}, "since='yesterday' is no date: write it as '2026-01-31'"),
        ({"since": "0001-01-01T00:00+05:00"}, "since='0001-01-01T00:00+05:00' is no date: write"),
    ],
)
def test_what_makes_no_sense_is_one_line(database: Path, asked: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as raised:
        benchdb.read(**asked)
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_importing_benchdb_imports_nothing_heavy_and_a_missing_pandas_is_named() -> None:
    script = (
        "import sys, benchdb\n"
        "print(sorted({'numpy', 'pandas', 'sqlite3', 'sqlalchemy'} & set(sys.modules)))\n"
        "sys.modules['pandas'] = None\n"
        "try:\n    benchdb.read()\n"
        "except benchdb.errors.UserError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "[]",
        "benchdb.read needs pandas, which is not installed here: pip install 'benchdb[pandas]'",
    ]


def test_the_examples_of_the_page_run(database: Path) -> None:
    page = (ROOT / "docs/notebooks.md").read_text("utf-8")
    known: dict[str, object] = {}
    for source in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(source, known)
    assert known["medians"].loc["test_it.py::test_0[1]"].notna().any()
    assert set(known["tidy"].columns) >= {"case", "metric", "value", "unit"}
    assert len(known["tidy"]) > 4
    assert "effect" in repr(known["found"])


def test_the_example_of_its_docstring_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"test": "t.py::test_read[a]", "start": "2026-10-02", "branch": "main", "duration": "2"}
    add(project(tmp_path), [{**row, "commit": "a" * 40}])
    monkeypatch.chdir(tmp_path)
    known = {"benchdb": benchdb}
    examples = doctest.DocTestParser().get_examples(benchdb.read.__doc__ or "")
    for one in examples[:-1]:
        exec(one.source, known)
    assert eval(examples[-1].source, known).to_dict() == {("t.py::test_read[a]", "a" * 40): 2}
