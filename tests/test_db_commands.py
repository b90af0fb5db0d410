"""`benchdb db`: the file itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from recorded import Project, environ, new_project, newer_benchdb

from benchdb.report import schemas
from benchdb.report.fields import FIELDS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three sessions with two test runs each."""
    project = new_project(tmp_path_factory.mktemp("kept") / "suite")
    for _ in range(3):
        project.record("-k", "sum")
    return project


@pytest.fixture
def project(kept: Project, tmp_path: Path) -> Project:
    return kept.copy(tmp_path / "suite")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return newer_benchdb(tmp_path_factory.mktemp("newer"))


def uids(project: Project) -> list[str]:
    return [uid for (uid,) in project.query("select uid from session order by started")]


def test_info_tells_what_the_file_holds(kept: Project) -> None:
    out = kept.benchdb("db", "info").out
    for said in ("KiB", "the newest", "sessions       3", "test runs      6", "(3 sessions)"):
        assert said in out
    document = kept.benchdb("db", "info", "--format", "json").json
    assert document["schema"] == "benchdb/info/1"
    documented = FIELDS[schemas.INFO]
    assert set(document) == {name for name in documented if "." not in name and "[" not in name}
    assert document["size"] == kept.database.stat().st_size
    assert (document["sessions"], document["test_runs"], document["newest"]) == (3, 6, True)
    assert document["environments"][0]["sessions"] == 3


def test_info_names_files_that_were_recorded_beside(project: Project) -> None:
    aside = project.folder / "benchmark-01a1fe3e-4808-7426-bf5b-308080952105.db"
    aside.write_bytes(b"")
    other = project.folder / "benchmark-other.db"
    other.write_bytes(b"")
    said = project.benchdb("db", "info").out
    assert str(aside) in said
    assert str(other) not in said


def test_commands_work_while_pytest_records(project: Project) -> None:
    with project.recording():
        assert "1" in project.benchdb("db", "info").out
        live = project.benchdb("db", "info", "--format", "json").json["open"]
        assert len(live) == 1
        state = project.benchdb("show", "--format", "json").json["sessions"][0]
        assert (state["state"], state["uid"]) == ("open", live[0])
        assert project.benchdb("show", "test_wait").code == 0
        assert project.benchdb("db", "check").code == 0
        refused = project.benchdb("db", "prune", "--session", live[0])
        assert refused.code == 2
        assert "is being recorded: try again when it is done" in refused.err
        pruned = project.benchdb("db", "prune", "--keep-last", "1")
        assert pruned.code == 0
        assert "removed 3 sessions with 6 test runs" in pruned.out
    assert uids(project) == live
    assert project.query("select state from session") == [("finished",)]
    assert project.query("select count(*) from test_run where state = 'closed'") == [(3,)]
    assert "is sound" in project.benchdb("db", "check").out


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_a_session_whose_process_was_killed_is_closed_as_lost_by_who_reads(
    project: Project,
) -> None:
    with project.recording() as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        (lost,) = project.query("select uid from session where state = 'open'")
        ran = project.benchdb("db", "info", "--format", "json")
        assert (ran.json["open"], ran.json["lost"]) == ([], list(lost))
    assert project.query("select state from session where uid = ?", *lost) == [("lost",)]
    assert project.query("select name, phase from test_run where state = 'lost'") == [
        ("test_wait", "call")
    ]
    assert project.benchdb("show", "test_wait", "--format", "json").json["series"][1]["points"]
    assert "is sound: 4 sessions" in project.benchdb("db", "check").out
    assert not list(project.folder.glob("*.lock"))


def test_check_names_a_session_that_was_changed(project: Project) -> None:
    assert "is sound: 3 sessions with 6 test runs" in project.benchdb("db", "check").out
    changed = uids(project)[1]
    project.query(
        "update test_run set duration = 1"
        " where session_id = (select id from session where uid = ?)",
        changed,
    )
    ran = project.benchdb("db", "check")
    assert ran.code == 2
    assert f"session {changed} was changed after it was closed" in ran.out
    assert "1 problem" in ran.err
    document = project.benchdb("db", "check", "--format", "json").json
    assert set(document) == set(FIELDS[schemas.CHECK])
    assert len(document["problems"]) == 1


def test_check_names_rows_without_parents_and_damaged_pages(project: Project) -> None:
    project.query("update test_run set cluster = 77 where ordinal = 1")
    ran = project.benchdb("db", "check")
    assert ran.code == 2
    assert "of test_run refers to no row of cluster" in ran.out

    find = "select rootpage from sqlite_master where name = 'ix_test_run_name_path'"
    (root,) = project.query(find)
    (size,) = project.query("pragma page_size")
    with project.database.open("r+b") as file:
        file.seek((root[0] - 1) * size[0])
        file.write(b"\xff" * size[0])
    ran = project.benchdb("db", "check")
    assert ran.code == 2
    assert "damaged" in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_prune_removes_nothing_that_was_not_named(project: Project) -> None:
    ran = project.benchdb("db", "prune")
    assert ran.code == 2
    assert "--before, --keep-last or --session" in ran.err
    assert project.benchdb("db", "prune", "--session", uids(project)[0][:2]).code == 2
    assert project.benchdb("db", "prune", "--session", uids(project)[0][:6]).code == 2  # all three
    assert project.benchdb("db", "prune", "--before", "yesterday").code == 2
    assert project.benchdb("db", "prune", "--keep-last", "0").code == 2
    assert "nothing to remove" in project.benchdb("db", "prune", "--before", "90d").out
    assert len(uids(project)) == 3


def test_a_dry_run_shows_what_would_go(project: Project) -> None:
    before = project.database.read_bytes()
    ran = project.benchdb("db", "prune", "--keep-last", "1", "--dry-run")
    assert "would remove 2 sessions with 4 test runs" in ran.out
    assert all(uid[-8:] in ran.out for uid in uids(project)[:2])
    call = ("db", "prune", "--keep-last", "1", "--dry-run", "--format", "json")
    document = project.benchdb(*call).json
    assert [one["uid"] for one in document["sessions"]] == uids(project)[1::-1]
    assert project.database.read_bytes() == before


def test_prune_removes_sessions_and_what_they_alone_referred_to(project: Project) -> None:
    first, _, last = uids(project)
    project.query("insert into cluster (id, key, kind) values (5, 'k', 'local')")
    ran = project.benchdb("db", "prune", "--session", first[-8:], "--session", last)
    assert ran.code == 0, ran.err
    assert "removed 2 sessions with 4 test runs" in ran.out
    assert "given back" in ran.out
    assert len(uids(project)) == 1
    assert project.query("select count(*) from cluster") == [(0,)]
    assert project.query("select count(*) from environment") == [(1,)]
    assert "is sound: 1 session" in project.benchdb("db", "check").out
    project.benchdb("db", "prune", "--before", "2999-01-01")
    assert project.query("select count(*) from package") == [(0,)]


def test_prune_says_that_the_room_stays_in_a_file_that_is_recorded_into(project: Project) -> None:
    with project.recording():
        ran = project.benchdb("db", "prune", "--keep-last", "2")
        assert "used again, as it is being recorded into" in ran.out


@pytest.mark.skipif(os.name == "nt", reason="files have no such limit")
def test_prune_says_that_the_disk_is_full(project: Project) -> None:
    with contextlib.closing(sqlite3.connect(project.database)) as connection:
        connection.execute("create table filling as select hex(zeroblob(400000)) as text")
        connection.commit()
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000));"
        "from benchdb.cli import main; sys.exit(main(['db', 'prune', '--keep-last', '2']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited],
        cwd=project.folder,
        env=environ(),
        capture_output=True,
        text=True,
    )
    assert "removed 1 session" in done.stdout, done.stderr
    assert "used again, as no copy of it could be made (disk" in done.stdout


def test_what_was_pruned_comes_back_only_when_asked(kept: Project, project: Project) -> None:
    project.benchdb("db", "prune", "--keep-last", "1")
    merged = project.benchdb("merge", kept.database)
    assert merged.out.endswith(
        "nothing to add, 1 held already, 2 pruned before (--all takes them back)\n"
    )
    assert len(uids(project)) == 1
    project.benchdb("merge", "--all", kept.database)
    assert uids(project) == uids(kept)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_on_a_terminal_prune_asks_first(project: Project) -> None:
    import pty

    for answer, left in ((b"n\n", 3), (b"y\n", 1)):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "benchdb", "db", "prune", "--keep-last", "1"],
            cwd=project.folder,
            env=environ(TERM="dumb"),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
        ) as process:
            os.write(ours, answer)
            said = process.stderr.read()
        os.close(ours)
        os.close(theirs)
        assert b"Remove 2 sessions with 4 test runs from" in said
        assert len(uids(project)) == left


def test_upgrade_keeps_a_copy_and_says_what_it_did(project: Project, newer: dict[str, str]) -> None:
    older = project.query("select version_num from alembic_version")[0][0]
    read = project.command("show", **newer)
    assert read.code == 0
    assert "has an older schema and is read through a temporary copy" in read.err
    assert project.command("db", "info", "--format", "json", **newer).json["newest"] is False
    assert project.query("select version_num from alembic_version")[0][0] == older

    with project.recording():
        refused = project.command("db", "upgrade", **newer)
        assert refused.code == 2
        assert "being recorded into" in refused.err
        assert project.command("show", "test_sum[1]", **newer).code == 0
    ran = project.command("db", "upgrade", **newer)
    assert (ran.code, ran.err) == (0, "")
    (copy,) = project.folder.glob("benchmark.db.before-*")
    assert f"from schema {older} to 0123456789ab; {copy} is as it was" in ran.out
    assert "is at the newest schema" in project.command("db", "upgrade", **newer).out
    assert str(copy) in project.command("db", "info", **newer).out
    assert "is sound: 4 sessions" in project.command("db", "check", **newer).out

    refused = project.benchdb("show")
    assert refused.code == 2
    assert "has schema 0123456789ab, which this benchdb" in refused.err


def test_a_column_of_a_migration_of_ones_own_is_a_metric(
    project: Project, newer: dict[str, str]
) -> None:
    project.command("db", "upgrade", **newer)
    project.query("update test_run set heat = ordinal * 10")
    out = project.command("show", "test_sum[2]", "--metric", "heat", **newer).out
    assert "heat" in out
    assert " 20" in out
