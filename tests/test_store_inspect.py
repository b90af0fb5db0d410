"""What a file turns out to be: one clear line for each that can't be used, and it is untouched."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from store_samples import EPOCH, closed, execute, facts, fill, query, record

from benchdb.errors import DamagedFile, ForeignFile, NewerSchema, NoDatabase, UserError
from benchdb.store import database
from benchdb.store.database import Schema, connect, explained, inspect
from benchdb.store.package_cache import package_scan
from benchdb.store.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable


def look(path: Path) -> Schema:
    try:
        with contextlib.closing(connect(path)) as connection:
            return inspect(connection, path).schema
    except sqlite3.Error as error:
        raise explained(error, path) from error


def recorded_beside(path: Path, tmp_path: Path) -> str:
    """Record where `path` was wanted; returns what was said. The rows must be beside it."""
    before = path.read_bytes() if path.is_file() else None
    recording = Recording(path, facts("aside"), {})
    recording.open(EPOCH, ("test_it", "test_it", None))
    recording.finish(EPOCH)
    assert recording.location == tmp_path / f"{path.stem}-aside.db"
    assert query(recording.location, "select count(*) from test_run") == [(1,)]
    assert before is None or path.read_bytes() == before
    reason, remedy = recording.notes
    assert "\n" not in reason
    assert remedy.startswith("once that can be recorded into again: benchdb merge --db ")
    return reason


def test_an_empty_file_is_recorded_into(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    assert look(path) is Schema.EMPTY
    record(path)
    assert look(path) is Schema.NEWEST


@pytest.mark.parametrize(
    "content", [b"x", b"name,value\n" * 500, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(ForeignFile, match=r"is no SQLite database: name another file$"):
        look(path)
    assert "is no SQLite database" in recorded_beside(path, tmp_path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(kept: float, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DamagedFile, match="put a copy of it back"):
        look(path)
    assert "is damaged" in recorded_beside(path, tmp_path)


def test_a_damaged_page_that_is_met_later_moves_the_session_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path, runs=range(50))
    ((root,),) = query(path, "select rootpage from sqlite_master where name = 'test_run'")
    ((size,),) = query(path, "pragma page_size")
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    recording = Recording(path, facts("aside"), {})
    ordinal = recording.open(EPOCH, ("test_it", "test_it", None))
    assert ordinal
    recording.finish(EPOCH)
    assert recording.location == tmp_path / "a-aside.db"
    assert "malformed" in recording.notes[0] or "damaged" in recording.notes[0]


def test_a_sqlite_file_of_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    execute(path, "create table users (name text)")
    with pytest.raises(ForeignFile, match="that benchdb did not make"):
        look(path)
    recorded_beside(path, tmp_path)


def test_the_file_of_an_older_tool_with_the_same_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    execute(
        path,
        "create table alembic_version (version_num varchar(32) not null primary key)",
        "insert into alembic_version values ('924e9b1430e1')",
        "create table test_run (id integer primary key, session_id varchar, name varchar not null)",
    )
    with pytest.raises(ForeignFile, match="that benchdb did not make"):
        look(path)
    recorded_beside(path, tmp_path)


def test_a_newer_file_names_the_version_to_install(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path)
    execute(path, "update alembic_version set version_num = 'fff'", "pragma user_version=70809")
    with pytest.raises(NewerSchema, match=r"install benchdb 7\.8\.9"):
        look(path)
    recorded_beside(path, tmp_path)


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.mkdir()
    with pytest.raises(UserError, match="is a folder: name a file in it"):
        look(path)
    recorded_beside(path, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase, match="there is no database at"):
        look(tmp_path / "a.db")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions don't bind root"
)
def test_a_read_only_file_is_recorded_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    record(path)
    path.chmod(0o444)
    recorded_beside(path, tmp_path)


def test_a_session_goes_aside_in_the_middle_with_all_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    recording = Recording(path, facts("full"), {})
    recorder = recording._recorder
    assert recorder is not None
    fill(recorder, range(3))
    # As on a full disk: no page more.
    recorder._raw.execute(f"pragma max_page_count={query(path, 'pragma page_count')[0][0]}")
    for number in range(3000):
        recording.open(EPOCH, (f"test_{number}", "x" * 900, None))
        if recording.aside:
            break
    recording.finish(EPOCH)
    assert recording.location == tmp_path / "a-full.db"
    assert "full" in recording.notes[0]
    assert not recording.incomplete
    ((count,),) = query(recording.location, "select count(*) from test_run")
    assert count == 3 + number + 1


def test_a_call_that_no_row_can_take_breaks_nothing_whatever_the_verb(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    recording = Recording(path, facts(), {})
    assert recording.open(EPOCH, ("test", "test", 3)) == 0  # type: ignore[arg-type]
    assert recording.open(EPOCH, ("test", "test", None)) == 1
    recording.advance(1, "nothing", "passed", EPOCH)
    recording.abandon(1, "lost", None)  # type: ignore[arg-type]
    assert recording.close(1, replace(closed(), round=2**70)) != []
    recording.finish(None)  # type: ignore[arg-type]
    assert recording.incomplete
    assert recording.location == path
    recording.let_go()


def test_a_session_that_goes_aside_twice_says_once_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    recording = Recording(path, facts("full"), {})
    for _ in range(2):
        recorder = recording._recorder
        assert recorder is not None
        recorder._raw.execute("pragma max_page_count=1")  # as on a full disk: no page more
        at = recording.location
        while recording.location == at:
            recording.open(EPOCH, ("test", "x" * 900, None))
        assert recording._recorder is not None
        assert recording._recorder._raw.execute("pragma cache_size").fetchone() == (-2000,)
        assert recording._recorder._raw.execute("pragma temp_store").fetchone() == (0,)
    said = recording.notes
    recording.finish(EPOCH)
    assert recording.location is not None
    recording.location.unlink()
    assert len(said) == 2
    assert f"into {path} (" in said[0]
    assert f", nor into {tmp_path / 'a-full.db'} (" in said[0]
    assert said[0].endswith(f": recorded into {recording.location}")
    assert said[1].endswith(f" {recording.location}")


@pytest.mark.parametrize(
    ("version", "number"),
    [("1.2.3", 10203), ("0.2.0rc1", 200), ("1.2", 10200), ("1.2.3.dev4+g1", 10203), ("x", 0)],
)
def test_every_version_has_a_number(
    version: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "__version__", version)
    record(tmp_path / "a.db")
    assert query(tmp_path / "a.db", "pragma user_version") == [(number,)]


def test_the_packages_of_several_environments_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    recording = Recording(path, facts(), {})
    for number in range(6):
        recording.keep_package_scan(f"key-{number}", "[]")
    recording.finish(EPOCH)
    kept = [package_scan(path, f"key-{number}") for number in range(6)]
    assert kept == [None, None, *["[]"] * 4]
