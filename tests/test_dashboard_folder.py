"""`benchdb dashboard` and the folder that it writes into, whoever else does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchdb.dashboard.files import Site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable


def test_two_builds_at_once_into_one_folder_both_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Site(tmp_path / "site"), Site(tmp_path / "site")
    replace, met = os.replace, []

    def as_the_other_writes(new: Path, path: Path) -> None:
        if path.name == "index.html" and not met:
            met.append(path)
            other.write("index.html", b"of the other, and longer")
        replace(new, path)

    monkeypatch.setattr("benchdb.dashboard.files.os.replace", as_the_other_writes)
    one.write("index.html", b"of the one")
    one.finish()
    other.finish()
    assert (tmp_path / "site" / "index.html").read_bytes() == b"of the one"
    assert {path.name for path in (tmp_path / "site").iterdir()} == {
        ".benchdb-dashboard.json",
        "index.html",
    }
