"""A history that somebody changed by hand: nothing is lost by it, and it is told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest
import zstandard
from store_samples import execute
from test_sync_command import Files, ok, redigest, sessions

from benchdb.store.revisions import head
from benchdb.sync.protocol.names import SegmentName
from benchdb.sync.protocol.steps import Contents
from benchdb.sync.segments import listing_frame

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text("[tool.benchdb]\n")
    return Files(tmp_path)


@pytest.mark.parametrize("harm", ["put back", "deleted"])
def test_what_only_an_unlisted_snapshot_has_is_folded_in_before_it_goes(
    files: Files, harm: str
) -> None:
    manifest = files.remote / "manifest.json"
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    earlier = manifest.read_bytes()
    files.record("a", "two", day=40)
    files.record("a", "three", day=1)
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    if harm == "put back":
        manifest.write_bytes(earlier)
    else:
        manifest.unlink()
    for path in files.objects("snapshots/"):
        os.utime(path, (time.time() - 200_000,) * 2)
    ok(files.compact("--grace", "0"))
    ok(files.compact("--grace", "0"))
    ok(files("db", "check", files.remote))
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("generation", "1e999"),
        ("generation", "-1"),
        ("generation", str(10**23)),
        ("horizon", '"z"'),
    ],
)
def test_a_manifest_with_values_that_can_not_be_is_damaged(
    files: Files, key: str, value: str
) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact())
    manifest = files.remote / "manifest.json"
    content = json.loads(manifest.read_text())
    content[key] = "here"
    manifest.write_text(json.dumps(content).replace('"here"', value))
    for ran in (files.pull("b"), files.compact(), files("db", "info", files.remote)):
        assert ran.code == 2
        assert "manifest.json of the history is damaged" in ran.err
        assert ran.err.count("\n") == 1


def test_a_manifest_nested_without_end_is_damaged(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    (files.remote / "manifest.json").write_text("[" * 100_000)
    ran = files.pull("b")
    assert ran.code == 2
    assert "manifest.json of the history is damaged" in ran.err


def test_a_segment_that_lists_nothing_is_named_and_holds_up_nobody(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    body = listing_frame(Contents(()), head(), None) + zstandard.compress(b"")
    sha = hashlib.sha256(body).hexdigest()
    name = str(SegmentName("2026-01", "abc", "0" * 64, 1, sha))
    (files.remote / name).write_bytes(body)
    ran = files.pull("b")
    assert ran.code == 2
    assert f"{name} was skipped: it lists " in ran.err
    assert sessions(files.file("b")) == sessions(files.file("a"))
    (files.remote / name).rename(files.remote / name.replace("-1-", "-0-"))
    ran = files.pull("b")
    assert (ran.code, "objects that are none of benchdb's" in ran.err) == (0, True)


def test_a_month_of_which_nothing_can_be_used_is_not_said_to_be_folded(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    before = (files.remote / "manifest.json").read_bytes()
    for _ in range(2):
        ran = files.compact()
        assert ran.code == 2
        assert "folded" not in ran.out
        assert segment.name in ran.err
    assert files.objects("snapshots/") == []
    assert (files.remote / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("retain", ["2999-01-01", "0d", "0001-01-01T00:00+14:00"])
def test_a_horizon_that_would_forget_everything_is_refused(files: Files, retain: str) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    before = files.objects()
    ran = files.compact("--retain", retain)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert retain in ran.err
    assert files.objects() == before


def test_a_horizon_behind_the_newest_session_is_refused(files: Files) -> None:
    files.record("a", "one")
    files.record("a", "two", day=40)
    ok(files.push("a"))
    before = {path: path.read_bytes() for path in files.objects()}
    ran = files.compact("--retain", "2026-03-01")
    assert ran.code == 2
    assert "would forget all 2 sessions" in ran.err
    assert "whether this machine's clock is right" in ran.err
    assert {path: path.read_bytes() for path in files.objects()} == before
    assert "forgotten" in ok(files.compact("--retain", "2026-02-01"))


def test_a_manifest_that_dooms_what_it_lists_loses_nothing(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    manifest = files.remote / "manifest.json"
    said = json.loads(manifest.read_bytes())
    said["doomed"] = [one["current"]["name"] for one in said["months"].values()]
    manifest.write_text(json.dumps(said))
    ok(files.compact("--grace", "0"))
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_check_says_for_each_problem_what_mends_it(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    manifest = (files.remote / "manifest.json").read_bytes()
    (files.remote / "manifest.json").unlink()
    ran = files("db", "check", files.remote)
    assert ran.code == 2
    assert "leave what manifest.json doesn't list: a compaction folds it in" in ran.err
    assert "delete" not in ran.err
    (files.remote / "manifest.json").write_bytes(manifest)
    files.record("c", "two", day=40)
    ok(files.push("c"))
    (segment,) = files.objects("sessions/")
    segment.write_bytes(b"")
    ran = files("db", "check", files.remote)
    assert ran.err.endswith("delete what is damaged, then `benchdb push --all` from who has the "
                            "sessions\n")  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no folder is left there that is in use")
def test_what_a_killed_process_had_fetched_is_removed_by_the_next(
    files: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from benchdb.scratch import scratch_folder

    there = tmp_path / "temporary"
    there.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(there))
    with scratch_folder() as mine:
        (mine / "fetched").write_bytes(b"much")
        left = there / mine.name.replace("scratch-", "scratch-left")
        shutil.copytree(mine, left)
        for folder in (mine, left):
            os.utime(folder / "lock", (time.time() - 100,) * 2)
        files.record("a", "one")
        ok(files("push", files.remote, "--db", files.file("a"), TMPDIR=str(there)))
        ok(files("db", "check", files.remote, TMPDIR=str(there)))
        assert (mine / "fetched").exists()
        assert not left.exists()
    assert list(there.iterdir()) == []


def test_erasing_spares_what_can_not_be_read(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    files.record("a", "two", day=1)
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    current = json.loads((files.remote / "manifest.json").read_text())["months"]["2026-01"]
    snapshot = files.remote / current["current"]["name"]
    sound = snapshot.read_bytes()
    snapshot.write_bytes(b"????" + sound[4:])
    files.record("c", "three", day=2)
    ok(files.push("c"))
    ran = files.compact("--grace", "0", "--erase", "three")
    assert (ran.code, snapshot.name in ran.err) == (2, True)
    assert snapshot.exists()
    snapshot.write_bytes(sound)
    os.utime(snapshot, (time.time() - 200_000,) * 2)
    ok(files.compact("--grace", "0"))
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_a_published_file_is_not_replaced_by_one_that_lacks_a_month(files: Files) -> None:
    files.record("a", "one")
    files.record("a", "two", day=40)
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    published = files.remote / "benchmark.db"
    before = published.read_bytes()
    snapshot = files.objects("snapshots/2026-02/")[0]
    snapshot.write_bytes(b"????" + snapshot.read_bytes()[4:])
    os.utime(published, (time.time() - 200_000,) * 2)
    assert files.sync("b").code == 2
    assert published.read_bytes() == before


def test_a_negative_duration_is_none(files: Files) -> None:
    ran = files.compact("--grace", "-1s")
    assert (ran.code, "is no duration" in ran.err) == (2, True)


def test_a_file_in_the_place_of_the_artifacts_folder_is_one_line(files: Files) -> None:
    body = b"a report"
    sha = hashlib.sha256(body).hexdigest()
    files.record("a", "one")
    execute(
        files.file("a"),
        f"update artifact set sha256 = '{sha}', size = 8, url = 'benchmark-artifacts/a.html'",
    )
    redigest(files.file("a"))
    ok(files.push("a"))
    (files.remote / "artifacts").mkdir()
    (files.remote / "artifacts" / sha).write_bytes(body)
    (files.folder / "benchmark-artifacts").write_text("in the way")
    ran = files.pull("a", "--artifacts")
    assert ran.code == 2
    assert "can't be written" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_a_session_that_was_changed_by_hand_is_not_pushed_and_spoils_no_other(
    files: Files, verb: str
) -> None:
    files.record("a", "one")
    files.record("a", "two", day=1)
    files.record("a", "three", day=2)
    execute(
        files.file("a"),
        "update test_run set duration = duration + 1 "
        "where session_id = (select id from session where uid = 'two')",
    )
    ran = files(verb, files.remote, "--db", files.file("a"))
    assert ran.code == 2
    assert "session two was changed after it was closed" in ran.err
    assert "benchdb db prune --session" in ran.err
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"one", "three"}
    ok(files("db", "check", files.remote))
    assert "session two" in files.push("a").err  # until it is removed


def test_a_uid_that_is_no_file_name_harms_no_command(files: Files) -> None:
    files.record("a", "one")
    files.record("a", "../wild/uid", day=1)
    execute(
        files.file("a"),
        "update session set state = 'open', digest = null where uid like '%wild%'",
    )
    shutil.copy(files.file("a"), files.file("copy"))
    assert "benchdb: " not in files("show", "--db", files.file("a")).err
    ok(files("merge", files.file("copy"), "--db", files.file("b")))
    ok(files.push("a"))
    assert ok(files("db", "check", "--db", files.file("a")))


def test_erasing_looks_into_snapshots_that_no_manifest_lists(files: Files) -> None:
    files.record("a", "secret")
    files.record("a", "other", day=1)
    ok(files.push("a"))
    manifest = files.remote / "manifest.json"
    before = manifest.read_bytes()
    ok(files.compact())
    manifest.write_bytes(before)  # as if it had been killed before that
    files.settings('publish_every = "0"')
    (files.remote / "benchmark.db").unlink(missing_ok=True)
    ok(files.compact("--erase", "secret"))
    (snapshot,) = files.objects("snapshots/")
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"other"}
    assert snapshot.name in manifest.read_text()
    assert files.objects("sessions/") == []


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 1}', ""])
def test_a_damaged_manifest_keeps_nothing_else_from_being_looked_at(
    text: str, files: Files
) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    files.record("a", "two", day=40)
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    segment.write_bytes(segment.read_bytes()[:-8] + bytes(8))
    (files.remote / "manifest.json").write_text(text)
    shown = files("db", "info", files.remote, "--format", "json")
    assert shown.code == 2
    assert shown.json["problem"].startswith("manifest.json of the history is damaged")
    assert [one["segments"] for one in shown.json["months"]] == [1]
    shown = files("db", "info", files.remote)
    assert ("none that can be used" in shown.out, "is damaged" in shown.err) == (True, True)
    checked = files("db", "check", files.remote, "--format", "json")
    assert checked.code == 2
    problems = checked.json["problems"]
    assert "move it away" in problems[0]
    assert any(segment.name in one for one in problems)
    assert not any(one.startswith("benchmark.db") for one in problems)


def test_a_manifest_that_is_gone_is_told_and_all_comes_back_by_what_is_said(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    files.file("a").unlink()
    files.record("a", "two", day=40)
    said = "manifest.json is not there, though a snapshot lies beside it"
    (files.remote / "manifest.json").unlink()
    shown = files("db", "info", files.remote)
    assert (shown.code, "nothing was pushed yet" in shown.out) == (2, False)
    assert said in files("db", "info", files.remote, "--format", "json").json["problem"]
    for ran in (files.pull("b"), files.sync("b")):
        assert (ran.code, said in ran.err) == (2, True)
        assert "there is nothing" not in ran.out
        (files.remote / "manifest.json").unlink(missing_ok=True)
    ok(files.push("a", "--all"))
    for path in files.objects("snapshots/"):
        os.utime(path, (time.time() - 200_000,) * 2)
    ok(files.compact())
    ok(files.pull("c"))
    assert {uid for uid, _ in sessions(files.file("c"))} == {"one", "two"}
    ok(files("db", "check", files.remote))
    assert ok(files("db", "info", files.remote))


def test_folders_of_a_history_that_are_links_are_looked_into_by_every_command(
    files: Files,
) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    files.record("a", "two", day=40)
    ok(files.push("a"))
    disk = files.folder / "another-disk"
    disk.mkdir()
    for name in ("sessions", "snapshots/2026-01"):
        to = disk / name.replace("/", "-")
        shutil.move(files.remote / name, to)
        (files.remote / name).symlink_to(to, target_is_directory=True)
    (files.remote / "snapshots/loop").symlink_to(files.remote, target_is_directory=True)
    (files.remote / "elsewhere").symlink_to(files.folder, target_is_directory=True)
    assert ok(files.pull("b")).startswith("pulled 2 sessions")
    months = files("db", "info", files.remote, "--format", "json").json["months"]
    assert [(one["segments"], one["entries"]) for one in months] == [(1, 0), (0, 1)]
    assert all(one["newest"] is not None for one in months)
    checked = files("db", "check", files.remote, "--format", "json")
    assert (checked.code, checked.json["entries"]) == (0, 2)
    (segment,) = (disk / "sessions").rglob("*.zst")
    segment.write_bytes(b"")
    assert (
        segment.name in files("db", "check", files.remote, "--format", "json").json["problems"][0]
    )
