"""What gets into a history's benchmark.db, what must not, and who notices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from store_samples import execute, query
from test_sync_command import Files, ok, published

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text("[tool.benchdb]\n")
    return Files(tmp_path)


def grow_old(files: Files) -> None:
    """Make the published file one that the next sync renews."""
    path = files.remote / "benchmark.db"
    os.utime(path, (path.stat().st_mtime - 3 * 86400,) * 2)


def test_a_file_that_was_changed_by_hand_spoils_nobody_elses(files: Files) -> None:
    files.record("a", "session-1")
    files.record("a", "session-2", day=1)
    ok(files.sync("a"))
    execute(files.file("a"), "update test_run set duration = 999 where session_id = 1")
    grow_old(files)
    assert "published" in files.sync("a").out
    assert query(files.remote / "benchmark.db", "select 1 from test_run where duration=999") == []
    assert published(files) == {"session-1", "session-2"}
    assert query(files.remote / "benchmark.db", "select * from local_pruned") == []
    ok(files("db", "check", files.remote))


def test_a_check_of_a_remote_looks_into_the_published_file(files: Files) -> None:
    files.record("a", "session-1")
    ok(files.sync("a"))
    path = files.remote / "benchmark.db"
    sound = path.read_bytes()
    execute(path, "update test_run set duration = 999")
    for harm in (path.read_bytes(), sound[:5000], b""):
        path.write_bytes(harm)
        checked = files("db", "check", files.remote, "--format", "json")
        assert checked.code == 2
        (problem,) = checked.json["problems"]
        assert problem.startswith("benchmark.db: ")
        assert "/" not in problem
    path.unlink()
    ok(files("db", "check", files.remote))


@pytest.mark.parametrize("given", ["publish_every = 0\ncompact_grace = 0", 'publish_every = "0"'])
def test_nothing_is_published_where_that_is_switched_off(given: str, files: Files) -> None:
    files.settings(given)
    files.record("a", "session-1")
    ok(files.sync("a"))
    assert files.objects("benchmark.db") == []


@pytest.mark.parametrize("given", ["1", "true", "[]"])
def test_a_setting_that_is_no_duration_is_told_what_one_is(given: str, files: Files) -> None:
    files.settings(f"publish_every = {given}")
    files.record("a", "session-1")
    ran = files.sync("a")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert 'publish_every must be a duration as "1d", "12h" or "30min", or 0' in ran.err
