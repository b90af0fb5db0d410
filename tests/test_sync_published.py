"""What gets into a history's benchmark.db, what must not, and who notices."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from store_samples import EPOCH, execute, facts, fill, lose, query, record
from test_sync_command import Files, ok, published, recover, sessions

from benchdb.store.recorder import Recorder
from benchdb.sync.looking import check_remote
from benchdb.sync.objects import open_remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text("[tool.benchdb]\n")
    return Files(tmp_path)


def grow_old(files: Files) -> None:
    """Make the published file one that the next sync renews."""
    path = files.remote / "benchmark.db"
    os.utime(path, (path.stat().st_mtime - 3 * 86400,) * 2)


def test_a_file_that_was_changed_by_hand_spoils_nobody_elses(files: Files) -> None:
    files.record("a", "session-1")
    files.record("a", "session-2", day=1)
    ok(files.sync("a"))
    execute(files.file("a"), "update test_run set duration = 999 where session_id = 1")
    grow_old(files)
    assert "published" in files.sync("a").out
    assert query(files.remote / "benchmark.db", "select 1 from test_run where duration=999") == []
    assert published(files) == {"session-1", "session-2"}
    assert query(files.remote / "benchmark.db", "select * from local_pruned") == []
    ok(files("db", "check", files.remote))


def test_a_check_of_a_remote_looks_into_the_published_file(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    path = files.remote / "benchmark.db"
    sound = path.read_bytes()
    execute(path, "update test_run set duration = 999")
    for harm in (path.read_bytes(), sound[:5000], b""):
        path.write_bytes(harm)
        checked = files("db", "check", files.remote, "--format", "json")
        assert checked.code == 2
        (problem,) = checked.json["problems"]
        assert problem.startswith("benchmark.db: ")
        assert "/" not in problem
    page = bytes(4096)
    for harm in (b"no database", sound[:5000], b"", sound[:8192] + page + sound[12288:]):
        path.write_bytes(harm)
        (problem,) = files("db", "check", files.remote, "--format", "json").json["problems"]
        assert problem.startswith("benchmark.db: it is ")
        assert problem.endswith(": move it away, and the next sync makes another")
    path.unlink()
    ok(files("db", "check", files.remote))


def test_a_sync_beside_a_check_is_no_problem(files: Files) -> None:
    for number in range(3):
        files.record("a", f"session-{number}", day=number)
        ok(files.sync("a"))
    files.record("b", "session-3", day=3)
    grow_old(files)
    done = []

    def sync_meanwhile(doing: str, *_: object) -> None:
        if doing == "fetching" and not done:  # what there is was listed
            done.append(doing)
            ok(files.sync("b"))

    checked = check_remote(open_remote(str(files.remote)), sync_meanwhile)
    assert done
    assert published(files) == {f"session-{number}" for number in range(4)}
    assert checked.problems == ()


@pytest.mark.parametrize("given", ["publish_every = 0\ncompact_grace = 0", 'publish_every = "0"'])
def test_nothing_is_published_where_that_is_switched_off(given: str, files: Files) -> None:
    files.settings(given)
    files.record("a", "session-1")
    ok(files.sync("a"))
    assert files.objects("benchmark.db") == []


@pytest.mark.parametrize("given", ["1", "true", "[]"])
def test_a_setting_that_is_no_duration_is_told_what_one_is(given: str, files: Files) -> None:
    files.settings(f"publish_every = {given}")
    files.record("a", "session-1")
    ran = files.sync("a")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert 'publish_every must be a duration as "1d", "12h" or "30min", or 0' in ran.err


@pytest.mark.parametrize("verb", ["sync", "push", "pull", "compact"])
def test_the_folder_of_the_database_is_no_remote_for_it(verb: str, files: Files) -> None:
    record(files.folder / "benchmark.db")
    before = (files.folder / "benchmark.db").read_bytes()
    (files.folder / "link").symlink_to(files.folder)
    for remote in (".", files.folder, files.folder / "link"):
        ran = files(verb, remote)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert "is the database itself" in ran.err
        assert "give another folder, as" in ran.err
    assert (files.folder / "benchmark.db").read_bytes() == before
    assert not (files.folder / "manifest.json").exists()


def test_a_database_that_does_not_exist_yet_is_not_made_among_a_historys_objects(
    files: Files,
) -> None:
    files.record("a", "session-1")
    ok(files.push("a"))
    ran = files("pull", files.remote, "--db", files.remote / "benchmark.db")
    assert (ran.code, "is the database itself" in ran.err) == (2, True)
    assert files.objects("benchmark.db") == []


def a_text(files: Files) -> None:
    (files.remote / "benchmark.db").write_text("minutes of a meeting, kept nowhere else")


def an_empty_one(files: Files) -> None:
    (files.remote / "benchmark.db").write_bytes(b"")


def half_a_database(files: Files) -> None:
    path = files.remote / "benchmark.db"
    path.write_bytes(path.read_bytes()[:20_000])


def sqlite_of_others(files: Files) -> None:
    (files.remote / "benchmark.db").unlink()
    execute(files.remote / "benchmark.db", "create table test_run (id integer primary key)")


def a_session_of_its_own(files: Files) -> None:
    shutil.copy(files.remote / "benchmark.db", files.file("theirs"))
    files.record("theirs", "session-2")
    execute(
        files.file("theirs"), "delete from local_fresh", "delete from local_recorded"
    )  # as of one that was merged
    shutil.copy(files.file("theirs"), files.remote / "benchmark.db")


def a_session_with_a_value_that_is_none(files: Files) -> None:
    a_session_of_its_own(files)
    execute(files.remote / "benchmark.db", "update test_run set duration = 'abc'")


def a_session_that_is_recorded(files: Files) -> None:
    lose(files.remote / "benchmark.db", "session-2")


def a_database_that_lacks_nothing(files: Files) -> None:
    shutil.copy(files.file("a"), files.remote / "benchmark.db")


def a_table_of_its_own(files: Files) -> None:
    execute(files.remote / "benchmark.db", "create table notes (text)")


def a_view_of_its_own(files: Files) -> None:
    execute(files.remote / "benchmark.db", "create view slow as select * from test_run")


def what_the_history_lost(files: Files) -> None:
    for path in files.objects("sessions/"):
        path.unlink()
    files.file("a").unlink()
    files.record("a", "session-3", day=40)


OTHERS = [
    (a_text, "no database of benchdb's: move it away"),
    (an_empty_one, "no database of benchdb's: move it away"),
    (half_a_database, "it is damaged: move it away"),
    (sqlite_of_others, "no database of benchdb's: move it away"),
    (a_session_of_its_own, "it holds 1 that the history lacks: `benchdb merge` a copy"),
    (a_session_with_a_value_that_is_none, "it holds 1 that the history lacks"),
    (a_session_that_is_recorded, "a session is, or was, recorded into it: `benchdb merge`"),
    (a_database_that_lacks_nothing, "a database that somebody works with: `benchdb merge`"),
    (a_table_of_its_own, "it has tables of others: `benchdb merge`"),
    (a_view_of_its_own, "it has views or triggers"),
    (what_the_history_lost, "it holds 1 that the history lacks: `benchdb merge` a copy"),
]


@pytest.mark.parametrize(("put", "why"), OTHERS, ids=[put.__name__ for put, _ in OTHERS])
def test_what_benchdb_did_not_publish_is_left_and_named(
    put: Callable[[Files], None], why: str, files: Files
) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    put(files)
    path = files.remote / "benchmark.db"
    grow_old(files)
    before = path.read_bytes()
    ran = files.sync("a")
    assert (ran.code, ran.err.count("\n")) == (0, 1)
    assert f"benchmark.db of {files.remote} was left as it is: " in ran.err
    assert why in ran.err
    assert "published" not in ran.out
    assert path.read_bytes() == before
    checked = files("db", "check", files.remote, "--format", "json")
    assert checked.code == 2
    assert [one for one in checked.json["problems"] if one.startswith("benchmark.db")]
    ran = files.compact("--erase", "session-1" if put is not what_the_history_lost else "session-3")
    assert ran.code == 2
    assert "was left as it is, and may hold what was forgotten: " in ran.err
    assert path.read_bytes() == before


def test_what_the_line_says_is_what_makes_it_renewed_again(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    a_session_of_its_own(files)
    grow_old(files)
    assert "was left as it is" in files.sync("a").err
    shutil.copy(files.remote / "benchmark.db", files.file("copy"))
    ok(files("merge", files.file("copy"), "--db", files.file("a")))
    ok(files.push("a"))
    assert "published benchmark.db" in ok(files.sync("a"))
    assert published(files) == {"session-1", "session-2"}


def test_a_database_that_is_recorded_into_is_not_replaced(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    recorder = Recorder(files.remote / "benchmark.db", facts("session-2", 1))
    fill(recorder, [0])
    grow_old(files)
    ran = files.sync("a")
    assert (ran.code, "was left as it is" in ran.err) == (0, True)
    recorder.finish(EPOCH + timedelta(days=2))
    assert published(files) == {"session-1", "session-2"}


def test_a_lost_form_that_gave_way_since_holds_up_no_renewal(files: Files) -> None:
    lose(files.file("a"), "session-1")
    ok(files.sync("a"))
    lost = sessions(files.remote / "benchmark.db")
    recover(files)
    ok(files.push("d"))
    ok(files.compact("--grace", "0"))
    ok(files("db", "check", files.remote))
    grow_old(files)
    assert "published benchmark.db" in ok(files.sync("a"))
    assert published(files) == {"session-1"}
    assert not sessions(files.remote / "benchmark.db") & lost


def test_a_published_file_that_is_dated_ahead_is_told_and_renewed(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    path = files.remote / "benchmark.db"
    os.utime(path, (path.stat().st_mtime + 400 * 86400,) * 2)
    shown = ok(files("db", "info", files.remote))
    assert "dated 399 days ahead of the clock" in shown or "dated 400 days ahead" in shown
    age = files("db", "info", files.remote, "--format", "json").json["published_age"]
    assert age < -399 * 86400
    files.record("a", "session-2", day=1)
    assert "published benchmark.db" in ok(files.sync("a"))
    assert published(files) == {"session-1", "session-2"}
    assert "renewed" in ok(files("db", "info", files.remote))


def test_a_published_file_that_was_only_looked_at_is_renewed(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    path = files.remote / "benchmark.db"
    ok(files("show", "--db", path))
    ok(files("changes", "--db", path))
    execute(path, "analyze")
    files.record("a", "session-2", day=1)
    grow_old(files)
    assert "published benchmark.db" in ok(files.sync("a"))
    assert published(files) == {"session-1", "session-2"}
