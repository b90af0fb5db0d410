"""Files of test runs in a history: when they are put there, and who notices that they aren't."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest
from store_samples import execute
from test_sync_command import Files, ok, published, redigest, sessions
from test_sync_forgetting import SECRET, SHARED, bodies, with_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text('[tool.benchdb]\npublish_every = "0"\n')
    return Files(tmp_path)


@pytest.mark.parametrize("why", ["removed", "too large"])
def test_files_that_a_history_lacks_are_put_by_a_push_of_everything(why: str, files: Files) -> None:
    if why == "too large":
        files.settings('publish_every = "0"\nlargest_artifact = 8')
    with_files(files, "a", "session-1", SECRET, SHARED)
    with_files(files, "b", "session-2", b"forgotten")
    ok(files.compact("--erase", "session-2"))
    files.settings('publish_every = "0"')
    shutil.rmtree(files.remote / "artifacts", ignore_errors=True)
    check = files("db", "check", files.remote, "--format", "json")
    assert (check.code, check.json["files_absent"]) == (0, 2)
    assert "2 files of test runs not there" in ok(files("db", "check", files.remote))
    assert ok(files.push("a")).startswith("nothing to push")
    assert ok(files.push("a", "--all")).startswith("pushed 2 files of test runs to")
    assert bodies(files) == {SECRET, SHARED}
    assert ok(files.push("a", "--all")).startswith("nothing to push")
    assert "not there" not in ok(files("db", "check", files.remote))
    assert "1 erased there" in ok(files.push("b", "--all"))
    assert bodies(files) == {SECRET, SHARED}


def spoil(path: Path) -> bytes:
    """Damage an object behind the list of what it holds; return what it was."""
    sound = path.read_bytes()
    path.write_bytes(sound[:-8] + bytes(8))
    return sound


def test_what_is_damaged_keeps_nothing_else_from_being_erased(files: Files) -> None:
    files.settings('publish_every = "1d"')
    with_files(files, "a", "guilty-1", SECRET, SHARED)
    with_files(files, "b", "innocent-1", SHARED, day=40)
    files.record("c", "innocent-2", day=80)
    ok(files.push("c"))
    ok(files.sync("a"))
    (segment,) = files.objects("sessions/2026-03")
    sound = spoil(segment)
    ran = files.compact("--erase", "guilty-1")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "1 session forgotten, deleted 1 file of test runs" in ran.out
    assert f"{segment.name} was skipped" in ran.err
    assert bodies(files) == {SHARED}
    # It can't be made anew, and may have the last sound copy of what is damaged.
    assert published(files) == {"innocent-1", "innocent-2"}
    assert b"guilty" not in (files.remote / "benchmark.db").read_bytes()
    segment.write_bytes(sound)
    ok(files.sync("new"))
    assert published(files) == {"innocent-1", "innocent-2"}


def test_a_damaged_object_that_may_hold_what_is_erased_is_named(files: Files) -> None:
    files.record("a", "guilty-1")
    files.record("a", "innocent-1", day=1)
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    sound = spoil(segment)
    for _ in range(2):
        ran = files.compact("--erase", "guilty-1")
        assert ran.code == 2
        assert f"{segment.name} may still hold what was forgotten" in ran.err
        assert "run the same command again" in ran.err
    segment.write_bytes(sound)
    ok(files.compact("--erase", "guilty-1"))
    assert files.objects("sessions/") == []
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"innocent-1"}


def test_a_damaged_segment_of_nothing_else_than_what_is_erased_goes(files: Files) -> None:
    files.record("a", "guilty-1")
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    segment.write_bytes(b"")
    ok(files.compact("--erase", "guilty-1"))
    assert files.objects("sessions/") == []


def test_a_horizon_takes_sessions_out_of_the_published_file_and_their_files_away(
    files: Files,
) -> None:
    files.settings('publish_every = "1d"')
    with_files(files, "a", "old-1", SECRET, SHARED)
    with_files(files, "b", "new-1", SHARED, day=100)
    ok(files.sync("a"))
    assert published(files) == {"old-1", "new-1"}
    files.settings('publish_every = "0"')
    said = ok(files.compact("--retain", "2026-03-01"))
    assert "1 session forgotten, deleted 1 file of test runs" in said
    assert published(files) == {"new-1"}
    assert bodies(files) == {SHARED}
    (files.remote / "artifacts" / ("0" * 64)).write_bytes(b"")  # as of who is pushing it
    said = ok(files.compact("--retain", "2026-03-01"))
    assert "0 sessions forgotten" in said
    assert "1 file of test runs in no session, less than a day old" in said


#: What anybody who may push could have made up, from the folder of the database.
ELSEWHERE = [
    "conftest.py",
    "../escaped",
    "kept/note.txt",
    "benchmark-artifacts",
    "benchmark-artifacts/../conftest.py",
    "benchmark-artifacts/conftest.py",
    "benchmark-artifacts/one/test_x.PY",
    "benchmark-artifacts/one/__init__.py",
    "benchmark-artifacts/.hidden/note.txt",
    "benchmark-artifacts/link/note.txt",
    "benchmark-artifacts/a\\b",
    "benchmark-artifacts/a\nb",
    "benchmark-artifacts-too/note.txt",
]


def pushed_file(files: Files, url: str, body: bytes = b"import evil") -> None:
    """Push a session with a file of this path, from a file that has nothing to do with it."""
    files.record("theirs", "session-1", runs=1)
    sha = hashlib.sha256(body).hexdigest()
    size = len(body)
    execute(
        files.file("theirs"),
        f"update artifact set sha256='{sha}', size={size}, url='{url}'",
    )
    redigest(files.file("theirs"))
    ok(files.push("theirs"))
    (files.remote / "artifacts").mkdir(exist_ok=True)
    (files.remote / "artifacts" / sha).write_bytes(body)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_files_are_fetched_nowhere_else_and_under_no_name_that_is_run(
    url: str, files: Files
) -> None:
    pushed_file(files, url)
    outside = files.folder / "outside"
    outside.mkdir()
    project = files.folder / "project"
    (project / "benchmark-artifacts").mkdir(parents=True)
    (project / "benchmark-artifacts/link").symlink_to(outside, target_is_directory=True)
    db = project / "benchmark.db"
    ok(files("pull", files.remote, "--db", db))
    if url == "benchmark-artifacts":
        (project / "benchmark-artifacts/link").unlink()
        (project / "benchmark-artifacts").rmdir()
    before = sorted(files.folder.rglob("*"))
    ran = files("pull", files.remote, "--db", db, "--artifacts")
    assert ran.code == 0
    assert "fetched 0 files" in ran.out
    assert ran.err.count("\n") == 1
    shown = url.replace("\n", "\\n")
    assert f"1 file left, as {shown}: " in ran.err
    assert sorted(files.folder.rglob("*")) == before


def test_the_folder_that_files_are_fetched_into_may_be_set_and_be_a_link(files: Files) -> None:
    pushed_file(files, "kept/one/note.txt")
    files.settings('publish_every = "0"\nartifacts = "kept"')
    large = files.folder / "large-disk"
    large.mkdir()
    (files.folder / "kept").symlink_to(large, target_is_directory=True)
    assert "fetched 1 file" in ok(files.pull("mine", "--artifacts"))
    assert (large / "one/note.txt").read_bytes() == b"import evil"
    assert "fetched 0 files" in ok(files.pull("mine", "--artifacts"))


@pytest.mark.parametrize("folder", [".", ".."])
def test_files_are_not_fetched_into_a_folder_with_the_project_in_it(
    folder: str, files: Files
) -> None:
    pushed_file(files, "Makefile")
    files.settings(f'publish_every = "0"\nartifacts = "{folder}"')
    ran = files.pull("mine", "--artifacts")
    assert (ran.code, "name a folder of their own by artifacts" in ran.err) == (2, True)
    assert not (files.folder / "Makefile").exists()


def test_files_that_are_too_large_for_who_pulls_are_told(files: Files) -> None:
    pushed_file(files, "benchmark-artifacts/one/note.txt")
    files.settings('publish_every = "0"\nlargest_artifact = 10')
    ran = files.pull("mine", "--artifacts")
    assert (ran.code, "fetched 0 files" in ran.out) == (0, True)
    assert "1 file larger than largest_artifact in [tool.benchdb], 10 B, left" in ran.err
    files.settings('publish_every = "0"\nlargest_artifact = 11')
    assert "fetched 1 file" in ok(files.pull("mine", "--artifacts"))
    files.settings('publish_every = "0"\nlargest_artifact = 10')
    assert "fetched 0 files" in ok(files.pull("mine", "--artifacts"))  # it is there
