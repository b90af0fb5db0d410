"""`benchdb merge`: local files into one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from recorded import Project, environ, new_project, newer_benchdb

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("one") / "suite")
    project.record("-k", "sum")
    return project


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("two") / "suite")
    project.record("-k", "sum")
    return project


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return newer_benchdb(tmp_path_factory.mktemp("newer"))


def content(project: Project) -> list[tuple]:
    return project.query(
        "select uid, digest, name, duration from session join test_run on session_id = id"
        " order by uid, name"
    )


def test_files_are_merged_into_one_that_is_made_with_a_line_each(
    one: Project, two: Project, tmp_path: Path
) -> None:
    ran = one.benchdb("merge", "--db", "all.db", one.database, two.database, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{one.database}: 1 session with 2 test runs added",
        f"{two.database}: 1 session with 2 test runs added",
    ]
    shutil.copy(tmp_path / "all.db", tmp_path / "benchmark.db")
    assert content(Project(tmp_path)) == sorted(content(one) + content(two))
    again = one.benchdb("merge", "--db", "all.db", two.database, cwd=tmp_path)
    assert again.out == f"{two.database}: nothing to add, 1 held already\n"


def test_merging_a_file_with_itself_changes_nothing(one: Project) -> None:
    before = content(one)
    ran = one.benchdb("merge", one.database)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{one.database}: it is the database itself, and holds all that it has\n"
    assert content(one) == before


def test_a_session_that_is_being_recorded_is_left_for_later(one: Project, tmp_path: Path) -> None:
    busy = one.copy(tmp_path / "busy")
    with busy.recording():
        ran = busy.benchdb("merge", "--db", "all.db", busy.database, cwd=tmp_path)
    assert ran.code == 0
    assert ran.out.endswith("1 session with 2 test runs added, 1 still being recorded\n")
    ran = busy.benchdb("merge", "--db", "all.db", busy.database, cwd=tmp_path)
    assert ran.out.endswith("1 session with 3 test runs added, 1 held already\n")


def test_two_forms_of_a_session_are_kept_and_said_once_with_exit_code_2(
    one: Project, two: Project, tmp_path: Path
) -> None:
    changed = one.copy(tmp_path / "changed")
    target = one.copy(tmp_path / "target")
    changed.query("update session set digest = replace(digest, substr(digest, 1, 4), 'beef')")
    first = target.benchdb("merge", changed.database)
    assert first.code == 2
    assert first.out.endswith("1 session with 2 test runs added, 1 in conflict\n")
    (said,) = first.err.splitlines()
    assert said.startswith("benchdb: 1 session in more than one form")
    later = target.benchdb("merge", two.database)
    assert later.code == 0
    assert later.err.splitlines() == [said]
    assert "is sound" not in target.benchdb("db", "check").out

    used = target.benchdb("show", "test_sum[1]", "--format", "json").json["series"]
    assert {len(series["points"]) for series in used} == {1}  # the other file's
    assert "more than one form" in target.benchdb("show", "test_sum[1]").out
    resolved = target.benchdb("db", "prune", "--session", "beef0000"[:4] + digest(changed)[4:10])
    assert resolved.code == 0, resolved.err
    assert target.benchdb("merge", two.database).err == ""


def digest(project: Project) -> str:
    return str(project.query("select digest from session")[0][0])


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_merged(
    one: Project, two: Project, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.db"
    foreign.write_text("no database, but a text that is long enough to be one " * 9)
    ran = one.benchdb("merge", "--db", "all.db", one.database, foreign, two.database, cwd=tmp_path)
    assert ran.code == 2
    assert ran.err == f"benchdb: {foreign} is no SQLite database: name another file\n"
    assert len(ran.out.splitlines()) == 2


def test_a_damaged_file_is_named_and_the_others_are_merged(
    one: Project, two: Project, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.db"
    cut.write_bytes(one.database.read_bytes()[:-5000])
    page = one.copy(tmp_path / "page").database
    find = "select rootpage from sqlite_master where name = 'measurement'"
    ((root,),) = one.query(find)
    with page.open("r+b") as file:  # which only who reads that table sees
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    ran = one.benchdb("merge", "--db", "all.db", cut, page, two.database, cwd=tmp_path)
    assert ran.code == 2
    said = ran.err.splitlines()
    assert [line.split(" is ")[0] for line in said] == [f"benchdb: {cut}", f"benchdb: {page}"]
    assert all("damaged" in line and "put a copy of it back" in line for line in said)
    assert ran.out == f"{two.database}: 1 session with 2 test runs added\n"


def test_no_database_is_made_where_there_is_nothing_to_merge(tmp_path: Path, one: Project) -> None:
    (tmp_path / "empty.db").touch()
    ran = one.benchdb("merge", "--db", "all.db", "empty.db", tmp_path, cwd=tmp_path)
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "benchdb: empty.db is empty: record into it with `pytest --benchmark`",
        f"benchdb: {tmp_path} is a folder: name a file in it",
    ]
    assert not (tmp_path / "all.db").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_progress_is_shown_on_a_terminal_and_never_in_a_pipe(
    one: Project, two: Project, tmp_path: Path
) -> None:
    files = ("--db", tmp_path / "all.db", one.database, two.database)
    assert on_terminal(one, "merge", *files)[0] == 0
    for said, call in {
        "merging": ("merge", *files),
        "checking": ("db", "check", *files[:2]),
        "giving room back": ("db", "prune", "--yes", "--keep-last", "1", *files[:2]),
    }.items():
        code, shown = on_terminal(one, *call)
        assert code == 0
        assert said in shown
        assert one.command(*call).err == ""


def on_terminal(project: Project, *arguments: object) -> tuple[int, str]:
    """Run the command with a terminal for its errors; returns its exit code and what was shown."""
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "benchdb", *map(str, arguments)],
        cwd=project.folder,
        env=environ(TERM="xterm", COLUMNS="80"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while more := os.read(ours, 1 << 16):
            shown += more
    os.close(ours)
    return done.returncode, shown.decode()


def test_a_wrong_name_merges_nothing(one: Project, tmp_path: Path) -> None:
    ran = one.benchdb("merge", "--db", "all.db", one.database, "typo.db", cwd=tmp_path)
    assert ran.code == 2
    assert ran.err == "benchdb: there is no file typo.db: nothing was merged, check the name\n"
    assert not (tmp_path / "all.db").exists()


def test_files_of_an_older_schema_are_merged_and_stay_as_they_are(
    one: Project, two: Project, newer: dict[str, str], tmp_path: Path
) -> None:
    target = two.copy(tmp_path / "target")
    before = one.database.read_bytes()
    ran = target.command("merge", one.database, **newer)
    assert ran.code == 0, ran.err
    assert "upgraded" in ran.err
    assert "1 session with 2 test runs added" in ran.out
    assert one.database.read_bytes() == before
    assert list(target.folder.glob("benchmark.db.before-*"))
    assert "is sound: 2 sessions" in target.command("db", "check", **newer).out
