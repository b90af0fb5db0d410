"""Rows that become one commit: what others see, and what becomes of them where it fails."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from store_samples import EPOCH, execute, facts, query

from benchdb.records import ClosedTestRun, Measurement
from benchdb.store.database import FileConnection
from benchdb.store.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

COUNT = "select count(*) from test_run"


def open_one(recording: Recording, name: str) -> int:
    return recording.open(EPOCH, (name, name, "tests/test_it.py"))


def closed(**measured: Any) -> ClosedTestRun:
    return ClosedTestRun(
        setup_outcome="passed",
        call_outcome="passed",
        teardown_outcome="passed",
        start=EPOCH,
        end=EPOCH,
        measurements=tuple(Measurement(name, "", None, value) for name, value in measured.items()),
    )


def test_others_see_what_is_held_when_it_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    recording = Recording(path, facts("held"), {})
    recording.hold()
    recording.close(open_one(recording, "test_a"), closed(items=1.0))
    open_one(recording, "test_b")
    assert query(path, COUNT) == [(0,)]
    recording.settle()
    assert query(path, "select name, state from test_run") == [
        ("test_a", "closed"),
        ("test_b", "open"),
    ]
    recording.let_go()


def test_what_is_held_while_more_is_to_come_doesnt_wait_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "benchmark.db"
    recording = Recording(path, facts("held"), {})
    recording.hold()
    open_one(recording, "test_a")
    monkeypatch.setattr("benchdb.store.recording.HELD_SECONDS", 1e6)
    recording.settle(more=True)
    assert query(path, COUNT) == [(0,)]
    monkeypatch.setattr("benchdb.store.recording.HELD_SECONDS", 0.0)
    recording.settle(more=True)
    assert query(path, COUNT) == [(1,)]
    recording.let_go()


@pytest.mark.parametrize("ended_by", ["finish", "let_go"])
def test_what_is_held_when_recording_ends_is_written(tmp_path: Path, ended_by: str) -> None:
    path = tmp_path / "benchmark.db"
    recording = Recording(path, facts("held"), {})
    recording.hold()
    recording.close(open_one(recording, "test_a"), closed())
    recording.finish(EPOCH) if ended_by == "finish" else recording.let_go()
    assert query(path, "select name, state from test_run") == [("test_a", "closed")]


@pytest.mark.parametrize("fails", ["COMMIT", "UPDATE test_run", "BEGIN IMMEDIATE"])
@pytest.mark.parametrize("rolls_back", [False, True], ids=["", "by itself"])
def test_what_is_held_is_written_aside_where_it_cant_be_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, rolls_back: bool
) -> None:
    path = tmp_path / "benchmark.db"
    recording = Recording(path, facts("held"), {})
    before = open_one(recording, "test_before")
    execute_there = FileConnection.execute
    broken = []

    def execute_broken(self: FileConnection, sql: str, *more: Any) -> Any:
        file = execute_there(self, "PRAGMA database_list").fetchone()[2]
        if sql.startswith(fails) and file == str(path):
            broken.append(sql)
            if rolls_back and self.in_transaction:
                execute_there(self, "ROLLBACK")
            raise sqlite3.OperationalError("disk I/O error")
        return execute_there(self, sql, *more)

    monkeypatch.setattr(FileConnection, "execute", execute_broken)
    recording.hold()
    recording.close(before, closed(items=1.0))
    first = open_one(recording, "test_first")
    recording.advance(first, "setup", "passed", EPOCH)
    recording.close(first, closed(items=2.0))
    open_one(recording, "test_second")
    recording.settle()
    assert broken
    assert recording.rows == 3
    recording.finish(EPOCH)
    aside = tmp_path / "benchmark-held.db"
    assert query(aside, "select ordinal, name, state from test_run order by ordinal") == [
        (1, "test_before", "closed"),
        (2, "test_first", "closed"),
        (3, "test_second", "interrupted"),
    ]
    assert query(aside, "select ordinal, value from measurement order by 1") == [(1, 1.0), (2, 2.0)]
    assert recording.location == aside
    assert not recording.incomplete


def test_a_row_that_the_database_refuses_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    recording = Recording(path, facts("held"), {})
    refuse = "create trigger t before insert on measurement when new.metric = 'bad' begin"
    execute(path, f"{refuse} select raise(abort, 'refused'); end")
    recording.hold()
    recording.close(open_one(recording, "test_a"), closed(good=1.0))
    problems = recording.close(open_one(recording, "test_b"), closed(bad=1.0))
    recording.close(open_one(recording, "test_c"), closed(good=3.0))
    recording.finish(EPOCH)
    assert not recording.aside
    assert problems == ["what it measured was not stored: refused"]
    assert query(path, "select name, state from test_run order by ordinal") == [
        ("test_a", "closed"),
        ("test_b", "closed"),
        ("test_c", "closed"),
    ]
    assert query(path, "select value from measurement order by 1") == [(1.0,), (3.0,)]
