"""Databases that pytest recorded, and the command run on them: as users have both."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import forks

from benchdb.cli import main

ROOT = Path(__file__).parents[1]

SUITE = """
import sys

import pytest


@pytest.mark.parametrize("n", [1, 2])
def test_sum(benchmark_time, test_run_benchmark, n):
    for _ in range(3):
        with benchmark_time:
            sum(range(1000 * n))
    test_run_benchmark.peak_memory = 2**20 * n
    test_run_benchmark.record("rate", 5.5 * n, unit="rows/s", direction="HIGHER_IS_BETTER")


class TestNames:
    @pytest.mark.parametrize("s", ["[bold red]a[/]|`b`_c_"])
    def test_markup(self, benchmark_time, s):
        with benchmark_time:
            pass


def test_fail(benchmark_time):
    with benchmark_time:
        raise ValueError


def test_wait(benchmark_time):
    with benchmark_time:
        if "wait" in sys.argv[-1]:
            print("waiting", flush=True)
            sys.stdin.readline()
"""

PROJECT = """
[project]
name = "suite"
version = "1.0"

[tool.benchdb]
subjects = ["suite"]

[tool.pytest.ini_options]
addopts = "-p benchdb -p no:cacheprovider"
"""

#: Variables that say where to record, what CI this is and how wide a line is.
_LEFT_OUT = ("BENCHDB", "DB_NAME", "CI", "GITHUB", "GITLAB", "BUILD", "JENKINS", "TF_", "COLUMNS")
_LEFT_OUT += ("NO_COLOR", "FORCE_COLOR", "PYTEST", "PYTHONIOENCODING", "TRAVIS", "GIT_", "BRANCH")
_LEFT_OUT += ("PYTHONDONTWRITEBYTECODE",)


def environ(**more: str) -> dict[str, str]:
    """Return the environment of a user who set nothing; pytest loads no plugin that isn't named."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_LEFT_OUT)}
    return {**kept, "PYTHONUTF8": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more}


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass(frozen=True)
class Project:
    """A folder with a suite, and `benchmark.db` once it was recorded."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "benchmark.db"

    def record(self, *arguments: str, **variables: str) -> None:
        command = ["-m", "pytest", "-q", "--benchmark", *arguments]
        done = forks.run(command, forks.PYTEST, self.folder, environ(**variables))
        assert "recorded" in done.stdout, done.stdout + done.stderr

    def benchdb(self, *arguments: object, cwd: Path | None = None, **variables: str) -> Ran:
        """Run the command inside of this process, which has paid for its imports already."""
        out, err = io.BytesIO(), io.BytesIO()
        encoding = variables.pop("PYTHONIOENCODING", "utf-8")
        with (
            io.TextIOWrapper(out, encoding, newline="") as stdout,
            io.TextIOWrapper(err, encoding, newline="") as stderr,
            contextlib.chdir(cwd or self.folder),
            patch.dict(os.environ, environ(**variables), clear=True),
            patch.multiple(sys, stdin=io.StringIO(), stdout=stdout, stderr=stderr),
        ):
            code = main([str(argument) for argument in arguments])
            return Ran(code, out.getvalue().decode(), err.getvalue().decode())

    def command(self, *arguments: object, cwd: Path | None = None, **variables: str) -> Ran:
        """Run the command as a process of its own; by a fork, if it is another benchdb's."""
        command, where = ["-m", "benchdb", *map(str, arguments)], cwd or self.folder
        if "PYTHONPATH" in variables:
            done = forks.run(command, forks.ALEMBIC, where, environ(**variables))
        else:
            done = subprocess.run(
                [sys.executable, *command],
                cwd=where,
                env=environ(**variables),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
            )
        return Ran(done.returncode, done.stdout, done.stderr)

    def query(self, sql: str, *values: object) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def git(self, *arguments: str) -> str:
        """Return what git says."""
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        ran = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout.strip()

    @contextlib.contextmanager
    def recording(self):
        """Give a pytest that records and is in the middle of a test."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-s", "--benchmark", "-k", "sum or wait"],
            cwd=self.folder,
            env=environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert any("waiting" in line for line in process.stdout)
            yield process
        finally:
            process.stdin.close()  # what it waits for: it ends by itself, if it still lives
            process.stdout.read()
            process.wait()
            process.stdout.close()

    def copy(self, folder: Path) -> Project:
        """Return a project like this one in another folder."""
        shutil.copytree(self.folder, folder)
        return Project(folder)


def new_project(folder: Path) -> Project:
    """Make a project in a git repository, on its branch main."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "test_suite.py").write_text(SUITE)
    (folder / ".gitignore").write_text("*.db*\n__pycache__\n")
    project = Project(folder)
    project.git("init", "-b", "main")
    project.git("add", ".")
    project.git("commit", "-m", "first")
    return project


def newer_benchdb(folder: Path) -> dict[str, str]:
    """Make a copy of benchdb whose schema has a column more; return variables that choose it."""
    for name in ("src", "alembic"):
        # With what Python compiled: it is compiled anew only where it is changed.
        shutil.copytree(ROOT / name, folder / name)
    models = folder / "src/benchdb/store/models.py"
    text = models.read_text()
    before = "    hang_class: Mapped[str | None]\n"
    assert before in text
    models.write_text(text.replace(before, f"{before}    heat: Mapped[float | None]\n"))
    newest = _newest_revision(folder)
    (folder / "alembic/versions/zz_heat.py").write_text(
        f'''"""Add heat."""
import sqlalchemy as sa
from alembic import op

revision = "0123456789ab"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("test_run", sa.Column("heat", sa.Float(), nullable=True))
'''
    )
    return {"PYTHONPATH": str(folder / "src")}


def _newest_revision(folder: Path) -> str:
    """Return the revision of the newest schema of a copy."""
    command = "from benchdb.store.revisions import head; print(head())"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env=environ(PYTHONPATH=str(folder / "src")),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
