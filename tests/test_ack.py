"""`benchdb ack`: what people say of events holds, whatever is computed anew."""

from __future__ import annotations

import re
import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest
from made_up import SETTINGS, History, add, commit, project, step
from store_samples import query
from test_changes import cases, events, slower
from test_show import fields

from benchdb.config import Settings
from benchdb.report import schemas
from benchdb.report.fields import FIELDS
from benchdb.review.acknowledged import Acknowledged
from benchdb.review.history import read_history
from benchdb.store.opening import reading
from benchdb.store.sayings import stored_sayings

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Project


@pytest.fixture
def history() -> History:
    return History(40, 6, effects=slower("test_01", "test_02", at=30, factor=1.15))


def acknowledged(of: Project, *arguments: str) -> str:
    (found,) = events(of)
    ran = of.benchdb("ack", found["id"], *arguments)
    assert (ran.code, ran.err) == (0, "")
    return found["id"]


@pytest.mark.portable
@pytest.mark.parametrize(
    ("option", "state", "said"),
    [
        (["--expected"], "expected", "expected"),
        (["--noise"], "noise", "noise"),
        (["--wont-fix"], "wont-fix", "won't fix"),
        (["--fixed-by", "abc123"], "fixed", "fixed by commit abc123"),
    ],
)
def test_what_was_said_of_an_event_is_shown_with_it(
    tmp_path: Path, history: History, option: list[str], state: str, said: str
) -> None:
    of = project(tmp_path, history)
    event = acknowledged(of, *option, "-m", "bigger tables", "--by", "me")
    assert events(of) == []
    (closed,) = events(of, "--closed")
    assert (closed["id"], closed["state"]) == (event, state)
    assert closed["saying"]["text"] == "bigger tables"
    out = of.benchdb("changes", "--closed").out
    assert f"{said}, said by me at " in out
    assert "(UTC): bigger tables" in out
    assert "1 event settled by people: --closed shows" in of.benchdb("changes").out


def test_it_holds_with_more_sessions_and_a_new_event_stays_open(
    tmp_path: Path, history: History
) -> None:
    of = project(tmp_path, history)
    event = acknowledged(of, "--expected")
    history.sessions = 60
    history.effects["t.py::test_04"] = step(50, 1.2)
    history.effects["t.py::test_01"] = lambda session: 1.15 * step(55, 1.2)(session)
    add(of, history.rows(first=40))
    assert [cases(one) for one in events(of)] == [{"t.py::test_04"}, {"t.py::test_01"}]
    assert event in {one["id"] for one in events(of, "--closed")}


def test_it_holds_for_the_same_change_on_another_machine(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    acknowledged(of, "--expected")
    history.more["environment"] = lambda _: "another"
    history.seed += 1
    add(of, history.rows())
    assert events(of) == []


@pytest.mark.parametrize("larger", [False, True])
def test_it_holds_for_a_test_that_shows_the_change_later_and_hides_no_larger_one(
    tmp_path: Path, larger: bool
) -> None:
    every = {"t.py::test_03", "t.py::test_05", "t.py::test_07"}
    made = History(42, 60, 5, effects=slower("test_03", "test_05", "test_07", at=38))
    of = project(tmp_path, made)
    (event,) = events(of)
    (later,) = every - cases(event)
    acknowledged(of, "--expected")
    made.sessions = 45 if larger else 44
    if larger:
        made.effects[later] = lambda session: (1.08 if session > 37 else 1) * step(42, 1.3)(session)
    add(of, made.rows(first=42))
    ran = of.benchdb("gate", "last:1", "--format", "json")
    regressed = [one for one in ran.json["verdicts"] if one["verdict"] == "REGRESSED"]
    if not larger:
        assert (ran.code, regressed) == (0, [])
        return
    assert ran.code == 1
    (failing,) = regressed
    assert failing["case"] == later
    assert failing["commits"][0]["bad"] == commit(42)


def test_what_was_taken_back_fails_a_session_again(tmp_path: Path) -> None:
    of = project(tmp_path, History(41, 60, 5, effects=slower("test_05", at=38, factor=1.2)))
    event = acknowledged(of, "--noise")
    assert of.benchdb("gate", "last:1").code == 0
    assert of.benchdb("ack", event, "--open").code == 0
    assert of.benchdb("gate", "last:1").code == 1


def test_what_was_taken_back_where_the_change_is_seen_elsewhere_by_now_is_listed_again(
    tmp_path: Path,
) -> None:
    of = project(tmp_path, History(36, 4, effects=slower("test_01", at=20, factor=1.3)))
    both = """
[[event]]
key = "01a2030c-b34b-7b0e-9042-735df6caaa{key}"
made = "2026-11-22T11:{key}:00+00:00"
state = "{state}"
{follows}
direction = "up"
after = "2026-01-{after}"
until = "2026-01-21"
series = ["t.py::test_01 duration s"]
"""
    first = both.format(key=19, state="expected", after=18, follows="")
    follows = 'follows = "01a2030c-b34b-7b0e-9042-735df6caaa19"'
    (tmp_path / "said.toml").write_text(
        first + both.format(key=20, state="open", after=20, follows=follows), "utf-8"
    )
    assert of.benchdb("ack", "--read-toml", "said.toml").code == 0
    assert "1 known" in of.benchdb("gate", "last:1").out


def test_what_was_fixed_stays_so_where_it_comes_back_as_another_event(tmp_path: Path) -> None:
    def back(session: int) -> float:
        return 1.3 if 20 <= session < 26 or session >= 34 else 1.0

    of = project(tmp_path, History(46, 4, effects={"t.py::test_01": back}))
    named = {one["commits"][0]["bad"]: one["id"] for one in events(of)}
    assert of.benchdb("ack", named[commit(20)], "--fixed-by", commit(26)).code == 0
    said = {one["id"]: (one["state"], one["lasts"]) for one in events(of, "--closed")}
    assert said[named[commit(20)]] == ("fixed", False)
    assert said[named[commit(34)]] == ("open", False)


@pytest.mark.parametrize("mended", [False, True])
def test_what_a_commit_was_said_to_fix_is_open_again_where_it_lasts(
    tmp_path: Path, mended: bool
) -> None:
    made = History(36, effects=slower("test_01", at=30, factor=1.3))
    of = project(tmp_path, made)
    acknowledged(of, "--fixed-by", commit(38))
    if mended:
        made.effects["t.py::test_01"] = lambda session: 1.3 if 30 <= session < 38 else 1.0
    for sessions, known in ((40, True), (42, mended)):
        first, made.sessions = made.sessions, sessions
        add(of, made.rows(first=first))
        ran = of.benchdb("gate", "last:1", "--format", "json")
        assert ran.code == 0
        assert {one["fixed_by"] for one in ran.json["verdicts"]} - {None} == (
            set() if known else {commit(38)}
        )
        assert any(one["lasts"] for one in events(of)) is not known
    if not mended:
        said = "t.py::test_01: said to be fixed by 000000000038, but lasts"
        assert said in of.benchdb("gate", "last:1").out
        assert f"it lasts, though: fixed by commit {commit(38)}" in of.benchdb("changes").out


@pytest.mark.portable
def test_a_fix_that_no_session_ran_at_is_looked_for_by_git(tmp_path: Path) -> None:
    of = project(tmp_path, History(36, effects=slower("test_01", at=30, factor=1.3)))

    def committed() -> str:
        of.git("init", "--initial-branch", "main")
        of.git("commit", "--allow-empty", "-m", "one more")
        return of.git("rev-parse", "HEAD")

    fix, later = committed(), committed()
    of.git("tag", "the-fix", fix)
    acknowledged(of, "--fixed-by", "the-fix")
    after = History(40, effects=slower("test_01", at=30, factor=1.3))
    after.more["commit"] = lambda _: later
    assert events(of) == []
    add(of, after.rows(first=36))
    assert [one["lasts"] for one in events(of)] == [True]


@pytest.mark.parametrize(
    ("fix", "said"),
    [
        ("not-a-commit", "no session here ran at it and git knows no such commit: give its hash"),
        (commit(20), "sessions before the change had that commit: name the one that mended it"),
    ],
)
def test_a_fix_that_cannot_be_one_is_refused(
    tmp_path: Path, history: History, fix: str, said: str
) -> None:
    of = project(tmp_path, history)
    ran = of.benchdb("ack", events(of)[0]["id"], "--fixed-by", fix)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(events(of)) == 1


def test_what_the_gate_says_accepts_what_changes_cannot_show_yet(tmp_path: Path) -> None:
    slow = ("test_01", "test_02")
    made = History(41, effects=slower(*slow, at=40, factor=1.3))
    of = project(tmp_path, made, f'{SETTINGS}fail_on = "suspect"\n')
    failed = of.benchdb("gate", "last:1")
    assert failed.code == 1
    assert events(of) == []
    (line,) = re.findall(r"if it is meant to be so: `benchdb (.*) -m WHY`", failed.out)
    ran = of.benchdb(*line.split(), "-m", "bigger tables")
    assert ran.code == 0
    assert "(2 series): expected, said by " in ran.out
    for sessions in (42, 46):
        first, made.sessions = made.sessions, sessions
        add(of, made.rows(first=first))
        assert of.benchdb("gate", "last:1").code == 0
    (closed,) = events(of, "--closed")
    assert (closed["id"], closed["state"]) == (line.split()[1], "expected")
    assert cases(closed) == {f"t.py::{one}" for one in slow}


@pytest.mark.parametrize("former", ["t.py", "t.py::test_x", "t.py::test_x[a b]"])
def test_it_holds_when_its_tests_are_renamed(tmp_path: Path, former: str) -> None:
    effects = slower("test_x[a b]", at=36, factor=1.3)
    of = project(tmp_path, History(40, 6, effects=effects))
    acknowledged(of, "--expected")
    assert of.benchdb("gate", "last:1").code == 0
    now = former.replace("t.py", "other.py").replace("a b", "b")
    renamed = f'[tool.benchdb.renamed]\n"{former}" = "{now}"\n'
    (of.folder / "pyproject.toml").write_text(SETTINGS + renamed)
    assert events(of) == []
    assert [one["state"] for one in events(of, "--closed")] == ["expected"]
    assert of.benchdb("gate", "last:1").code == 0


@pytest.mark.portable
def test_it_travels_with_a_merge(tmp_path: Path, history: History) -> None:
    of = project(tmp_path / "one", history)
    shutil.copy(of.database, tmp_path / "other.db")
    event = acknowledged(of, "--expected")
    merged = of.benchdb("merge", of.database, "--db", tmp_path / "other.db")
    assert merged.code == 0
    found = of.benchdb("changes", "--closed", "--format", "json", "--db", tmp_path / "other.db")
    assert [(one["id"], one["state"]) for one in found.json["events"]] == [(event, "expected")]


def test_the_latest_holds_and_names_what_it_follows(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    event = acknowledged(of, "--expected")
    for option in ("--noise", "--open"):
        assert of.benchdb("ack", event, option).code == 0
    assert [one["id"] for one in events(of)] == [event]
    rows = query(of.database, "select key, kind, follows from annotation order by made")
    assert [kind for _, kind, _ in rows] == ["expected", "noise", "open"]
    assert [follows for *_, follows in rows] == [None, rows[0][0], rows[1][0]]


def test_it_is_anchored_by_series_revisions_and_direction(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    acknowledged(of, "--expected")
    columns = "series, direction, session_uid is not null, revision_from, revision_to"
    ((series, direction, named, after, until),) = query(
        of.database, f"select {columns} from annotation"
    )
    assert set(series.split("\n")) == {f"t.py::test_0{number} duration s" for number in (1, 2)}
    assert (direction, named) == ("up", 1)
    assert after < until


def test_an_accepted_level_is_the_baseline_from_its_first_session_on(
    tmp_path: Path, history: History
) -> None:
    of = project(tmp_path, history)
    event = acknowledged(of, "--expected")

    def starts() -> dict[str, int]:
        with reading(of.database) as connection:
            read = read_history(connection, Settings(tmp_path))
            said = Acknowledged(stored_sayings(connection), read.sessions)
            return {
                one.key.case.name: said.baseline_start(one.key)
                for one in read.series
                if one.key.metric.name == "duration"
            }

    assert starts() == {f"test_0{n}": 30 if n in (1, 2) else 0 for n in range(6)}
    of.benchdb("ack", event, "--noise")
    assert set(starts().values()) == {0}


@pytest.mark.portable
def test_it_is_listed_and_written_as_toml_that_reads_back(tmp_path: Path, history: History) -> None:
    of = project(tmp_path / "one", history)
    event = acknowledged(of, "--expected", "-m", 'a "quoted"\nreason', "--by", "me")
    listed = of.benchdb("ack", "--list")
    assert event in listed.out
    assert " duration s and 1 more" in listed.out
    target = of.folder / "events.toml"
    assert of.benchdb("ack", "--write-toml", target).code == 0
    (entry,) = tomllib.loads(target.read_text("utf-8"))["event"]
    assert (entry["state"], entry["text"]) == ("expected", 'a "quoted"\nreason')
    assert of.command("ack", "--write-toml", "-").out == target.read_text("utf-8")
    assert not (of.folder / "-").exists()
    other = project(tmp_path / "two", history)
    for said in ("1 new entry", "0 new entries"):
        assert said in other.benchdb("ack", "--read-toml", target).out
    assert events(other) == []
    content = other.benchdb("ack", "--list", "--format", "json").json
    assert fields(content, "", ()) <= set(FIELDS[schemas.SAYINGS])


def test_a_person_may_write_and_change_entries(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    target = of.folder / "events.toml"
    target.write_text(
        f"""
        [[event]]
        state = "noise"
        series = ["t.py::test_0? duration"]
        direction = "up"
        until = "{commit(30)}"
        after = "2026-01-25"
        """
    )
    assert "1 new entry" in of.benchdb("ack", "--read-toml", target).out
    assert [one["state"] for one in events(of, "--closed")] == ["noise"]
    assert of.benchdb("ack", "--write-toml", target).code == 0
    target.write_text(target.read_text().replace('state = "noise"', 'state = "expected"'))
    for said in ("1 new entry", "0 new entries"):
        assert said in of.benchdb("ack", "--read-toml", target).out
    assert [one["state"] for one in events(of, "--closed")] == ["expected"]


def test_an_instant_before_all_time_places_nothing_and_breaks_nothing(
    tmp_path: Path, history: History
) -> None:
    of = project(tmp_path, history)
    target = of.folder / "events.toml"
    early = "0001-01-01T00:00:00+05:00"
    entry = f'[[event]]\nstate = "noise"\nseries = ["*"]\nafter = "{early}"\n'
    target.write_text(f'{entry}made = "{early}"\n')
    ran = of.benchdb("ack", "--read-toml", target)
    assert ran.code == 2
    assert f"[[event]] number 1: made '{early}' is no instant" in ran.err
    target.write_text(entry)
    ran = of.benchdb("ack", "--read-toml", target)
    assert ran.code == 0
    assert f"no session here is at '{early}': what was said holds once there is one" in ran.err
    assert [one["state"] for one in events(of)] == ["open"]


def test_a_range_that_ends_before_it_begins_is_refused(tmp_path: Path, history: History) -> None:
    of = project(tmp_path, history)
    target = of.folder / "events.toml"
    target.write_text(
        '[[event]]\nstate = "noise"\nseries = ["t.py::*"]\n'
        f'after = "{commit(30)}"\nuntil = "2026-01-25"\n'
    )
    ran = of.benchdb("ack", "--read-toml", target)
    assert (ran.code, ran.out) == (2, "")
    assert f"of t.py::*: after {commit(30)} is later than until 2026-01-25: swap them" in ran.err
    range_ = ("--after", "2026-02-01", "--until", commit(3))
    assert of.benchdb("annotate", "series", "x", *range_, "--noise").code == 2
    assert of.benchdb("ack", "--list").out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ffffffff", "--expected"], "no event 'ffffffff': `benchdb changes --closed` lists "),
        (["x"], "give one of --expected, --noise, --fixed-by, --wont-fix, --open"),
        ([], "give an EVENT, --list, --write-toml or --read-toml"),
        (["--expected", "--list"], "name the EVENT"),
        (["--read-toml", "nowhere.toml"], "nowhere.toml can't be read (No such file or directory)"),
        (["--read-toml", "bad.toml"], "bad.toml: [[event]] number 1: state must be one of"),
        (["--write-toml", "nowhere/x.toml"], "nowhere/x.toml can't be written"),
    ],
)
def test_a_wrong_call_is_answered_by_one_line(
    tmp_path: Path, history: History, arguments: list[str], said: str
) -> None:
    of = project(tmp_path, history)
    (of.folder / "bad.toml").write_text('[[event]]\nseries = ["a"]\nstate = "good"\n')
    ran = of.benchdb("ack", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
