"""Values that no column holds: whoever wrote them, they spoil nothing beside them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from store_samples import execute, query
from test_sync_command import Files, files, ok, redigest, sessions  # noqa: F401 - a fixture

from benchdb.store.database import connect
from benchdb.sync.protocol.names import SegmentName
from benchdb.sync.segments import make_segment, stored_entries

if TYPE_CHECKING:
    from pathlib import Path

#: What was set by hand, and what is said of it.
UNFIT = [
    ("session set finished = 'garbage'", "'garbage' can't stand in session.finished"),
    ("session set started = '2026-01 garbage'", "can't stand in session.started"),
    ("session set started = '0000-01-01 00:00:00.000000'", "can't stand in session.started"),
    ("session set finished = '2026-02-30 00:00:00.000000'", "can't stand in session.finished"),
    ("session set dirty = 7", "'7' can't stand in session.dirty"),
    ("session set host = x'00ff'", "can't stand in session.host"),
    ("session set host = 'a' || char(0)", "can't stand in session.host"),
    ("test_run set duration = 'abc'", "'abc' can't stand in test_run.duration"),
    ("test_run set \"end\" = 'never'", "'never' can't stand in test_run.end"),
    ("measurement set value = 'much'", "'much' can't stand in measurement.value"),
    ("package set name = CAST(x'ff' AS TEXT)", "can't stand in package.name"),
    ("environment set cpu_model = CAST(x'ff' AS TEXT)", "can't stand in environment.cpu_model"),
    ("environment set cpu_model = 'a' || char(0)", "can't stand in environment.cpu_model"),
]


def spoil(path: Path, change: str) -> None:
    """Change a file by hand; its sessions have the digests of what is there now."""
    execute(path, f"update {change}")
    redigest(path)


@pytest.mark.parametrize(("change", "said"), UNFIT)
def test_a_push_leaves_it_and_takes_the_rest(files: Files, change: str, said: str) -> None:  # noqa: F811
    files.record("a", "odd")
    spoil(files.file("a"), change)
    if not change.startswith(("environment", "package")):
        files.record("a", "good", day=1)
    ran = files.push("a")
    assert ran.code == 2
    assert "session odd has a value that nothing could read: " in ran.err
    assert said in ran.err
    assert ran.err.count("\n") == 1
    checked = files("db", "check", "--db", files.file("a"))
    assert (checked.code, said in checked.out + checked.err) == (2, True)
    if not change.startswith(("environment", "package")):
        assert "pushed 1 session" in ran.out
        ok(files.pull("b"))
        assert {uid for uid, _ in sessions(files.file("b"))} == {"good"}


@pytest.mark.parametrize(
    "change", ["session set finished = 'garbage'", "test_run set duration = 'abc'"]
)
def test_a_pull_names_the_object_and_takes_the_rest(files: Files, change: str) -> None:  # noqa: F811
    files.record("a", "good", day=1)
    ok(files.push("a"))
    files.record("odd", "odd")
    spoil(files.file("odd"), change)
    put(files, "odd")
    ran = files.pull("b")
    assert ran.code == 2
    assert "session odd has a value that nothing could read" in ran.err
    assert {uid for uid, _ in sessions(files.file("b"))} == {"good"}


def put(files: Files, name: str) -> None:  # noqa: F811
    """Put a segment into the remote, as an older benchdb would have."""
    with contextlib.closing(connect(files.file(name))) as connection:
        entries = stored_entries(connection)
    for entry in entries:
        made = make_segment(files.file(name), [entry], files.folder)
        where = str(SegmentName(entry.month, entry.uid, entry.digest, 1, made.sha256))
        (files.remote / where).parent.mkdir(parents=True, exist_ok=True)
        made.path.rename(files.remote / where)


@pytest.mark.parametrize("column", ["started", "finished"])
def test_a_merge_leaves_it_and_takes_the_rest(files: Files, column: str) -> None:  # noqa: F811
    files.record("fork", "odd")
    spoil(files.file("fork"), f"session set {column} = 'garbage'")
    files.record("fork", "good", day=1)
    ran = files("merge", files.file("fork"), "--db", files.file("a"))
    assert ran.code == 2
    assert "1 session with 2 test runs added" in ran.out
    assert "fork.db: session odd has a value that nothing could read: 'garbage' can't " in ran.err
    assert f"stand in session.{column}: it was left out\n" in ran.err
    assert {uid for uid, _ in sessions(files.file("a"))} == {"good"}


@pytest.mark.parametrize(("change", "_"), [one for one in UNFIT if "x'ff' AS TEXT" not in one[0]])
def test_what_is_there_can_be_looked_at_and_removed(files: Files, change: str, _: str) -> None:  # noqa: F811
    files.record("a", "odd")
    spoil(files.file("a"), change)
    db = ("--db", files.file("a"))
    for command in (
        ["show"],
        ["show", "*"],
        ["db", "info"],
        ["changes"],
        ["explain", "a.py::test_0"],
    ):
        ran = files(*command, *db)
        assert ran.code == 0 or (ran.code == 2 and ran.err.count("\n") == 1), ran.err
    ok(files("annotate", "session", "odd", "--withdraw", *db))
    ok(files("db", "prune", "--session", "odd", "--yes", *db))
    assert sessions(files.file("a")) == set()


@pytest.mark.parametrize(
    "made", ["'9999-12-31 23:59:59.999999'", "'2026-01 garbage'", "5", "'2026-13-01 00:00:00'"]
)
def test_an_annotation_of_no_time_stays_where_it_is(files: Files, made: str) -> None:  # noqa: F811
    files.record("a", "one")
    db = ("--db", files.file("a"))
    ok(files("annotate", "session", "one", "--withdraw", *db))
    ((key,),) = query(files.file("a"), "select key from annotation")
    execute(files.file("a"), f"update annotation set made = {made}")
    files.record("a", "two", day=1)
    line = f"annotation {key} has a value that nothing could read: "
    ran = files.push("a")
    assert (ran.code, ran.err.startswith(f"benchdb: {line}")) == (2, True)
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} >= {"two"}
    assert query(files.file("b"), "select count(*) from annotation") == [(0,)]
    merged = files("merge", files.file("a"), "--db", files.file("c"))
    assert (merged.code, line in merged.err) == (2, True)
    assert query(files.file("c"), "select count(*) from annotation") == [(0,)]
    ok(files("annotate", "session", "two", "--withdraw", "--db", files.file("c")))
    ok(files("annotate", "session", "one", "--withdraw", *db))


@pytest.mark.parametrize("column", ["author", "text"])
def test_an_annotation_that_is_no_text_stays_where_it_is(files: Files, column: str) -> None:  # noqa: F811
    files.record("a", "one")
    db = ("--db", files.file("a"))
    ok(files("annotate", "session", "one", "--withdraw", *db))
    execute(files.file("a"), f"update annotation set {column} = CAST(x'ff' AS TEXT)")
    files.record("a", "two", day=1)
    for ran in (files.push("a"), files("merge", files.file("a"), "--db", files.file("c"))):
        assert ran.code == 2
        assert f"can't stand in annotation.{column}" in ran.err
        assert ran.err.count("\n") == 1
    assert {uid for uid, _ in sessions(files.file("c"))} == {"one", "two"}
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} >= {"two"}


def test_the_last_year_that_there_is_is_one_like_others(files: Files) -> None:  # noqa: F811
    files.record("a", "one")
    spoil(files.file("a"), "test_run set start = '9999-12-31 23:59:59.999999'")
    ok(files.push("a"))
    ok(files.pull("b"))
    assert sessions(files.file("b")) == sessions(files.file("a"))


def test_a_check_tells_how_to_free_what_lies_beside_such_a_session(files: Files) -> None:  # noqa: F811
    files.record("a", "odd-one")
    spoil(files.file("a"), "test_run set duration = 'abc'")
    files.record("a", "good", day=1)
    with contextlib.closing(connect(files.file("a"))) as connection:
        entries = sorted(stored_entries(connection))
    made = make_segment(files.file("a"), entries, files.folder)
    first = entries[0]
    where = files.remote / str(SegmentName(first.month, first.uid, first.digest, 2, made.sha256))
    where.parent.mkdir(parents=True)
    made.path.rename(where)
    said = files("db", "check", files.remote)
    assert said.code == 2
    assert "`benchdb compact REMOTE --erase UID` of it" in " ".join(said.out.split())
    assert "delete what is damaged" not in said.err
    files.compact("--erase", "odd-one")
    ok(files.pull("b"))
    assert {uid for uid, _ in sessions(files.file("b"))} == {"good"}
