"""``benchdb backtest`` and ``benchdb explain``: what the gate would have said, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_sessions import FAIL, History, commit
from made_up import History as MadeUp
from made_up import add, project, step
from made_up import commit as commit_of

from benchdb.analysis.quick_look import may_end_new_levels, may_have_moved
from benchdb.records import Direction, Verdict
from benchdb.report import schemas
from benchdb.report.fields import FIELDS
from benchdb.review import judging
from benchdb.review.judged import LEAST_PAST, Rule
from benchdb.review.judging import judge_contenders, judge_newest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def fields(schema: str, part: str) -> set[str]:
    return {
        name.removeprefix(part)
        for name in FIELDS[schema]
        if name.startswith(part) and name.count("[]") == part.count("[]") and name[-2:] != ".*"
    }


def test_a_backtest_lists_what_would_have_failed_how_late_and_for_how_long(
    history: History,
) -> None:
    for _ in range(30):
        history.add({"test_0": history.near(), "test_1": 1.0})
    for number in range(8):
        history.add({"test_0": history.near(1.2), "test_1": FAIL if number >= 5 else 1.0})
    ran = history.project.benchdb("backtest")
    assert ran.code == 0
    assert ran.out.startswith("2 of 38 sessions would have failed, for 2 regressions\n")
    document = history.project.benchdb("backtest", "--format", "json").json
    step, failure = document["alarms"]
    assert set(step) == fields(schemas.BACKTEST, "alarms[].")
    assert (step["case"], step["metric"]) == ("test_it.py::test_0", "duration")
    assert (step["session"], step["delay"], step["stayed"]) == ("session-033-main", 3, 6)
    assert step["first_after"] == "session-031-main"
    assert step["commits"][0]["good"] == commit(30)
    assert (failure["case"], failure["metric"]) == ("test_it.py::test_1", "failed")
    assert (failure["session"], failure["delay"], failure["lasts"]) == ("session-037-main", 2, True)
    # It is what the gate says, session by session.
    for day in range(32, 39):
        failed = [one for one in document["alarms"] if one["session"] == f"session-0{day}-main"]
        assert history.gate(f"session:session-0{day}-main").code == bool(failed)
    newest = history.project.benchdb("backtest", "--last", "3", "--format", "json").json
    assert newest["alarms"] == [failure]


def test_one_cause_fails_once_and_tests_that_show_it_later_are_known(tmp_path: Path) -> None:
    slower = {f"t.py::test_0{number}": step(38, 1.08) for number in (3, 5, 7)}
    made = MadeUp(41, 60, 5, effects=slower)
    of = project(tmp_path, made)
    assert of.benchdb("gate", "last:1").code == 1
    made.sessions = 44
    add(of, made.rows(first=41))
    ran = of.benchdb("gate", "last:1", "--format", "json")
    assert ran.code == 0
    regressed = [one for one in ran.json["verdicts"] if one["verdict"] == "REGRESSED"]
    assert {one["case"] for one in regressed} == set(slower)
    assert None not in {one["raised"] for one in regressed}
    (alarm,) = of.benchdb("backtest", "--format", "json").json["alarms"]
    assert {alarm["case"], *alarm["also"]} == set(slower)
    assert len(alarm["also"]) == 2


def test_a_regression_stays_known_until_it_is_accepted_or_gone(tmp_path: Path) -> None:
    slower = {
        "t.py::test_03": step(30, 1.15),
        "t.py::test_05": lambda at: 1.2 if 30 <= at < 60 else 1.0,
    }
    made = MadeUp(90, 8, effects=slower)
    of = project(tmp_path, made)
    found = {one["case"]: one for one in of.benchdb("backtest", "--format", "json").json["alarms"]}
    assert {name: one["lasts"] for name, one in found.items()} == {
        "t.py::test_03": True,
        "t.py::test_05": False,
    }
    assert found["t.py::test_03"]["stayed"] == 90 - 32
    assert 25 <= found["t.py::test_05"]["stayed"] <= 31

    def regressed() -> list[tuple[str, str]]:
        ran = of.benchdb("gate", "last:1", "--format", "json")
        assert ran.code == 0
        some = [one for one in ran.json["verdicts"] if one["verdict"] == "REGRESSED"]
        return [(one["case"], one["commits"][0]["bad"]) for one in some]

    assert regressed() == [("t.py::test_03", commit_of(30))]
    events = of.benchdb("changes", "--format", "json").json["events"]
    for event in events:
        assert of.benchdb("ack", event["id"], "--wont-fix").code == 0
    assert regressed() == []


def test_a_change_much_larger_than_a_known_one_at_its_place_fails_by_itself(
    history: History,
) -> None:
    history.usual(30, tests=2)
    for number in range(5):  # test_1 didn't run in the first sessions with it
        other = {} if number < 2 else {"test_1": history.near(1.5)}
        history.add({"test_0": history.near(1.1), **other})
    assert history.gate("session:session-033-main").code == 1
    assert history.gate("session:session-035-main").code == 1
    failing = [one["case"] for one in history.verdicts().values() if one["fails"]]
    assert failing == ["test_it.py::test_1"]


def test_a_backtest_tries_other_settings(history: History) -> None:
    history.usual(30)
    for _ in range(4):
        history.add({"test_0": history.near(1.2)})
    other = history.project.folder / "other.toml"
    other.write_text("[tool.benchdb]\ntolerance = 0.5\n")
    assert history.project.benchdb("backtest").out.startswith("1 of 34 sessions would have failed")
    ran = history.project.benchdb("backtest", "--config", other)
    assert ran.out.startswith("0 of 34 sessions would have failed")
    other.write_text("[tool.benchdb]\ntolerances = 0.5\n")
    ran = history.project.benchdb("backtest", "--config", other)
    assert ran.code == 2
    assert "has no setting 'tolerances'" in ran.err
    assert history.project.benchdb("backtest", "--config", "absent.toml").code == 2


def test_an_explanation_shows_what_a_verdict_is_made_of(history: History) -> None:
    history.usual(30)
    for _ in range(3):
        history.add({"test_0": history.near(1.2)})
    ran = history.project.benchdb("explain", "test_0", "--metric", "duration")
    assert ran.code == 0
    assert ran.out.startswith("test_it.py::test_0 duration: REGRESSED (confirmed)\n")
    assert "limit: p of at most 0.005 = false_alarms 0.01 / 2 series" in ran.out
    document = history.project.benchdb("explain", "test_0", "--format", "json").json
    duration, failed = document["series"]
    assert set(duration) == fields(schemas.EXPLANATION, "series[].")
    assert duration["judged"] == 3
    assert [one["points"] for one in duration["segments"]] == [30]
    assert duration["level"] == pytest.approx(1.0, abs=0.02)
    assert duration["smallest_five"] < duration["smallest_one"] < 0.2
    assert failed["metric"] == "failed"
    assert failed["usual"] < 1e-5


def test_an_explanation_of_nothing_is_one_line(history: History) -> None:
    history.usual(5)
    for arguments, line in (
        (["test_x"], "no case 'test_x'"),
        (["test_0", "--metric", "speed"], "no metric 'speed' was judged here: use one of duration"),
        (["test_0", "last:0"], "last:0"),
    ):
        ran = history.project.benchdb("explain", *arguments)
        assert ran.code == 2
        assert line in ran.err
        assert ran.err.count("\n") == 1


# -- figures, in small: benchmarks/self/gating.py has them in full


def test_a_quick_look_passes_over_nothing_that_a_careful_one_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "may_end_new_levels", lambda series, _: [True] * len(series))
    dice = np.random.default_rng(3)
    rule = Rule(0.001, 0.02, Direction.LOWER_IS_BETTER)
    found = 0
    for effect in (1.05, 1.08, 1.15, 1.5):
        series = [
            dice.lognormal(0, 0.02, 60) * np.where(np.arange(60) < 45, 1, effect) for _ in range(5)
        ]
        told = [may_have_moved(one, np.full(60, 3.29)) for one in series]
        for n in range(LEAST_PAST + 1, 61):
            judged = judge_newest([one[:n] for one in series], [rule] * 5, first=False)
            alarms = [one.certainty is not None for one in judged]
            found += sum(alarms)
            ends = may_end_new_levels([one[:n] for one in series], [3.29] * 5)
            for quick, end, alarm in zip(told, ends, alarms, strict=True):
                assert (quick[n - 1] and end) or not alarm
    assert found > 100


def test_a_step_of_10_percent_in_2_percent_noise_is_confirmed_within_three_sessions() -> None:
    dice = np.random.default_rng(5)
    step = np.where(np.arange(103) < 100, 1, 1.1)
    series = [dice.lognormal(0, 0.02, 103) * step for _ in range(100)]
    rules = [Rule(0.005, 0.02, Direction.LOWER_IS_BETTER)] * 100
    found = judge_newest(series, rules, first=False)
    assert sum(one.certainty == "confirmed" for one in found) >= 92
    assert all(one.verdict is Verdict.REGRESSED for one in found if one.certainty)


def test_without_a_change_a_large_suite_doesnt_alarm() -> None:
    dice = np.random.default_rng(9)
    series = [dice.lognormal(0, 0.02, 110) for _ in range(300)]
    rules = [Rule(0.01 / 300, 0.02, Direction.LOWER_IS_BETTER)] * 300
    found = []
    for n in (105, 110):
        found += judge_newest([one[:n] for one in series], rules, first=False)
    spikes = [one * np.where(dice.random(110) < 0.05, 1.3, 1) for one in series]
    found += judge_contenders([one[:-1] for one in spikes], [one[-1:] for one in spikes], rules)
    assert [one for one in found if one.certainty] == []


def test_series_that_move_together_are_judged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each search costs as much for one series as for hundreds.
    searches = []
    search = judging.find_change_points_many
    monkeypatch.setattr(
        judging,
        "find_change_points_many",
        lambda *given, **how: searches.append(1) or search(*given, **how),
    )
    dice = np.random.default_rng(1)

    def searched(series: int) -> int:
        searches.clear()
        values = [np.exp(dice.normal(0, 0.02, 33)) for _ in range(series)]
        moved = [np.where(np.arange(33) >= 27, 1.3, 1.0) * one for one in values]
        rule = Rule(1e-4, 0.02, Direction.LOWER_IS_BETTER)
        found = judge_newest(moved, [rule] * series)
        assert {one.certainty for one in found} == {"confirmed"}
        return len(searches)

    few = searched(5)
    assert searched(40) <= 2 * few
