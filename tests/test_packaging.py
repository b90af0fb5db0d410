"""The wheel and the sdist, installed into fresh environments far from any checkout."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

uv = pytest.importorskip("uv", reason="uv builds and installs the distributions")

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.long

SUITE = "def test_sum(benchmark_time):\n    with benchmark_time:\n        sum(range(1000))\n"

#: Everything of this process that could lead an installed benchdb back to the checkout.
LEADING_BACK = ("PYTHON", "PYTEST_", "VIRTUAL_ENV", "BENCHDB_", "DB_NAME")


def call(*command: str | Path, cwd: Path, **variables: str) -> str:
    environ = {name: v for name, v in os.environ.items() if not name.startswith(LEADING_BACK)}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**environ, "UV_PYTHON_DOWNLOADS": "never", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def call_uv(*arguments: str | Path, cwd: Path) -> str:
    return call(uv.find_uv_bin(), *arguments, cwd=cwd)


def build(source: Path, into: Path, *formats: str) -> list[Path]:
    call_uv("build", "--quiet", *formats, "--out-dir", into, source, cwd=into.parent)
    return sorted(into.glob("benchdb-*"))


@dataclass(frozen=True)
class Installed:
    """A fresh environment with benchdb in it, and an empty folder to work in."""

    python: Path
    folder: Path

    def record(self) -> str:
        """Run a suite of one test under ``pytest --benchmark``; return what was printed."""
        (self.folder / "test_suite.py").write_text(SUITE)
        command = ("-m", "pytest", "-p", "no:cacheprovider", "--benchmark", "test_suite.py")
        return call(self.python, *command, cwd=self.folder)

    def query(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "benchmark.db")) as connection:
            return connection.execute(sql).fetchall()


def install(distribution: Path, folder: Path) -> Installed:
    (folder / "elsewhere").mkdir()
    call_uv("venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    call_uv("pip", "install", "--quiet", "--python", python, distribution, cwd=folder)
    return Installed(python, folder / "elsewhere")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist and the wheel of the checkout as it stands."""
    folder = tmp_path_factory.mktemp("built")
    sdist, wheel = sorted(
        build(ROOT, folder / "dist", "--sdist", "--wheel"), key=lambda path: path.suffix
    )
    return {"sdist": sdist, "wheel": wheel}


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def environment(
    request: pytest.FixtureRequest,
    distributions: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Installed:
    return install(distributions[request.param], tmp_path_factory.mktemp(request.param))


@pytest.fixture
def installed(environment: Installed, tmp_path: Path) -> Installed:
    return replace(environment, folder=tmp_path)


def names_in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def tracked_revisions() -> set[str]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout to compare with")
    kept = ("alembic/versions/*.py", "alembic/versions/*.sql")
    listed = call("git", "ls-files", *kept, cwd=ROOT).split()
    return {Path(path).name for path in listed}


def test_an_installed_benchdb_records_with_no_checkout_in_sight(installed: Installed) -> None:
    command = ("-c", "import benchdb; print(benchdb.__file__)")
    home = Path(call(installed.python, *command, cwd=installed.folder).strip())
    assert installed.python.parents[1] in home.parents

    printed = installed.record()

    assert "1 passed" in printed
    assert "benchmark.db" in printed
    rows = installed.query("select name, path, state, call_outcome, duration > 0 from test_run")
    assert rows == [("test_sum", "test_suite.py", "closed", "passed", 1)]
    assert installed.query("pragma integrity_check") == [("ok",)]


def test_the_command_is_installed(installed: Installed) -> None:
    installed.record()
    command = installed.python.with_name("benchdb").with_suffix(installed.python.suffix)
    assert "test_sum" in call(command, "show", "test_sum", cwd=installed.folder)


def test_an_installed_wheel_upgrades_an_older_database(
    distributions: dict[str, Path], tmp_path: Path
) -> None:
    installed = install(distributions["wheel"], tmp_path)
    installed.record()
    older = installed.query("select version_num from alembic_version")

    wheel = wheel_with_a_new_column(tmp_path)
    reinstall = ("pip", "install", "--quiet", "--no-deps", "--reinstall", "--python")
    call_uv(*reinstall, installed.python, wheel, cwd=tmp_path)
    installed.record()

    assert installed.query("select version_num from alembic_version") != older
    assert installed.query("select name, heat from test_run") == [("test_sum", None)] * 2
    (backup,) = installed.folder.glob("benchmark.db.*")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == older
        assert connection.execute("select count(*) from test_run").fetchone() == (1,)


def wheel_with_a_new_column(folder: Path) -> Path:
    """Change a copy of the project as a developer would, and build its wheel."""
    copy = folder / "copy"
    copy.mkdir()
    for name in ("src", "alembic"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("pyproject.toml", "alembic.ini", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    models = copy / "src/benchdb/store/models.py"
    column = "    hang_class: Mapped[str | None]\n"
    text = models.read_text("utf-8")
    assert text.count(column) == 1
    models.write_text(text.replace(column, column + "    heat: Mapped[float | None]\n"), "utf-8")
    revise = ("-m", "alembic", "revision", "--autogenerate", "-m", "Add heat")
    call(sys.executable, *revise, cwd=copy, PYTHONPATH=str(copy / "src"))
    (wheel,) = build(copy, folder / "newer", "--wheel")
    return wheel


def test_the_wheel_ships_the_revisions_that_git_tracks(distributions: dict[str, Path]) -> None:
    shipped = {
        name.rpartition("/")[2]
        for name in names_in_wheel(distributions["wheel"])
        if name.startswith("benchdb/migrations/versions/")
    }
    assert shipped
    assert shipped == tracked_revisions()


def test_the_wheel_ships_its_types_its_license_and_no_byte_code(
    distributions: dict[str, Path],
) -> None:
    names = names_in_wheel(distributions["wheel"])
    assert {"benchdb/py.typed", "benchdb/migrations/env.py"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith(".pyc") or "tests/" in name]


def test_the_sdist_holds_what_its_own_tests_need(distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "alembic.ini", "tests/test_packaging.py", "ci/test"} <= names


def test_the_migrations_folder_never_becomes_a_package() -> None:
    assert not (ROOT / "alembic/__init__.py").exists()
    assert not (ROOT / "alembic/versions/__init__.py").exists()
