"""``benchdb gate`` where control tests move, at other places than the tests on trial."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from made_up import History, commit, project, step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorded import Project

CASE, CONTROL = "t.py::test_01", "t.py::test_control"
EVERY = [f"t.py::test_{number:02}" for number in range(4)]


def spell(session: int) -> float:
    """Return what a machine does that is slow for six sessions."""
    return 1.3 if 25 <= session < 31 else 1.0


def under_a_spell(seed: int, noise: float = 0.045, **more: Callable[[int], float]) -> History:
    """Return a history in which all tests are slow for some sessions, the control among them."""
    effects = {**dict.fromkeys([*EVERY, CONTROL], spell), **more}
    return History(40, 4, seed=seed, noise=noise, effects=effects)


def alarms(of: Project) -> list[tuple[str, str, int]]:
    """Return of each alarm in the history the test, its commit, and how many sessions it took."""
    found = of.benchdb("backtest", "--format", "json").json["alarms"]
    return [(one["case"], one["commits"][0]["bad"], one["delay"]) for one in found]


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


def test_a_control_whose_step_only_noise_hides_tells_of_the_machine(tmp_path: Path) -> None:
    of = project(tmp_path, under_a_spell(seed=2))
    code, found = judged(of, 27)
    assert (code, found["why"]) == (0, f"the control test {CONTROL} moved, too")
    control = of.benchdb("gate", f"commit:{commit(27)}", "--format", "json").json["verdicts"]
    assert {one["certainty"] for one in control if one["control"]} == {None}
    assert alarms(of) == []


def test_a_test_that_isnt_seen_to_return_with_the_control_is_no_regression(tmp_path: Path) -> None:
    of = project(tmp_path, under_a_spell(seed=3))
    assert alarms(of) == []
    assert {judged(of, session)[0] for session in (33, 34)} == {0}


def test_what_stays_slower_behind_a_spell_of_the_machine_fails_once(tmp_path: Path) -> None:
    def slower(session: int) -> float:
        return spell(session) * (1.25 if session >= 25 else 1.0)

    of = project(tmp_path, under_a_spell(seed=3, **{CASE: slower}))
    assert alarms(of) == [(CASE, commit(25), 9)]
    code, found = judged(of, 33)
    assert (code, found["verdict"], found["commits"][0]["bad"]) == (1, "REGRESSED", commit(25))
    code, known = judged(of, 34)
    assert (code, known["verdict"]) == (0, "REGRESSED")
    raised = of.benchdb("gate", f"commit:{commit(33)}", "--format", "json").json["sessions"][0]
    assert known["raised"] == raised["session"]


def test_a_control_that_moved_some_sessions_before_excuses_nothing(tmp_path: Path) -> None:
    for before in (4, 2):
        moves = {CASE: step(30, 1.2), CONTROL: step(30 - before, 1.2)}
        of = project(tmp_path / str(before), History(36, 4, effects=moves))
        assert alarms(of) == [(CASE, commit(30), 3)]


def test_a_noisy_control_excuses_nothing_that_it_may_have_done(tmp_path: Path) -> None:
    dice = random.Random(21)  # it seems to be 14 % slower from there on
    wild = [dice.lognormvariate(0, 0.15) for _ in range(36)]
    moves = {CASE: step(30, 1.2), CONTROL: lambda session: wild[session]}
    of = project(tmp_path, History(36, 4, effects=moves))
    assert alarms(of) == [(CASE, commit(30), 3)]
