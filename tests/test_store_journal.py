"""The journal: what a file is while it is recorded into, and afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest
from store_samples import EPOCH, closed, facts, fill, names, query

from benchdb.store.database import on_network
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local ext4 rw 0 0
share /mnt/my\\040share cifs rw 0 0
host /mnt/far fuse.sshfs rw 0 0
tmpfs /over tmpfs rw 0 0
server:/over /over nfs rw 0 0
"""


def test_the_file_alone_has_the_schema_and_the_session_while_recording(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    recorder = Recorder(path, facts())
    fill(recorder, range(3))
    assert (tmp_path / "benchmark.db-wal").exists()
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    assert query(copy, "select uid from session") == [("session-1",)]
    assert query(copy, "pragma integrity_check") == [("ok",)]
    recorder.finish(EPOCH)


def test_the_file_alone_tells_of_the_test_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchdb.store.live.CHECKPOINT_SECONDS", -1.0)
    path = tmp_path / "benchmark.db"
    recorder = Recorder(path, facts())
    fill(recorder, range(3))
    hanging = recorder.open(EPOCH, names("test_hangs"))
    recorder.advance(hanging, "setup", "passed", EPOCH)
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    rows = query(copy, "select name, state, phase from test_run order by ordinal desc limit 2")
    assert rows == [("test_hangs[1]", "open", "call"), ("test_2[1]", "closed", None)]
    recorder.finish(EPOCH)


def test_rows_of_tests_that_run_go_on_where_those_before_cannot_be_read(tmp_path: Path) -> None:
    before = Recorder(tmp_path / "before.db", facts())
    fill(before, range(2))
    running = before.open(EPOCH, names("test_runs"))
    after = Recorder(tmp_path / "after.db", facts())
    (tmp_path / "before.db").rename(tmp_path / "gone.db")
    with pytest.raises(sqlite3.OperationalError):
        after.take_over(before)
    after.close(running, closed(2, duration=0.5))
    fill(after, [3])
    assert after.rows == 2
    after.finish(EPOCH)
    before.let_go()
    rows = query(after.location, "select ordinal, name, duration, state from test_run")
    assert rows == [(3, "test_runs[1]", 0.5, "closed"), (4, "test_3[1]", rows[1][2], "closed")]


def test_the_last_session_to_end_leaves_a_single_file(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    first, second = Recorder(path, facts("first")), Recorder(path, facts("second"))
    fill(first, [0])
    fill(second, [0])
    first.finish(EPOCH)
    assert (tmp_path / "benchmark.db-wal").exists()
    fill(second, [1])
    second.finish(EPOCH)
    assert os.listdir(tmp_path) == ["benchmark.db"]
    assert query(path, "pragma journal_mode") == [("delete",)]
    assert query(path, "select count(*) from test_run") == [(3,)]


@pytest.mark.parametrize(
    ("path", "network"),
    [
        ("/work/a.db", False),
        ("/home/a.db", True),
        ("/home/me/deep/a.db", True),
        ("/home/local/a.db", False),
        ("/homely/a.db", False),
        ("/mnt/my share/a.db", True),
        ("/mnt/far/a.db", True),
        ("/over/a.db", True),
    ],
)
def test_network_file_systems_are_told_by_the_mounts(
    path: str, network: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    monkeypatch.setattr(os.path, "realpath", str)  # /home may be a link here
    assert on_network(Path(path), MOUNTS) is network


def test_on_a_network_file_system_there_is_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchdb.store import database

    monkeypatch.setattr(database, "on_network", lambda path: True)
    recorder = Recorder(tmp_path / "a.db", facts())
    fill(recorder, [0])
    assert not list(tmp_path.glob("a.db-wal"))
    assert query(tmp_path / "a.db", "select count(*) from test_run") == [(1,)]
    recorder.finish(EPOCH)
    assert os.listdir(tmp_path) == ["a.db"]
