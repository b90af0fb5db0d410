"""Processes that are killed anywhere, full disks and other releases: no history suffers."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from mortals import mortals
from recorded import Project, newer_benchdb
from store_samples import execute, query, record
from test_sync_command import Files, ok, sessions

from benchdb.store.database import connect
from benchdb.store.digest import session_digest
from benchdb.store.revisions import head, lineage
from benchdb.sync import verifying
from benchdb.sync.folder import Folder
from benchdb.sync.protocol.names import Entry, SegmentName, snapshot_name
from benchdb.sync.protocol.steps import Contents
from benchdb.sync.segments import (
    copy_entries,
    listing_frame,
    new_file,
    pack,
    scratch,
    stored_entries,
)
from benchdb.sync.verifying import Damaged, unpack, verify

DATA = Path(__file__).with_name("data")

#: Runs a command, and kills it at its n-th step that touches the remote or the database.
MORTAL = """
import os, signal
from benchdb.cli import main
from benchdb.store import copying, gathering, merge
from benchdb.sync import folder, state

def mortal(function):
    def called(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        done = function(*arguments, **options)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return called

for name in ("read", "fetch", "put_new", "replace", "list", "delete", "etag"):
    setattr(folder.Folder, name, mortal(getattr(folder.Folder, name)))
copying.copy_sessions = mortal(copying.copy_sessions)
gathering.Gathering.add = mortal(gathering.Gathering.add)
merge.copy_annotations = mortal(merge.copy_annotations)
state._save = mortal(state._save)
from benchdb.sync import history, published  # they take the functions as they are by now

def act(step, *arguments):
    global left
    left = step
    return main(arguments)
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.benchdb]\ncompact_grace = "0"\ncompact_above = 0\n'
    )
    return Files(tmp_path)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("verb", ["push", "pull", "compact", "sync"])
def test_a_command_killed_at_any_step_is_taken_up_again(verb: str, files: Files) -> None:
    files.record("a", "one")
    files.record("a", "two", day=40)
    ok(files.push("a"))
    ok(files.compact())
    files.record("a", "three", day=1)
    ok(files.push("a"))
    files.record("b", "mine", day=2)
    saved = files.folder / "saved"
    shutil.copytree(files.remote, saved)
    shutil.copy(files.file("b"), files.file("fresh"))
    expected = sessions(files.file("a")) | (
        sessions(files.file("b")) if verb in ("push", "sync") else set()
    )
    database = () if verb == "compact" else ("--db", files.file("b"))
    with mortals(MORTAL, files.folder) as call:
        # Every second: what one function left is what the next one begins with.
        for step in itertools.count(1, 2):
            code = call(step, verb, files.remote, *database)
            if code == 0:
                break
            assert code == -9
            assert not [p for p in files.objects() if p.name.endswith(".part")]
            ok(files(verb, files.remote, *database))
            ok(files("db", "check", files.remote))
            ok(files("db", "check", "--db", files.file("b")))
            target = files.file("target")
            ok(files.pull("target"))
            assert sessions(target) == expected
            target.unlink()
            shutil.rmtree(files.remote)
            shutil.copytree(saved, files.remote)
            shutil.copy(files.file("fresh"), files.file("b"))
    assert step > 4


def test_a_full_disk_beneath_temporary_files_is_told(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.record("a", "one")
    ok(files.push("a"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(verifying, "checksum", full)
    ran = files.pull("b")
    assert ran.code == 2
    assert "no room for temporary files" in ran.err
    monkeypatch.undo()
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


@pytest.mark.parametrize("verb", ["read", "fetch"])
def test_what_is_spoilt_once_on_its_way_is_fetched_again(
    verb: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (0, 1):
        files.record("a", f"session-{day}", day)
        ok(files.push("a"))
        ok(files.compact())
    files.record("a", "session-2", 2)
    ok(files.push("a"))
    real = getattr(Folder, verb)
    spoilt = []

    def spoiling(self: Folder, name: str, *more: Any) -> Any:
        got = real(self, name, *more)
        if name.endswith(".zst") and name not in spoilt:
            spoilt.append(name)
            if verb == "fetch":
                more[0].write_bytes(b"<html>")
                return True
            return replace(got, body=b"<html>")
        return got

    monkeypatch.setattr(Folder, verb, spoiling)
    ok(files.compact())
    ok(files.pull("b"))
    assert len(spoilt) > 1
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_a_bomb_is_not_unpacked(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    entry = Entry("2026-01-01 00:00:00.000000", "bomb", "0" * 64)
    frame = listing_frame(Contents((entry,)), head(), None)
    body = frame + zstandard.ZstdCompressor(level=1).compress(bytes(200 * 2**20))
    sha = hashlib.sha256(body).hexdigest()
    bomb = files.remote / f"sessions/2026-01/bomb-{'0' * 64}-1-{sha}.db.zst"
    bomb.write_bytes(body)
    ran = files.pull("b")
    assert ran.code == 2
    assert "its file is too large for it" in ran.err
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_a_file_with_triggers_or_views_is_not_used(files: Files) -> None:
    path = files.file("a")
    files.record("a", "one")
    execute(path, "create trigger t after insert on session begin delete from test_run; end")
    connection = connect(path)
    contents = Contents(tuple(stored_entries(connection)))
    connection.close()
    made = pack(path, files.folder / "a.zst", contents, head())
    listed = unpack(snapshot_name("2026-01", made.sha256), made.path, files.file("b"))
    with pytest.raises(Damaged, match="more in it than tables"):
        verify(files.file("b"), listed)


def test_a_segment_with_rows_that_have_no_place_is_named_and_the_others_are_taken(
    files: Files,
) -> None:
    for number in range(3):
        files.record("a", f"s{number}", day=number)
        ok(files.push("a"))
    path = files.file("odd")
    files.record("odd", "odd", day=1)
    execute(
        path,
        "pragma writable_schema=on",
        "update sqlite_master set sql = replace(sql, 'name TEXT NOT NULL', 'name TEXT')",
    )
    execute(path, "update test_run set name = null")
    with contextlib.closing(connect(path, write=True)) as connection:
        digest = session_digest(connection, 1)
        connection.execute("update session set digest = ?", (digest,))
        contents = Contents(tuple(stored_entries(connection)))
    made = pack(path, files.folder / "odd.zst", contents, head())
    name = str(SegmentName("2026-01", "odd", str(digest), 1, made.sha256))
    shutil.copy(made.path, files.remote / name)
    ran = files.pull("b")
    assert ran.code == 2
    assert ran.err.count(" was skipped: its file can't be used (NOT NULL constraint") == 1
    assert name in ran.err
    assert sessions(files.file("b")) == sessions(files.file("a"))
    assert files.compact().code == 2
    assert files.pull("c").code == 2
    assert sessions(files.file("c")) == sessions(files.file("a"))


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return newer_benchdb(tmp_path_factory.mktemp("newer"))


def run(files: Files, variables: dict[str, str], *arguments: object) -> tuple[int, str, str]:
    ran = Project(files.folder).command(*arguments, **variables)
    return ran.code, ran.out, ran.err


def test_older_and_newer_releases_share_a_history(files: Files, newer: dict[str, str]) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    later = files.file("later")
    code, _, err = run(files, newer, "pull", files.remote, "--db", later)
    assert (code, err) == (0, "")
    # A newer release folds what older ones made so that they can read it on.
    assert run(files, newer, "compact", files.remote)[0] == 0
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))
    # What it records is in its own schema.
    record(files.file("c"), "two", (0,), 40)
    assert run(files, newer, "db", "upgrade", "--db", files.file("c"))[0] == 0
    assert run(files, newer, "push", files.remote, "--db", files.file("c"))[0] == 0
    ran = files.pull("b")
    assert ran.code == 2
    assert "install that or newer" in ran.err
    assert sessions(files.file("b")) == sessions(files.file("a"))
    files.record("b", "three", day=41)
    assert ok(files.push("b")).startswith("pushed 1 session ")
    ran = files.compact()
    assert ran.code == 2
    assert len(files.objects("sessions/2026-02/")) == 2
    # It uses nothing of the newer schema, so that the older one takes it all.
    assert run(files, newer, "compact", files.remote)[0] == 0
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"one", "two", "three"}
    code, _, err = run(files, newer, "compact", files.remote, "--upgrade")
    assert (code, err) == (0, "")
    code, _, err = run(files, newer, "pull", files.remote, "--db", later)
    assert (code, err) == (0, "")
    assert {uid for (uid,) in query(later, "select uid from session")} == {"one", "two", "three"}


def test_a_database_of_an_older_schema_is_pushed_and_pulled_into(
    files: Files, tmp_path: Path
) -> None:
    sql = DATA / "schema_7e40a7cf5a1e.sql"
    connection = sqlite3.connect(files.file("old"))
    connection.executescript(sql.read_text("utf-8"))
    connection.close()
    before = files.file("old").read_bytes()
    assert ok(files.push("old")).startswith("pushed ")
    assert files.file("old").read_bytes() == before
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("old"))
    files.record("c", "another")
    ok(files.push("c"))
    ran = files.pull("old")
    assert ran.code == 0
    assert "upgraded" in ran.err
    assert {uid for uid, _ in sessions(files.file("old"))} > {"another"}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions don't bind root"
)
@pytest.mark.parametrize("what", ["the file", "its folder"])
def test_a_file_that_can_not_be_written_is_a_matter_of_permissions(what: str, files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    folder = files.folder / "locked"
    folder.mkdir()
    record(folder / "b.db", "two", (0, 1), 1)
    locked = folder if what == "its folder" else folder / "b.db"
    locked.chmod(0o555 if what == "its folder" else 0o444)
    ran = files("pull", files.remote, "--db", folder / "b.db")
    folder.chmod(0o755)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "change the permissions of it and of its folder" in ran.err
    assert "disk" not in ran.err


def test_compaction_keeps_what_an_older_schema_has_no_place_for(files: Files) -> None:
    files.record("a", "one")
    older, schema = files.folder / "older.db", lineage()[-2]
    new_file(older, schema)
    with contextlib.closing(connect(files.file("a"))) as connection:
        entries = tuple(sorted(stored_entries(connection)))
    with contextlib.closing(scratch(older)) as connection:
        copy_entries(connection, files.file("a"), [one.key for one in entries])
    made = pack(older, files.folder / "made", Contents(entries), schema)
    name = SegmentName(entries[0].month, entries[0].uid, entries[0].digest, 1, made.sha256)
    (files.remote / str(name)).parent.mkdir(parents=True)
    made.path.rename(files.remote / str(name))
    files.record("b", "two", day=1)
    values = "'said', '2026-01-03 00:00:00.000000', 'location', '{\"ab\":\"s3://b/c\"}'"
    columns = "key, made, kind, locations"
    execute(files.file("b"), f"insert into annotation ({columns}) values ({values})")
    ok(files.push("b"))
    assert "folded 2 segments" in ok(files.compact("--grace", "0"))
    ok(files.pull("c"))
    said = query(files.file("c"), "select locations from annotation")
    assert said == [('{"ab":"s3://b/c"}',)]
