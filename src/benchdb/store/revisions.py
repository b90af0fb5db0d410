"""The migrations' files, and the newest schema, found without importing Alembic.

A file at the newest schema must cost no Alembic import, and its users must not have to keep a
constant in step with the newest migration: so the revisions' own lines are read.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Final

_ASSIGNMENT: Final = re.compile(
    r"^(revision|down_revision)(?:\s*:[^=]+)?\s*=\s*(None|[\"'][^\"']*[\"'])", re.MULTILINE
)


def migrations_folder() -> Path:
    """Return the folder with env.py and versions/: inside an installed wheel, or the checkout's."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "alembic"


@functools.lru_cache(maxsize=8)
def lineage(folder: Path | None = None) -> tuple[str, ...]:
    """Return the revisions in `folder`, the oldest first, the newest schema last.

    Raises
    ------
    RuntimeError
        Where the revisions don't form one line, as two migrations on one parent do.
    """
    parents: dict[str | None, str] = {}
    files = sorted(((folder or migrations_folder()) / "versions").glob("*.py"))
    for file in files:
        found = dict(_ASSIGNMENT.findall(file.read_text("utf-8")))
        parent = found["down_revision"].strip("\"'")
        parents[None if parent == "None" else parent] = found["revision"].strip("\"'")
    line: list[str] = []
    parent_of_next: str | None = None
    while parent_of_next in parents:
        parent_of_next = parents[parent_of_next]
        line.append(parent_of_next)
    if not line or len(line) != len(files):
        raise RuntimeError(f"the migrations in {folder or migrations_folder()} form no single line")
    return tuple(line)


def head() -> str:
    """Return the newest schema's revision."""
    return lineage()[-1]
