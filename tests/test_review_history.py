"""A whole history as arrays holds the same series as `benchdb show` makes case by case."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from store_samples import CLUSTER, ENVIRONMENT, EPOCH, closed, facts

from benchdb.config import Settings
from benchdb.records import ClosedTestRun, Measurement, Revision, SubjectRevision
from benchdb.review.cases import matching_cases
from benchdb.review.history import read_history
from benchdb.review.series import case_series
from benchdb.series import Case
from benchdb.store.annotations import annotate_session
from benchdb.store.database import connect
from benchdb.store.opening import reading
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.series import SeriesKey
    from benchdb.store.connection import Connection

Points = list[tuple[str, float, int]]


def made_up(path: Path, seed: int) -> None:
    """Record sessions that differ in all that tells series apart, and in what becomes of runs."""
    dice = random.Random(seed)
    for number in range(12):
        committed = EPOCH + timedelta(hours=dice.randrange(6))
        branch = dice.choice(["main", "main", "main", "feature", None])
        subject = SubjectRevision("common", "1", f"c{number}", committed, branch, dirty=False)
        environment = dice.choice([ENVIRONMENT, replace(ENVIRONMENT, fingerprint="e" * 16)])
        recorder = Recorder(
            path,
            facts(
                f"session-{number:02}",
                dice.randrange(3),
                branch=branch,
                dirty=dice.random() < 0.1,
                environment=environment,
                revision=Revision(f"revision-{number}", (subject,)),
                tags=(("runner", dice.choice("ab")), ("note", str(number))),
            ),
        )
        for _ in range(dice.randrange(8)):
            name = dice.choice(["test_a[1]", "test_a[2]", "TestB::test_b", "test_feature"])
            if name == "test_feature" and branch != "feature":
                continue
            ordinal = recorder.open(
                EPOCH, (name, name.partition("[")[0], dice.choice(["t.py", None]))
            )
            if dice.random() < 0.1:
                recorder.abandon(ordinal, "lost", EPOCH)
                continue
            columns = {
                metric: dice.choice([1.0, 2.5, dice.random()])
                for metric in ("duration", "peak_memory")
                if dice.random() < 0.8
            }
            measured = [
                Measurement(metric, unit, direction, dice.choice([None, dice.random()]))
                for metric, unit, direction in (
                    ("rate", "rows/s", "HIGHER_IS_BETTER"),
                    ("rate", "1", None),
                    ("duration", "s", "LOWER_IS_BETTER"),
                    ("duration", "ms", None),
                    ("failed", "1", None),
                )
                if dice.random() < 0.5
            ]
            run = ClosedTestRun(
                setup_outcome="passed",
                call_outcome=dice.choice(["passed", "passed", "passed", "failed", "skipped"]),
                teardown_outcome=dice.choice(["passed", "passed", "passed", "failed"]),
                start=EPOCH,
                end=EPOCH,
                version=dice.choice([None, None, "2"]),
                columns=columns,
                measurements=tuple(measured),
                cluster=dice.choice(
                    [
                        None,
                        CLUSTER,
                        replace(CLUSTER, workers=4),
                        replace(CLUSTER, worker_versions=()),
                    ]
                ),
            )
            recorder.close(ordinal, run)
        recorder.finish(EPOCH + timedelta(days=1))
    with contextlib.closing(connect(path, write=True)) as connection:
        annotate_session(connection, "session-03", "key", keep=None)


def by_case(
    connection: Connection, settings: Settings, *, every_session: bool
) -> dict[SeriesKey, Points]:
    every = case_series(
        connection,
        matching_cases(connection, ["*"]),
        settings,
        last=1000,
        every_session=every_session,
    )
    return {
        series.key: [(point.session.uid, point.value, point.runs) for point in series.points]
        for case in every
        for series in case.series
    }


def as_arrays(
    connection: Connection, settings: Settings, *, every_session: bool
) -> dict[SeriesKey, Points]:
    history = read_history(connection, settings, every_session=every_session)
    found = {
        series.key: [
            (history.sessions[at].uid, value, runs)
            for at, value, runs in zip(
                series.at.tolist(), series.values.tolist(), series.runs.tolist(), strict=True
            )
        ]
        for series in history.series
    }
    assert len(found) == len(history.series)
    return found


@pytest.mark.parametrize("every_session", [False, True], ids=["trunk", "every session"])
@pytest.mark.parametrize("seed", range(8))
def test_series_as_arrays_are_those_that_show_makes(
    tmp_path: Path, seed: int, every_session: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "benchmark.db"
    made_up(path, seed)
    monkeypatch.setattr("benchdb.store.run_columns._BLOCK", 7)
    settings = Settings(tmp_path, series_tags=("runner",))
    with reading(path, print) as connection:
        expected = by_case(connection, settings, every_session=every_session)
        found = as_arrays(connection, settings, every_session=every_session)
    assert len(expected) > 20
    assert found == expected
    assert list(found) == sorted(found, key=lambda key: key.case)


def test_what_one_session_measured_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    made_up(path, 1)
    settings = Settings(tmp_path)
    with reading(path, print) as connection:
        every = as_arrays(connection, settings, every_session=True)
        whole = read_history(connection, settings, every_session=True)
        session = whole.sessions[4]
        one = read_history(connection, settings, sessions=[session.row], every_session=True)
    assert [one.uid for one in one.sessions] == [session.uid]
    assert {series.key: series.values.tolist() for series in one.series} == {
        key: [value for uid, value, _ in points if uid == session.uid]
        for key, points in every.items()
        if session.uid in {uid for uid, _, _ in points}
    }


def test_a_database_without_test_runs_has_no_series(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.db"
    Recorder(path, facts()).finish(EPOCH)
    with reading(path, print) as connection:
        history = read_history(connection, Settings(tmp_path))
    assert [one.uid for one in history.sessions] == ["session-1"]
    assert history.series == ()


def test_series_go_on_under_the_name_that_a_test_has_now(tmp_path: Path) -> None:
    made_up(tmp_path / "a.db", seed=1)
    with reading(tmp_path / "a.db") as connection:
        cases = {key.case for key in by_case(connection, Settings(tmp_path), every_session=True)}
        some = min(cases)
        # In two steps, and a file that was moved: parameters stay.
        renamed = (
            (some.id.partition("[")[0], "old.py::TestIt::test_a"),
            ("old.py::TestIt", "old.py::TestThat"),
            ("old.py", "new.py"),
        )
        settings = Settings(tmp_path, renamed=renamed)
        shown = by_case(connection, settings, every_session=True)
        assert as_arrays(connection, settings, every_session=True) == shown
        parameters = some.name[len(some.originalname) :]
        named = {key.case for key in shown}
        assert Case("new.py", f"TestThat::test_a{parameters}") in named
        assert some not in named
        assert len(named) == len(cases)


def test_a_test_run_that_hung_counts_beside_those_that_failed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.db", facts())
    for number in range(3):
        ordinal = recorder.open(EPOCH, ("test_a", "test_a", "a.py"))
        recorder.close(ordinal, closed(number, **({"hang_class": "deadlock"} if number else {})))
    recorder.finish(EPOCH)
    with reading(tmp_path / "a.db") as connection:
        settings = Settings(tmp_path)
        shown = by_case(connection, settings, every_session=False)
        assert as_arrays(connection, settings, every_session=False) == shown
        counts = {key.metric.name: points[0][1:] for key, points in shown.items()}
        assert counts["hung"] == (2.0, 3)
        assert counts["failed"] == counts["lost"] == (0.0, 3)
