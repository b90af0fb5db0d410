"""Virtual environments that ci/test and ci/demo make for themselves; the standard library only."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / ".venvs"
SUPPORTED: Final = ((3, 11), (3, 12), (3, 13), (3, 14))

#: Variables of the caller that would change what is tested.
_DISTURBING: Final = (
    *("BENCHDB_URL", "DB_NAME"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PYTHONWARNINGS", "VIRTUAL_ENV"),
    *("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"),
    *("UV_PYTHON", "UV_SYSTEM_PYTHON"),
)

#: pip's settings and the variables that tell uv the same; uv reads none of pip's.
_PIP_TO_UV: Final = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
}

_ATTEMPTS: Final = 3

#: Free bytes under which an environment with everything can't be made.
_ROOM: Final = 1 << 30

#: What tools say where they couldn't fetch.
_UNREACHABLE: Final = (
    "from versions: none|new connection|error sending request|Could not connect|dns error|"
    "Network is unreachable|timed out|Failed to fetch"
)

_PROBE: Final = """
import json, sqlite3, sys, sysconfig
print(json.dumps([list(sys.version_info[:3]), sys.version_info.releaselevel == "final"
    and sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")]))
"""


class Failure(Exception):
    """Something went wrong that the caller can read about in the message."""


def clean_environ() -> dict[str, str]:
    """Return the environment's variables without those that would change what is tested."""
    environ = {name: value for name, value in os.environ.items() if name not in _DISTURBING}
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    if not os.access(Path.home(), os.W_OK):
        environ.setdefault("UV_CACHE_DIR", str(FOLDER / "cache"))
    return environ


def version_of(python: Path | str) -> tuple[int, int, int] | None:
    """Return the version of an interpreter that runs and suits, else None."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _PROBE], capture_output=True, stdin=subprocess.DEVNULL, timeout=60
        )
        (major, minor, patch), suits = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return (major, minor, patch) if suits else None


def pip_settings_for_uv(listing: str) -> dict[str, str]:
    """Return uv's variables for what ``pip config list`` printed.

    As in pip, a variable wins over a setting for ``install``, which wins over a global one.
    """
    settings: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([\w-]+)=(.*)$", listing, re.MULTILINE):
            settings[name] = str(ast.literal_eval(value))
    variables = {
        variable: separator.join(settings[name].split())
        for name, (variable, separator) in _PIP_TO_UV.items()
        if settings.get(name)
    }
    if "UV_INDEX" in variables:
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip has no other
    return variables


def advice(said: str) -> str:
    """Return what to do about a failure that left these words; an empty string if that's unknown.

    Where the disk is nearly full, tools fail in many words: its free space is looked at, too.
    """
    free = shutil.disk_usage(FOLDER if FOLDER.exists() else ROOT).free
    if "No space left" in said or free < _ROOM // 8:
        return (
            f"The disk of {FOLDER} has {free >> 20} MiB free: make room. "
            f"An environment may take {_ROOM >> 20} MiB."
        )
    if re.search(_UNREACHABLE, said, re.IGNORECASE):
        return (
            "Packages could not be fetched: is there a network? They come from where pip is told "
            "to find them: see `pip config list`."
        )
    return ""


class Environments:
    """The environments under ``.venvs``, each made once for what it is asked for."""

    def __init__(self) -> None:
        self.environ = clean_environ()
        self._base = getattr(sys, "_base_executable", None) or sys.executable

    def main(self) -> Path:
        """Return the Python of an environment with all that the checks and tests need."""
        extras = ".[coiled,dask,postgresql,release,s3]"
        return self._first("", "--editable", extras, "--group", "dev")

    def demo(self) -> Path:
        """Return the Python of an environment as users have it, with the extra for Dask."""
        return self._first("-demo", "--editable", ".[dask]")

    def others(self) -> dict[str, Path]:
        """Return Pythons by what they are: of each other supported one that is on this machine.

        They have no extras: what is tested there works with the core dependencies alone. One more
        has the lowest versions that pyproject.toml allows, where the oldest Python is there; newer
        ones can't install these.
        """
        found = self._interpreters()
        pythons: dict[str, Path] = {}
        for minor in SUPPORTED:
            if minor in found and minor != sys.version_info[:2]:
                what = ("--editable", ".", "--group", "test")
                pythons[f"Python {_minor(minor)}"] = self._further("", *found[minor], *what)
        if SUPPORTED[0] in found:
            pythons["the lowest versions"] = self._further(
                *("-lowest", *found[SUPPORTED[0]], "--resolution", "lowest-direct"),
                *("--editable", ".[dask]", "--group", "test", "--group", "older"),
            )
        return pythons

    def _first(self, suffix: str, *what: str) -> Path:
        """Make an environment with nothing but Python, and uv in it; work in it from now on."""
        folder = FOLDER / f"{_minor(sys.version_info[:2])}{suffix}"
        python = _python_in(folder)
        stamp = _Stamp(folder, sys.version, *what)
        if not stamp.valid():
            shown = folder.relative_to(ROOT)
            _say(f"Setting up {shown} for Python {_minor(sys.version_info[:3])} …")
            started = time.monotonic()
            _make_folder()
            self._call(self._base, "-m", "venv", "--clear", folder)
            self._insist(python, "-m", "pip", "install", "--quiet", "uv")
        self._use(python)
        if not stamp.valid():
            self._install(python, *what)
            stamp.set()
            _say(f"ready after {time.monotonic() - started:.0f} s")
        return python

    def _further(
        self, suffix: str, version: tuple[int, int, int], interpreter: Path, *what: str
    ) -> Path:
        """Make an environment by the uv of the first."""
        folder = FOLDER / f"{_minor(version[:2])}{suffix}"
        python = _python_in(folder)
        stamp = _Stamp(folder, f"{interpreter} {version}", *what)
        if not stamp.valid():
            _say(f"Setting up {folder.relative_to(ROOT)} for Python {_minor(version)} …")
            self._call("uv", "venv", "--quiet", "--clear", "--python", interpreter, folder)
            self._install(python, *what)
            stamp.set()
        return python

    def _interpreters(self) -> dict[tuple[int, int], tuple[tuple[int, int, int], Path]]:
        """Return the newest patch of each minor version: on PATH, pyenv's and those uv knows."""
        candidates = {Path(self._base)}
        for minor in SUPPORTED:
            on_path = shutil.which(f"python{_minor(minor)}", path=os.environ.get("PATH"))
            candidates.update([Path(on_path)] if on_path else [])
        if shutil.which("pyenv"):
            candidates.update(
                Path(self.run("pyenv", "root").stdout.strip(), "versions").glob("3.*/bin/python")
            )
        listing = self.run("uv", "python", "list", "--only-installed", "--output-format=json")
        candidates.update(Path(path) for path in re.findall(r'"path":"([^"]+)"', listing.stdout))
        newest: dict[tuple[int, int], tuple[tuple[int, int, int], Path]] = {}
        for candidate in sorted(candidates):
            if FOLDER in candidate.parents:
                continue
            version = version_of(candidate)
            if version and version > newest.get(version[:2], ((0, 0, 0),))[0]:
                newest[version[:2]] = (version, candidate)
        return newest

    def _use(self, python: Path) -> None:
        """Let commands be found in an environment first, and uv fetch as the machine's pip does."""
        self.environ["VIRTUAL_ENV"] = str(python.parents[1])
        self.environ["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
        listing = self.run(python, "-m", "pip", "config", "list")
        for variable, value in pip_settings_for_uv(listing.stdout).items():
            self.environ.setdefault(variable, value)

    def _install(self, python: Path, *what: str) -> None:
        self._insist("uv", "pip", "install", "--quiet", "--python", python, *what)

    def _insist(self, *command: str | Path) -> None:
        """Call a command that uses the network; networks hiccup."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._call(*command)
            except Failure as failure:
                hopeless = re.search(
                    "No solution found|No matching distribution|backend returned an error",
                    str(failure),
                )
                if hopeless or "make room" in str(failure) or attempt == _ATTEMPTS:
                    raise
                _say(f"again, for this failed: {str(failure).splitlines()[-1]}")
                time.sleep(2 * attempt)
            else:
                return

    def _call(self, *command: str | Path) -> None:
        done = self.run(*command)
        if done.returncode:
            shown = " ".join(map(str, command))
            said = re.sub(r"^WARNING: Retrying.*\n", "", done.stdout, flags=re.MULTILINE)
            parts = (f"failed ({done.returncode}): {shown}", said.strip(), advice(done.stdout))
            raise Failure("\n".join(filter(None, parts)))

    def run(
        self, *command: str | Path, stdout: int | None = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run a command from the checkout, found in the main environment first.

        What it prints, errors among it, is kept in ``stdout``, or passed on with ``stdout=None``.
        """
        program, *arguments = map(str, command)
        try:
            return subprocess.run(
                [shutil.which(program, path=self.environ.get("PATH")) or program, *arguments],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stdout and subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise Failure(
                "\n".join(filter(None, (f"{program} can't be run: {error}", advice(str(error)))))
            ) from error


class _Stamp:
    """Says that an environment holds what pyproject.toml asks for, so that it need not be made."""

    def __init__(self, folder: Path, python: str, *what: str) -> None:
        self._path = folder / "stamp"
        asked = (ROOT / "pyproject.toml").read_bytes() + f"{what} {python} {folder}".encode()
        self._text = hashlib.sha256(asked).hexdigest()

    def valid(self) -> bool:
        return self._path.is_file() and self._path.read_text() == self._text

    def set(self) -> None:
        self._path.write_text(self._text)


def _make_folder() -> None:
    """Make the folder of all environments.

    Raises
    ------
    Failure
        If this user may not.
    """
    with contextlib.suppress(OSError):
        FOLDER.mkdir(exist_ok=True)
    if not os.access(FOLDER, os.W_OK):
        raise Failure(f"{FOLDER} can't be written to: clone the project into a folder of your own")


def _minor(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _say(line: str) -> None:
    print(line, flush=True)
