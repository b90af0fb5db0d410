"""`benchdb show`: recent sessions, and the series of cases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from recorded import PROJECT, SUITE, Project, new_project

from benchdb.report import schemas
from benchdb.report.fields import FIELDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

MARKUP = "test_suite.py::TestNames::test_markup[[bold red]a[/]|`b`_c_]"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three clean sessions on main, then one with changed files."""
    project = new_project(tmp_path_factory.mktemp("shown") / "suite")
    project.record("--benchmark-tag", "os=linux")
    project.record("--benchmark-repeat", "2", "-k", "sum")
    project.record("--benchmark-tag", "note=\x1b[31mred")
    (project.folder / "test_suite.py").write_text(f"{SUITE}\n# changed\n")
    project.record()
    return project


def fields(value: object, path: str, objects: tuple[str, ...]) -> set[str]:
    """Return the paths of all fields in a document, as `FIELDS` names them."""
    if isinstance(value, list):
        return {path}.union(*(fields(item, f"{path}[]", objects) for item in value)) - {f"{path}[]"}
    if isinstance(value, dict) and path not in objects:
        start = f"{path}." if path else ""
        free = path.endswith((".tags", ".extra", "environments")) and not path.endswith("[]")
        found = {path} if path else set()
        for key, item in value.items():
            found |= fields(item, start + ("*" if free else key), objects)
        return {name for name in found if not name.endswith("[]")}
    return {path}


def test_without_a_case_the_sessions_are_listed_the_newest_first(shown: Project) -> None:
    ran = shown.benchdb("show")
    assert (ran.code, ran.err) == (0, "")
    header, _, *rows = ran.out.splitlines()
    assert header.split() == [
        "started",
        "(UTC)",
        "session",
        "state",
        "branch",
        "revision",
        "runs",
        "failed",
        "lost",
        "tags",
    ]
    uids = [uid for (uid,) in shown.query("select uid from session order by started desc")]
    assert [row.split()[2] for row in rows[:4]] == [uid[-8:] for uid in uids]
    counts = [row.split()[6:8] for row in rows[:4]]
    assert counts == [["5", "1"], ["5", "1"], ["4", "0"], ["5", "1"]]
    assert rows[0].split()[5].endswith("*")  # changed files
    assert rows[3].endswith("os=linux")
    assert len(shown.benchdb("show", "--last", "2").out.splitlines()) == len(rows)


def test_the_sessions_as_json_have_the_documented_fields(shown: Project) -> None:
    document = shown.benchdb("show", "--format", "json").json
    assert document["schema"] == "benchdb/sessions/1"
    assert document["database"] == str(shown.database)
    newest = document["sessions"][0]
    assert (newest["state"], newest["dirty"], newest["runs"]) == ("finished", True, 5)
    assert newest["environment"] in document["environments"]
    named = fields(document, "", ()) - {"environments.*"}
    named = {name for name in named if not name.startswith("environments.*.")} | {"environments.*"}
    assert named == set(FIELDS[schemas.SESSIONS])


def test_a_series_has_a_point_a_session_the_median_of_its_runs(shown: Project) -> None:
    document = shown.benchdb("show", "test_sum[1]", "--format", "json").json
    assert fields(document, "", ()) == set(FIELDS[schemas.SERIES]) - {"series[].tags.*"}
    by_metric = {one["metric"]: one for one in document["series"]}
    assert set(by_metric) == {"duration", "peak_memory", "rate", "failed", "lost", "hung"}
    durations = by_metric["duration"]
    assert durations["unit"] == "s"
    assert [point["runs"] for point in durations["points"]] == [1, 2, 1]
    repeated = shown.query(
        "select avg(duration) from test_run where name = 'test_sum[1]' and session_id = "
        "(select session_id from test_run where round = 2 limit 1)"
    )
    assert durations["points"][1]["value"] == pytest.approx(repeated[0][0])
    assert by_metric["rate"]["direction"] == "HIGHER_IS_BETTER"
    assert [point["value"] for point in by_metric["peak_memory"]["points"]] == [2.0**20] * 3


def test_a_metric_that_became_a_column_later_keeps_its_history(
    shown: Project, tmp_path: Path
) -> None:
    project = shown.copy(tmp_path / "suite")
    # As a migration leaves the rows of before: the new column is empty in them.
    project.query(
        "insert into measurement (session_id, ordinal, metric, unit, value) "
        "select session_id, ordinal, 'peak_memory', 'B', 7 from test_run where session_id <= 2"
    )
    project.query("update test_run set peak_memory = null where session_id = 1")
    document = project.benchdb("show", "test_sum[1]", "--metric", "peak_memory", "--format", "json")
    (series,) = document.json["series"]
    assert [point["value"] for point in series["points"]] == [7, 2.0**20, 2.0**20]


def test_a_metric_recorded_under_the_name_of_a_column_is_shown(tmp_path: Path) -> None:
    project = new_project(tmp_path / "suite")
    (project.folder / "test_suite.py").write_text(
        "def test_one(test_run_benchmark): test_run_benchmark.record('compute_time', 3.0)"
    )
    project.record()
    (series, *_) = project.benchdb("show", "test_one", "--all", "--format", "json").json["series"]
    assert series["metric"] == "compute_time"
    assert [point["value"] for point in series["points"]] == [3]


def test_a_session_with_changed_files_is_in_no_series_unless_asked(shown: Project) -> None:
    ran = shown.benchdb("show", "test_sum[1]")
    assert "1 session off the trunk left out: --all uses them too" in ran.out
    with_all = shown.benchdb("show", "test_sum[1]", "--all", "--format", "json").json["series"][0]
    assert [point["trunk"] for point in with_all["points"]] == [True, True, True, False]
    assert with_all["trunk"] is False


def test_a_case_with_no_trunk_session_is_shown_from_what_there_is(
    shown: Project, tmp_path: Path
) -> None:
    laptop = shown.copy(tmp_path / "laptop")
    laptop.query("update session set branch = 'fix'")
    ran = laptop.benchdb("show", "test_sum[1]")
    assert ran.code == 0
    assert "no clean session on main or master yet: every session is used" in ran.out
    assert re.search(r"^duration +4 ", ran.out, re.MULTILINE)
    settings = laptop.folder / "pyproject.toml"
    settings.write_text(PROJECT.replace("[tool.benchdb]", '[tool.benchdb]\ntrunk = ["fix"]'))
    assert re.search(r"^duration +3 ", laptop.benchdb("show", "test_sum[1]").out, re.MULTILINE)


def test_outside_of_a_repository_every_session_is_on_the_trunk(
    shown: Project, tmp_path: Path
) -> None:
    plain = shown.copy(tmp_path / "plain")
    plain.query("update session set branch = null, dirty = null")
    plain.query("update revision_package set branch = null, commit_hash = null, committed = null")
    series = plain.benchdb("show", "test_sum[1]", "--format", "json").json["series"][0]
    assert series["trunk"]
    assert len(series["points"]) == 4
    assert all(point["place"] == point["started"] for point in series["points"])


def test_points_stand_in_order_of_the_newest_commit(shown: Project, tmp_path: Path) -> None:
    project = shown.copy(tmp_path / "late")
    first = project.query("select min(id) from session")[0][0]
    project.query("insert into revision select 99, 'k'")
    project.query(
        "insert into revision_package select 99, name, version, 'f00',"
        " '2099-01-01 00:00:00.000000', branch, dirty from revision_package limit 1"
    )
    project.query("update session set revision = 99 where id = ?", first)
    points = project.benchdb("show", "test_sum[1]", "--format", "json").json["series"][0]["points"]
    uid = project.query("select uid from session where id = ?", first)[0][0]
    assert points[-1]["session"] == uid
    assert points[-1]["place"] == "2099-01-01T00:00:00Z"


def test_tags_in_series_tags_version_and_environment_split_a_series(
    shown: Project, tmp_path: Path
) -> None:
    project = shown.copy(tmp_path / "split")
    settings = project.folder / "pyproject.toml"
    settings.write_text(PROJECT.replace("[tool.benchdb]", '[tool.benchdb]\nseries_tags = ["os"]'))
    series = project.benchdb("show", "test_sum[1]", "--format", "json", "--metric", "duration").json
    assert sorted((one["tags"].get("os", ""), len(one["points"])) for one in series["series"]) == [
        ("", 2),
        ("linux", 1),
    ]
    project.query("update test_run set version = '2' where session_id = 3")
    ran = project.benchdb("show", "test_sum[1]", "--metric", "duration")
    assert "version 2 · " in ran.out
    assert ran.out.count("trend") == 3


def test_what_failed_counts_as_failed_and_nowhere_else(shown: Project) -> None:
    ran = shown.benchdb("show", "test_fail")
    assert re.search(r"^failed +2 +1 +1", ran.out, re.MULTILINE)
    assert "duration" not in ran.out
    assert "no test run of it passed and was measured" in ran.out
    assert "failed" not in shown.benchdb("show", "test_sum[1]").out
    asked = shown.benchdb("show", "test_sum[1]", "--metric", "failed").out
    assert re.search(r"^failed +3 +0 +0", asked, re.MULTILINE)


@pytest.mark.parametrize(
    ("case", "count"),
    [
        ("test_sum[1]", 1),
        ("test_sum", 2),
        ("test_suite.py::test_sum[2]", 1),
        ("test_suite.py", 5),
        ("*sum[?]", 2),
        (MARKUP, 1),
        ("test_markup", 1),
    ],
)
def test_a_case_is_named_as_people_name_it(shown: Project, case: str, count: int) -> None:
    series = shown.benchdb("show", case, "--format", "json").json["series"]
    assert len({one["case"] for one in series}) == count


def test_a_whole_name_goes_before_a_name_without_its_class(shown: Project, tmp_path: Path) -> None:
    project = shown.copy(tmp_path / "names")
    project.query("update test_run set name = 'test_markup' where name = 'test_fail'")
    cases = {
        given: {
            one["case"] for one in project.benchdb("show", given, "--format", "json").json["series"]
        }
        for given in ("test_markup", "TestNames::test_markup", "test_markup*")
    }
    assert cases["test_markup"] == {"test_suite.py::test_markup"}
    assert cases["TestNames::test_markup"] == {MARKUP}
    assert cases["test_markup*"] == {"test_suite.py::test_markup", MARKUP}


def test_cases_of_one_name_in_several_files_or_in_none_are_told_apart(
    shown: Project, tmp_path: Path
) -> None:
    project = shown.copy(tmp_path / "files")
    project.query("update test_run set path = 'b/test_b.py' where session_id = 2")
    project.query("update test_run set path = null where session_id = 3")
    for given in ("test_sum[1]", "*test_sum[1]", "*[1]"):
        series = project.benchdb("show", given, "--all", "--format", "json").json["series"]
        durations = [(one["case"], one["total"]) for one in series if one["metric"] == "duration"]
        assert durations == [
            ("test_sum[1]", 1),
            ("b/test_b.py::test_sum[1]", 1),
            ("test_suite.py::test_sum[1]", 2),
        ]
    assert "b/test_b.py" in project.benchdb("show", "b/test_b.py").out


def test_only_the_last_points_are_shown_and_all_are_counted(shown: Project) -> None:
    ran = shown.benchdb("show", "test_sum[1]", "--last", "2")
    assert re.search(r"^duration +3 ", ran.out, re.MULTILINE)
    assert "the newest 2 of 3: --last 3 shows all" in ran.out
    assert "shows all" not in shown.benchdb("show", "test_sum[1]", "--last", "3").out
    whole = shown.benchdb("show", "test_sum[1]", "--format", "json").json["series"][0]
    last = shown.benchdb("show", "test_sum[1]", "--format", "json", "--last", "2").json["series"][0]
    assert (last["total"], last["points"]) == (3, whole["points"][1:])


def test_failures_are_shown_while_they_are_among_the_last_points(
    shown: Project, tmp_path: Path
) -> None:
    project = shown.copy(tmp_path / "mended")
    project.query(
        "update test_run set call_outcome = 'failed' where name = 'test_sum[1]'"
        " and session_id = (select min(session_id) from test_run)"
    )
    out = project.command("show", "test_sum[1]").out
    assert re.search(r"^failed +3 ", out, re.MULTILINE)
    (row,) = re.findall(r"^.*1 failed.*$", out, re.MULTILINE)
    uid = project.query("select uid from session order by started limit 1")[0][0]
    assert uid[-8:] in row
    assert "failed" not in project.benchdb("show", "test_sum[1]", "--last", "2").out


def test_an_unknown_case_or_metric_suggests_what_there_is(shown: Project) -> None:
    ran = shown.benchdb("show", "test_smu")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("benchdb: no case 'test_smu': did you mean 'test_sum'")
    assert len(ran.err.splitlines()) == 1
    for given, near in (
        ("test_sum[3]", "did you mean 'test_sum[2]' or 'test_sum[1]'?"),
        ("test_suit.py::test_fail", "'test_suite.py::test_fail'"),
        ("suite", "'test_suite.py'"),
        ("Markup", "'TestNames::test_markup'"),
    ):
        assert near in shown.benchdb("show", given).err
    assert "`benchdb show '*'` shows all 5" in shown.benchdb("show", "qqqq").err
    ran = shown.benchdb("show", "test_sum", "--metric", "speed")
    assert ran.code == 2
    assert "use one of duration, failed, hung, lost, peak_memory, rate" in ran.err


def test_numbers_have_units_that_fit_in_tables(shown: Project) -> None:
    out = shown.benchdb("show", "test_sum[1]").out
    assert re.search(r"^duration .* µs", out, re.MULTILINE)
    assert re.search(r"^peak_memory +3 +1.00 MiB", out, re.MULTILINE)
    assert re.search(r"^rate +3 +5.50 rows/s", out, re.MULTILINE)


def test_names_and_tags_are_shown_literally(shown: Project) -> None:
    assert MARKUP in shown.benchdb("show", "test_markup").out
    out = shown.benchdb("show").out
    assert "note=\\x1b[31mred" in out
    assert "\x1b" not in out
    markdown = shown.benchdb("show", "*", "--format", "markdown").out
    assert "``test_suite.py::TestNames::test_markup[[bold red]a[/]\\|`b`_c_]``" in markdown
    assert all(line.count(" | ") == 5 for line in markdown.splitlines() if line.startswith("| `"))


def test_a_terminal_that_knows_ascii_only_gets_ascii(shown: Project) -> None:
    ran = shown.benchdb("show", "test_sum", PYTHONIOENCODING="ascii")
    assert ran.code == 0
    assert ran.out.isascii()
    assert " us " in ran.out
    assert "\\x" not in ran.out
    assert "\\u" not in ran.out


def test_a_pipe_gets_every_column_whole_and_no_colour(shown: Project) -> None:
    whole = shown.benchdb("show", "*", TERM="xterm-256color")
    assert "\x1b" not in whole.out
    assert MARKUP in whole.out


def test_a_pipe_has_the_width_that_columns_gives_it(shown: Project) -> None:
    lines = shown.benchdb("show", "*", COLUMNS="60").out.splitlines()
    assert max(len(line) for line in lines if "─" in line) <= 60
    assert max(len(line) for line in shown.benchdb("show", "*").out.splitlines()) > 60


def test_on_a_narrow_terminal_a_case_stands_above_its_series(shown: Project) -> None:
    lines = shown.benchdb("show", "*", COLUMNS="60").out.splitlines()
    assert max(len(line) for line in lines) <= 60
    assert MARKUP in "".join(lines)
    before = lines.index("test_suite.py::test_sum[1]")
    assert [line.split()[0] for line in lines[before + 1 :][:3]] == [
        "duration",
        "peak_memory",
        "rate",
    ]
    wide = shown.benchdb("show", "*", COLUMNS="200").out
    assert re.search(r"^test_suite.py::test_sum\[1\]  +duration ", wide, re.MULTILINE)


def test_any_number_may_be_asked_for(shown: Project) -> None:
    for case in ((), ("test_sum[1]",)):
        ran = shown.benchdb("show", *case, "--last", 10**20)
        assert (ran.code, ran.err) == (0, "")
    assert "`benchdb show '*'` shows all 5" in shown.benchdb("show", "").err


def test_a_database_without_sessions_says_how_to_record_one(shown: Project, tmp_path: Path) -> None:
    project = shown.copy(tmp_path / "none")
    project.query("delete from test_run")
    project.query("delete from session")
    ran = project.benchdb("show")
    assert (ran.code, ran.out) == (0, "")
    assert "record one with `pytest --benchmark`" in ran.err
    assert "nothing is recorded yet" in project.benchdb("show", "test_sum").err
