"""One virtual environment a plugin, so that each is measured as if nothing else were installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".venvs" / "figures"

#: What is installed where. benchdb as its users get it: built from this checkout, not editable.
REQUIREMENTS: Final = {
    "pytest": ("pytest",),
    "benchdb": (str(ROOT),),
    "xdist": (str(ROOT), "pytest-xdist"),
    "ancestor": ("pytest", "sqlalchemy>=2", "alembic"),
    "pytest-benchmark": ("pytest-benchmark",),
    "pytest-cov": ("pytest-cov",),
    "pytest-monitor": ("pytest-monitor",),
}

#: In each environment beside these: a session keeps the list of all that is installed.
FURTHER_PACKAGES: Final = 300

#: Variables of the caller that would change what is measured.
_DISTURBING: Final = ("BENCHDB_", "DB_NAME", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "COV_", "CI")

_VERSIONS: Final = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def environ() -> dict[str, str]:
    """Return the variables that everything measured runs with."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_DISTURBING)}


def python(name: str) -> Path:
    """Return the Python of an environment."""
    return FOLDER / name / "bin" / "python"


def build() -> None:
    """Make all environments, or bring them up to date, with the newest of everything.

    Raises
    ------
    subprocess.CalledProcessError
        If something can't be installed; uv has said why.
    """
    uv = _uv()
    for name, requirements in REQUIREMENTS.items():
        if not python(name).exists():
            _call(uv, "venv", "--quiet", "--python", sys.executable, FOLDER / name)
        _call(
            *(uv, "pip", "install", "--quiet", "--upgrade", "--compile-bytecode"),
            *("--reinstall-package", "benchdb", "--python", python(name), *requirements),
        )
        (site,) = (FOLDER / name).glob("lib/python3.*/site-packages")
        _add_packages(site)


def versions() -> dict[str, str]:
    """Return the versions of pytest and of each plugin.

    Raises
    ------
    RuntimeError
        If not all environments have the same pytest: their times could not be compared.
    """
    found = {}
    pytests = set()
    for name in REQUIREMENTS:
        plugin = {"xdist": "pytest-xdist", "ancestor": "alembic"}.get(name, name)
        done = subprocess.run(
            [python(name), "-c", _VERSIONS, "pytest", plugin],
            capture_output=True,
            check=True,
            env=environ(),
        )
        told = json.loads(done.stdout)
        pytests.add(told["pytest"])
        found.update(told)
    if len(pytests) > 1:
        raise RuntimeError(f"the environments have different versions of pytest: {sorted(pytests)}")
    return found


def _uv() -> str:
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    own = FOLDER / "uv"
    if not (own / "bin" / "uv").exists():
        _call(sys.executable, "-m", "venv", own)
        _call(own / "bin" / "python", "-m", "pip", "install", "--quiet", "uv")
    return str(own / "bin" / "uv")


def _call(*command: str | Path) -> None:
    subprocess.run(command, check=True, env=environ() | {"UV_PYTHON_DOWNLOADS": "never"})


def _add_packages(site: Path) -> None:
    """Add packages that consist of their metadata alone."""
    for number in range(FURTHER_PACKAGES):
        folder = site / f"further_{number}-1.{number}.dist-info"
        folder.mkdir(exist_ok=True)
        metadata = f"Metadata-Version: 2.1\nName: further-{number}\nVersion: 1.{number}\n"
        (folder / "METADATA").write_text(metadata, "utf-8")
        (folder / "INSTALLER").write_text("pip\n", "utf-8")
        (folder / "RECORD").write_text("", "utf-8")
