"""``benchdb gate``: what the trunk had and a session lacks is never green by silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_sessions import FAIL, NOTHING, SKIP, History

if TYPE_CHECKING:
    from pathlib import Path

ONE = "test_it.py::test_0"
TWO = "test_it.py::test_1"


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History(tmp_path)
    made.usual(10, tests=2)
    return made


def test_a_case_that_is_absent_is_missing_unless_the_call_selected_others(
    history: History,
) -> None:
    history.add({"test_0": history.near()})
    ran = history.gate()
    assert f"missing: 1 case of the trunk's last sessions did not run: {TWO}" in ran.out
    assert ran.out.splitlines()[0].endswith("; 1 case missing")
    for call in ("pytest --benchmark -k test_0", f"pytest --benchmark {ONE}"):
        history.add({"test_0": history.near()}, command_line=call)
        ran = history.gate()
        assert "missing" not in ran.out
        assert "1 more case of the trunk's last sessions did not run, as the call" in ran.out


def test_a_case_stays_missing_for_some_sessions_and_is_then_the_norm(history: History) -> None:
    missing = []
    for _ in range(7):
        history.add({"test_0": history.near()})
        missing.append(history.gate("--format", "json").json["missing"])
    assert missing == [[TWO]] * 5 + [[]] * 2


def test_a_case_that_seldom_runs_is_missing_once(history: History) -> None:
    history.add({"test_0": history.near(), "test_1": history.near(), "test_weekly": 1.0})
    missing = []
    for _ in range(2):
        history.usual(1, tests=2)
        missing.append(history.gate("--format", "json").json["missing"])
    assert missing == [["test_it.py::test_weekly"], []]


@pytest.mark.parametrize("branch", ["main", "feature"])
def test_a_test_that_is_skipped_now_is_named(history: History, branch: str) -> None:
    history.add({"test_0": history.near(), "test_1": SKIP}, branch=branch)
    ran = history.gate()
    assert ran.code == 0
    assert ran.out.splitlines()[0].endswith("; 1 case skipped that ran before")
    assert f"now skipped: 1 case that the trunk's last sessions ran: {TWO}" in ran.out
    document = history.gate("--format", "json").json
    assert (document["skipped"], document["no_value"]) == ([TWO], [])
    assert "::warning title=benchdb gate::" in history.gate("--format", "github").out


def test_what_was_always_skipped_is_not_named(history: History) -> None:
    for _ in range(2):
        history.add({"test_0": history.near(), "test_1": history.near(), "test_2": SKIP})
        assert history.gate("--format", "json").json["skipped"] == []


def test_where_all_is_skipped_there_is_nothing_to_judge(history: History) -> None:
    history.add({"test_0": SKIP, "test_1": SKIP})
    ran = history.gate()
    assert (ran.code, ran.out) == (2, "")
    assert "can be judged: all of its tests were skipped" in ran.err


def test_a_series_without_a_value_is_named_unless_its_test_failed(history: History) -> None:
    history.add({"test_0": NOTHING, "test_1": FAIL})
    ran = history.gate()
    assert ran.code == 0
    assert ran.out.splitlines()[0].endswith("; 1 series without a value")
    said = "no value: 1 series of duration, which the trunk's last sessions measured"
    assert f"{said}: {ONE}" in ran.out
    assert history.gate("--format", "json").json["no_value"] == [f"{ONE} duration s"]
    assert said in history.gate("--format", "github").out
    history.settings('metrics = ["peak_memory"]')
    history.add({"test_0": NOTHING, "test_1": FAIL})
    assert history.gate("--format", "json").json["no_value"] == []


def test_of_many_the_first_are_named_and_the_others_counted(history: History) -> None:
    history.usual(1, tests=9)
    history.add({"test_0": history.near()})
    named = ", ".join(f"test_it.py::test_{number}" for number in range(1, 6))
    assert f"did not run: {named} and 3 more" in history.gate().out
    assert "more" not in history.gate("--verbose").out.partition("missing: ")[2].partition("\n")[0]
