"""The migrations' files, and the newest schema, found without importing Alembic.

A file at the newest schema must cost no Alembic import, and its users must not have to keep a
constant in step with the newest migration: so the revisions' own lines are read.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Final

from benchdb.errors import UserError

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
    UserError
        Where the revisions don't form one line, as two migrations on one parent do.
    """
    versions = (folder or migrations_folder()) / "versions"
    children: dict[str, str] = {}
    for file in sorted(versions.glob("*.py")):
        found = dict(_ASSIGNMENT.findall(file.read_text("utf-8")))
        revision, parent = (
            found.get(name, "").strip("\"'") for name in ("revision", "down_revision")
        )
        if parent in children:
            raise UserError(
                f"{children[parent]} and {revision} in {versions} both follow {parent}: "
                f"let the later have the other as its down_revision"
            )
        children[parent] = revision
    line: list[str] = []
    while (newest := line[-1] if line else "None") in children:
        line.append(children.pop(newest))
    if children or not line:
        raise UserError(
            f"the migrations in {versions} form no single line ({', '.join(children.values())}): "
            "each but the first must name the one before it as its down_revision"
        )
    return tuple(line)


def schema_script() -> Path:
    """Return where the newest schema is kept as SQL, beside its migration."""
    return migrations_folder() / "versions" / f"{head()}.sql"


def head() -> str:
    """Return the newest schema's revision."""
    return lineage()[-1]
