"""What is erased, withdrawn or replaced in a history, and what is found of it afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from servers import Place, moto_server
from store_samples import EPOCH, execute, lose, query
from test_sync_command import Files, ok, published, redigest, sessions

from benchdb.sync import published as publishing
from benchdb.sync.objects import open_remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchdb.sync.objects import Objects

SECRET, SHARED = b"a secret", b"what others have, too"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text('[tool.benchdb]\npublish_every = "0"\n')
    return Files(tmp_path)


def with_files(files: Files, name: str, uid: str, *bodies: bytes, day: int = 0) -> None:
    """Record a session in a file of its own; its test runs have these files."""
    files.record(name, uid, day, runs=len(bodies))
    for ordinal, body in enumerate(bodies, 1):
        sha = hashlib.sha256(body).hexdigest()
        (files.folder / sha).write_bytes(body)
        execute(
            files.file(name),
            f"update artifact set sha256='{sha}', url='{sha}', size=9 where ordinal={ordinal}",
        )
    redigest(files.file(name))
    ok(files.push(name))


def bodies(files: Files) -> set[bytes]:
    return {path.read_bytes() for path in files.objects("artifacts/")}


@pytest.mark.parametrize("is_folded", [False, True])
def test_the_files_of_an_erased_session_go_and_those_that_others_have_stay(
    is_folded: bool, files: Files
) -> None:
    with_files(files, "a", "guilty-1", SECRET, SHARED)
    with_files(files, "b", "innocent-1", SHARED, b"mine", day=40)
    ok(files.push("b"))
    if is_folded:
        ok(files.compact("--grace", "0"))
    stranger = files.remote / "artifacts" / "notes.txt"
    stranger.write_text("mine")
    assert "deleted 1 file of test runs" in ok(files.compact("--erase", "guilty"))
    stranger.unlink()
    assert bodies(files) == {SHARED, b"mine"}
    assert "1 file" not in ok(files.compact("--erase", "guilty-1"))  # as who was killed would
    ok(files.pull("c"))
    assert {uid for uid, _ in sessions(files.file("c"))} == {"innocent-1"}
    ok(files("db", "check", files.remote))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("session-9", "no session 'session-9' in"),
        ("sess", "no session 'sess' in"),
        ("session-", "2 sessions are 'session-': give a longer part"),
    ],
)
def test_a_uid_that_means_none_or_several_erases_nothing(
    given: str, said: str, files: Files
) -> None:
    files.record("a", "session-1")
    files.record("a", "session-2", day=40)
    ok(files.push("a"))
    before = {path: path.read_bytes() for path in files.objects()}
    ran = files.compact("--erase", "session-1", "--erase", given)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err
    assert {path: path.read_bytes() for path in files.objects()} == before


def test_what_is_no_second_old_by_the_servers_clock_is_erased_too(files: Files) -> None:
    for number in range(2):
        files.record("a", f"session-{number}", day=number)
        ok(files.push("a"))
    for path in files.objects("sessions/"):
        os.utime(path, (time.time() + 1000,) * 2)
    ok(files.compact("--erase", "session-1"))
    assert files.objects("sessions/") == []


def test_what_one_machine_erases_no_other_brings_back(files: Files) -> None:
    for name, uid in (("a", "first-1"), ("b", "second-1"), ("c", "third-1")):
        files.record(name, uid)
    for name in "abcabc":
        ok(files.sync(name))
    ok(files.compact("--grace", "0"))
    # Who works without a network meanwhile knows of nothing.
    shutil.copy(files.file("c"), files.file("laptop"))
    files.record("laptop", "fourth-1", day=1)
    ok(files.compact("--erase", "second-1"))
    for name in ("a", "laptop", "b", "c"):
        ok(files.sync(name))
        ok(files.push(name, "--all"))
        ok(files.compact("--grace", "0"))
    ok(files.pull("newcomer"))
    expected = {"first-1", "third-1", "fourth-1"}
    assert {uid for uid, _ in sessions(files.file("newcomer"))} == expected


def test_what_is_withdrawn_is_not_published_until_it_is_kept(files: Files) -> None:
    files.settings('publish_every = "1d"')
    digest = files.record("a", "session-1")
    files.record("a", "session-2", day=1)
    db = ("--db", files.file("a"))
    ok(files("annotate", "session", "session-1", "--withdraw", *db))
    ok(files.sync("a"))
    assert published(files) == {"session-2"}
    assert {uid for uid, _ in sessions(files.file("a"))} == {"session-1", "session-2"}
    copy = files.folder / "copy.db"
    shutil.copy(files.remote / "benchmark.db", copy)
    ok(files("pull", files.remote, "--db", copy))  # it lacks nothing for ever
    assert sessions(copy) == sessions(files.file("a"))
    ok(files("annotate", "session", "session-1", "--keep", digest, *db))
    (files.remote / "benchmark.db").unlink()
    ok(files.sync("a"))
    assert published(files) == {"session-1", "session-2"}


def test_a_file_too_large_to_be_published_is_not_built(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.settings('publish_every = "1d"')
    files.record("a", "session-1")
    ok(files.push("a"))
    ok(files.compact())
    (files.remote / "benchmark.db").unlink()
    built = []
    monkeypatch.setattr(publishing, "make_writable", built.append)
    monkeypatch.setattr(publishing, "_MOST", 1000)
    ran = files.sync("a")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "set publish_every = 0" in ran.err
    assert built == []


def test_a_file_that_grows_too_large_to_be_published_is_given_up(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.settings('publish_every = "1d"')
    files.record("a", "session-1")
    ok(files.push("a"))
    monkeypatch.setattr(publishing, "_MOST", 50_000)
    ran = files.sync("a")
    assert (ran.code, "set publish_every = 0" in ran.err) == (2, True)
    assert not (files.remote / "benchmark.db").exists()


def test_a_manifest_put_back_or_deleted_is_told_by_a_check(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.push("a"))
    manifest = files.remote / "manifest.json"
    young = manifest.read_bytes()
    ok(files.compact("--grace", "0"))
    newest = manifest.read_bytes()
    ok(files("db", "check", files.remote))
    for harm in (lambda: manifest.write_bytes(young), manifest.unlink):
        harm()
        checked = files("db", "check", files.remote, "--format", "json")
        assert checked.code == 2
        (problem,) = checked.json["problems"]
        assert "was that replaced or deleted?" in problem
    manifest.write_bytes(b"")
    problem, _ = files("db", "check", files.remote, "--format", "json").json["problems"]
    assert "manifest.json of the history is damaged" in problem
    manifest.write_bytes(newest)
    ok(files("db", "check", files.remote))


HOSTILE = [
    "sessions/2026-01/[bold red]x",
    "sessions/2026-01/../../../etc/passwd",
    "sessions/2026-01/a b\ttab",
    "sessions//x.db.zst",
    "sessions/" + "x" * 900,
    "sessions/2026-13/' or 1=1 --.db.zst",
    f"sessions/2026-01/x-{'0' * 64}-1-{'0' * 64}.db.zst/",
    "snapshots/manifest.json",
    "snapshots/2026-01/<&>\"'.db.zst",
    "artifacts/" + "A" * 64,
    "artifacts/../manifest.json",
    "artifacts/%2e%2e%2f",
    "benchmark.db.bak",
    "\u202egnp.exe",
]


@pytest.mark.usefixtures("aws")
def test_objects_of_others_with_hostile_names_are_left_alone(
    files: Files, moto_place: Callable[[str], Objects]
) -> None:
    objects = moto_place("hostile")
    where = (objects.url, "--endpoint-url", _endpoint(objects))
    db = ("--db", files.file("a"))
    files.record("a", "session-1")
    ok(files("push", *where, *db))
    for name in HOSTILE:
        objects.put_new(name, b"theirs")
    pulled = files("pull", *where, "--db", files.file("b"))
    assert (pulled.code, pulled.err.count("\n")) == (0, 1)
    assert sessions(files.file("b")) == sessions(files.file("a"))
    ok(files("compact", *where, "--grace", "0", "--erase", "session-1"))
    checked = files("db", "check", *where)
    assert (checked.code, checked.err.count("\n")) == (0, 1)
    info = files("db", "info", *where, "--format", "json").json
    assert sorted(info["foreign"]) == sorted(HOSTILE)
    assert all(objects.read(name).body == b"theirs" for name in HOSTILE)


@pytest.fixture
def moto_place(request: pytest.FixtureRequest) -> Callable[[str], Objects]:
    """Open places in a bucket of moto's."""
    server = request.getfixturevalue("moto")
    bucket = server.bucket()
    return lambda prefix: Place(f"s3://{bucket}/{prefix}", "moto", server.url).open()


def _endpoint(objects: Objects) -> str:
    endpoint: str = objects._requests._endpoint_url
    return endpoint


@pytest.mark.usefixtures("aws")
def test_two_servers_with_a_bucket_of_one_name_are_two_histories(
    files: Files, moto_place: Callable[[str], Objects]
) -> None:
    here = moto_place("history")
    with moto_server() as server:
        bucket = here.url.split("/")[2]
        server.client().create_bucket(Bucket=bucket)
        there = open_remote(here.url, endpoint_url=server.url)
        db = ("--db", files.file("a"))
        files.record("a", "session-1")
        ok(files("push", here.url, "--endpoint-url", _endpoint(here), *db))
        for one in list(here.list("")):  # a mirror, from before the second session
            there.put_new(one.name, here.read(one.name).body)
        files.record("a", "session-2")
        ok(files("push", here.url, "--endpoint-url", _endpoint(here), *db))
        assert ok(files("push", here.url, "--endpoint-url", server.url, *db)).startswith("pushed 1")
        ok(files("pull", here.url, "--endpoint-url", server.url, "--db", files.file("b")))
    assert sessions(files.file("b")) == sessions(files.file("a"))


@pytest.mark.parametrize("verb", ["pull", "db info", "db check", "compact"])
def test_a_folder_that_is_not_there_is_named_and_not_made(verb: str, files: Files) -> None:
    typo = files.folder / "tipo"
    ran = files(*verb.split(), typo)
    said = ran.out + ran.err
    assert f"there is no folder {typo} yet: correct it, or `benchdb push`" in said
    assert ran.code == (2 if verb == "db check" else 0)
    assert not typo.exists()
    ran = files(*verb.split(), typo / "below")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert f"there is no folder {typo} to keep below in" in ran.err


def test_a_history_of_which_all_is_forgotten_is_sound(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.push("a"))
    ok(files.compact("--erase", "session-1"))
    assert "is sound: 0 objects with 0 entries" in ok(files("db", "check", files.remote))


def test_the_beginning_of_a_pruned_session_does_not_come_in_its_place(files: Files) -> None:
    lose(files.file("lost"), "session-1")
    ok(files.push("lost"))
    files.record("a", "session-1", runs=1)
    ok(files.push("a"))
    ok(files("db", "prune", "--db", files.file("a"), "--session", "session-1"))
    assert "2 pruned before (--all takes them back)" in ok(files.pull("a"))  # in both forms
    ok(files("merge", "--db", files.file("a"), files.file("lost")))
    assert sessions(files.file("a")) == set()
    ok(files.pull("a"))
    assert sessions(files.file("a")) == set()
    ok(files.pull("a", "--all"))
    assert query(files.file("a"), "select state from session") == [("finished",)]


def test_a_form_that_gave_way_is_not_lost(files: Files) -> None:
    lose(files.file("a"), "session-1")
    ok(files.push("a"))
    files.record("b", "session-1", runs=1)
    ok(files.push("b"))
    ok(files.compact("--grace", "0"))
    said = ok(files.pull("a"))
    assert said.startswith("pulled 1 session ")
    assert "lost there" not in said


def test_a_slow_clock_dates_what_is_said_of_a_session_after_it(files: Files) -> None:
    ahead = (datetime.now(UTC) - EPOCH).days + 40
    files.record("a", "session-1", day=ahead)
    ok(files("annotate", "session", "session-1", "--withdraw", "--db", files.file("a")))
    (row,) = query(files.file("a"), "select made, started from annotation, session")
    assert row[0] == row[1]


def test_a_file_of_which_all_is_withdrawn_says_so(files: Files) -> None:
    files.record("a", "session-1")
    db = ("--db", files.file("a"))
    ok(files("annotate", "session", "session-1", "--withdraw", *db))
    ran = files("show", *db)
    assert "1 withdrawn; `benchdb annotate session UID --keep DIGEST` takes that back" in ran.err
    assert "record one" not in ran.err


def test_what_a_probe_left_goes_by_the_next_compaction(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.push("a"))
    old, young, theirs = (
        files.remote / name for name in (f"probe-{'0' * 32}", f"probe-{'1' * 32}", "probe-notes")
    )
    for path in (old, young, theirs):
        path.write_bytes(b"")
    for path in (old, theirs):
        os.utime(path, (time.time() - 200_000,) * 2)
    ok(files.compact())
    assert [path.exists() for path in (old, young, theirs)] == [False, True, True]
    assert files("db", "info", files.remote, "--format", "json").json["foreign"] == ["probe-notes"]
