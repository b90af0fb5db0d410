"""The layers of the architecture, and what must stay out of a run that records nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("import-linter is not installed here")
    return subprocess.run(
        [program, "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
    )


def test_each_layer_imports_only_what_stands_below_it() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_an_import_against_the_layers_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    wrong = tmp_path / "src/benchdb/collect/wrong.py"
    wrong.write_text("import sqlalchemy\nfrom benchdb.store import models\n")

    done = lint_imports(tmp_path)

    assert done.returncode == 1
    assert "benchdb.collect.wrong -> benchdb.store" in done.stdout
    assert "benchdb.collect.wrong -> sqlalchemy" in done.stdout


def test_no_module_bears_the_name_of_a_library_that_it_imports() -> None:
    libraries = {"alembic", "click", "dask", "distributed", "numpy", "psutil", "pytest", "rich"}
    modules = {path.stem for path in (ROOT / "src").rglob("*.py")}
    libraries |= {"aiohttp", "coiled", "filelock", "sqlalchemy", "yaml", "zstandard"}
    assert not modules & libraries
