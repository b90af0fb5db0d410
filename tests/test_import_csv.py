"""`benchdb import csv`: what other tools recorded becomes sessions as any others."""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from recorded import ROOT, Project, environ

from benchdb.store.database import connect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

HEADER = "test,start,commit,branch,environment,version:dask,tag:suite,duration"
DAYS = [
    f"tests/test_io.py::{name},2026-03-0{day}T0{hour}:00:00,c{day},main,runner,2026.{day},night,"
    f"{day + hour / 10}"
    for day in (1, 2, 3)
    for hour, name in enumerate(("test_read[a-1]", "test_read[a::2]", "TestIO::test_write"))
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'suite'\n")
    return Project(tmp_path)


def write(project: Project, *lines: str, name: str = "runs.csv", header: str = HEADER) -> Path:
    path = project.folder / name
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def refused(project: Project, *arguments: object) -> str:
    """Return why an import failed; it left no database, or the one that was there as it was."""
    before = project.database.read_bytes() if project.database.exists() else None
    ran = project.benchdb("import", "csv", *arguments)
    assert (ran.code, ran.out) == (2, "")
    after = project.database.read_bytes() if project.database.exists() else None
    assert before == after
    return ran.err.removeprefix("benchdb: ").removesuffix("\n")


def test_lines_become_sessions_by_day_commit_and_versions(project: Project) -> None:
    ran = project.benchdb("import", "csv", write(project, *DAYS))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{project.database}: 3 sessions with 9 test runs added",
        "look at them: benchdb show",
    ]
    sessions = project.query(
        "select started, finished, state, session.branch, tags, commit_hash, revision_package.name,"
        " package.name, package.version, substr(uid, 15, 1) from session"
        " join revision_package using (revision) join package_set_package using (package_set)"
        " join package on package.id = package order by started"
    )
    assert sessions[0] == (
        *("2026-03-01 00:00:00.000000", "2026-03-01 02:00:01.200000", "finished", "main"),
        *('{"suite": "night"}', "c1", "suite", "dask", "2026.1", "8"),
    )
    assert [row[5] for row in sessions] == ["c1", "c2", "c3"]
    runs = project.query(
        "select path, name, originalname, ordinal, duration, call_outcome from test_run limit 3"
    )
    assert runs == [
        ("tests/test_io.py", "test_read[a-1]", "test_read", 1, 1.0, "passed"),
        ("tests/test_io.py", "test_read[a::2]", "test_read", 2, 1.1, "passed"),
        ("tests/test_io.py", "TestIO::test_write", "TestIO::test_write", 3, 1.2, "passed"),
    ]
    assert "is sound" in project.benchdb("db", "check").out
    (series,) = project.benchdb("show", "test_write", "--format", "json").json["series"][:1]
    assert [point["value"] for point in series["points"]] == [1.2, 2.2, 3.2]


def test_importing_twice_adds_nothing_and_a_file_that_grew_adds_what_is_new(
    project: Project,
) -> None:
    write(project, *DAYS[:5])
    project.benchdb("import", "csv", "runs.csv")
    again = project.benchdb("import", "csv", "runs.csv", "runs.csv")
    assert again.out.splitlines()[0].endswith("nothing to add, 10 test runs there already")

    write(project, *reversed(DAYS))  # the second day has one more, the third is new
    grown = project.benchdb("import", "csv", "runs.csv")
    said = "2 sessions with 4 test runs added, 5 test runs there already"
    assert grown.out.splitlines()[0].endswith(said)
    assert project.query("select count(*), count(distinct start || name) from test_run") == [(9, 9)]
    assert project.query("select count(*) from session where started like '2026-03-02%'") == [(2,)]
    again = project.benchdb("import", "csv", "runs.csv")
    assert again.out.splitlines()[0].endswith("nothing to add, 9 test runs there already")
    assert "is sound" in project.benchdb("db", "check").out


def test_files_that_overlap_are_imported_once(project: Project, tmp_path: Path) -> None:
    write(project, *DAYS[:5], name="one.csv")
    write(project, *DAYS[3:], name="two.csv")
    ran = project.benchdb("import", "csv", "one.csv", "two.csv")
    said = "4 sessions with 9 test runs added, 2 test runs there already"
    assert ran.out.splitlines()[0].endswith(said)


def test_whoever_imports_a_file_has_the_same_sessions(project: Project, tmp_path: Path) -> None:
    write(project, *DAYS)
    write(project, *sorted(DAYS, key=lambda line: line[20:]), name="sorted.csv")
    project.benchdb("import", "csv", "runs.csv")
    project.benchdb("import", "csv", "sorted.csv", "--db", "other.db")
    merged = project.benchdb("merge", "other.db")
    assert merged.out == "other.db: nothing to add, 3 held already\n"
    # Pinned: another uid or digest would double what was imported by an earlier release.
    assert (
        project.query("select uid, substr(digest, 1, 16) from session order by started") == PINNED
    )


PINNED = [
    ("f1dc4dbc-0e8c-8c92-b144-0a5aa9536b05", "8f60511da8728425"),
    ("cc5b4e94-09f1-8451-906f-0fde5b65c791", "ef62437507c01c20"),
    ("44613c55-86c6-8794-a115-ba245b764a94", "b5a2af25a4d0330a"),
]


def test_metrics_are_columns_or_have_a_unit_and_a_direction(project: Project) -> None:
    header = (
        "test,start,peak_memory,cpu_time,load [ms],rate [MB/s],score [1 higher],n [],dask_version"
    )
    write(
        project,
        "t.py::a,2026-01-01, 5e9 ,2,3,4,5,6,2026.1",
        "t.py::a,2026-01-02,,,,,NaN,inf,",
        header=header,
    )
    ran = project.benchdb("import", "csv", "runs.csv")
    assert ran.code == 0
    assert "which way is better of n is not known" in ran.err
    rows = "select peak_memory, dask_version from test_run order by start"
    assert project.query(rows) == [(5e9, "2026.1"), (None, None)]
    assert project.query(
        "select metric, unit, direction, value from measurement order by session_id, metric"
    ) == [
        ("cpu_time", "s", "LOWER_IS_BETTER", 2.0),
        ("load", "ms", "LOWER_IS_BETTER", 3.0),
        ("n", "1", None, 6.0),
        ("rate", "MB/s", "HIGHER_IS_BETTER", 4.0),
        ("score", "1", "HIGHER_IS_BETTER", 5.0),
        ("n", "1", None, float("inf")),
    ]


def test_outcomes_are_told(project: Project) -> None:
    outcomes = ("", "passed", "Failed", "error", "skipped", "xfailed", "lost")
    lines = [f"t.py::t{n},2026-01-01,{outcome}" for n, outcome in enumerate(outcomes)]
    write(project, *lines, header="test,start,outcome")
    project.benchdb("import", "csv", "runs.csv")
    ended = "setup_outcome, call_outcome, teardown_outcome, state"
    assert project.query(f"select {ended} from test_run order by name") == [
        ("passed", "passed", "passed", "closed"),
        ("passed", "passed", "passed", "closed"),
        ("passed", "failed", "passed", "closed"),
        ("failed", None, "passed", "closed"),
        ("passed", "skipped", "passed", "closed"),
        ("passed", "xfailed", "passed", "closed"),
        ("passed", None, None, "lost"),
    ]
    (session,) = project.benchdb("show", "--format", "json").json["sessions"]
    assert (session["runs"], session["failed"], session["lost"]) == (7, 2, 1)


def test_a_session_column_groups_lines_over_days(project: Project) -> None:
    lines = [f"t.py::t,2026-01-0{day}T23:00:00-05:00,{day // 2},c,{day}" for day in (1, 2, 3, 4)]
    write(project, *lines, header="test,start,session,commit,duration")
    project.benchdb("import", "csv", "runs.csv")
    assert project.query("select started from session order by 1") == [
        ("2026-01-02 04:00:00.000000",),
        ("2026-01-03 04:00:00.000000",),
        ("2026-01-05 04:00:00.000000",),
    ]
    write(project, lines[1], lines[2].replace(",c,", ",d,"), header="test,start,session,commit")
    write(
        project,
        *("t.py::t,2026-01-01,x,c", "t.py::t,2026-01-01,x,d"),
        header="test,start,session,commit",
    )
    assert "line 3: session 'x' has another commit here than in line 2" in refused(
        project, "runs.csv"
    )


def test_sessions_without_a_branch_are_trunk_and_others_by_their_branch(project: Project) -> None:
    lines = [f"t.py::t,2026-01-0{day},c{day},{day}" for day in (1, 2)]
    write(project, *lines, header="test,start,commit,duration")
    write(
        project,
        "t.py::t,2026-01-03,c3,mine,3",
        name="pr.csv",
        header="test,start,commit,branch,duration",
    )
    project.benchdb("import", "csv", "runs.csv", "pr.csv")
    shown = project.benchdb("show", "t", "--format", "json").json["series"][0]
    assert [point["value"] for point in shown["points"]] == [1, 2]


def test_series_go_on_under_the_fingerprint_of_a_recorded_environment(project: Project) -> None:
    write(
        project, "t.py::t,2026-01-01,0123456789abcdef,1", header="test,start,environment,duration"
    )
    write(
        project,
        "t.py::t,2026-01-02,a name,1",
        name="named.csv",
        header="test,start,environment,duration",
    )
    project.benchdb("import", "csv", "runs.csv", "named.csv")
    assert project.query("select environment from session order by started")[0] == (
        "0123456789abcdef",
    )
    assert project.query("select extra from environment where extra is not null") == [
        ('{"environment": "a name"}',)
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("t.py::t,2026-13-01,1", "'2026-13-01' is no time in ISO 8601"),
        ("t.py::t,,1", "'' is no time in ISO 8601"),
        ("t.py::t,0001-01-01T00:00:00+05:00,1", "'0001-01-01T00:00:00+05:00' is out of range"),
        (",2026-01-01,1", "'' in `test` is no path::name"),
        ("t.py::,2026-01-01,1", "'t.py::' in `test` is no path::name"),
        ("t.py::t,2026-01-01,1 000", "'1 000' is no number, in column 'duration'"),
        ("t.py::t,2026-01-01,1_000", "'1_000' is no number, in column 'duration'"),
        ("t.py::t,2026-01-01,0x10", "'0x10' is no number, in column 'duration'"),
        ("t.py::t,2026-01-01", "it has 2 cells, and the header 3"),
        ("t.py::t,2026-01-01,1,2", "it has 4 cells, and the header 3"),
        ('t.py::t,2026-01-01,"1', "no line of a CSV file (unexpected end of data)"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(
    project: Project, line: str, said: str
) -> None:
    good = ["t.py::t,2026-01-01,1", '"t.py::t[a\nb]",2026-01-01,1', ""]
    write(project, *good, line, header="test,start,duration")
    end = "; nothing was imported, correct the line"
    assert refused(project, "runs.csv") == f"runs.csv, line 6: {said}{end}"
    write(project, *good, header="test,start,duration", name="good.csv")
    assert project.benchdb("import", "csv", "good.csv").code == 0
    write(project, "t.py::new,2026-01-01,1", header="test,start,duration", name="new.csv")
    assert "line 6" in refused(project, "new.csv", "runs.csv")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("test,duration", "there is no column 'start'"),
        ("", "there is no column 'test'"),
        ("test,start,,duration", "column 3 has no name"),
        ("test,start,a,a", "columns 3 and 4 are both 'a'"),
        ("test,start,duration,duration [s]", "two columns are both 'duration'"),
        ("test,start,a,a [1]", "two columns are both 'a [1]'"),
        ('test,start,"a [s, up]"', "'up' in 'a [s, up]' is no direction"),
        ("test,start,failed", "'failed' is counted from `outcome`"),
        ("test,start,path", "'path' is kept by benchdb: give path::name as `test`"),
        ("test,start,tag:", "'tag:' must be followed by a name"),
        ("test,start,a [column:text]", "the unit 'column:text' is benchdb's own"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(project: Project, header: str, said: str) -> None:
    write(project, "t.py::t,2026-01-01", header=header)
    assert refused(project, "runs.csv").startswith(f"runs.csv, line 1: {said}")


def test_bytes_that_are_no_text_are_named_by_their_line(project: Project) -> None:
    path = write(project, *DAYS[:2])
    path.write_bytes(path.read_bytes() + b"t.py::\xff,2026-01-01,c,main,,,,1\n")
    assert refused(project, path).startswith(f"{path}, line 4: this is not UTF-8")
    path.write_bytes("test,start\nt,2026-01-01\n".encode("utf-16"))
    assert refused(project, path).startswith(f"{path}, line 1: this is UTF-16")
    path.write_bytes(gzip.compress(b"test,start\n" + b"t.py::t,2026-01-01\n" * 9)[:-12])
    assert "is cut off or damaged" in refused(project, path)
    assert "can't be read (No such file or directory)" in refused(project, "none.csv")
    assert "can't be read" in refused(project, project.folder)


def test_files_of_excel_and_compressed_ones_are_read(project: Project) -> None:
    (project.folder / "excel.csv").write_bytes(
        b"\xef\xbb\xbftest;start;duration\r\nt.py::t;2026-01-01;1\r\n\r\n"
    )
    (project.folder / "tabs.tsv").write_text("start\ttest\tduration\n2026-01-02\tt.py::t\t2\n")
    (project.folder / "packed.csv.gz").write_bytes(
        gzip.compress(b"test,start,duration\nt.py::t,2026-01-03,3\n")
    )
    ran = project.benchdb("import", "csv", "excel.csv", "tabs.tsv", "packed.csv.gz")
    assert ran.code == 0, ran.err
    assert project.query("select duration from test_run order by start") == [(1,), (2,), (3,)]


def test_the_standard_input_is_read(project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchdb", "import", "csv", "-"],
        cwd=project.folder,
        env=environ(),
        input=f"{HEADER}\n{DAYS[0]}\n{DAYS[0]},\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("benchdb: standard input, line 3: it has 9 cells")


def test_hostile_names_are_stored_and_shown_as_they_are(project: Project) -> None:
    name = "test_x[\x1b[31m\u202e'; drop table session; --]"
    write(project, f'"t.py::{name}",2026-01-01,1', header='test,start,"a""b; [x]y [s]"')
    ran = project.benchdb("import", "csv", "runs.csv")
    assert ran.code == 0, ran.err
    assert project.query("select name, metric from test_run, measurement") == [(name, 'a"b; [x]y')]
    assert "\x1b" not in project.benchdb("show", "t.py").out
    assert "is sound" in project.benchdb("db", "check").out


def test_a_pruned_session_stays_away_until_it_is_asked_for(project: Project) -> None:
    write(project, *DAYS[:3])
    project.benchdb("import", "csv", "runs.csv")
    ((uid,),) = project.query("select uid from session")
    assert project.benchdb("db", "prune", "--session", uid).code == 0
    ran = project.benchdb("import", "csv", "runs.csv")
    assert "nothing to add, 1 session pruned before" in ran.out
    assert (
        "1 session with 3 test runs added"
        in project.benchdb("import", "csv", "--all", "runs.csv").out
    )


def test_a_session_that_is_recorded_meanwhile_waits_for_no_import(project: Project) -> None:
    write(project, *DAYS)
    project.benchdb("import", "csv", "runs.csv")
    write(project, *(line.replace("2026-03", "2026-04") for line in DAYS))
    with connect(project.database, write=True) as recorder:
        recorder.execute("PRAGMA journal_mode=WAL")
        recorder.execute("BEGIN")
        recorder.execute(
            "select count(*) from session"
        ).fetchall()  # an open read holds no import up
        ran = project.command("import", "csv", "runs.csv")
        assert ran.code == 0, ran.err
        recorder.execute("ROLLBACK")
    recorder.close()
    assert project.query("select count(*) from session") == [(6,)]


@pytest.mark.skipif(os.name == "nt", reason="ends a process by a signal")
def test_an_import_that_is_killed_leaves_no_half_session(project: Project) -> None:
    write(project, *DAYS)
    project.benchdb("import", "csv", "runs.csv")
    with subprocess.Popen(
        [sys.executable, "-m", "benchdb", "import", "csv", "-"],
        cwd=project.folder,
        env=environ(),
        stdin=subprocess.PIPE,
        text=True,
    ) as reading:
        assert reading.stdin is not None
        reading.stdin.write("\n".join([HEADER, *DAYS]).replace("2026-03", "2026-05") + "\n")
        reading.stdin.flush()
        reading.kill()
    assert project.query("select count(*) from session") == [(3,)]
    assert "is sound" in project.benchdb("db", "check").out


def test_the_example_of_the_page_is_imported_and_shown(project: Project) -> None:
    page = (ROOT / "docs/importing.md").read_text("utf-8")
    example = page.partition("```csv\n")[2].partition("```")[0]
    (project.folder / "nightly.csv").write_text(example, "utf-8")
    typed = [line[2:].split() for line in page.splitlines() if line.startswith("$ benchdb ")]
    assert len(typed) == 2
    imported, shown = (project.benchdb(*words[1:]) for words in typed)
    assert "2 sessions with 3 test runs added" in imported.out
    assert (imported.err, shown.err) == ("", "")
    assert "test_read[parquet]" in shown.out
    assert "318 MB/s" in shown.out


def test_made_up_histories_hold_what_they_say_and_are_the_same_each_time(
    project: Project,
) -> None:
    options = ["--series", "60", "--sessions", "20", "--metrics", "2", "--steps", "3"]
    made = [
        subprocess.run(
            [sys.executable, ROOT / "benchmarks/self/made_up_history.py", *options, *more],
            cwd=project.folder,
            env=environ(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for more in (["-o", "one", "--db", "benchmark.db"], ["-o", "two"])
    ]
    assert "20 sessions with 1,200 test runs added" in made[0]
    for name in ("history.csv", "truth.json"):
        one, two = ((project.folder / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two
    truth = json.loads((project.folder / "one/truth.json").read_text())
    cause = next(one for one in truth["causes"] if one["kind"] == "commit")
    shown = project.benchdb("show", cause["tests"][0], "--format", "json").json["series"]
    series = next(one for one in shown if one["metric"] == "duration")
    place = cause["session"]
    sides: tuple[list[float], list[float]] = ([], [])
    for point in series["points"]:
        sides[int(point["started"] >= f"2026-01-{place + 1:02}")].append(point["value"])
    before, after = map(statistics.median, sides)
    assert abs(after / before - 1 - cause["effect"]) < 0.03
    commits = project.query(
        "select started from session join revision_package using (revision) where commit_hash = ?",
        cause["name"],
    )
    assert [started[:10] for (started,) in commits] == [f"2026-01-{place + 1:02}"]


def test_values_whose_sum_is_too_large_have_a_median(project: Project) -> None:
    lines = [
        f"t.py::test_one,2026-03-0{day}T0{hour}:00:00,1.5e308" for day in (1, 2) for hour in (1, 2)
    ]
    write(project, *lines, header="test,start,size [m lower]")
    settings = project.folder / "pyproject.toml"
    settings.write_text(f'{settings.read_text()}[tool.benchdb]\nmetrics = ["size"]\n')
    assert project.benchdb("import", "csv", "runs.csv").code == 0
    shown = project.benchdb("show", "test_one", "--format", "json").json["series"]
    points = {one["metric"]: one["points"] for one in shown}["size"]
    assert [one["value"] for one in points] == [1.5e308, 1.5e308]
    ran = project.command("show", "test_one")
    assert "inf" not in ran.out
    ran = project.command("gate", "last:1")
    assert (ran.code, ran.err) == (0, "")
    ran = project.command("compare", "2026-03-01", "2026-03-02")
    assert (ran.code, ran.err) == (0, "")
