"""``benchdb gate`` where control tests move, at other places than the tests on trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from made_up import History, commit, project, step

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Project

CASE, CONTROL = "t.py::test_01", "t.py::test_control"


def judged(of: Project, session: int) -> tuple[int, dict[str, Any]]:
    """Judge a session; return the exit code, and what is said of the case."""
    ran = of.benchdb("gate", f"commit:{commit(session)}", "--format", "json")
    return ran.code, next(one for one in ran.json["verdicts"] if one["case"] == CASE)


def test_what_a_control_did_long_before_excuses_nothing(tmp_path: Path) -> None:
    moves = {CASE: step(30, 1.2), CONTROL: step(20, 1.2)}
    of = project(tmp_path, History(34, 4, effects=moves))
    code, found = judged(of, 32)
    assert (code, found["verdict"], found["commits"][0]["bad"]) == (1, "REGRESSED", commit(30))
    assert judged(of, 33)[0] == 0
    assert [one["case"] for one in of.benchdb("backtest", "--format", "json").json["alarms"]] == [
        CASE
    ]


def test_what_a_stray_control_held_back_fails_in_the_session_behind_it(tmp_path: Path) -> None:
    moves = {CASE: step(30, 1.2), CONTROL: lambda session: 1.3 if session == 32 else 1.0}
    of = project(tmp_path, History(35, 4, effects=moves))
    code, found = judged(of, 32)
    assert (code, found["why"]) == (0, f"the control test {CONTROL} moved, too")
    assert judged(of, 33)[0] == 1
    code, known = judged(of, 34)
    assert (code, known["verdict"]) == (0, "REGRESSED")
    raised = of.benchdb("gate", f"commit:{commit(33)}", "--format", "json").json["sessions"][0]
    assert known["raised"] == raised["session"]
