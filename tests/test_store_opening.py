"""Opening files for commands: what killed processes left, what stays locked, strange files."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from store_samples import EPOCH, contents, execute, facts, fill, lose, query, record

from benchdb.errors import ForeignFile, NoDatabase, UserError
from benchdb.store import database, opening
from benchdb.store.check import check
from benchdb.store.merge import merge
from benchdb.store.opening import look_at, make_writable, readable, settle
from benchdb.store.prune import prune
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Dies in the middle of a transaction of which a part is in the file already.
DYING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma cache_size=1")
connection.execute("begin")
connection.execute("update test_run set platform = hex(randomblob(9000))")
os.kill(os.getpid(), signal.SIGKILL)
"""

needs_kill = pytest.mark.skipif(os.name == "nt", reason="kills by signal")


def left_in_the_middle(path: Path) -> dict[str, list[str]]:
    """Make a file that must be rolled back before anybody can read it; returns what it holds."""
    record(path, runs=range(40))
    before = contents(path)
    subprocess.run([sys.executable, "-c", DYING, str(path)])
    assert path.with_name(f"{path.name}-journal").exists()
    with pytest.raises(sqlite3.OperationalError), contextlib.closing(database.connect(path)) as on:
        on.execute("select * from session")
    return before


@needs_kill
def test_a_change_that_a_killed_process_left_is_rolled_back_by_who_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    before = left_in_the_middle(path)
    settle(path)
    assert os.listdir(tmp_path) == ["a.db"]
    assert contents(path) == before


@needs_kill
def test_a_source_that_a_killed_process_left_is_merged_and_stays_as_it_is(tmp_path: Path) -> None:
    path, target = tmp_path / "a.db", tmp_path / "target.db"
    before = left_in_the_middle(path)
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    (merged,) = merge(target, [path])
    assert merged.runs == 40
    assert {file: file.read_bytes() for file in files} == files
    assert contents(target) == before


def test_a_log_whose_index_cannot_be_made_beside_it_is_read_through_a_copy(tmp_path: Path) -> None:
    path, target = tmp_path / "away" / "a.db", tmp_path / "target.db"
    path.parent.mkdir()
    recorder = Recorder(tmp_path / "a.db", facts("a"))
    fill(recorder, range(3))
    for name in ("a.db", "a.db-wal"):  # what is kept of a killed process
        shutil.copy(tmp_path / name, path.parent)
    recorder.finish(EPOCH)
    (path.parent / "a.db-shm").symlink_to(
        tmp_path / "missing" / "a"
    )  # as on media that can't be written
    with pytest.raises(sqlite3.OperationalError), contextlib.closing(database.connect(path)) as on:
        on.execute("select * from session")
    (merged,) = merge(target, [path])
    assert merged.runs == 3
    assert query(target, "select state from session") == [("lost",)]
    assert check(path).problems == ()


def test_a_file_that_stays_locked_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.0)
    path, other = tmp_path / "a.db", tmp_path / "b.db"
    digest = record(path, "a")
    record(other, "b")
    doing: list[Callable[[], object]] = [
        lambda: merge(path, [other]),
        lambda: merge(tmp_path / "new.db", [path]),
        lambda: make_writable(path),
        lambda: prune(path, [("a", digest)]),
        lambda: check(path),
        lambda: settle(path),
    ]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("begin exclusive")
        for action in doing:
            with pytest.raises(UserError, match=r"a\.db is being written by another process"):
                action()
    assert not (tmp_path / "new.db").exists()
    assert [action() for action in doing]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ForeignFile, match="no ordinary file"):
        look_at(path)
    with pytest.raises(ForeignFile, match="no ordinary file"):
        make_writable(path)


def test_where_no_file_can_be_made_none_is(tmp_path: Path) -> None:
    record(tmp_path / "a.db")
    for folder in ("missing", "a.db"):
        with pytest.raises(UserError, match="no file can be made in"):
            merge(tmp_path / folder / "b.db", [tmp_path / "a.db"])
    assert os.listdir(tmp_path) == ["a.db"]


def test_a_file_that_vanishes_while_it_is_opened_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    record(path)
    inspect = opening.inspect

    def vanishing(connection: sqlite3.Connection, path: Path) -> object:
        path.unlink()
        return inspect(connection, path)

    monkeypatch.setattr(opening, "inspect", vanishing)
    with pytest.raises(NoDatabase, match="there is no database"):
        look_at(path)


def test_a_copy_for_which_there_is_no_room_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    lose(path)

    def full(*_: object) -> None:
        with contextlib.closing(sqlite3.connect(":memory:")) as small:
            small.execute("pragma max_page_count=1")
            small.execute("create table t (x)")

    monkeypatch.setattr(opening, "back_up", full)
    with pytest.raises(UserError, match="by the variable TMPDIR"), readable(path):
        pass


@pytest.mark.parametrize(
    "name",
    ["sp ace?mode=rw#x%41.db", "file:a.db", "-a.db", "new\nline.db", "it's \"[b].db", "ü.db"],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_files_of_any_name_are_merged(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / name, tmp_path / f"to {name}"
    record(source)
    merge(target, [source])
    merge(type(tmp_path)(f"/{tmp_path}") / "again.db", [target])
    assert contents(tmp_path / "again.db") == contents(source)
    assert sorted(os.listdir(tmp_path)) == sorted([name, f"to {name}", "again.db"])


def test_rows_that_refer_to_none_are_not_merged(tmp_path: Path) -> None:
    for number, (change, said) in enumerate(
        {
            "update test_run set cluster = 77": "no row of cluster",
            "update session set revision = 77": "no row of revision",
            "update session set environment = 'x'": "no row of environment",
            "update measurement set ordinal = 77 where ordinal = 1": "measurement .* no test run",
            "update measurement set ordinal = 1.5 where ordinal = 1": "measurement .* no test run",
            "update artifact set ordinal = 0 where ordinal = 1": "artifact .* no test run",
            "update package_set_package set package = 77 where package = 1": "no row of package",
        }.items()
    ):
        source, target = tmp_path / f"{number}.db", tmp_path / f"to-{number}.db"
        record(source)
        execute(source, change)
        with pytest.raises(UserError, match=rf"{number}\.db has rows .*{said}.* on it"):
            merge(target, [source])
        assert query(target, "select * from session") == []
