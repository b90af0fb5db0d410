"""`benchdb changes`: what changed in a history, folded into events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from made_up import FIRST, History, add, commit, project, step
from store_samples import execute
from test_show import fields

from benchdb.report import schemas
from benchdb.report.fields import FIELDS

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Project


def events(of: Project, *arguments: object) -> list[dict]:
    ran = of.benchdb("changes", "--format", "json", *arguments)
    assert (ran.code, ran.err) == (0, "")
    return ran.json["events"]


def cases(event: dict) -> set[str]:
    return {one["case"] for one in event["moved"]}


def commits(event: dict) -> tuple[str, str]:
    (one,) = event["commits"]
    return one["good"], one["bad"]


def slower(*cases: str, at: int = 25, factor: float = 1.08) -> dict:
    return {f"t.py::{case}": step(at, factor) for case in cases}


@pytest.mark.portable
@pytest.mark.parametrize("seed", range(3))
def test_a_step_in_a_few_tests_is_one_event_with_just_these_and_its_commit(
    tmp_path: Path, seed: int
) -> None:
    wanted = ("test_03", "test_05", "test_07")
    made = History(60, 80, seed, effects=slower(*wanted, at=40))
    (found,) = events(project(tmp_path, made))
    assert cases(found) == {f"t.py::{case}" for case in wanted}
    assert commits(found) == (commit(39), commit(40))
    assert found["commits"][0]["command"] == "git log 000000000039..000000000040"
    assert (found["verdict"], found["cause"], found["state"]) == ("REGRESSED", "code", "open")
    assert (found["tests_moved"], found["tests"]) == (3, 80)
    for one in found["moved"]:
        assert one["low"] - 0.02 < 0.08 < one["high"] + 0.02


@pytest.mark.parametrize("seed", [1, 7, 8])
def test_the_gate_names_the_commits_that_the_event_names(tmp_path: Path, seed: int) -> None:
    # Of each seed there is a series that alone would put the step a session or more off.
    effects = slower("test_03", "test_05", "test_07", at=48, factor=1.12)
    of = project(tmp_path, History(56, 12, seed, noise=0.04, effects=effects))
    (found,) = events(of)
    judged = of.benchdb("gate", "last:1", "--format", "json").json["verdicts"]
    regressed = [one for one in judged if one["verdict"] == "REGRESSED"]
    assert len(regressed) >= 2
    assert {commits(one) for one in regressed} == {commits(found)}


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_is_no_event(tmp_path: Path, seed: int) -> None:
    of = project(tmp_path, History(50, 40, seed + 100))
    assert events(of) == []
    out = of.benchdb("changes").out
    assert re.match(r"no change: searched \d+ series of 40 tests over 50 sessions\n", out)
    assert "are few" not in out


def test_a_young_history_says_what_it_takes_to_list_a_change_that_the_gate_raised(
    tmp_path: Path,
) -> None:
    made = History(12, 8, noise=0.01, effects=slower("test_01", "test_02", at=8, factor=1.5))
    rows = made.rows()
    of = project(tmp_path)
    add(of, [row for row in rows if row["commit"] != commit(11)])
    assert of.benchdb("gate", "last:1").code == 1
    first, second = of.benchdb("changes").out.splitlines()[:2]
    assert first.startswith("no change: searched")
    assert second == (
        "11 sessions are few to list a change: it takes about 10 before it and 4 with it; "
        "`benchdb gate` raises it sooner"
    )
    add(of, rows)
    (found,) = events(of)
    assert cases(found) == {"t.py::test_01", "t.py::test_02"}
    assert "are few" not in of.benchdb("changes").out


def test_the_environment_is_the_cause_where_a_control_moved_too(tmp_path: Path) -> None:
    made = History(effects={**slower("test_01", "test_02"), "t.py::test_control": step(25, 1.08)})
    of = project(tmp_path, made)
    (found,) = events(of)
    assert (found["cause"], found["controls"]) == ("environment", ["t.py::test_control"])
    out = of.benchdb("changes").out
    assert "suspect: the environment, as a control test moved too" in out


def test_control_tests_that_no_test_is_called_as_are_named(tmp_path: Path) -> None:
    of = project(tmp_path, History(30, effects={"t.py::test_control": step(1, 1.0)}))
    settings = tmp_path / "pyproject.toml"
    settings.write_text(settings.read_text().replace('"*control*"', '"*control*", "contorl"'))
    out = of.benchdb("changes").out
    assert "without effect, as nothing is called so: controls 'contorl' of [tool.benchdb]" in out
    assert of.benchdb("changes", "--format", "json").json["unmatched"] == ["controls 'contorl'"]


@pytest.mark.portable
def test_packages_that_changed_there_are_named_and_suspected_without_a_commit(
    tmp_path: Path,
) -> None:
    versions = {
        "version:numpy": lambda session: "2.0" if session < 25 else "2.1",
        "version:pandas": lambda _: "3.0",
        "commit": lambda _: "abc",
    }
    of = project(tmp_path, History(effects=slower("test_01"), more=versions))
    (found,) = events(of)
    assert found["cause"] == "packages"
    assert found["differences"] == [
        {"kind": "package", "name": "numpy", "before": ["2.0"], "after": ["2.1"]}
    ]
    assert "packages that changed there: numpy 2.0 to 2.1" in of.benchdb("changes").out


@pytest.mark.portable
def test_where_only_the_platform_changed_it_is_said(tmp_path: Path) -> None:
    versions = {
        "version:coiled": lambda session: "1.0" if session < 25 else "1.1",
        "commit": lambda _: "abc",
    }
    of = project(tmp_path, History(effects=slower("test_01"), more=versions))
    (found,) = events(of)
    assert found["cause"] == "platform"
    out = of.benchdb("changes").out
    assert "suspect: the platform, as only that changed" in out
    assert "the platform changed there: coiled 1.0 to 1.1" in out


def test_the_same_change_on_two_machines_is_one_event(tmp_path: Path) -> None:
    machines = {"environment": lambda session: "one" if session % 2 else "two"}
    made = History(80, effects=slower("test_01", "test_02", at=40, factor=1.2), more=machines)
    (found,) = events(project(tmp_path, made))
    assert found["series_moved"] == 4
    assert commits(found) == (commit(39), commit(40))


def test_changes_at_different_commits_are_different_events(tmp_path: Path) -> None:
    effects = {**slower("test_01", at=15, factor=1.2), **slower("test_02", at=28, factor=1.3)}
    found = events(project(tmp_path, History(effects=effects)))
    assert [(cases(one), commits(one)[1]) for one in found] == [
        ({"t.py::test_02"}, commit(28)),
        ({"t.py::test_01"}, commit(15)),
    ]


def test_without_commits_both_start_times_bound_what_git_is_to_list(tmp_path: Path) -> None:
    of = project(tmp_path, History(commits=False, effects=slower("test_01", factor=1.3)))
    (found,) = events(of)
    (one,) = found["commits"]
    assert one["command"] == (
        "git log --since='2026-01-25 00:00:00 +0000' --until='2026-01-26 00:00:00 +0000'"
    )
    out = of.benchdb("changes").out
    assert one["command"] in out
    assert "last good session 2026-01-25 00:00, first with it 2026-01-26 00:00 (UTC)" in out


def test_what_went_back_since_says_so_and_ranks_below(tmp_path: Path) -> None:
    effects = {
        "t.py::test_01": lambda session: 1.5 if 10 <= session < 25 else 1.0,
        **slower("test_02", at=30, factor=1.2),
    }
    found = events(project(tmp_path, History(effects=effects)))
    assert [(one["back"], one["verdict"]) for one in found] == [
        (False, "REGRESSED"),
        (False, "IMPROVED"),
        (True, "REGRESSED"),
    ]


def test_a_slow_change_is_a_drift_and_no_event(tmp_path: Path) -> None:
    effects = {"t.py::test_01": lambda session: 1 + 0.004 * session}
    of = project(tmp_path, History(100, noise=0.01, effects=effects))
    content = of.benchdb("changes", "--format", "json").json
    assert content["events"] == []
    assert [one["case"] for one in content["drifts"]] == ["t.py::test_01"]
    assert "1 drift: slow changes without a moment" in of.benchdb("changes").out


def test_every_series_says_what_it_can_tell_from_noise(tmp_path: Path) -> None:
    of = project(tmp_path, History(cases=2, noise=0.02))
    content = of.benchdb("changes", "--format", "json").json
    floors = [one["noise_floor"] for one in content["series"] if one["metric"] == "duration"]
    assert len(floors) == 2
    assert all(0.02 < floor < 0.2 for floor in floors)
    assert "smallest slowdown that can be told from noise" in of.benchdb("changes").out
    assert "what each series can tell from noise" in of.benchdb("changes", "--verbose").out


def test_a_case_a_metric_and_a_date_choose_what_is_shown(tmp_path: Path) -> None:
    effects = {**slower("test_01", at=15, factor=1.2), **slower("test_02", at=28, factor=1.3)}
    of = project(tmp_path, History(effects=effects))
    assert [cases(one) for one in events(of, "test_01")] == [{"t.py::test_01"}]
    assert [cases(one) for one in events(of, "--since", "2026-01-20")] == [{"t.py::test_02"}]
    ran = of.benchdb("changes", "--since", "3000-01")
    assert ran.out.startswith("nothing to show of 2 events\n")
    assert "2 events began before 3000-01-01 00:00 (UTC)" in ran.out
    assert "--closed" not in ran.out
    ran = of.benchdb("changes", "--fdr", "nan")
    assert (ran.code, ran.out) == (2, "")
    assert "nan is not in the range 0<x<1" in ran.err
    assert events(of, "--metric", "failed") == []
    ran = of.benchdb("changes", "--metric", "nope")
    assert ran.code == 2
    assert "no metric 'nope' was measured here: use one of duration, failed" in ran.err
    assert of.benchdb("changes", "--fdr", "2").code == 2
    assert of.benchdb("changes", "--since", "yesteryear").code == 2
    assert of.benchdb("changes", "nothing").code == 2


@pytest.mark.portable
def test_sessions_off_the_trunk_count_where_a_case_has_no_others(tmp_path: Path) -> None:
    made = History(effects=slower("test_01", factor=1.3), more={"branch": lambda _: "mine"})
    of = project(tmp_path, made)
    assert len(events(of)) == 1
    said = "no clean session on main or master yet for 12 tests: every session is used there"
    assert said in of.benchdb("changes").out


def test_a_value_that_is_infinite_is_passed_over(tmp_path: Path) -> None:
    of = project(tmp_path, History(effects=slower("test_01", factor=1.3)))
    execute(of.database, "update test_run set duration = 9e999 where rowid % 7 = 0")
    assert [cases(one) for one in events(of)] == [{"t.py::test_01"}]


@pytest.mark.portable
def test_a_database_without_sessions_has_no_changes(tmp_path: Path) -> None:
    of = project(tmp_path, History(1, 1))
    assert events(of) == []
    assert of.benchdb("changes").code == 0


@pytest.mark.portable
def test_every_field_of_the_json_is_documented(tmp_path: Path) -> None:
    effects = {**slower("test_01"), "t.py::test_control": step(25, 1.2)}
    versions = {"version:numpy": lambda session: "2.0" if session < 25 else "2.1"}
    of = project(tmp_path, History(effects=effects, more=versions))
    content = of.benchdb("changes", "--format", "json").json
    found = fields(content, "", ())
    known = set(FIELDS[schemas.CHANGES])
    cluster = {name for name in known if ".cluster." in name}
    assert {name for name in found if name not in known} - cluster == set()


@pytest.mark.portable
def test_markdown_has_a_heading_for_each_event(tmp_path: Path) -> None:
    of = project(tmp_path, History(effects=slower("test_01", factor=1.3)))
    out = of.benchdb("changes", "--format", "markdown").out
    assert re.search(r"^### `event [0-9a-f]{8}: REGRESSED in 1 of 12 tests`", out, re.MULTILINE)
    assert "| `t.py::test_01` | `duration` | REGRESSED | +" in out


def test_a_new_session_leaves_events_and_their_ids_as_they_are(tmp_path: Path) -> None:
    made = History(40, effects=slower("test_01", "test_02", factor=1.15))
    of = project(tmp_path, made)
    (before,) = events(of)
    made.sessions = 44
    add(of, made.rows(first=40))
    (after,) = events(of)
    assert after["id"] == before["id"]
    assert after["first_after"]["started"].startswith(f"{FIRST:%Y-%m}")
