"""``benchdb gate`` where tests fail for long, are mended, and fail again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from made_up import History, add, commit, project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorded import Project

CASE = "t.py::test_01"


def failing(folder: Path, sessions: int, fails: Callable[[int], bool], repeats: int = 1) -> Project:
    """Return a history in which one test fails in some sessions, all times that it runs."""
    of = project(folder)
    history = History(sessions, 3)
    rows = [row | {"outcome": "passed"} for row in history.rows()]
    for number, row in enumerate(rows):
        if row["test"] == CASE and fails(number // 3):
            row |= {"outcome": "failed", "duration": ""}
    add(of, [row for row in rows for _ in range(repeats)])
    return of


def judged(of: Project, session: int) -> tuple[int, dict[str, Any]]:
    """Judge a session; return the exit code, and what is said of the test's failures."""
    ran = of.benchdb("gate", f"commit:{commit(session)}", "--format", "json")
    found = {(one["case"], one["metric"]): one for one in ran.json["verdicts"]}
    return ran.code, found[CASE, "failed"]


def red(of: Project) -> list[str]:
    """Return the commits of the sessions that a backtest says would have failed."""
    found = of.benchdb("backtest", "--format", "json").json["alarms"]
    return [one["commits"][0]["bad"] for one in found]


def test_a_test_that_fails_for_good_fails_one_session_however_long_it_does(tmp_path: Path) -> None:
    of = failing(tmp_path, 66, lambda session: session >= 20)
    assert judged(of, 21)[0] == 1
    code, known = judged(of, 59)
    assert (code, known["verdict"]) == (0, "REGRESSED")
    code, usual = judged(of, 65)
    assert (code, usual["verdict"]) == (0, "UNCHANGED")
    assert red(of) == [commit(20)]


@pytest.mark.parametrize(("fails", "passes"), [(6, 8), (2, 5)])
def test_a_failure_that_was_mended_and_comes_back_fails_again_by_its_own_commit(
    tmp_path: Path, fails: int, passes: int
) -> None:
    back = 20 + fails + passes
    of = failing(tmp_path, 66, lambda session: 20 <= session < 20 + fails or session >= back)
    code, again = judged(of, back + 1)
    assert (code, again["verdict"], again["raised"]) == (1, "REGRESSED", None)
    assert (again["commits"][0]["bad"], again["before"]) == (commit(back), 0)
    assert red(of) == [commit(20), commit(back)]


def test_a_test_that_passes_now_and_then_is_not_mended_by_its_repeated_runs(tmp_path: Path) -> None:
    of = failing(tmp_path, 50, lambda session: session >= 20 and session % 9 > 0, repeats=3)
    assert red(of) == [commit(20)]


def test_what_the_trunk_fails_already_does_not_fail_a_contender(tmp_path: Path) -> None:
    of = failing(tmp_path, 24, lambda session: session >= 21)
    rows = [row | {"branch": "feature"} for row in History(25, 3).rows(24)]
    every = [
        dict(row, start=f"{row['start'][:11]}{hour:02}:00:00") for row in rows for hour in range(4)
    ]
    add(of, [row | {"session": "one", "outcome": "failed", "duration": ""} for row in every])
    found = of.benchdb("gate", "last:1", "--format", "json").json["verdicts"]
    said = {one["case"]: one["verdict"] for one in found if one["metric"] == "failed"}
    assert (said[CASE], said["t.py::test_00"]) == ("UNCHANGED", "REGRESSED")


def test_a_test_that_always_failed_and_passes_at_last_got_better(tmp_path: Path) -> None:
    of = failing(tmp_path, 24, lambda session: session < 23)
    code, passing = judged(of, 23)
    assert (code, passing["verdict"], passing["certainty"]) == (0, "IMPROVED", "suspect")
    assert passing["commits"][0]["bad"] == commit(23)


def test_a_backtest_judges_failures_by_the_machine_that_they_are_of_as_the_gate_does(
    tmp_path: Path,
) -> None:
    of = project(tmp_path)
    rows = [row | {"outcome": "passed"} for row in History(60, 3).rows()]
    for number, row in enumerate(rows):
        session = number // 3
        flaky = session % 2 == 1  # the other machine's turn
        row["environment"] = "B" if flaky else "A"
        fails = session % 4 == 1 if flaky else row["test"] == CASE and session in {40, 48}
        if fails:
            row |= {"outcome": "failed", "duration": ""}
    add(of, rows)
    code, said = judged(of, 48)
    assert (code, said["verdict"], said["certainty"]) == (1, "REGRESSED", "confirmed")
    assert red(of) == [commit(40)]
