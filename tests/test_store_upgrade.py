"""Upgrading an older file: all of it or nothing, after a backup, never under a live session."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from store_samples import EPOCH, contents, execute, facts, query, record

from benchdb.errors import DamagedFile, UserError
from benchdb.store import migrate
from benchdb.store import recording as recordings
from benchdb.store.locks import session_lock
from benchdb.store.merge import merge
from benchdb.store.opening import make_writable
from benchdb.store.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

pytestmark = pytest.mark.portable

NEXT = "0123456789ab"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is older than this code, whose newest migration adds a table."""
    path = tmp_path / "old.db"
    record(path)
    from benchdb.store import database, revisions

    line = (*revisions.lineage(), NEXT)
    for module in (database, migrate):
        monkeypatch.setattr(module, "head", lambda: NEXT)
    monkeypatch.setattr(database, "lineage", lambda: line)
    monkeypatch.setattr(migrate, "run_migrations", add_a_table)
    return path


def add_a_table(connection: Connection, target: str = "head") -> None:
    connection.exec_driver_sql("create table added (id integer primary key)")
    connection.exec_driver_sql("update alembic_version set version_num = ?", (NEXT,))


def failing(error: BaseException) -> Callable[..., None]:
    def run(connection: Connection, target: str = "head") -> None:
        connection.exec_driver_sql("drop table measurement")
        add_a_table(connection)
        raise error

    return run


def test_an_upgrade_keeps_a_copy_beside_the_file(old: Path) -> None:
    before = contents(old)
    copy = migrate.upgrade(old)
    assert copy is not None
    assert copy.parent == old.parent
    assert contents(copy) == before == contents(old)
    assert query(old, "select version_num from alembic_version") == [(NEXT,)]
    assert query(copy, "select version_num from alembic_version") != [(NEXT,)]
    assert query(old, "select count(*) from added") == [(0,)]


def test_a_file_that_another_process_upgraded_meanwhile_is_left_alone(old: Path) -> None:
    copy = migrate.upgrade(old)
    assert copy is not None
    content = copy.read_bytes()
    assert migrate.upgrade(old) is None
    assert copy.read_bytes() == content


def test_no_copy_is_named_where_another_process_upgraded_first(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = migrate.upgrade
    monkeypatch.setattr(migrate, "upgrade", lambda path: run(path) and run(path))
    recording = Recording(old, facts("late"), {})
    recording.finish(EPOCH)
    assert (recording.location, recording.notes) == (old, [])


@pytest.mark.parametrize("error", [RuntimeError("a bug"), sqlite3.OperationalError("disk is full")])
def test_a_migration_that_fails_leaves_the_file_as_it_was(
    error: Exception, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, content = contents(old), old.read_bytes()
    monkeypatch.setattr(migrate, "run_migrations", failing(error))
    with pytest.raises(UserError, match=str(error)):
        migrate.upgrade(old)
    assert old.read_bytes() == content
    (copy,) = old.parent.glob("old.db.before-*")
    assert contents(copy) == before
    assert not list(old.parent.glob("*-journal"))


def test_tests_run_on_beside_a_file_that_cannot_be_upgraded(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "run_migrations", failing(RuntimeError("a bug")))
    recording = Recording(old, facts("aside"), {})
    recording.finish(EPOCH)
    assert recording.location == old.with_name("old-aside.db")
    assert "a bug" in recording.notes[0]


def test_rows_without_their_parents_stop_an_upgrade(old: Path) -> None:
    execute(old, "delete from session")
    content = old.read_bytes()
    with pytest.raises(DamagedFile, match="rows without their parents"):
        migrate.upgrade(old)
    assert old.read_bytes() == content


def test_a_live_session_of_an_older_release_is_not_upgraded_beneath_it(old: Path) -> None:
    execute(old, "update session set state = 'open', digest = null")
    lock = session_lock(old, "session-1")
    content = old.read_bytes()
    recording = Recording(old, facts("aside"), {})
    recording.finish(EPOCH)
    assert recording.location == old.with_name("old-aside.db")
    assert (
        "is being recorded into by an older benchdb: let that session end first"
        in recording.notes[0]
    )
    with pytest.raises(UserError, match="try again when it is done"):
        make_writable(old)
    assert old.read_bytes() == content
    lock.release()


def test_a_large_file_is_not_upgraded_while_tests_wait(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "MOST_TO_UPGRADE", 1000)
    content = old.read_bytes()
    recording = Recording(old, facts("aside"), {})
    recording.finish(EPOCH)
    assert f"run `benchdb db upgrade --db {old}` once" in recording.notes[0]
    assert old.read_bytes() == content


def test_a_full_disk_stops_an_upgrade_before_it_begins(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = old.read_bytes()

    def full(connection: sqlite3.Connection, copy: Path, progress: object) -> None:
        copy.write_bytes(content[:100])
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(migrate, "back_up", full)
    with pytest.raises(UserError, match="free disk space"):
        migrate.upgrade(old)
    assert old.read_bytes() == content
    assert list(old.parent.iterdir()) == [old]


def test_an_older_source_is_upgraded_on_a_copy(old: Path, tmp_path: Path) -> None:
    content = old.read_bytes()
    target = tmp_path / "target.db"
    record(target, "other")
    (merged,) = merge(target, [old])
    assert merged.added == 1
    assert old.read_bytes() == content
    assert not list(tmp_path.glob("old.db.before-*"))
