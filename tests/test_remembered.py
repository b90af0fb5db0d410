"""What is kept of a history changes no result, and is only what may be lost at any time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_up import History, add, project, step
from store_samples import execute, query
from test_changes import events, slower
from test_review_history import made_up

from benchdb.analysis.change_points import find_change_points_many
from benchdb.analysis.screening import screen
from benchdb.config import Settings
from benchdb.review.events import find_changes
from benchdb.review.family import discovered, search
from benchdb.review.history import read_history
from benchdb.review.packing import SessionPoints
from benchdb.review.remembered import Kept, remembered_history
from benchdb.review.sharing import both_halves
from benchdb.store.annotations import annotate_session
from benchdb.store.database import connect
from benchdb.store.opening import reading

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.review.history import History as Read


def told(history: Read) -> tuple[object, ...]:
    series = [
        (one.key, one.at.tolist(), one.values.tolist(), one.runs.tolist()) for one in history.series
    ]
    return history.sessions, history.trunk.tolist(), series, history.fallback, history.conflicts


@pytest.mark.portable
@pytest.mark.parametrize("every_session", [False, True], ids=["trunk", "every session"])
@pytest.mark.parametrize("seed", range(5))
def test_a_history_from_what_was_kept_is_the_one_that_is_read(
    tmp_path: Path, seed: int, every_session: bool
) -> None:
    path = tmp_path / "benchmark.db"
    made_up(path, seed)
    settings = Settings(tmp_path, series_tags=("runner",))
    rows = [row for (row,) in query(path, "select id from session")]
    dice = random.Random(seed)
    # First some sessions are kept, as if the others had come later.
    later = dice.sample(rows, 5)
    for turn in range(3):
        kept = Kept()
        with reading(path) as connection:
            found = remembered_history(connection, settings, kept, every_session=every_session)
            fresh = read_history(connection, settings, every_session=every_session)
        assert told(found.history) == told(fresh)
        kept.store(path)
        names = [name for (name,) in query(path, "select name from local_cache")]
        assert any(name.startswith("points ") for name in names)
        if turn == 0:
            assert len(kept.entries) > len(rows) - 3
            for row in later:
                uid = query(path, "select uid from session where id = ?", row)[0][0]
                execute(path, f"delete from local_cache where name like 'points % {uid} %'")
        if turn == 1:
            assert 0 < len(kept.entries) <= len(later) + 1


@pytest.mark.parametrize("seed", range(3))
def test_changes_from_what_was_kept_are_those_found_anew(tmp_path: Path, seed: int) -> None:
    made = History(30, 10, seed, effects=slower("test_01", "test_02", at=20, factor=1.15))
    made.effects["t.py::test_control"] = step(12, 1.3)
    of = project(tmp_path, made)
    path, settings = of.database, Settings(tmp_path, controls=("*control*",))

    def both() -> None:
        found = []
        for empty in (False, True):
            if empty:
                execute(path, "delete from local_cache")
            kept = Kept()
            with reading(path) as connection:
                found.append(find_changes(connection, settings, rate=0.05, kept=kept))
            kept.store(path)
        assert repr(found[0]) == repr(found[1])
        assert found[0].events

    both()
    made.sessions = 33
    add(of, made.rows(first=30))
    both()
    made.cases = 11  # a new test, in new sessions
    made.sessions = 40
    add(of, made.rows(first=33))
    both()
    ((uid,),) = query(path, "select uid from session order by started limit 1 offset 25")
    with contextlib.closing(connect(path, write=True)) as connection:
        annotate_session(connection, uid, f"key-{seed}")
    both()
    event = events(of)[0]["id"]
    assert of.benchdb("ack", event, "--noise").code == 0
    both()
    assert of.benchdb("db", "prune", "--session", uid, "--yes").code == 0
    both()


def test_other_settings_make_other_series_whatever_was_kept(tmp_path: Path) -> None:
    made = History(20, 3, more={"tag:size": lambda session: "ab"[session % 2]})
    of = project(tmp_path, made)
    counts = []
    for tags in ((), ("size",), ()):
        kept = Kept()
        with reading(of.database) as connection:
            settings = Settings(tmp_path, series_tags=tags)
            counts.append(len(remembered_history(connection, settings, kept).history.series))
        kept.store(of.database)
    assert counts[0] == counts[2] < counts[1]


@pytest.mark.parametrize("damage", ["x'00ff'", "substr(content, 1, 100)", "zeroblob(500)"])
def test_a_cache_that_someone_damaged_is_done_without(tmp_path: Path, damage: str) -> None:
    of = project(tmp_path, History(30, 5, effects=slower("test_01", at=20, factor=1.3)))
    before = of.benchdb("changes").out
    for kind in ("points", "series", "found", ""):
        execute(of.database, f"update local_cache set content={damage} where name like '{kind}%'")
        assert of.benchdb("changes").out == before


def test_points_numbered_by_another_catalogue_are_not_used() -> None:
    points = SessionPoints(np.array([0, 1, 5]), np.array([0.0, 2.0, 3.0]), np.array([1, 2, 1]))
    content = points.pack(7)
    again = SessionPoints.unpack(content, {7: 6})
    assert [one.tolist() for one in again] == [one.tolist() for one in points]
    for sizes in ({8: 6}, {7: 5}):
        with pytest.raises(ValueError, match=r"."):
            SessionPoints.unpack(content, sizes)


def test_a_file_that_cannot_be_written_is_searched_all_the_same(tmp_path: Path) -> None:
    of = project(tmp_path, History(30, 5, effects=slower("test_01", at=20, factor=1.3)))
    of.database.chmod(0o400)
    assert len(events(of)) == 1
    of.database.chmod(0o600)


@pytest.mark.portable
def test_what_is_kept_is_neither_merged_nor_digested(tmp_path: Path) -> None:
    of = project(tmp_path, History(20, 3))
    assert of.benchdb("changes").code == 0
    assert query(of.database, "select count(*) from local_cache")[0][0] > 20
    other = tmp_path / "other.db"
    assert of.benchdb("merge", of.database, "--db", other).code == 0
    assert query(other, "select count(*) from local_cache") == [(0,)]
    assert of.benchdb("db", "check").code == 0


def random_series(seed: int) -> list[np.ndarray]:
    dice = np.random.default_rng(seed)
    made = []
    for number in range(150):
        points = int(dice.integers(1, 120))
        values = np.exp(dice.normal(0, 0.02, points))
        if number % 3 == 0:
            values[points // 2 :] *= 1.1
        if number % 5 == 0:
            values = np.round(values, 2)
        if number % 7 == 0:
            values -= 1
        if number % 11 == 0:
            values[:] = number
        made.append(values)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_the_first_look_at_series_leaves_out_nothing_that_the_search_finds(seed: int) -> None:
    series = random_series(seed)
    looked = screen(series)
    assert 20 < looked.empty.sum() < len(series) - 20
    for number, one in enumerate(find_change_points_many(series)):
        if looked.empty[number]:
            assert not one.steps
            assert not one.candidates
            assert one.drift is None
            assert looked.noise[number] == pytest.approx(one.noise, rel=1e-9)
            assert looked.noise_floor[number] == pytest.approx(one.noise_floor, rel=1e-9)


def test_noise_alone_gives_false_discoveries_at_the_rate_at_most() -> None:
    false = 0
    for seed in range(20):
        dice = np.random.default_rng(seed)
        values = list(np.exp(dice.normal(0, 0.03, (150, 60))))
        found, family = discovered(search(values, [np.arange(60.0)] * 150), 0.05)
        assert family >= 150
        false += bool(found.steps or found.drifts)
    assert false <= 4  # one is expected


@pytest.mark.portable
def test_two_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    series = random_series(9)
    times = [np.arange(float(len(one))) for one in series]
    alone = search(series, times)
    monkeypatch.setattr("benchdb.review.family._WORTH_SHARING", 2)
    together = search(series, times)
    assert (together.steps, together.drifts) == (alone.steps, alone.drifts)
    for name in ("tested", "noise", "floor"):
        assert np.array_equal(getattr(together, name), getattr(alone, name))


def test_work_that_another_process_does_not_bring_to_an_end_is_done_here() -> None:
    here = os.getpid()

    def second() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    def failing() -> int:
        if os.getpid() != here:
            raise MemoryError
        return os.getpid()

    assert both_halves(os.getpid, second) == (here, here)
    assert both_halves(os.getpid, failing) == (here, here)
