"""``benchdb gate`` where a test changed before: once more, further, or on two machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up import History, add, commit, project

from benchdb.records import Direction
from benchdb.review.judged import Rule
from benchdb.review.judging import judge_newest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorded import Project

CASE = "t.py::test_01"


def judged(of: Project, session: int) -> tuple[int, dict[str, Any]]:
    """Judge a session; return the exit code, and what is said of the case."""
    ran = of.benchdb("gate", f"commit:{commit(session)}", "--format", "json")
    found = {(one["case"], one["metric"]): one for one in ran.json["verdicts"]}
    return ran.code, found[CASE, "duration"]


def alarms(of: Project) -> list[tuple[str, int, bool]]:
    """Return of each alarm of a backtest: its commit, its delay, and whether it lasts."""
    found = of.benchdb("backtest", "--format", "json").json["alarms"]
    return [(one["commits"][0]["bad"], one["delay"], one["lasts"]) for one in found]


def levels(*given: tuple[int, float]) -> Callable[[int], float]:
    """Return what a series of levels does, each from a session on."""
    return lambda session: [level for first, level in given if first <= session][-1]


def test_a_regression_that_was_fixed_and_comes_back_fails_again_by_its_own_commit(
    tmp_path: Path,
) -> None:
    back = levels((0, 1.0), (20, 1.3), (30, 1.0), (40, 1.3))
    of = project(tmp_path, History(44, 4, effects={CASE: back}))
    code, fixed = judged(of, 39)
    assert (code, fixed["verdict"]) == (0, "IMPROVED")
    code, again = judged(of, 42)
    assert (code, again["verdict"], again["raised"]) == (1, "REGRESSED", None)
    assert again["commits"][0] | {"good": commit(39), "bad": commit(40)} == again["commits"][0]
    assert again["points"] == 3
    code, known = judged(of, 43)
    assert (code, known["verdict"], known["commits"][0]["bad"]) == (0, "REGRESSED", commit(40))
    assert alarms(of) == [(commit(20), 3, False), (commit(40), 3, True)]


def test_what_was_back_in_between_does_not_last(tmp_path: Path) -> None:
    back = levels((0, 1.0), (30, 1.3), (40, 1.0), (50, 1.3))
    of = project(tmp_path, History(75, 4, effects={CASE: back}))
    code, known = judged(of, 74)
    assert (code, known["verdict"], known["commits"][0]["bad"]) == (0, "REGRESSED", commit(50))
    assert known["raised"] is not None
    assert known["points"] == 25


@pytest.mark.parametrize(
    ("first", "second", "effect"),
    [(0.6, 0.75, 0.25), (1.2, 1.44, 0.2), (1.1, 1.25, 0.136)],
)
def test_a_step_soon_after_another_fails_by_the_level_that_was_there_before(
    tmp_path: Path, first: float, second: float, effect: float
) -> None:
    steps = levels((0, 1.0), (25, first), (33, second))
    of = project(tmp_path, History(37, 4, effects={CASE: steps}))
    delay, found = next(
        (delay, found) for delay in (3, 4) for code, found in [judged(of, 32 + delay)] if code
    )
    assert (found["verdict"], found["raised"]) == ("REGRESSED", None)
    assert (found["points"], found["commits"][0]["bad"]) == (delay, commit(33))
    assert found["effect"] == pytest.approx(effect, abs=0.05)
    assert found["after"] == pytest.approx(2 * second, rel=0.03)


def test_the_first_session_after_an_improvement_was_lost_is_suspected(tmp_path: Path) -> None:
    lost = levels((0, 1.0), (25, 0.6), (35, 0.75))
    of = project(tmp_path, History(36, 4, effects={CASE: lost}))
    assert judged(of, 34)[1]["verdict"] == "IMPROVED"
    code, found = judged(of, 35)
    assert (code, found["verdict"], found["certainty"]) == (0, "REGRESSED", "suspect")
    assert found["before"] == pytest.approx(2 * 0.6, rel=0.03)


def test_what_is_told_of_a_known_regression_is_how_large_it_is_now(tmp_path: Path) -> None:
    partly = levels((0, 1.0), (25, 1.4), (33, 1.15))
    of = project(tmp_path, History(39, 4, effects={CASE: partly}))
    code, known = judged(of, 38)
    assert (code, known["verdict"], known["commits"][0]["bad"]) == (0, "REGRESSED", commit(25))
    assert known["effect"] == pytest.approx(0.15, abs=0.03)
    assert known["after"] == pytest.approx(2 * 1.15, rel=0.03)
    assert known["points"] == 14


def test_what_begins_with_a_second_step_of_another_test_fails_although_the_first_was_raised(
    tmp_path: Path,
) -> None:
    other = "t.py::test_02"
    twice, once = levels((0, 1.0), (23, 1.2), (25, 1.45)), levels((0, 1.0), (25, 1.3))
    of = project(tmp_path, History(29, 4, effects={CASE: twice, other: once}))
    failed = []
    for session in range(23, 29):
        ran = of.benchdb("gate", f"commit:{commit(session)}", "--format", "json")
        failed += [(session, one["case"]) for one in ran.json["verdicts"] if one["fails"]]
    assert failed == [(25, CASE), (27, other)]
    found = of.benchdb("backtest", "--format", "json").json["alarms"]
    assert [(one["case"], one["commits"][0]["bad"]) for one in found] == [
        (CASE, commit(23)),
        (other, commit(25)),
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_what_failed_by_itself_does_not_fail_again_as_others_moved_one_session_before(
    tmp_path: Path, seed: int
) -> None:
    slower, faster = levels((0, 1.0), (16, 1.6)), levels((0, 1.0), (15, 0.8))
    both = levels((0, 1.0), (15, 0.8), (16, 1.28))
    effects = {f"t.py::test_0{n}": slower for n in (1, 2)}
    effects |= {f"t.py::test_0{n}": faster for n in (3, 4)} | {"t.py::test_05": both}
    of = project(tmp_path, History(24, 8, seed=seed, noise=0.015, effects=effects))
    failed = []
    for session in range(15, 24):
        ran = of.benchdb("gate", f"commit:{commit(session)}", "--format", "json")
        failed += [one["case"] for one in ran.json["verdicts"] if one["fails"]]
    assert len(failed) == len(set(failed)) > 0


def test_one_cause_on_two_machines_that_take_turns_fails_once(tmp_path: Path) -> None:
    turns = {"environment": lambda session: "AB"[session % 2]}
    slower = levels((0, 1.0), (40, 1.2))
    of = project(tmp_path, History(48, 3, effects={CASE: slower}, more=turns))
    code, on_one = judged(of, 44)
    assert (code, on_one["verdict"], on_one["raised"]) == (1, "REGRESSED", None)
    code, on_other = judged(of, 45)
    assert (code, on_other["verdict"], on_other["certainty"]) == (0, "REGRESSED", "confirmed")
    assert on_other["raised"] is not None
    assert alarms(of) == [(commit(40), 3, True)]


@pytest.mark.parametrize("seed", [2, 9])
def test_a_backtest_knows_the_second_cause_of_what_seemed_to_have_another(
    tmp_path: Path, seed: int
) -> None:
    first, second = levels((0, 1.0), (21, 1.6)), levels((0, 1.0), (31, 1.3))
    effects = {f"t.py::test_0{n}": way for n, way in ((2, first), (3, second), (4, first))}
    effects["t.py::test_05"] = second
    effects[CASE] = levels((0, 1.0), (21, 1.6), (24, 1.728), (31, 2.246))
    effects["t.py::test_00"] = levels((0, 1.0), (24, 1.08), (31, 1.404), (47, 1.68))
    turns = {"environment": lambda session: "A" if session % 3 else "B"}
    made = History(49, 6, seed=seed, noise=0.015, effects=effects, more=turns)
    of = project(tmp_path)
    didnt_run = [commit(session) for session in range(31, 38)]
    rows = made.rows()
    add(of, [one for one in rows if one["test"][-1] != "0" or one["commit"] not in didnt_run])
    found = of.benchdb("backtest", "--format", "json").json["alarms"]
    for late in (42, 45, 48):
        ran = of.benchdb("gate", f"commit:{commit(late)}", "--format", "json").json
        failed = {one["case"] for one in ran["verdicts"] if one["fails"]}
        session = ran["sessions"][0]["session"]
        assert {one["case"] for one in found if one["session"] == session} == failed


def test_a_cause_that_is_told_apart_from_its_neighbour_fails_by_itself(tmp_path: Path) -> None:
    slower = {CASE: levels((0, 1.0), (40, 1.3)), "t.py::test_02": levels((0, 1.0), (41, 1.1))}
    of = project(tmp_path, History(53, 12, seed=3, effects=slower))
    first, second = of.benchdb("backtest", "--format", "json").json["alarms"]
    assert (first["case"], first["commits"][0]["bad"], first["also"]) == (CASE, commit(40), [])
    assert (second["case"], second["commits"][0]["bad"]) == ("t.py::test_02", commit(41))
    apart = 40 + second["delay"]
    codes = [judged(of, session)[0] for session in (apart - 1, apart, apart + 1)]
    assert codes == [0, 1, 0]  # until then both may have begun with commit 40


def made(dice: np.random.Generator, *parts: tuple[int, float]) -> np.ndarray:
    """Return levels one after another with 2 % of noise."""
    return np.concatenate([level * np.exp(dice.normal(0, 0.02, n)) for n, level in parts])


def test_plateaus_blind_nothing_but_what_wanders_does() -> None:
    dice = np.random.default_rng(4)
    rule = Rule(0.01, 0.02, Direction.LOWER_IS_BETTER)
    plateaus = [made(dice, (20, 1.0), (10, 1.3), (10, 1.0)) for _ in range(9)]
    smallest = [one.smallest for one in judge_newest(plateaus, [rule] * 9)]
    assert np.median(smallest) < 0.1
    wandering = [np.exp(np.cumsum(dice.normal(0, 0.02, 99))) for _ in range(9)]
    smallest = [one.smallest for one in judge_newest(wandering, [rule] * 9)]
    assert np.median(smallest) > 0.2
