"""The history through the command line, on a folder: what is pushed, pulled, kept, forgotten."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import zstandard
from recorded import Project, Ran, environ
from store_samples import contents, execute, forms, lose, query, record

from benchdb.store.database import connect
from benchdb.store.digest import session_digest
from benchdb.sync.folder import Folder
from benchdb.sync.protocol.names import SegmentName
from benchdb.sync.segments import make_segment, stored_entries

if TYPE_CHECKING:
    from pathlib import Path


class Files:
    """A folder with database files and a remote, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote"

    def __call__(self, *arguments: object, **variables: str) -> Ran:
        return Project(self.folder).benchdb(*arguments, **variables)

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.db"

    def record(self, name: str, uid: str, day: int = 0, runs: int = 2) -> str:
        return record(self.file(name), uid, range(runs), day)

    def push(self, name: str, *more: str) -> Ran:
        return self("push", self.remote, "--db", self.file(name), *more)

    def pull(self, name: str, *more: str) -> Ran:
        return self("pull", self.remote, "--db", self.file(name), *more)

    def sync(self, name: str, *more: str) -> Ran:
        return self("sync", self.remote, "--db", self.file(name), *more)

    def compact(self, *more: str) -> Ran:
        return self("compact", self.remote, *more)

    def objects(self, start: str = "") -> list[Path]:
        every = (path for path in self.remote.rglob("*") if path.is_file())
        names = {path: path.relative_to(self.remote).as_posix() for path in every}
        return sorted(
            path
            for path, name in names.items()
            if name.startswith(start) and not name.startswith(".benchdb")
        )

    def settings(self, text: str) -> None:
        (self.folder / "pyproject.toml").write_text(f"[tool.benchdb]\n{text}\n")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text("[tool.benchdb]\n")
    return Files(tmp_path)


def ok(ran: Ran) -> str:
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def sessions(path: Path) -> set[tuple[str, str]]:
    return {(uid, digest) for uid, digest in forms(path) if digest is not None}


def test_what_one_file_pushes_another_pulls(files: Files) -> None:
    files.record("a", "one")
    files.record("a", "two", day=40)
    files.record("b", "three", day=40)
    said = ok(files.push("a"))
    assert said.startswith(f"pushed 2 sessions with 4 test runs to {files.remote} (")
    ok(files.push("b"))
    assert ok(files.pull("c")).startswith("pulled 3 sessions with 6 test runs from")
    assert sessions(files.file("c")) == sessions(files.file("a")) | sessions(files.file("b"))
    merged = files.folder / "merged.db"
    ok(files("merge", "--db", merged, files.file("a"), files.file("b")))
    assert contents(files.file("c")) == contents(merged)
    assert "is sound" in ok(files("db", "check", "--db", files.file("c")))


def test_again_does_nothing(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    before = {path: path.read_bytes() for path in files.objects()}
    assert ok(files.push("a")) == f"nothing to push to {files.remote}\n"
    ok(files.pull("b"))
    assert ok(files.pull("b")) == f"nothing to pull from {files.remote}\n"
    assert ok(files.push("b")) == f"nothing to push to {files.remote}\n"
    assert ok(files.push("b", "--all")).startswith("nothing to push")
    assert {path: path.read_bytes() for path in files.objects()} == before


def test_sync_of_several_files_ends_in_the_same_everywhere(files: Files) -> None:
    for number, name in enumerate("abc"):
        files.record(name, f"session-{name}", day=number * 20)
    for name in "abcab":
        ok(files.sync(name))
    for name in "abc":
        assert len(sessions(files.file(name))) == 3
        assert sessions(files.file(name)) == sessions(files.file("a"))


def test_the_published_file_has_all_of_the_history(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    files.record("b", "two", day=40)
    assert "published benchmark.db" in ok(files.sync("b"))
    published = files.remote / "benchmark.db"
    assert sessions(published) == sessions(files.file("b"))
    assert query(published, "select * from local_remote") == []
    assert query(published, "select * from local_fresh") == []
    assert query(published, "select * from local_recorded") == []


def test_a_file_knows_what_was_recorded_into_it_after_a_push_too(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    files.record("b", "two", day=40)
    ok(files.sync("b"))
    assert query(files.file("a"), "select uid from local_recorded") == [("one",)]
    assert query(files.file("b"), "select uid from local_recorded") == [("two",)]
    files.record("b", "three", day=41)
    assert "published benchmark.db" not in ok(files.sync("b"))  # it is young


def test_a_month_is_folded_and_read_from_its_snapshot(files: Files) -> None:
    for number in range(4):
        files.record("a", f"session-{number}", day=number % 2)
        ok(files.push("a"))
    files.record("a", "later", day=60)
    ok(files.push("a"))
    said = ok(files.compact("--grace", "0"))
    assert "folded 5 segments into 2 snapshots, deleted 5 objects" in said
    assert files.objects("sessions/") == []
    assert len(files.objects("snapshots/")) == 2
    ok(files.pull("b"))
    assert contents(files.file("b"))["session"] == contents(files.file("a"))["session"]
    assert ok(files.pull("b")).startswith("nothing to pull")
    assert "nothing to compact" in ok(files.compact("--grace", "0"))
    # A late segment makes its month be folded again; the earlier snapshot stays.
    files.record("a", "late", day=1)
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    assert len(files.objects("snapshots/")) == 3
    assert ok(files.pull("b")).startswith("pulled 1 session ")
    assert ok(files.push("a", "--all")).startswith("nothing to push")


def test_folded_segments_stay_for_the_grace_time(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    assert "deleted" not in ok(files.compact())
    assert len(files.objects("sessions/")) == 1
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_many_segments_are_compacted_by_sync(files: Files) -> None:
    files.settings('compact_above = 3\ncompact_grace = "0"\npublish_every = "0"')
    for number in range(3):
        files.record("a", f"session-{number}", day=number)
        ok(files.sync("a"))
    assert len(files.objects("sessions/")) == 3
    files.record("a", "last", day=5)
    ok(files.sync("a"))
    said = ok(files.sync("a"))
    assert "folded 4 segments" in said
    assert files.objects("sessions/") == []


def test_info_tells_how_old_a_month_is_that_is_folded(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    assert files.objects("sessions/") == []
    (snapshot,) = files.objects("snapshots/")
    os.utime(snapshot, (snapshot.stat().st_mtime - 7200,) * 2)
    (month,) = files("db", "info", files.remote, "--format", "json").json["months"]
    assert (month["entries"], month["segments"]) == (1, 0)
    assert 7200 <= month["newest"] < 7200 + 3600
    assert "2 hours ago" in ok(files("db", "info", files.remote))


def test_since_takes_the_months_it_needs(files: Files) -> None:
    files.record("a", "january")
    files.record("a", "march", day=70)
    ok(files.push("a"))
    ok(files.pull("b", "--since", "2026-03-31"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"march"}
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"january", "march"}
    ok(files.pull("c", "--since", "2026-02"))
    assert {uid for uid, _ in sessions(files.file("c"))} == {"march"}
    for given in ("last week", "90", "3mo", "2026-13"):
        wrong = files.pull("b", "--since", given)
        assert wrong.code == 2
        assert "is no date and no age: write it as 2026-01-31, 2026-01, 90d or 12h" in wrong.err


def test_what_was_pruned_stays_away_until_all_is_asked_for(files: Files) -> None:
    files.record("a", "session-1")
    files.record("a", "session-2", day=1)
    ok(files.sync("a"))
    ok(files("db", "prune", "--db", files.file("a"), "--session", "session-1"))
    ok(files.sync("a"))
    assert {uid for uid, _ in sessions(files.file("a"))} == {"session-2"}
    ok(files.compact("--grace", "0"))
    assert "1 pruned before (--all takes them back)" in ok(files.pull("a"))
    assert ok(files.pull("a", "--all")).startswith("pulled 1 session ")
    assert {uid for uid, _ in sessions(files.file("a"))} == {"session-1", "session-2"}
    assert ok(files.push("a")).startswith("nothing to push")


def test_a_horizon_forgets_for_ever(files: Files) -> None:
    files.record("a", "old")
    files.record("a", "new", day=100)
    ok(files.push("a"))
    ok(files.compact("--grace", "0"))
    ok(files.compact("--grace", "0", "--retain", "2026-03-01"))
    assert len(files.objects("snapshots/")) == 1
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"new"}
    files.record("c", "older", day=1)
    assert "1 erased there or from before its horizon" in ok(files.push("c"))
    assert files.objects("sessions/") == []
    assert {uid for uid, _ in sessions(files.file("a"))} == {"old", "new"}


def test_an_erased_session_is_nowhere_and_does_not_come_back(files: Files) -> None:
    files.record("a", "secret")
    files.record("a", "other", day=1)
    ok(files.push("a"))
    ok(files.sync("b"))
    ok(files.compact())
    assert "secret" in published(files)
    files.settings('publish_every = "0"')  # it is renewed all the same
    ok(files.compact("--erase", "secret"))
    assert "secret" not in published(files)
    for name in "ab":
        said = ok(files.push(name, "--all"))
        assert "1 erased there or from before its horizon" in said
    ok(files.pull("c"))
    assert {uid for uid, _ in sessions(files.file("c"))} == {"other"}
    names = [path.name for path in files.objects()]
    assert not [name for name in names if name.startswith("secret")]
    assert "erased" in ok(files("db", "info", files.remote))


def published(files: Files) -> set[str]:
    return {uid for uid, _ in sessions(files.remote / "benchmark.db")}


def test_forms_of_one_session_both_travel_and_one_is_chosen(files: Files) -> None:
    files.record("a", "session-2x")
    files.record("b", "session-2x", runs=3)
    ok(files.push("a"))
    ok(files.push("b"))
    ran = files.pull("c")
    assert ran.code == 2
    assert "1 in conflict" in ran.out
    assert "1 session in more than one form" in ran.err
    later = files.pull("c")
    assert later.code == 0
    assert "1 session in more than one form" in later.err
    keep = {runs: digest for digest, runs in counts(files.file("c"))}[3]
    db = ("--db", files.file("c"))
    ok(files("annotate", "session", "session-2x", "--keep", keep[:10], *db))
    shown = json.loads(ok(files("show", "--format", "json", *db)))["sessions"]
    assert [(one["digest"], one["conflict"]) for one in shown] == [(keep, False)]
    assert "1 annotation" in ok(files.push("c"))
    ok(files.pull("a"))  # the other form, and what to keep: no conflict
    ok(files.compact("--grace", "0"))
    ok(files.pull("d"))
    assert "more than one form" not in ok(files("show", "--db", files.file("d")))
    other = next(digest for digest, runs in counts(files.file("c")) if runs == 2)
    ok(files("annotate", "session", "session-2x", "--keep", other[-10:], *db))
    shown = json.loads(ok(files("show", "--format", "json", *db)))["sessions"]
    assert [one["digest"] for one in shown] == [other]


def counts(path: Path) -> list[tuple[str, int]]:
    sql = "select digest, count(*) from session join test_run on session_id = id group by id"
    return query(path, sql)


def test_a_withdrawn_session_is_hidden_everywhere_until_it_is_kept(files: Files) -> None:
    digest = files.record("a", "session-1")
    files.record("a", "session-2", day=1)
    ok(files.push("a"))
    db = ("--db", files.file("a"))
    ok(files("annotate", "session", "session-1", "--withdraw", *db))
    ok(files.push("a"))
    ok(files.pull("b"))

    def shown(name: str) -> list[str]:
        out = ok(files("show", "--format", "json", "--db", files.file(name)))
        return [one["uid"] for one in json.loads(out)["sessions"]]

    assert shown("a") == shown("b") == ["session-2"]
    series = json.loads(ok(files("show", "test_0[1]", "--format", "json", *db)))["series"]
    assert {len(one["points"]) for one in series} == {1}
    ok(files("annotate", "session", "session-1", "--keep", digest, "--db", files.file("b")))
    ok(files.sync("b"))
    ok(files.sync("a"))
    assert shown("a") == shown("b") == ["session-2", "session-1"]


def test_annotating_takes_one_of_two_ways_and_a_form_that_there_is(files: Files) -> None:
    files.record("a", "session-1")
    db = ("--db", files.file("a"))
    assert "--keep DIGEST or --withdraw" in files("annotate", "session", "session-1", *db).err
    wrong = files("annotate", "session", "session-1", "--keep", "zzz", *db)
    assert (wrong.code, "0 forms with the digest 'zzz'" in wrong.err) == (2, True)
    assert "no session" in files("annotate", "session", "nowhere", "--withdraw", *db).err


def test_a_lost_form_gives_way_wherever_the_finished_one_comes(files: Files) -> None:
    lose(files.file("a"), "session-1")
    ok(files.push("a"))
    shutil.copy(files.file("a"), files.file("b"))
    ok(files.pull("c"))
    assert query(files.file("c"), "select state from session") == [("lost",)]
    recover(files)
    ok(files.push("d"))
    for name in "bc":
        ok(files.pull(name))
        assert query(files.file(name), "select state from session") == [("finished",)]
        assert ok(files.pull(name)).startswith("nothing to pull")
    ok(files.compact("--grace", "0"))
    assert ok(files.pull("c")).startswith("nothing to pull")
    ok(files.pull("e"))
    assert query(files.file("e"), "select state from session") == [("finished",)]


def recover(files: Files) -> None:
    """Record the session that was lost in its finished form, with the same first row."""
    files.record("d", "session-1", runs=1)


@pytest.mark.parametrize("harm", ["changed", "truncated", "replaced", "emptied"])
@pytest.mark.parametrize("kind", ["sessions/", "snapshots/"])
def test_a_damaged_object_is_named_skipped_and_spoils_nothing(
    harm: str, kind: str, files: Files
) -> None:
    files.record("a", "one")
    files.record("a", "two", day=40)
    ok(files.push("a"))
    if kind == "snapshots/":
        ok(files.compact("--grace", "0"))
    first, second = files.objects(kind)
    body = first.read_bytes()
    first.chmod(0o644)
    first.write_bytes(
        {
            "changed": body[:-40] + bytes([body[-40] ^ 1]) + body[-39:],
            "truncated": body[: len(body) // 2],
            "replaced": second.read_bytes(),
            "emptied": b"",
        }[harm]
    )
    ran = files.pull("b")
    assert ran.code == 2
    assert f"{first.relative_to(files.remote).as_posix()} was skipped: " in ran.err
    assert {uid for uid, _ in sessions(files.file("b"))} == {"two"}
    checked = files("db", "check", files.remote, "--format", "json")
    assert checked.code == 2
    problem, *more = checked.json["problems"]
    assert first.name in problem
    held = ["benchmark.db holds 1 that nothing else has: `benchdb merge` a copy of it and push"]
    assert more == (held if kind == "snapshots/" else [])
    again = files.pull("b")
    assert again.code == 2  # it is named as long as it lies there
    first.write_bytes(body)
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))
    ok(files("db", "check", files.remote))


def test_a_damaged_segment_is_healed_by_who_has_its_session(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    segment.unlink()
    assert ok(files.push("a")).startswith("nothing to push")
    assert ok(files.push("a", "--all")).startswith("pushed 1 session ")
    assert files.objects("sessions/") == [segment]


@pytest.mark.parametrize("harm", ["deleted", "emptied", "another's", "a bomb"])
@pytest.mark.parametrize("kind", ["segment", "segments", "snapshot"])
def test_what_was_deleted_or_spoilt_there_is_put_back_by_who_has_it(
    kind: str, harm: str, files: Files
) -> None:
    files.record("a", "one")
    files.record("a", "two", day=1)
    files.record("a", "march", day=70)
    ok(files.push("a"))
    if kind == "segments":
        files.record("a", "three", day=2)
        ok(files.push("a"))
        ok(files.compact("--grace", "0"))
        files.record("a", "four", day=3)
        ok(files.push("a"))
    elif kind == "snapshot":
        ok(files.compact("--grace", "0"))
    ok(files.pull("a"))  # now it is known there
    start = "snapshots/2026-01/" if kind == "snapshot" else "sessions/2026-01/"
    spoilt = files.objects(start)
    for path in spoilt:
        spoil(path, harm)
    if harm == "deleted" and kind != "snapshot":
        said = ok(files.sync("a"))
        assert "lost there (`benchdb push` puts them back), pushed" in said.replace("\npu", ", pu")
    else:
        check = files("db", "check", files.remote)
        newcomer = files.pull("b")
        assert (check.code, newcomer.code) == (2, 2)
        for path in spoilt:
            assert path.name in files("db", "check", files.remote, "--format", "json").out
            assert f"{path.name} was skipped" in newcomer.err
            path.unlink(missing_ok=True)
        assert "then `benchdb push --all` from who has the sessions" in check.err
        assert ok(files.push("a", "--all")).startswith("pushed")
    files.compact()
    files.pull("b")
    assert sessions(files.file("b")) == sessions(files.file("a"))
    assert "nothing to push" in ok(files.sync("a"))
    ok(files("db", "check", files.remote))


def spoil(path: Path, harm: str) -> None:
    if harm == "deleted":
        path.unlink()
    elif harm == "a bomb":
        path.write_bytes(path.read_bytes()[:60] + zstandard.compress(bytes(200 * 2**20)))
    else:
        path.write_bytes(b"" if harm == "emptied" else b"another's")


def test_sessions_that_were_changed_are_found_by_their_digests(files: Files) -> None:
    files.record("a", "one")
    execute(files.file("a"), "update test_run set duration = 17")
    assert files.push("a").code == 2
    with contextlib.closing(connect(files.file("a"))) as connection:
        (entry,) = stored_entries(connection)
    made = make_segment(files.file("a"), [entry], files.folder)
    name = SegmentName(entry.month, entry.uid, entry.digest, 1, made.sha256)
    (files.remote / str(name)).parent.mkdir(parents=True)
    made.path.rename(files.remote / str(name))
    ran = files.pull("b")
    assert ran.code == 2
    assert "the rows of session one don't give its digest" in ran.err
    assert sessions(files.file("b")) == set()


def test_a_damaged_segment_is_not_folded(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    files.record("a", "two", day=1)
    ok(files.push("a"))
    bad = next(path for path in files.objects("sessions/") if path.name.startswith("one"))
    bad.write_bytes(bad.read_bytes()[:-1])
    ran = files.compact("--grace", "0")
    assert ran.code == 2
    assert "was skipped" in ran.err
    assert files.objects("sessions/") == [bad]


def test_a_damaged_snapshot_is_made_anew_of_the_one_before(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    ok(files.compact())
    files.record("a", "two", day=1)
    ok(files.push("a"))
    ok(files.compact())
    current = json.loads((files.remote / "manifest.json").read_text())["months"]["2026-01"]
    snapshot = files.remote / current["current"]["name"]
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    files.record("a", "three", day=2)
    ok(files.push("a"))
    assert files.compact().code == 2
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_objects_of_others_are_left_alone(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    strange = [
        files.remote / "sessions/2026-01/notes.txt",
        files.remote / "sessions/readme",
        files.remote / "photo.jpg",
        files.remote / "snapshots/2026-01/x.db.zst",
        files.remote / f"sessions/2026-01/x-{'0' * 64}-1-{'0' * 64}.db.zst.part",
    ]
    for path in strange:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    ran = files.pull("b")
    assert ran.code == 0
    assert "none of benchdb's" in ran.err
    ok(files.compact("--grace", "0"))
    assert [path.read_text() for path in strange] == ["mine"] * 5
    info = files("db", "info", files.remote, "--format", "json").json
    assert len(info["foreign"]) == 5


def test_a_name_that_claims_too_much_is_only_damaged(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    for name in (
        segment.name.replace("one-", "two-"),
        segment.name.replace("-1-", "-7-"),
    ):
        (segment.parent / name).write_bytes(segment.read_bytes())
    other = files.remote / "sessions/2026-02" / segment.name
    other.parent.mkdir()
    other.write_bytes(segment.read_bytes())
    ran = files.pull("b")
    assert ran.code == 2
    assert ran.err.count("was skipped") == 3
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_wild_uids_travel_all_the_same(files: Files) -> None:
    wild = ["../../etc/passwd", "a b", "x" * 300, "ümläut", "-", "a/b\nc"]
    for number, uid in enumerate(wild):
        files.record(f"from-{number}", f"plain-{number}")
        rename(files.file(f"from-{number}"), f"plain-{number}", uid)
        ok(files.push(f"from-{number}"))
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == set(wild)
    assert ok(files.pull("b")).startswith("nothing to pull")
    ok(files.compact("--grace", "0"))
    ok(files.pull("c"))
    assert sessions(files.file("c")) == sessions(files.file("b"))


def rename(path: Path, before: str, uid: str) -> None:
    with contextlib.closing(connect(path, write=True)) as connection:
        connection.execute("update session set uid = ? where uid = ?", (uid, before))
        (row,) = connection.execute("select id from session where uid = ?", (uid,)).fetchone()
        digest = session_digest(connection, row)
        connection.execute("update session set digest = ? where id = ?", (digest, row))


@pytest.mark.parametrize("harm", ["gone", "older", "another"])
def test_a_manifest_replaced_behind_our_back_is_noticed(harm: str, files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    manifest = files.remote / "manifest.json"
    young = manifest.read_bytes()
    ok(files.compact("--grace", "0"))
    ok(files.pull("b"))
    ok(files.pull("a"))
    if harm == "another":
        shutil.rmtree(files.remote)
        files.record("other", "elsewhere", day=1)
        ok(files.push("other"))
        for _ in range(5):
            ok(files.compact("--grace", "0"))
            files.record("other", f"more-{_}", day=2)
            ok(files.push("other"))
    elif harm == "older":
        manifest.write_bytes(young)
    else:
        manifest.unlink()
    # Its snapshot is in no manifest any more: whoever has the session brings it back.
    assert ok(files.push("a")).startswith("pushed 1 session ")
    ok(files.pull("c"))
    assert sessions(files.file("a")) <= sessions(files.file("c"))


def test_a_manifest_that_makes_no_sense_changes_nothing(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    for text in ("{", "[]", "{}", '{"format": 99}', ""):
        (files.remote / "manifest.json").write_text(text)
        before = [path.read_bytes() for path in files.objects()]
        for ran in (files.pull("b"), files.push("a"), files.compact(), files.sync("a")):
            assert ran.code == 2, text
            assert ran.err.count("\n") == 1
        assert [path.read_bytes() for path in files.objects()] == before


def test_a_push_that_finds_its_own_sessions_there_knows_it_afterwards(files: Files) -> None:
    files.record("b", "mine")
    files.record("other", "theirs", day=1)
    ok(files("merge", "--db", files.file("a"), files.file("b")))
    ok(files.push("a"))
    ok(files("merge", "--db", files.file("b"), files.file("other")))
    assert "pushed 1 session with 2 test runs" in ok(files.push("b"))
    assert ok(files.push("b")).startswith("nothing to push")
    assert len(files.objects("sessions/")) == 2


def test_push_all_puts_back_all_that_a_damaged_segment_held(files: Files) -> None:
    for number in range(4):
        files.record("a", f"session-{number}", day=number)
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    segment.write_bytes(b"")
    assert "pushed 4 sessions" in ok(files.push("a", "--all"))
    files.pull("b")
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_a_session_in_a_damaged_object_can_be_erased(files: Files) -> None:
    for number in range(4):
        files.record("a", f"session-{number}", day=number)
    ok(files.push("a"))
    (segment,) = files.objects("sessions/")
    body = bytearray(segment.read_bytes())
    body[-9] ^= 1
    segment.write_bytes(body)
    ran = files.compact("--erase", "session-2")
    assert "no session" not in ran.err
    assert "session-2" in (files.remote / "manifest.json").read_text()
    segment.unlink()
    assert "pushed 3 sessions" in ok(files.push("a", "--all"))
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"session-0", "session-1", "session-3"}


def test_since_takes_any_year(files: Files) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    assert "pulled 1 session" in ok(files.pull("b", "--since", "0999-01-01"))


def test_a_form_that_was_rejected_stays_hidden_when_the_kept_one_is_pruned(files: Files) -> None:
    kept = files.record("a", "one")
    files.record("b", "one", runs=3)
    merged = files("merge", files.file("b"), "--db", files.file("a"))
    assert merged.code == 2
    db = ("--db", files.file("a"))
    ok(files("annotate", "session", "one", "--keep", kept[:12], *db))
    ok(files("db", "prune", "--session", kept[:12], "--yes", *db))
    assert files("show", *db, "--format", "json").json["sessions"] == []


def test_an_empty_remote_and_a_missing_file_are_told(files: Files) -> None:
    assert "there is no folder" in ok(files.pull("a"))
    files.remote.mkdir()
    assert "there is nothing at" in ok(files.pull("a"))
    assert "nothing was pushed yet" in ok(files("db", "info", files.remote))
    files.record("first", "one")
    assert ok(files.sync("first")).startswith("pushed 1 session ")
    missing = files.push("nowhere")
    assert (missing.code, "there is no database" in missing.err) == (2, True)


def test_artifacts_are_fetched_to_where_they_were(files: Files) -> None:
    files.record("a", "one")
    body = b"a report"
    sha = hashlib.sha256(body).hexdigest()
    execute(
        files.file("a"),
        f"update artifact set sha256 = '{sha}', size = 8, url = 'benchmark-artifacts/dump.zst'",
    )
    redigest(files.file("a"))
    (files.folder / "benchmark-artifacts").mkdir()
    (files.folder / "benchmark-artifacts/dump.zst").write_bytes(body)
    assert "1 file" in ok(files.push("a"))
    elsewhere = files.folder / "elsewhere"
    elsewhere.mkdir()
    db = elsewhere / "b.db"
    assert "fetched 1 file" in ok(files("pull", files.remote, "--db", db, "--artifacts"))
    assert (elsewhere / "benchmark-artifacts/dump.zst").read_bytes() == body
    (elsewhere / "benchmark-artifacts/dump.zst").unlink()
    (files.remote / "artifacts" / sha).write_bytes(b"changed")
    ran = files("pull", files.remote, "--db", db, "--artifacts")
    assert ran.code == 2
    assert "its bytes are not those of its name" in ran.err
    assert not (elsewhere / "benchmark-artifacts/dump.zst").exists()


def redigest(path: Path) -> None:
    for (uid,) in query(path, "select uid from session"):
        rename(path, uid, uid)


def test_a_database_that_can_only_be_read_is_pushed(files: Files) -> None:
    files.record("a", "one")
    files.file("a").chmod(0o444)
    files.folder.chmod(0o755)
    assert ok(files.push("a")).startswith("pushed 1 session ")
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_a_push_of_a_session_recorded_here_loads_neither_library_and_moves_little(
    files: Files,
) -> None:
    files.record("a", "one", runs=1000)
    ok(files.push("a"))
    files.record("a", "two", day=1, runs=1000)
    script = (
        "import sys\n"
        "from benchdb.cli import main\n"
        f"code = main(['push', {str(files.remote)!r}, '--db', {str(files.file('a'))!r}])\n"
        "print(code, *sorted({'alembic', 'sqlalchemy', 'rich', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environ(),
        cwd=files.folder,
    )
    assert done.stdout.splitlines()[-1:] == ["0"], done.stdout + done.stderr
    assert max(path.stat().st_size for path in files.objects("sessions/")) < 300_000


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made = []
    for name in ("read", "fetch", "put_new", "replace", "list", "delete", "etag"):
        real = getattr(Folder, name)

        def counted(self: Folder, *arguments: object, _name: str = name, _real=real):
            made.append(f"{_name} {arguments[0]}"[:20])
            return _real(self, *arguments)

        monkeypatch.setattr(Folder, name, counted)
    return made


def test_what_costs_how_many_requests(files: Files, requests: list[str]) -> None:
    files.record("a", "one")
    ok(files.push("a"))
    for day in (1, 40):
        files.record("a", f"on-day-{day}", day=day)
        requests.clear()
        ok(files.push("a"))
        assert [one.split("/")[0] for one in requests] == ["read manifest.json", "put_new sessions"]
    ok(files.pull("b"))
    ok(files.compact())
    ok(files.pull("b"))
    for verb in (files.pull, files.push):
        requests.clear()
        ok(verb("b"))
        assert len(requests) <= 2
    assert requests == ["read manifest.json"]
