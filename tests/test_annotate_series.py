"""`benchdb annotate series`: what people say of changes without naming an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_up import History, add, commit, project, step
from store_samples import query
from test_changes import cases, events, slower

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def history() -> History:
    return History(40, 6, effects=slower("test_01", "test_02", at=30, factor=1.15))


@pytest.mark.portable
def test_it_holds_for_what_changed_in_the_range(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    (event,) = events(of)
    ran = of.benchdb(
        "annotate", "series", "t.py::test_0? duration", "--after", commit(25), "--until",
        commit(33), "--expected", "-m", "bigger tables", "--by", "me",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("t.py::test_0? duration: expected, said by me at ")
    assert ran.out.endswith(f"(UTC): bigger tables; holds for {event['id']}\n")
    assert events(of) == []
    (closed,) = events(of, "--closed")
    assert (closed["state"], closed["saying"]["text"]) == ("expected", "bigger tables")


def test_it_holds_for_what_is_found_later(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    said = ("annotate", "series", "t.py::test_04", "--after", commit(45), "--wont-fix")
    assert "no event of now is among them" in of.benchdb(*said, "--direction", "up").out
    history.sessions = 60
    history.effects["t.py::test_04"] = step(50, 1.2)
    history.effects["t.py::test_03"] = step(54, 0.8)
    add(of, history.rows(first=40))
    assert {"t.py::test_04"} not in [cases(one) for one in events(of)]
    assert {"t.py::test_03"} in [cases(one) for one in events(of)]


def test_a_name_that_no_series_has_is_said_to_be_none(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    said = ("annotate", "series", "t.py::test_00 duratoin", "t.py::test_0? duration", "nothing")
    ran = of.benchdb(*said, "--after", commit(5), "--until", commit(9), "--direction", "up",
                     "--noise")  # fmt: skip
    assert ran.code == 0
    assert ran.out.endswith("; no series here is called 't.py::test_00 duratoin' and 1 other\n")
    ran = of.benchdb(*said[:2], "t.py::test_00", "--after", commit(5), "--noise")
    assert "no series here" not in ran.out


def test_a_fix_that_is_no_commit_is_refused(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    said = ("annotate", "series", "t.py::*", "--after", commit(5), "--fixed-by", "soon")
    ran = of.benchdb(*said)
    assert (ran.code, ran.out) == (2, "")
    assert "--fixed-by 'soon': no session here ran at it and git knows no such commit" in ran.err


def test_it_leaves_alone_what_changed_at_another_place_or_the_other_way(
    tmp_path: Path, history: History
) -> None:
    of = project(tmp_path, history)
    for more in (
        ("--until", commit(20)),
        ("--after", commit(35)),
        ("--after", commit(25), "--direction", "down"),
    ):
        assert of.benchdb("annotate", "series", "t.py::*", "--noise", *more).code == 0
    assert len(events(of)) == 1


def test_it_can_be_taken_back(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    said = ("annotate", "series", "t.py::*", "--after", "2020-01-01", "--until", commit(33))
    of.benchdb(*said, "--noise")
    assert events(of) == []
    of.benchdb(*said, "--open")
    assert len(events(of)) == 1


@pytest.mark.portable
def test_times_are_stored_in_utc_and_commits_in_lower_case(
    tmp_path: Path, history: History
) -> None:
    of = project(tmp_path, history)
    of.benchdb(
        "annotate", "series", "a", "b", "a", "--after", "2026-01-31T12:00:00+02:00",
        "--until", "ABC123F", "--noise",
    )  # fmt: skip
    assert query(of.database, "select series, revision_from, revision_to from annotation") == [
        ("a\nb", "2026-01-31T10:00:00Z", "abc123f")
    ]
    listed = of.benchdb("ack", "--list").out
    assert "a and 1 more" in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--noise"], "give --after or --until: a commit or a time"),
        (["x", "--after", "abc123"], "give one of --expected, --noise, --fixed-by, --wont-fix"),
        (["x", "--after", "abc123", "--noise", "--expected"], "give one of --expected, --noise"),
        (["x", "--after", "last week", "--noise"], "is neither a commit nor a time: write a hash"),
        (["", "--after", "abc123", "--noise"], "'' names no series"),
        (["--after", "abc123", "--noise"], "missing argument 'SERIES...'"),
    ],
)
def test_a_wrong_call_is_one_line_and_stores_nothing(
    tmp_path: Path, history: History, arguments: list[str], message: str
) -> None:
    of = project(tmp_path, history)
    ran = of.benchdb("annotate", "series", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert query(of.database, "select * from annotation") == []
