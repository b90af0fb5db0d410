"""A session whose process was killed: what stays, who closes it, and what becomes of its lock."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from store_samples import (
    EPOCH,
    contents,
    execute,
    facts,
    fill,
    forms,
    lose,
    names,
    query,
    record,
)

from benchdb.store import lost
from benchdb.store.check import check
from benchdb.store.locks import is_held, session_lock_path
from benchdb.store.merge import merge
from benchdb.store.opening import make_writable
from benchdb.store.recorder import Recorder
from benchdb.store.recording import Recording

pytestmark = pytest.mark.portable

TESTS = Path(__file__).parent

#: Records in a tight loop, saying after each row that it is closed.
ENDLESS = f"""
import os, sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from store_samples import EPOCH, closed, facts, names
from benchdb.store.recorder import Recorder

recorder = Recorder(Path(sys.argv[1]), facts(sys.argv[2]))
number = 0
while True:
    number += 1
    ordinal = recorder.open(EPOCH, names(f"test_{{number}}"))
    recorder.advance(ordinal, "setup", "passed", EPOCH)
    recorder.advance(ordinal, "call", "passed", EPOCH)
    recorder.close(ordinal, closed(number))
    os.write(1, b".")
"""


def test_closing_a_lost_session_depends_on_its_rows_alone(tmp_path: Path) -> None:
    lose(tmp_path / "a.db")
    copy = tmp_path / "elsewhere" / "b.db"
    copy.parent.mkdir()
    shutil.copy(tmp_path / "a.db", copy)
    record(tmp_path / "a.db", "next")
    make_writable(copy)
    assert forms(copy) <= forms(tmp_path / "a.db")
    assert query(copy, "select state, digest is null from session") == [("lost", 0)]
    assert query(
        copy,
        'select name, state, phase, phase_start, "end" from test_run where state <> ?',
        "closed",
    ) == [("test_killed[1]", "lost", "call", *["2026-01-02 03:04:14.678901"] * 2)]


def test_a_copy_made_while_a_session_lives_is_lost_there_and_gives_way_to_the_whole(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "elsewhere" / "a.db"
    copy.parent.mkdir()
    recorder = Recorder(path, facts())
    fill(recorder, [0, 1])
    ordinal = recorder.open(EPOCH, names("test_running"))
    for file in tmp_path.glob("a.db*"):
        if file.suffix != ".lock":
            shutil.copy(file, copy.parent)
    make_writable(copy)
    assert query(copy, "select state from session") == [("lost",)]
    assert query(path, "select state from session") == [("open",)]
    recorder.remove(ordinal)
    digest = recorder.finish(EPOCH)
    merge(copy, [path])
    assert forms(copy) == {("session-1", digest)}


def test_a_lost_session_that_another_process_removes_meanwhile_is_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    lose(path)
    make = lost.session_digest

    def removed_first(*arguments: object) -> str | None:
        execute(path, "pragma foreign_keys=on", "delete from session")
        return make(*arguments)

    monkeypatch.setattr(lost, "session_digest", removed_first)
    make_writable(path)
    assert query(path, "select * from session") == []


def test_a_lost_session_that_does_not_fit_together_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    lose(path, "broken")
    execute(path, "update measurement set ordinal = 99 where metric = 'rows'")
    recording = Recording(path, facts("next"), {})
    assert recording.open(EPOCH, names()) == 1
    recording.finish(EPOCH)
    assert any("broken was lost and can't be closed" in note for note in recording.notes)
    assert query(path, "select uid, state from session") == [
        ("broken", "open"),
        ("next", "finished"),
    ]
    assert any("broken was lost and can't be closed" in line for line in check(path).problems)


def test_a_lost_session_with_units_that_no_benchdb_writes_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for number, (unit, rounds) in enumerate(
        [
            ("column:foo", "null"),
            ("column:float", "'[1, 2]'"),
            ("column:float", "'x'"),
            ("column:", "null"),
        ]
    ):
        lose(path, f"session-{number}")
        execute(
            path,
            f"update measurement set unit = '{unit}', rounds = {rounds}, "
            "value = x'ff' where metric = 'rows' and session_id = (select max(id) from session)",
        )
        make_writable(path)
    assert query(path, "select state, count(*) from session group by 1") == [("lost", 4)]
    problems = check(path).problems  # their digests are right
    assert len(problems) == 4
    assert all("can't stand in measurement.value" in one for one in problems)


def test_locks_are_held_while_a_session_lives_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    recorder = Recorder(path, facts())
    assert is_held(path, "session-1")
    assert is_held(path, "session-1")  # asking doesn't take it
    recorder.finish(EPOCH)
    assert not is_held(path, "session-1")
    assert os.listdir(tmp_path) == ["a.db"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_does_not_keep_the_lock_of_a_killed_parent(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    script = f"""
import os, sys, signal
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from store_samples import facts
from benchdb.store.recorder import Recorder
recorder = Recorder(Path({str(path)!r}), facts())
child = os.fork()
if child == 0:
    os.write(1, f"{{os.getpid()}}\\n".encode())
    signal.pause()
signal.pause()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        assert is_held(path, "session-1")
        parent.kill()
        parent.wait()
        os.kill(child, 0)  # it lives on
        assert not is_held(path, "session-1")
        record(path, "next")
        assert query(path, "select uid, state from session order by uid") == [
            ("next", "finished"),
            ("session-1", "lost"),
        ]
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()
    assert not session_lock_path(path, "session-1").exists()


def test_no_closed_row_is_lost_when_the_process_is_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    moments = random.Random(4)
    for attempt in range(8):
        uid = f"killed-{attempt}"
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(path), uid], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        said = len(process.stdout.read(moments.randrange(1, 120)))
        process.kill()
        said += len(process.stdout.read())
        process.wait()
        process.stdout.close()
        assert query(path, "pragma integrity_check") == [("ok",)]
        Recorder(path, facts(f"next-{attempt}")).finish(EPOCH)
        ((state, closed, others),) = query(
            path,
            """select s.state, sum(t.state = 'closed'), sum(t.state <> 'closed')
            from session s join test_run t on t.session_id = s.id where uid = ?""",
            uid,
        )
        assert state == "lost"
        assert said <= closed <= said + 1
        assert others <= 1
        for row in query(
            path,
            """select t.state, phase, phase_start is null, "end" is null, setup_outcome,
            call_outcome from test_run t join session s on s.id = session_id
            where uid = ? and t.state <> 'closed'""",
            uid,
        ):
            assert row in {
                ("lost", "setup", 0, 0, None, None),
                ("lost", "call", 0, 0, "passed", None),
                ("lost", "teardown", 0, 0, "passed", "passed"),
            }
        # Each closed row has all that belongs to it.
        assert query(
            path,
            """select count(*) from test_run t where state = 'closed' and 2 <> (select count(*)
            from measurement m where m.session_id = t.session_id and m.ordinal = t.ordinal)""",
        ) == [(0,)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db"]


def test_processes_that_record_at_once_beside_a_reader_never_meet_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    script = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from store_samples import EPOCH, facts, fill
from benchdb.store.recorder import Recorder
for number in range(6):
    recorder = Recorder(Path(sys.argv[1]), facts(f"{{sys.argv[2]}}-{{number}}"))
    fill(recorder, range(25))
    recorder.finish(EPOCH)
"""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), name], stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "two", "three")
    ]
    read = 0
    while any(writer.poll() is None for writer in writers):
        if not read and not (path.exists() and query(path, "select 1 from sqlite_master")):
            continue
        ((now,),) = query(path, "select count(*) from test_run")
        assert now >= read
        read = now
    for writer in writers:
        assert writer.communicate()[1] == ""
        assert writer.returncode == 0
    assert query(path, "select count(*), count(distinct uid) from session") == [(18, 18)]
    assert query(path, "select count(*) from test_run where state = 'closed'") == [(450,)]
    assert len(contents(path)["package_set"]) == 1
    assert os.listdir(tmp_path) == ["a.db"]
