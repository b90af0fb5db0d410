"""Merging and pruning beside others: who records, who merges, and kills in the middle."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from store_samples import EPOCH, contents, execute, facts, forms, lose, query, record

from benchdb.store import batches
from benchdb.store.database import FileConnection
from benchdb.store.merge import merge
from benchdb.store.prune import prune
from benchdb.store.recording import Recording

TESTS = Path(__file__).parent

#: Merges some sessions at a time, saying after each transaction that it is there.
MERGE = """
import os, sys
from pathlib import Path
from benchdb.store import batches
from benchdb.store.merge import merge
batches.BATCH_ROWS = 100
batches._ALONE = 1
batches._PAUSE = 0
target, source = map(Path, sys.argv[1:])
merge(target, [source], progress=lambda what, done, total: os.write(1, b"."))
"""


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 100)
    monkeypatch.setattr(batches, "_ALONE", 1)
    monkeypatch.setattr(batches, "_PAUSE", 0)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of forty sessions with fifty test runs each."""
    path = tmp_path_factory.mktemp("long") / "long.db"
    record(path, "s-00", runs=range(50))
    sessions, shared = "id, uid, digest", "environment, revision, package_set, started, state"
    more = "with recursive number(k) as (select 1 union all select k + 1 from number where k < 39)"
    execute(
        path,
        f"""{more} insert into session ({sessions}, {shared})
        select k + 1, 's-' || substr('0' || k, -2), digest || k, {shared} from session, number
        where id = 1""",
        *(
            f"""{more} insert into {table} select k + 1, {", ".join(columns(path, table)[1:])}
            from {table}, number where session_id = 1"""
            for table in ("test_run", "measurement", "artifact")
        ),
    )
    return path


def columns(path: Path, table: str) -> list[str]:
    return [
        f'"{name}"' for (name,) in query(path, f"select name from pragma_table_info('{table}')")
    ]


def recording_at_once(path: Path) -> Recording:
    """Record into a file, going aside where that can't be written at once."""
    recording = Recording(path, facts("live"), {})
    assert recording._recorder is not None
    recording._recorder._raw.execute("pragma busy_timeout=0")
    return recording


def record_one(recording: Recording) -> None:
    ordinal = recording.open(EPOCH, ("test_beside", "test_beside", None))
    recording.abandon(ordinal, "interrupted", EPOCH)


def test_who_records_beside_a_long_merge_gets_a_turn_between_sessions(
    long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_ALONE", 10**6)  # it isn't
    path = tmp_path / "a.db"
    recording = recording_at_once(path)
    (merged,) = merge(path, [long], progress=lambda *_: record_one(recording))
    assert merged.added == 40
    assert recording.rows > 10
    recording.finish(EPOCH)
    assert (recording.location, recording.notes) == (path, [])
    rows = query(
        path, "select count(*) from test_run join session on id = session_id where uid = 'live'"
    )
    assert rows == [(recording.rows,)]
    assert len(forms(path)) == 41
    assert os.listdir(tmp_path) == ["a.db"]


def test_who_records_beside_a_long_prune_gets_a_turn_between_sessions(
    long: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    merge(path, [long])
    recording = recording_at_once(path)
    pruned = prune(path, forms(long), progress=lambda *_: record_one(recording))
    assert (pruned.sessions, pruned.test_runs, pruned.kept) == (
        40,
        2000,
        "it is being recorded into",
    )
    assert recording.rows > 10
    recording.finish(EPOCH)
    assert (recording.location, recording.notes) == (path, [])
    assert query(path, "select uid from session") == [("live",)]
    assert query(path, "select count(*) from test_run") == [(recording.rows,)]
    assert query(path, "pragma foreign_key_check") == []


def test_a_merge_that_is_killed_leaves_whole_sessions_and_can_be_run_again(
    long: Path, tmp_path: Path
) -> None:
    moments = random.Random(7)
    cut = 0
    for attempt in range(5):
        path = tmp_path / f"{attempt}.db"
        process = subprocess.Popen(
            [sys.executable, "-c", MERGE, str(path), str(long)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.read(moments.randrange(1, 15))
        process.kill()
        process.stdout.read()
        process.wait()
        process.stdout.close()
        merged = query(path, "pragma integrity_check")
        assert merged == [("ok",)]
        assert forms(path) <= forms(long)
        cut += 0 < len(forms(path)) < len(forms(long))
        for table in ("test_run", "measurement", "artifact"):
            counts = query(
                path, f"select distinct count(*) from {table} group by session_id order by 1"
            )
            assert counts in ([], [(100 if table == "measurement" else 50,)])
        merge(path, [long])
        assert contents(path) == contents(long)
    assert cut


def test_two_merges_at_once_give_the_union(long: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "a.db", tmp_path / "other.db"
    for number in range(4):
        record(other, f"other-{number}", runs=range(40), day=number)
    record(path, "own")
    merges = [
        subprocess.Popen(
            [sys.executable, "-c", MERGE, str(path), str(source)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for source in (long, other, long)
    ]
    for one in merges:
        assert one.communicate()[1] == ""
        assert one.returncode == 0
    assert len(forms(path)) == 45
    assert forms(path) >= forms(long) | forms(other)
    assert query(path, "pragma foreign_key_check") == []
    assert query(path, "select count(*) from test_run") == [(40 * 50 + 4 * 40 + 2,)]
    assert query(path, "select count(*) from package_set") == [(4,)]


def test_a_form_that_another_merge_adds_in_the_same_moment_is_compared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lost, whole = (tmp_path / f"{name}.db" for name in ("target", "lost", "whole"))
    lose(lost, "a", runs=[0])
    digest = record(whole, "a", runs=[0, 1])
    record(path, "other")
    transaction = FileConnection.transaction

    def late(connection: FileConnection, **options: bool) -> object:
        if any(name == "source" for _, name, _ in connection.execute("pragma database_list")):
            monkeypatch.setattr(FileConnection, "transaction", transaction)
            merge(path, [whole])
        return transaction(connection, **options)

    monkeypatch.setattr(FileConnection, "transaction", late)
    (merged,) = merge(path, [lost])
    assert (merged.added, merged.held, merged.conflicts) == (0, 1, ())
    assert ("a", digest) in forms(path)
    assert len(forms(path)) == 2


def test_rows_that_were_pruned_between_two_sessions_are_copied_again(tmp_path: Path) -> None:
    path, source = tmp_path / "a.db", tmp_path / "source.db"
    for number in range(4):
        record(source, f"s-{number}", runs=range(60))
    told: list[int] = []

    def prune_once(what: str, done: int, total: int) -> None:
        told.append(done)
        if done == 1 and told.count(1) == 1:
            prune(path, forms(path))
            assert query(path, "select count(*) from package_set") == [(0,)]

    merge(path, [source], progress=prune_once)
    assert len(forms(path)) == 3
    assert query(path, "pragma foreign_key_check") == []
    assert query(path, "select count(*) from package_set_package") == [(2,)]
