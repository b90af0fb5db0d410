"""Finding cases and reading their test runs: by the index, however many test runs there are."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest
import store_samples as samples

from benchdb.series import Case
from benchdb.store.cases import cases_called, stored_cases, stored_runs
from benchdb.store.opening import reading

if TYPE_CHECKING:
    from pathlib import Path

CASES = [Case("test_it.py", f"test_{number}[1]") for number in range(5)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions of five cases, which a test may make many of."""
    path = tmp_path_factory.mktemp("cases") / "benchmark.db"
    for day in range(2):
        samples.record(path, f"session-{day}", range(5), day)
    return path


def with_more(database: Path, folder: Path, sessions: int) -> Path:
    """Return a copy with more sessions, like the last."""
    path = folder / "more.db"
    with sqlite3.connect(database) as old, sqlite3.connect(path) as new:
        old.backup(new)
        for number in range(sessions):
            for table, key in (("session", "id"), ("test_run", "session_id")):
                columns = [row[1] for row in new.execute(f"pragma table_info({table})")]
                said = {key: str(100 + number), "uid": f"'more-{number}'", "digest": f"'d{number}'"}
                values = ", ".join(said.get(name, f'"{name}"') for name in columns)
                new.execute(f"insert into {table} select {values} from {table} where {key} = 2")
    old.close()
    new.close()
    return path


#: What it takes to look at every test run.
SCAN = "select distinct name, path from test_run"


def steps(path: Path, look: object) -> int:
    """Return how many hundred steps SQLite takes."""
    taken = 0

    def count() -> None:
        nonlocal taken
        taken += 1

    with reading(path) as connection:
        connection.set_progress_handler(count, 100)
        look(connection)
        return taken


def test_listing_the_cases_takes_no_longer_for_a_long_history(
    database: Path, tmp_path: Path
) -> None:
    many = with_more(database, tmp_path, 400)
    for path in (database, many):
        with reading(path) as connection:
            assert stored_cases(connection) == CASES
    assert steps(many, stored_cases) <= steps(database, stored_cases) + 2
    every = steps(many, lambda on: on.execute(SCAN).fetchall())
    assert every > 2 * steps(many, stored_cases)


def test_finding_a_case_by_its_name_looks_at_no_other(database: Path, tmp_path: Path) -> None:
    many = with_more(database, tmp_path, 400)
    alone = tmp_path / "alone.db"
    shutil.copy(many, alone)
    samples.execute(alone, f"delete from test_run where name <> '{CASES[3].name}'")
    for given in ("test_3", "test_3[1]", "test_it.py::test_3"):
        with reading(many) as connection:
            assert cases_called(connection, given) == [CASES[3]]
        taken = steps(many, lambda on, given=given: cases_called(on, given))
        assert taken <= steps(alone, lambda on, given=given: cases_called(on, given)) + 2


def test_test_runs_are_read_a_few_cases_at_a_time(database: Path) -> None:
    with reading(database) as connection:
        wanted = [CASES[4], CASES[0], Case("other.py", CASES[0].name), *CASES[1:4]]
        read = list(stored_runs(connection, wanted))
    assert sorted(case for case, _ in read) == sorted(wanted)
    assert {case: len(runs) for case, runs in read} == {
        case: 0 if case.path == "other.py" else 2 for case in wanted
    }
