"""Files of test runs in a history: when they are put there, and who notices that they aren't."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from test_sync_command import Files, ok
from test_sync_forgetting import SECRET, SHARED, bodies, with_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text('[tool.benchdb]\npublish_every = "0"\n')
    return Files(tmp_path)


@pytest.mark.parametrize("why", ["removed", "too large"])
def test_files_that_a_history_lacks_are_put_by_a_push_of_everything(why: str, files: Files) -> None:
    if why == "too large":
        files.settings('publish_every = "0"\nlargest_artifact = 8')
    with_files(files, "a", "session-1", SECRET, SHARED)
    with_files(files, "b", "session-2", b"forgotten")
    ok(files.compact("--erase", "session-2"))
    files.settings('publish_every = "0"')
    shutil.rmtree(files.remote / "artifacts", ignore_errors=True)
    check = files("db", "check", files.remote, "--format", "json")
    assert (check.code, check.json["files_absent"]) == (0, 2)
    assert "2 files of test runs not there" in ok(files("db", "check", files.remote))
    assert ok(files.push("a")).startswith("nothing to push")
    assert ok(files.push("a", "--all")).startswith("pushed 2 files of test runs to")
    assert bodies(files) == {SECRET, SHARED}
    assert ok(files.push("a", "--all")).startswith("nothing to push")
    assert "not there" not in ok(files("db", "check", files.remote))
    assert "1 erased there" in ok(files.push("b", "--all"))
    assert bodies(files) == {SECRET, SHARED}
