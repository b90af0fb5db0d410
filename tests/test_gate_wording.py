"""``benchdb gate``: that what it says is so, and nothing is left out of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from made_sessions import FAIL, History
from store_samples import ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.records import Environment

OTHER: Environment = replace(ENVIRONMENT, fingerprint="c" * 40, cpu_model="another model")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def test_the_headline_tells_suspects_from_what_is_known(history: History) -> None:
    history.usual(40, tests=3)
    headlines = []
    for _ in range(4):
        history.add({"test_0": history.near(1.3), "test_1": history.near(), "test_2": 1.0})
        headlines.append(history.gate().out.splitlines()[0])
    said = "no regression fails the build: 1 suspect, 5 UNCHANGED in 6 series"
    assert headlines[0] == said
    assert headlines[3] == "no new regression in 6 series: 1 known, 5 UNCHANGED"
    first = "session:session-041-main"
    document = history.gate(first, "--format", "json").json
    assert document["not_failing"] == {"suspect": 1, "known": 0, "control": 0}
    *warning, last = history.gate(first, "--format", "github").out.splitlines()
    assert "test_0 REGRESSED" in warning[0]
    assert last.startswith(f"::warning title=benchdb gate::{said}")


def test_where_all_tests_fail_for_the_first_time_the_headline_does_not_say_that_nothing_fails(
    history: History,
) -> None:
    history.usual(20, tests=2)
    history.add({"test_0": FAIL, "test_1": FAIL})
    said = "no regression fails the build: 2 suspect in 2 series"
    ran = history.gate()
    assert (ran.code, ran.out.splitlines()[0]) == (0, said)
    assert said in history.gate("--format", "markdown").out.splitlines()[0]
    assert history.gate("--format", "json").json["headline"] == said
    assert f"::{said}" in history.gate("--format", "github").out


def test_a_new_environment_is_named_beside_those_of_the_past(history: History) -> None:
    history.usual(20)
    for _ in range(4):
        history.add({"test_0": 1.0}, environment=OTHER)
        ran = history.gate()
        new = "; but the environment is new: 20 sessions of the trunk ran in others"
        assert (new in ran.out.splitlines()[0]) is (history.day <= 24)
    ran = history.gate("session:session-021-main")
    assert ran.out.startswith("UNDECIDED: nothing can be said yet of any of 2 series (2 new)")
    name = ENVIRONMENT.fingerprint[:8]
    model = ENVIRONMENT.cpu_model
    said = f"20 sessions of the trunk ran in environment {name}: cpu_model {model}, here another"
    assert said in ran.out
    document = history.gate("session:session-021-main", "--format", "json").json
    (other,) = document["other_environments"]
    assert (other["environment"], other["sessions"]) == (ENVIRONMENT.fingerprint, 20)
    assert other["differences"] == [{"name": "cpu_model", "there": model, "here": "another model"}]
    history.add({"test_0": 1.0}, environment=OTHER)
    assert history.gate("--format", "json").json["other_environments"] == []


def test_where_hardly_anything_would_show_no_number_says_how_little(history: History) -> None:
    for value in (1.0, 1.5, 0.7, 1.2, 0.9):
        history.add({"test_0": value, "test_1": value})
    out = history.gate().out
    assert "2 series with too few points to show any slowdown below tenfold" in out
    assert " times in the middle" not in out


def test_where_a_terminal_is_narrow_rows_of_two_machines_and_since_when_are_told(
    history: History,
) -> None:
    for factor in (1.0, 1.3):
        for _ in range(20 if factor == 1 else 6):
            history.usual(1, level=factor)
            history.usual(1, level=2 * factor, environment=OTHER)
    out = history.gate("last:2", COLUMNS="120").out
    assert "too narrow" not in out
    for name in (ENVIRONMENT.fingerprint[:8], "c" * 8):
        assert f"test_it.py::test_0 · duration · environment {name}" in out
    head = next(line for line in out.splitlines() if "verdict" in line)
    assert head.split("  ")[-1].strip() == "raised (UTC)"
    assert "since (UTC)" in head
    out = history.project.benchdb("backtest", COLUMNS="120").out
    assert "too narrow" not in out
    head = next(line for line in out.splitlines() if "delay" in line)
    assert [word for word in ("session", "certainty", "since") if word in head.split()] == [
        "session",
        "certainty",
        "since",
    ]


def test_a_flaky_test_is_not_called_new(history: History) -> None:
    for day in range(31):
        history.add({"test_0": history.near(), "test_1": 1.0 if day % 5 else FAIL})
    found = history.verdicts()["test_1", "failed"]
    assert (found["verdict"], found["past"]) == ("UNCHANGED", 30)


@pytest.mark.parametrize("sessions", [30, 60])
def test_a_test_that_failed_from_the_start_is_no_regression(
    history: History, sessions: int
) -> None:
    for _ in range(sessions):
        history.add({"test_0": history.near(), "test_1": FAIL})
    ran = history.gate()
    assert ran.code == 0
    assert "REGRESSED" not in ran.out


def test_a_test_whose_first_session_failed_is_alarmed_when_it_starts_to_fail(
    history: History,
) -> None:
    history.add({"test_0": 1.0, "test_1": FAIL})
    history.usual(25, tests=2)
    codes = []
    for _ in range(6):
        history.add({"test_0": history.near(), "test_1": FAIL})
        codes.append(history.gate().code)
    assert sum(codes) == 1


def test_a_constant_0_is_unchanged(history: History) -> None:
    for _ in range(30):
        history.add({"test_0": 0.0})
    ran = history.gate()
    assert history.verdicts()["test_0", "duration"]["verdict"] == "UNCHANGED"
    assert "too few points" not in ran.out


def test_undecided_series_that_are_not_listed_are_counted_with_their_reasons(
    history: History,
) -> None:
    history.usual(20)
    history.add({"test_0": history.near(), "test_new": 1.0, "test_other": 1.0})
    assert "4 series UNDECIDED: 4 new" in history.gate().out


def test_a_renamed_test_that_still_runs_is_named(history: History) -> None:
    history.usual(10, tests=2)
    history.settings('renamed = {"test_it.py::test_0" = "test_it.py::test_1"}')
    said = "test_it.py::test_0 is now test_it.py::test_1 by [tool.benchdb] renamed"
    ran = history.gate()
    assert f"mixed in one series, as both ran: {said}" in ran.out
    assert history.gate("--format", "json").json["mixed"] == [
        {"former": "test_it.py::test_0", "now": "test_it.py::test_1"}
    ]
    assert said in history.gate("--format", "github").out
    history.add({"test_1": 1.0})
    assert "mixed" not in history.gate().out
