"""``benchdb gate``: which session is judged, against what, what is said of it, and what fails."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from made_sessions import FAIL, HANG, LOSE, History, commit
from recorded import new_project
from store_samples import EPOCH

from benchdb.records import SubjectRevision
from benchdb.report import schemas
from benchdb.report.fields import FIELDS
from benchdb.store.merge import merge

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from recorded import Project


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


# -- which session


def test_the_newest_session_that_was_recorded_here_is_judged_and_none_that_was_merged(
    history: History,
) -> None:
    history.usual(10)
    other = History(history.project.folder, "other.db")
    other.day = 20
    other.add({"test_0": 9.0})
    merge(history.path, [other.path])
    document = history.gate("--format", "json").json
    assert [one["session"] for one in document["sessions"]] == ["session-010-main"]
    assert document["chosen"] == "the newest that was recorded into this file"
    assert history.gate("session:021-main").code == 0  # one point is a suspect


def test_where_none_was_recorded_here_all_sessions_of_head_are_judged(tmp_path: Path) -> None:
    project = new_project(tmp_path / "project")
    head = project.database  # recorded elsewhere, at this commit
    elsewhere = History(tmp_path, "elsewhere.db")
    elsewhere.usual(8)
    at = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project.folder, capture_output=True, text=True
    ).stdout.strip()
    for _ in range(2):
        elsewhere.add({"test_0": 1.0}, branch="feature", at=at)
    ran = project.benchdb("gate")
    assert ran.code == 2
    merge(head, [elsewhere.path])
    document = project.benchdb("gate", "--format", "json").json
    assert [one["session"] for one in document["sessions"]] == [
        "session-010-feature",
        "session-009-feature",
    ]
    assert document["chosen"] == f"of HEAD, {at[:10]}"


def test_the_headline_says_that_a_session_was_lost_and_that_head_is_another(
    tmp_path: Path,
) -> None:
    project = new_project(tmp_path / "project")
    with project.recording() as process:
        process.kill()
    said = project.benchdb("gate").out.splitlines()[0]
    assert said.endswith("; but the session was LOST: its process was killed before its end")
    project.record("-k", "sum")
    assert "; but" not in project.benchdb("gate").out.splitlines()[0]
    project.git("commit", "--allow-empty", "-m", "not recorded")
    ran = project.benchdb("gate", "--format", "json").json
    (session,) = ran["sessions"]
    started = session["started"][:16].replace("T", " ")
    assert ran["head"] not in (None, session["subjects"][0]["commit"])
    said = f"; but HEAD, {ran['head'][:10]}, was not recorded: this is the session of {started}"
    assert f"{said} (UTC)" in ran["headline"]
    assert "::warning title=benchdb gate::" in project.benchdb("gate", "--format", "github").out
    assert project.benchdb("gate", "last:1", "--format", "json").json["head"] is None


def test_where_there_is_nothing_to_judge_it_fails_with_2_and_one_line(history: History) -> None:
    ran = history.gate()
    assert ran.code == 2
    assert "there is no database" in ran.err
    history.add({})
    ran = history.gate()
    assert ran.code == 2
    assert "nothing of session" in ran.err
    assert ran.err.count("\n") == 1
    other = History(history.project.folder, "other.db")
    merge(other.path, [history.path])
    ran = history.gate("--db", "other.db")
    assert ran.code == 2
    assert "no session was recorded into this file" in ran.err


def test_what_is_infinite_has_no_level_and_is_said_to_be_left_out(history: History) -> None:
    history.usual(20)
    history.add({"test_0": math.inf, "test_1": [1.0, math.inf, 1.0]})
    for _ in range(3):
        history.add({"test_0": history.near(), "test_1": math.inf})
    ran = history.gate()
    assert ran.code == 0
    assert "not judged, as it is infinite: test_it.py::test_1 duration s" in ran.out
    assert ("test_0", "duration") in history.verdicts()
    assert ("test_1", "duration") not in history.verdicts()
    assert history.gate("--format", "json").json["infinite"] == ["test_it.py::test_1 duration s"]
    assert history.project.benchdb("explain", "test_0").code == 0
    ran = history.project.benchdb("compare", "last:10", "last:3")
    assert ran.code == 0
    assert "infinite in the contender" in ran.out


def test_the_commit_that_is_named_is_the_projects_and_not_of_what_is_installed_beside(
    history: History,
) -> None:
    later = SubjectRevision("another", "2", "e" * 40, EPOCH + timedelta(days=99), "main", False)
    history.add({"test_0": 1.0}, beside=(later,))
    named = "[project]\nname = 'Common'\n"
    (history.project.folder / "pyproject.toml").write_text(named)
    assert f" at {commit(1)[:10]} on main" in history.gate().out
    for arguments in (["show"], ["explain", "test_0"]):
        out = history.project.benchdb(*arguments).out
        assert commit(1)[:10] in out
        assert "eeee" not in out
    history.settings('subjects = ["another"]')
    assert " at eeeeeeeeee on main" in history.gate().out


# -- the trunk


def test_a_confirmed_regression_of_the_trunk_fails_once_and_then_is_known(
    history: History,
) -> None:
    history.usual(40, tests=3)
    codes = []
    for _ in range(6):
        history.add({"test_0": history.near(1.2), "test_1": history.near(), "test_2": 1.0})
        codes.append(history.gate().code)
    assert codes == [0, 0, 1, 0, 0, 0]
    first, second, _, last = [
        history.gate(f"session:session-0{day}-main").out for day in (41, 42, 43, 44)
    ]
    assert "regressions that don't fail: 1 series" in first
    assert "REGRESSED (suspect, 1 session)" in first
    assert "regressions that are known and last: 1 series" in second
    assert "REGRESSED (suspect, 2 sessions)" in second
    assert "regressions that are known and last: 1 series" in last
    ran = history.gate("session:session-043-main")
    assert ran.out.startswith("REGRESSED: 1 test (1 confirmed of ")
    assert "test_it.py::test_0  duration  REGRESSED (confirmed, 3 sessions)" in ran.out
    good, bad = commit(40)[:12], commit(41)[:12]
    assert f"`git log {good}..{bad}` in common" in ran.out
    assert f"`git bisect start {bad} {good}`" in ran.out
    assert "`pytest --benchmark --benchmark-repeat 5 test_it.py::test_0`" in ran.out


def test_a_narrow_terminal_keeps_both_levels_and_what_is_to_be_suspected(
    history: History,
) -> None:
    history.usual(40, tests=2)
    for _ in range(5):
        history.add({"test_0": history.near(1.2), "test_1": history.near()})
    ran = history.gate(COLUMNS="80")
    assert ran.code == 0
    head = next(line for line in ran.out.splitlines() if "verdict" in line)
    assert head.split()[-2:] == ["before", "after"]
    assert "\ntest_it.py::test_0 · duration\n" in ran.out
    good, bad = commit(40)[:12], commit(41)[:12]
    assert f"test_it.py::test_0, what changed: `git log {good}..{bad}` in common" in ran.out
    for width in (60, 40):
        lines = history.gate(COLUMNS=str(width)).out.splitlines()
        assert max(map(len, lines)) <= width
        (row,) = (line for line in lines if "REGRESSED (" in line)
        assert row.endswith("…")
    out = history.gate(COLUMNS="40", PYTHONIOENCODING="ascii").out
    assert "REGRESSED (confirmed~" in out
    assert "test_it.py::test_0 | duration\n" in out
    history.add({"test_0": history.near(1.2), "test_1": history.near(1.3)}, branch="feature")
    told = history.gate(COLUMNS="80").out
    commands = [one for one in told.split("`")[1::2] if one.startswith("benchdb annotate series")]
    assert [one.count("\n") for one in commands] == [0]  # it can be pasted


def test_what_gets_better_is_no_regression_and_direction_counts(history: History) -> None:
    history.usual(40)
    for _ in range(3):
        history.add({"test_0": history.near(0.8)})
    assert history.gate().code == 0
    assert history.verdicts()["test_0", "duration"]["verdict"] == "IMPROVED"


def test_a_tolerance_and_the_metrics_are_settings(history: History) -> None:
    history.usual(40)
    for _ in range(3):
        history.add({"test_0": history.near(1.2)})
    assert history.gate().code == 1
    history.settings('tolerance = {"test_it.py::* @ dur*" = 0.3}')
    assert history.gate().code == 0
    history.settings('tolerance = {"* @ peak*" = 0.3}', 'metrics = ["dur*"]')
    assert history.gate().code == 1
    assert "without effect, as nothing is called so: tolerance '* @ peak*'" in history.gate().out
    history.settings('metrics = ["duration"]', 'controls = ["test_9"]')
    ran = history.gate("--format", "github")
    assert "nothing is called so: controls 'test_9' of [tool.benchdb]" in ran.out


def test_a_former_name_that_no_test_ever_had_is_named(history: History) -> None:
    history.usual(20)
    names = {"t.py::test_9": "test_it.py::test_0", "test_it.py::test_0": "t.py::test_1"}
    onward = {"t.py::test_1": "t.py::test_2", "test_it.py::test_": "t.py::test_3"}
    table = ", ".join(f'"{old}" = "{new}"' for old, new in {**names, **onward}.items())
    history.settings(f"renamed = {{{table}}}")
    named = ["renamed 't.py::test_9'", "renamed 'test_it.py::test_'"]
    for command in ("gate", "backtest", "changes"):
        ran = history.project.benchdb(command)
        said = f"nothing is called so: {', '.join(named)} of [tool.benchdb]"
        assert (ran.code, said in ran.out) == (0, True), ran.out
        assert history.project.benchdb(command, "--format", "json").json["unmatched"] == named


@pytest.mark.parametrize(("metrics", "asked"), [('["peak*"]', "'peak*'"), ("[]", "nothing")])
def test_metrics_that_fit_nothing_are_no_reason_to_pass(
    history: History, metrics: str, asked: str
) -> None:
    history.usual(10)
    history.settings(f"metrics = {metrics}")
    ran = history.gate()
    assert (ran.code, ran.out) == (2, "")
    assert f"it measured duration, and [tool.benchdb] metrics asks for {asked}" in ran.err
    history.add({"test_0": FAIL})
    assert history.gate().code == 0  # a suspect: failures are judged in any case


def test_a_control_test_that_moved_too_makes_it_the_machine(history: History) -> None:
    history.usual(40, tests=2)
    for _ in range(3):
        history.add({"test_0": history.near(1.2), "test_1": history.near(1.2)})
    assert history.gate().code == 1
    history.settings('controls = ["test_1"]')
    ran = history.gate()
    assert ran.code == 0
    found = history.verdicts()["test_0", "duration"]
    assert found["why"] == "the control test test_it.py::test_1 moved, too"


def test_a_control_test_may_move_below_zero(history: History) -> None:
    history.settings('controls = ["test_1"]')
    history.usual(30, tests=2, level=-1.0)
    for _ in range(3):
        history.add({"test_0": history.near(-3.0), "test_1": history.near(-3.0)})
    found = history.verdicts()["test_0", "duration"]
    assert found["effect"] == pytest.approx(-2, rel=0.1)
    assert found["why"] == "the control test test_it.py::test_1 moved, too"
    assert found["verdict"] == "UNDECIDED"


def test_an_accepted_level_is_the_baseline_at_once(history: History) -> None:
    history.usual(40)
    for _ in range(4):
        history.add({"test_0": history.near(1.3)})
    assert history.gate("session:session-043-main").code == 1
    event = history.project.benchdb("changes", "--format", "json").json["events"][0]["id"]
    assert history.project.benchdb("ack", event, "--expected", "-m", "it does more").code == 0
    assert history.gate("session:session-043-main").code == 0
    history.add({"test_0": history.near(1.3)}, branch="feature")
    assert history.gate().code == 0
    history.add({"test_0": history.near(1.7)}, branch="feature")
    found = history.verdicts()["test_0", "duration"]
    assert found["verdict"] == "REGRESSED"
    assert found["effect"] == pytest.approx(0.3, abs=0.06)


def test_steps_before_an_accepted_level_dont_come_in(history: History) -> None:
    history.usual(40)
    for level in (1.3, 1.69):  # one soon after the other
        for _ in range(4):
            history.add({"test_0": history.near(level)})
    for _ in range(8):
        history.add({"test_0": history.near(1.69)})
    events = history.project.benchdb("changes", "--format", "json").json["events"]
    newest = max(events, key=lambda one: one["first_after"]["started"])
    assert history.project.benchdb("ack", newest["id"], "--expected").code == 0
    found = history.verdicts("last:1")["test_0", "duration"]
    assert found["verdict"] == "UNCHANGED"
    assert found["before"] == pytest.approx(1.69, rel=0.03)


def test_a_regression_above_an_accepted_level_that_was_0_before_fails(history: History) -> None:
    for _ in range(30):
        history.add({"test_0": 0.0})
    for _ in range(12):
        history.add({"test_0": history.near()})
    found = history.verdicts("last:1")["test_0", "duration"]
    assert (found["before"], found["after"]) == (0, pytest.approx(1.0, rel=0.03))
    shown = history.project.benchdb("explain", "test_0", "last:1").out
    assert "known as from 30 sessions; neighbours" in shown
    assert "inf" not in shown
    event = history.project.benchdb("changes", "--format", "json").json["events"][0]["id"]
    assert history.project.benchdb("ack", event, "--expected").code == 0
    for _ in range(3):
        first = history.day + 1
        history.add({"test_0": history.near(1.5)})
    assert history.gate("last:1").code == 1
    found = history.verdicts("last:1")["test_0", "duration"]
    assert (found["certainty"], found["raised"]) == ("confirmed", None)
    assert found["first_after"] == f"session-{first - 2:03d}-main"
    assert found["last_before"] == f"session-{first - 3:03d}-main"
    explained = history.project.benchdb("explain", "test_0", "last:1", "--format", "json").json
    (of_duration,) = [one for one in explained["series"] if one["metric"] == "duration"]
    assert [(one["first"], one["points"]) for one in of_duration["segments"]] == [
        ("session-031-main", 12)
    ]


# -- contenders


def test_a_suspect_fails_a_contender_unless_confirmed_ones_alone_are_to(history: History) -> None:
    history.usual(40)
    history.add({"test_0": history.near(1.2)}, branch="feature")
    ran = history.gate()
    assert ran.code == 1
    assert "REGRESSED (suspect, 1 session)" in ran.out
    assert history.gate("--fail-on", "confirmed").code == 0
    history.settings('fail_on = "confirmed"')
    assert history.gate().code == 0
    assert history.gate("--fail-on", "suspect").code == 1


def test_what_a_contender_does_is_accepted_by_the_line_that_is_printed_also_on_the_trunk(
    history: History,
) -> None:
    history.usual(40, tests=2)
    slower = {"test_0": 1.3, "test_1": history.near()}
    history.add(slower, branch="feature")
    printed = history.gate().out.partition("here and on the trunk: `")[2].partition("`")[0]
    assert printed.startswith("benchdb annotate series 'test_it.py::test_0 duration s' --after ")
    assert history.project.benchdb(*shlex.split(printed)[1:]).code == 0
    assert history.gate().code == 0
    assert history.verdicts()["test_0", "duration"]["why"] == "acknowledged as expected"
    history.add({"test_0": history.near(1.3), "test_1": 1.3}, branch="other")
    ran = history.gate()  # it moves more than was said
    assert ran.code == 1
    assert "REGRESSED: 1 test (1 suspect" in ran.out
    codes = []
    for _ in range(5):  # as one that is merged
        history.add({"test_0": history.near(1.3), "test_1": history.near()})
        codes.append(history.gate().code)
    assert codes == [0] * 5
    history.usual(3, tests=2, level=1.3)
    ran = history.gate()
    assert ran.code == 1
    assert "REGRESSED: 1 test (1 confirmed" in ran.out


def test_a_range_without_an_end_holds_for_a_contender_and_one_that_ended_does_not(
    history: History,
) -> None:
    history.usual(40)
    said = ("annotate", "series", "test_it.py::test_0", "--after", commit(2), "--noise")
    assert history.project.benchdb(*said[:-1], "--until", commit(9), "--expected").code == 0
    history.add({"test_0": 1.3}, branch="feature")
    assert history.gate().code == 1
    assert history.project.benchdb(*said).code == 0
    assert history.gate().code == 0


def test_three_sessions_of_a_contender_confirm(history: History) -> None:
    history.usual(40)
    for _ in range(3):
        history.add({"test_0": history.near(1.2)}, branch="feature", at="f" * 40)
    ran = history.gate("commit:ffffffff")
    assert ran.code == 1
    assert "REGRESSED (confirmed, 3 sessions)" in ran.out


def at_time(project: Project, when: datetime, *arguments: str) -> str:
    """Commit at a time, and return the commit."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(
        ["git", *identity, "commit", "--allow-empty", "-m", "one more", *arguments],
        cwd=project.folder,
        env={**os.environ, "GIT_COMMITTER_DATE": when.isoformat()},
        check=True,
        capture_output=True,
    )
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project.folder, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("beside", [False, True])
def test_a_contender_is_judged_by_the_trunk_up_to_its_merge_base(
    tmp_path: Path, beside: bool
) -> None:
    project = new_project(tmp_path / "project")
    history = History(project.folder)
    # Another editable package, with a newer commit: it stands for the place of each session.
    later = SubjectRevision("another", "2", "e" * 40, EPOCH + timedelta(days=99), "main", False)
    also = (later,) if beside else ()
    history.usual(20, beside=also)
    # The branch began here; the trunk became slower since.
    at_time(project, EPOCH + timedelta(days=20, hours=1), "--amend")
    project.git("checkout", "-b", "feature")
    at = at_time(project, EPOCH + timedelta(days=21))
    history.usual(20, level=1.3, beside=also)
    history.add({"test_0": history.near(1.3)}, branch="feature", at=at, beside=also)
    ran = history.gate()
    assert "contender, against the trunk up to the merge base" in ran.out
    assert ran.code == 1
    found = history.verdicts()["test_0", "duration"]
    assert found["effect"] == pytest.approx(0.3, abs=0.05)
    assert found["past"] == 20


def test_sessions_of_the_merge_base_count_however_late_they_ran(tmp_path: Path) -> None:
    project = new_project(tmp_path / "project")
    history = History(project.folder)
    base = at_time(project, EPOCH, "--amend")
    history.usual(20, at=base)
    trunk = at_time(project, EPOCH + timedelta(hours=1))
    history.usual(20, level=1.3, at=trunk)
    project.git("checkout", "-b", "feature", base)
    at = at_time(project, EPOCH + timedelta(days=50))
    history.add({"test_0": history.near(1.3)}, branch="feature", at=at)
    assert history.gate().code == 1
    found = history.verdicts()["test_0", "duration"]
    assert (found["past"], found["last_before"]) == (20, "session-020-main")


# -- what can't be said


def test_a_new_case_is_undecided(history: History) -> None:
    history.usual(10, tests=2)
    history.add({"test_0": history.near(), "test_new": 1.0})
    assert history.gate().code == 0
    assert history.verdicts()["test_new", "duration"]["why"] == "new"


def test_where_nothing_is_decided_it_passes_and_says_so(history: History) -> None:
    history.usual(2)
    ran = history.gate()
    assert ran.code == 0
    assert ran.out.startswith("UNDECIDED: nothing can be said yet of any of ")
    assert history.gate("--fail-on-undecided").code == 1


def test_a_raised_version_starts_a_new_series_and_a_renamed_test_keeps_its(
    history: History,
) -> None:
    history.usual(20)
    history.add({"test_0": 2.0}, version="2", branch="feature")
    assert history.verdicts()["test_0", "duration"]["why"] == "new"
    history.add({"test_other": 2.0}, branch="feature")
    assert history.gate().code == 0
    history.settings('renamed = {"test_it.py::test_0" = "test_it.py::test_other"}')
    assert history.gate().code == 1


# -- outcomes


@pytest.mark.parametrize(("outcome", "metric"), [(FAIL, "failed"), (LOSE, "lost"), (HANG, "hung")])
def test_a_test_that_starts_to_fail_is_a_regression(
    history: History, outcome: str, metric: str
) -> None:
    history.usual(10, tests=2)
    history.add({"test_0": outcome, "test_1": history.near()})
    assert history.gate().code == 0
    found = history.verdicts()["test_0", metric]
    assert (found["verdict"], found["certainty"]) == ("REGRESSED", "suspect")
    history.add({"test_0": outcome, "test_1": history.near()})
    ran = history.gate()
    assert ran.code == 1
    assert f"{metric}" in ran.out
    history.add({"test_0": outcome, "test_1": history.near()})
    assert history.gate().code == 0  # that is known


def test_a_test_that_always_failed_is_none_and_a_flaky_one_is_judged_by_its_rate(
    history: History,
) -> None:
    for number in range(40):
        history.add({"test_0": FAIL, "test_1": FAIL if number % 4 == 0 else 1.0, "test_2": 1.0})
    history.add({"test_0": FAIL, "test_1": FAIL, "test_2": 1.0}, branch="feature")
    assert history.gate().code == 0
    assert history.verdicts()["test_0", "failed"]["verdict"] == "UNCHANGED"
    history.add({"test_0": FAIL, "test_1": [FAIL] * 8, "test_2": 1.0}, branch="feature")
    found = history.verdicts()
    assert found["test_1", "failed"]["verdict"] == "REGRESSED"
    assert found["test_1", "failed"]["before"] == pytest.approx(0.25)
    assert history.gate().code == 1


# -- output


def test_it_is_printed_for_people_for_programs_and_for_github(history: History) -> None:
    history.usual(40)
    history.add({"test_0": history.near(1.3), "test_new[a,b]": 1.0}, branch="feature")
    document = history.gate("--format", "json").json
    assert document["schema"] == schemas.GATE
    assert document["exit_code"] == 1
    assert set(document["verdicts"][0]) == {
        name.removeprefix("verdicts[].")
        for name in FIELDS[schemas.GATE]
        if name.startswith("verdicts[].") and name.count("[]") == 1 and not name.endswith(".*")
    }
    markdown = history.gate("--format", "markdown").out
    assert "| `test_it.py::test_0` | `duration` | REGRESSED" in markdown
    github = history.gate("--format", "github")
    assert github.code == 1
    error, *_, last = github.out.splitlines()
    assert error.startswith("::error file=test_it.py,title=test_0 REGRESSED::duration of test_it")
    assert "%25 (+" in error
    assert last.startswith("::error title=benchdb gate::REGRESSED: 1 test")


def test_of_many_regressions_github_gets_no_more_annotations_than_it_shows(
    history: History,
) -> None:
    history.usual(30, tests=12)
    history.usual(1, tests=12, level=2.0, branch="feature")
    lines = history.gate("--format", "github").out.splitlines()
    assert len(lines) == 10
    assert all(line.startswith("::error ") for line in lines)
    assert lines[-2].endswith("::4 more series regressed")
    assert lines[-1].startswith("::error title=benchdb gate::REGRESSED: 12 tests")


def test_the_number_of_series_makes_each_of_them_harder_to_alarm(history: History) -> None:
    history.usual(30, tests=1)
    few = history.gate("--format", "json").json["limit"]
    history.usual(1, tests=30)
    many = history.gate("--format", "json").json["limit"]
    assert few == pytest.approx(0.01 / 2)  # duration and failed
    assert many == pytest.approx(0.01 / 60)
    history.settings("false_alarms = 0.1")
    assert history.gate("--format", "json").json["limit"] == pytest.approx(0.1 / 60)
