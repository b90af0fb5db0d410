"""`benchdb merge --untrusted`: the file of somebody whose branch is on trial."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from made_sessions import History
from recorded import environ

if TYPE_CHECKING:
    from pathlib import Path


def merge(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchdb", "merge", *map(str, words)],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
    )


def sessions(path: Path) -> list[tuple]:
    with sqlite3.connect(path) as connection:
        return connection.execute("select uid, branch from session order by uid").fetchall()


def history(folder: Path) -> History:
    folder.mkdir()
    made = History(folder)
    made.settings()
    return made


def test_what_says_that_it_is_of_the_trunk_is_left_out_and_named(tmp_path: Path) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    ours.add({"test_it": 1.0})
    mine = theirs.add({"test_it": 2.0}, branch="pull/7:faster")
    forged = theirs.add({"test_it": 3.0})
    ran = merge(ours.path.parent, "--untrusted", theirs.path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == (
        f"benchdb: {theirs.path}: left out 1 session, of the trunk, by what it says: {forged}\n"
    )
    assert ran.stdout == f"{theirs.path}: 1 session with 1 test run added\n"
    assert sessions(ours.path) == [("session-001-main", "main"), (mine, "pull/7:faster")]
    assert sessions(theirs.path)[-1] == (forged, "main")  # and that file stays as it was


def test_a_session_that_would_put_another_in_doubt_is_left_out(tmp_path: Path) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    uid = ours.add({"test_it": 1.0}, branch="faster")
    theirs.add({"test_it": 2.0}, branch="faster")
    ran = merge(ours.path.parent, "--untrusted", theirs.path)
    assert f"another form of one that is here: {uid}" in ran.stderr
    assert ran.stdout == f"{theirs.path}: nothing to add\n"
    again = merge(ours.path.parent, "--untrusted", ours.path)
    assert (again.returncode, again.stderr) == (0, "")


def test_nothing_that_people_said_is_taken_from_it(tmp_path: Path) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    kept = ours.add({"test_it": 1.0})
    theirs.add({"test_it": 1.0})
    theirs.add({"test_it": 2.0}, branch="faster")
    said = theirs.project.benchdb("annotate", "session", kept, "--withdraw")
    assert said.code == 0, said.err
    ran = merge(ours.path.parent, "--untrusted", theirs.path)
    assert ran.returncode == 0, ran.stderr
    assert ours.project.query("select count(*) from annotation") == [(0,)]
    taken = merge(ours.path.parent, theirs.path)
    assert "1 annotation" in taken.stdout


@pytest.mark.parametrize("value", ["'abc'", "x'00ff'", "2.5"])
def test_a_value_that_nobody_recorded_is_left_out_with_its_session(
    tmp_path: Path, value: str
) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    ours.add({"test_it": 1.0})
    uid = theirs.add({"test_it": 1.0}, branch="faster")
    other = theirs.add({"test_it": 1.0}, branch="slower")
    with closing(sqlite3.connect(theirs.path)) as connection, connection:
        where = f"session_id=(select id from session where uid='{uid}')"
        connection.execute(f"update test_run set duration={value} where {where}")
    ran = merge(ours.path.parent, "--untrusted", theirs.path)
    assert f"session {uid} " in ran.stderr
    assert ran.stderr.endswith(": it was left out\n")
    assert sessions(ours.path) == [("session-001-main", "main"), (other, "slower")]


@pytest.mark.parametrize("table", ["annotation", "measurement", "package"])
def test_a_view_in_the_place_of_a_table_is_not_run(tmp_path: Path, table: str) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    ours.add({"test_it": 1.0})
    theirs.add({"test_it": 1.0}, branch="faster")
    endless = "with recursive r(x) as (select 1 union all select x + 1 from r) select x from r"
    with closing(sqlite3.connect(theirs.path)) as connection, connection:
        connection.execute(f"alter table {table} rename to former")
        connection.execute(f"create view {table} as {endless}")
    ran = merge(ours.path.parent, "--untrusted", theirs.path)
    assert ran.returncode == 2
    assert f"has a view that benchdb did not make, '{table}', which reading it would run" in (
        ran.stderr
    )
    assert sessions(ours.path) == [("session-001-main", "main")]


def test_a_trigger_on_a_table_is_not_run(tmp_path: Path) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    ours.add({"test_it": 1.0})
    theirs.add({"test_it": 1.0}, branch="faster")
    with closing(sqlite3.connect(theirs.path)) as connection, connection:
        connection.execute(
            "create trigger it after update on session begin delete from session; end"
        )
    ran = merge(ours.path.parent, theirs.path)
    assert ran.returncode == 2
    assert "has a trigger that benchdb did not make, 'it', which" in ran.stderr


def test_a_uid_that_no_session_gets_is_left_out(tmp_path: Path) -> None:
    ours, theirs = history(tmp_path / "ours"), history(tmp_path / "theirs")
    ours.add({"test_it": 1.0})
    uid = theirs.add({"test_it": 1.0}, branch="faster")
    for odd in (f"x\nsession:{uid}", "--fail-on", ""):
        other = history(tmp_path / f"other-{len(odd)}")
        other.add({"test_it": 1.0}, branch="faster", uid=odd)
        ran = merge(ours.path.parent, "--untrusted", "--sessions", "list", other.path)
        assert "left out 1 session, with a uid that no session gets" in ran.stderr
        assert ran.stderr.count("\n") == 1
        assert (ours.path.parent / "list").read_text() == ""
    assert sessions(ours.path) == [("session-001-main", "main")]
