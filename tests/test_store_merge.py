"""Merging is the union of sessions: its laws, and what happens to the rest."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from store_samples import (
    EPOCH,
    contents,
    execute,
    facts,
    fill,
    forms,
    lose,
    query,
    record,
)

from benchdb.errors import DamagedFile, ForeignFile, NoDatabase, UserError
from benchdb.store import batches
from benchdb.store import merge as merging
from benchdb.store.annotations import left_out
from benchdb.store.database import connect
from benchdb.store.digest import session_digest
from benchdb.store.forms import conflicts
from benchdb.store.merge import merge
from benchdb.store.opening import make_writable
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A session: its uid, which test runs, the day that it shares packages with, whether it was lost.
#: Two of one uid are its forms, in one file or in several.
SESSION = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.integers(0, 2), max_size=3).map(tuple),
    st.integers(0, 1),
    st.booleans(),
)
#: What was said of a session, there or elsewhere: when, and what. The key tells all of it, as two
#: annotations of one key are one; but of two that were made at once the greater key holds.
ANNOTATION = st.tuples(
    st.sampled_from(["a", "b", "c", "unknown"]),
    st.integers(0, 2),
    st.sampled_from(["keep", "withdraw"]),
)
#: A file: its sessions, the test runs of one that is still being recorded, where there is one, and
#: its annotations.
FILE = st.tuples(
    st.lists(SESSION, max_size=3),
    st.none() | st.lists(st.integers(0, 2), max_size=2).map(tuple),
    st.lists(ANNOTATION, max_size=3),
)
laws = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # shrinking would take minutes: files are slow
    suppress_health_check=list(HealthCheck),
)
SESSIONS = ("session", "test_run", "measurement", "artifact")


def saying(said: tuple[str, int, str]) -> str:
    """Return the statement that makes an annotation, of a form that is there where one is kept."""
    uid, day, kind = said
    made = f"2026-01-0{day + 1} 00:00:00.000000"
    into = "insert or ignore into annotation (key, made, kind, session_uid, session_digest)"
    if kind == "withdraw":
        return f"{into} values ('{uid} {day}', '{made}', '{kind}', '{uid}', null)"
    return (
        f"{into} select '{uid} {day} ' || digest, '{made}', '{kind}', '{uid}', digest from session "
        f"where uid = '{uid}' and digest is not null order by digest limit 1"
    )


@pytest.fixture(autouse=True, scope="module")
def small_batches() -> Iterator[None]:
    """Let merging take several transactions for what these tests merge."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "BATCH_ROWS", 4)
        patched.setattr(batches, "_ALONE", 1)
        patched.setattr(batches, "_PAUSE", 0)
        yield


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


class Shelf:
    """Files that hold one session each, recorded once; and those that examples put together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[tuple[object, ...], Path] = {}

    @contextlib.contextmanager
    def files(self, **wanted: tuple[list, tuple | None, list]) -> Iterator[Example]:
        with tempfile.TemporaryDirectory() as folder:
            live: list[Recorder] = []
            example = Example(Path(folder), live)
            for name, (sessions, running, said) in wanted.items():
                path = example.folder / name
                Recorder(path, facts("gone")).let_go()
                execute(path, "delete from session")
                for one in sessions:
                    merge(path, [self._alone(one)])
                execute(path, *map(saying, said))
                if running is not None:
                    recorder = Recorder(path, facts(f"live-{name}"))
                    fill(recorder, running)
                    live.append(recorder)
            yield example
            example.end_all()

    def _alone(self, one: tuple[str, tuple[int, ...], int, bool]) -> Path:
        if one not in self._made:
            uid, runs, day, lost = one
            self._made[one] = self.folder / f"{len(self._made)}.db"
            (lose if lost else record)(self._made[one], uid, runs, day)
        return self._made[one]


@dataclass
class Example:
    folder: Path
    live: list[Recorder]

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def copy(self, name: str, to: str) -> Path:
        """Copy what is closed."""
        merge(self[to], [self[name]])
        return self[to]

    def end_all(self) -> None:
        while self.live:
            self.live.pop().finish(EPOCH)


def holdings(path: Path) -> dict[str, list[str]]:
    """Return the closed sessions of a file, with all that belongs to them."""
    copy = path.with_name(f"{path.name}-closed")
    with contextlib.closing(sqlite3.connect(path)) as source:
        source.execute("vacuum into ?", (str(copy),))
    execute(copy, "pragma foreign_keys=on", "delete from session where state = 'open'")
    held = contents(copy)
    # Also what comes of annotations: which sessions are hidden.
    with contextlib.closing(connect(copy)) as connection:
        hidden = left_out(connection)
        rows = connection.execute("select id, uid, digest from session").fetchall()
    copy.unlink()
    held["hidden"] = sorted(f"{uid} {digest}" for row, uid, digest in rows if row in hidden)
    return {table: held[table] for table in (*SESSIONS, "annotation", "hidden")}


SAID_AT_ONCE = [([("a", (0,), 0, False)], None, [("a", 1, kind)]) for kind in ("keep", "withdraw")]


@laws
@example(*SAID_AT_ONCE)
@given(FILE, FILE)
def test_merging_is_commutative(shelf: Shelf, one: tuple, other: tuple) -> None:
    with shelf.files(a=one, b=other) as files:
        ab, ba = files.copy("a", "ab"), files.copy("b", "ba")
        merge(ab, [files["b"]])
        merge(ba, [files["a"]])
        assert holdings(ab) == holdings(ba)
        # A session that was being recorded comes when it has ended, whatever came before it.
        files.end_all()
        merge(ab, [files["a"], files["b"]])
        merge(files["a"], [files["b"]])
        assert holdings(ab) == holdings(files["a"])


@laws
@given(FILE, FILE, FILE)
def test_merging_is_associative(shelf: Shelf, one: tuple, two: tuple, three: tuple) -> None:
    with shelf.files(a=one, b=two, c=three) as files:
        left, bc, right = files.copy("a", "left"), files.copy("b", "bc"), files["right"]
        merge(left, [files["b"], files["c"]])
        merge(bc, [files["c"]])
        merge(right, [files["a"], bc])
        assert holdings(left) == holdings(right)


@laws
@given(FILE, FILE)
def test_merging_again_changes_nothing(shelf: Shelf, one: tuple, other: tuple) -> None:
    with shelf.files(a=one, b=other) as files:
        merge(files["a"], [files["b"]])
        before = contents(files["a"])
        (again,) = merge(files["a"], [files["b"]])
        assert contents(files["a"]) == before
        assert (again.added, again.runs, again.conflicts) == (0, 0, ())
        assert again.live == (other[1] is not None)


@pytest.mark.parametrize("way", ["itself", "symlink", "relative"])
def test_merging_a_file_into_itself_changes_nothing(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    record(path, "a")
    lose(path, "b")
    record(path, "c")  # closes the lost one
    before = contents(path)
    source = path
    if way == "symlink":
        source = tmp_path / "link.db"
        source.symlink_to(path)
    elif way == "relative":
        monkeypatch.chdir(tmp_path)
        source = Path("a.db")
    (merged,) = merge(path, [source])
    assert (merged.added, merged.held) == (0, 3)
    assert contents(path) == before


def test_merging_a_file_into_itself_only_closes_its_lost_session(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    lose(path)
    merge(path, [path])
    assert query(path, "select state, digest is null from session") == [("lost", 0)]


@pytest.mark.portable
def test_two_finished_forms_of_a_session_stay_both_and_are_reported_once(tmp_path: Path) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    record(here, "a", runs=[0])
    record(there, "a", runs=[1])
    (first,) = merge(here, [there])
    (second,) = merge(here, [there])
    assert first.conflicts == ("a",)
    assert second.conflicts == ()
    assert len(forms(here)) == 2
    with contextlib.closing(connect(here)) as connection:
        assert conflicts(connection) == ["a"]


def test_a_lost_form_goes_when_the_finished_one_holds_all_its_closed_rows(tmp_path: Path) -> None:
    lost, finished = tmp_path / "lost.db", tmp_path / "finished.db"
    lose(lost, "a", runs=[0, 1])
    digest = record(finished, "a", runs=[0, 1, 2])
    (merged,) = merge(lost, [finished])
    assert forms(lost) == {("a", digest)}
    assert merged.conflicts == ()
    (merged,) = merge(finished, [tmp_path / "lost.db"])
    assert (merged.added, merged.held) == (0, 1)


def test_a_lost_form_goes_though_its_rows_were_corrected_when_the_session_ended(
    tmp_path: Path,
) -> None:
    path, away = tmp_path / "a.db", tmp_path / "away.db"
    recorder = Recorder(path, facts())
    fill(recorder, [0])
    with contextlib.closing(sqlite3.connect(path)) as source:
        source.execute("vacuum into ?", (str(away),))
    recorder.correct_beside(1, 3)
    digest = recorder.finish(EPOCH)
    (merged,) = merge(path, [away])
    assert (merged.added, merged.conflicts) == (0, ())
    assert forms(path) == {("session-1", digest)}


def test_a_lost_form_with_a_row_of_its_own_stays(tmp_path: Path) -> None:
    lost, finished = tmp_path / "lost.db", tmp_path / "finished.db"
    lose(lost, "a", runs=[5])
    record(finished, "a", runs=[0])
    (merged,) = merge(finished, [lost])
    assert merged.conflicts == ("a",)
    assert query(finished, "select state from session order by state") == [("finished",), ("lost",)]


def test_a_session_that_ends_supersedes_copies_of_it_that_were_closed_as_lost(
    tmp_path: Path,
) -> None:
    path, away = tmp_path / "a.db", tmp_path / "away" / "a.db"
    away.parent.mkdir()
    recorder = Recorder(path, facts())
    fill(recorder, [0])
    with contextlib.closing(sqlite3.connect(path)) as source:
        source.execute("vacuum into ?", (str(away),))
    merge(path, [away])  # the copy's session has no lock: it is lost there
    assert query(path, "select state from session order by state") == [("lost",), ("open",)]
    fill(recorder, [1])
    digest = recorder.finish(EPOCH)
    assert forms(path) == {("session-1", digest)}


@pytest.mark.portable
def test_a_live_session_is_left_out_and_comes_when_it_has_ended(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    recorder = Recorder(source, facts())
    fill(recorder, [0])
    (merged,) = merge(target, [source])
    assert (merged.added, merged.live) == (0, 1)
    digest = recorder.finish(EPOCH)
    (merged,) = merge(target, [source])
    assert (merged.added, merged.live, merged.runs) == (1, 0, 1)
    assert forms(target) == {("session-1", digest)}


@pytest.mark.portable
def test_rows_that_sessions_share_are_stored_once(tmp_path: Path) -> None:
    target = tmp_path / "target.db"
    for uid in "abc":
        record(tmp_path / f"{uid}.db", uid, day=0 if uid != "c" else 1)
        merge(target, [tmp_path / f"{uid}.db"])
    counts = {
        table: query(target, f"select count(*) from {table}")[0][0]
        for table in ("environment", "cluster", "revision", "package_set", "package")
    }
    assert counts == {"environment": 1, "cluster": 1, "revision": 2, "package_set": 2, "package": 3}
    assert query(target, "pragma foreign_key_check") == []
    assert query(
        target,
        """select p.name, p.version from session s
        join package_set_package m on m.package_set = s.package_set
        join package p on p.id = m.package where s.uid = 'c' order by 1""",
    ) == [("common", "1"), ("nightly", "1")]


@pytest.mark.portable
def test_a_pruned_session_stays_away_unless_it_is_asked_back(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    digest = record(source, "a")
    merge(target, [source])
    execute(
        target,
        "pragma foreign_keys=on",
        "delete from session",
        f"insert into local_pruned values ('a', '{digest}', '2026-01-01 00:00:00.000000')",
    )
    (merged,) = merge(target, [source])
    assert (merged.added, merged.pruned) == (0, 1)
    (merged,) = merge(target, [source], bring_back=True)
    assert (merged.added, merged.pruned) == (1, 0)
    assert query(target, "select * from local_pruned") == []
    assert contents(target) == contents(source)


def test_a_form_stays_where_the_one_that_supersedes_it_is_pruned_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    lose(target, "a", runs=[0])
    make_writable(target)
    record(source, "a", runs=[0, 1])
    before = contents(target)
    plan = merging._Merging._plan

    def pruned_after(self: merging._Merging, uids: list[str]) -> merging._Plan:
        made = plan(self, uids)
        execute(source, "pragma foreign_keys=on", "delete from session")
        return made

    monkeypatch.setattr(merging._Merging, "_plan", pruned_after)
    (merged,) = merge(target, [source])
    assert (merged.added, merged.held) == (0, 0)
    assert contents(target) == before


@pytest.mark.portable
def test_a_file_can_be_merged_into_one_that_is_being_recorded_into(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    for number in range(10):
        record(source, f"s{number}", runs=range(20))
    recorder = Recorder(target, facts("live"))
    fill(recorder, [0])
    merging = threading.Thread(target=merge, args=(target, [source]))
    merging.start()
    rows = 1
    while merging.is_alive():
        fill(recorder, [rows])
        rows += 1
    merging.join()
    digest = recorder.finish(EPOCH)
    assert ("live", digest) in forms(target)
    assert len(forms(target)) == 11
    assert query(
        target, "select count(*) from test_run where session_id = ?", recorder.session_id
    ) == [(rows,)]


def test_a_large_file_is_merged_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    record(source, "a", runs=[0])
    execute(
        source,
        """with recursive number(n) as
        (select 2 union all select n + 1 from number where n < 20000)
        insert into test_run (session_id, ordinal, name, originalname, attempt, round, beside,
        state, start, cluster)
        select session_id, n, name, originalname, 1, 1, 0, state, start, cluster
        from test_run, number""",
        """insert into measurement (session_id, ordinal, metric, unit, value)
        select session_id, ordinal, 'rows', '1', ordinal from test_run where ordinal > 1""",
    )
    (merged,) = merge(target, [source])
    assert merged.runs == 20_000
    assert contents(target) == contents(source)


def test_a_missing_source_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase, match=r"missing\.db"):
        merge(tmp_path / "target.db", [tmp_path / "missing.db"])
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_no_database_is_named_and_no_target_is_made(tmp_path: Path) -> None:
    source = tmp_path / "notes.txt"
    source.write_text("no database\n" * 100)
    with pytest.raises(ForeignFile, match=r"notes\.txt"):
        merge(tmp_path / "target.db", [source])
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.portable
def test_a_damaged_source_is_blamed_and_the_target_is_as_it_was(tmp_path: Path) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    record(target, "a")
    before = contents(target)
    record(source, "b", runs=range(100))
    (root,) = query(source, "select rootpage from sqlite_master where name = 'test_run'")[0]
    (size,) = query(source, "pragma page_size")[0]
    with source.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(DamagedFile, match=r"source\.db"):
        merge(target, [source])
    assert contents(target) == before


@pytest.mark.portable
@pytest.mark.parametrize("table", ["measurement", "artifact"])
@pytest.mark.parametrize("ordinal", [0, 2, 9, 1.5, "'x'"])
def test_rows_of_no_test_run_are_refused(tmp_path: Path, table: str, ordinal: object) -> None:
    source = tmp_path / "a.db"
    record(source, "one", range(3))
    execute(source, "delete from test_run where ordinal = 2")
    for belonging in ("measurement", "artifact"):
        execute(source, f"delete from {belonging} where ordinal = 2")
    with contextlib.closing(connect(source, write=True)) as connection:
        digest = session_digest(connection, 1)
        connection.execute("update session set digest = ?", (digest,))
    (whole,) = merge(tmp_path / "gap.db", [source])  # a gap alone is no harm
    assert whole.added == 1
    execute(source, f"update {table} set ordinal = {ordinal} where ordinal = 3")
    with pytest.raises(UserError, match="rows that don't fit together"):
        merge(tmp_path / "b.db", [source])
