"""Settings: ``[tool.benchdb]`` in pyproject.toml, the environment, and where the database is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from benchdb.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The database's name where nobody chose another.
DEFAULT_DATABASE: Final = "benchmark.db"

#: Environment variables that name the database, the newer first.
DATABASE_VARIABLES: Final = ("BENCHDB_URL", "DB_NAME")

#: How URLs of a PostgreSQL server may begin.
_SERVER_SCHEMES: Final = ("postgresql+psycopg", "postgresql", "postgres")


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """A database on a PostgreSQL server; ``str`` shows its URL with ``***`` for a password.

    Parameters
    ----------
    url
        With the password it may have: to connect by, never to print or store.
    """

    url: str

    def __str__(self) -> str:
        scheme, _, rest = self.url.partition("://")
        # Up to the last @: whoever forgot to escape one in a password must not find it printed.
        who, at, where = rest.rpartition("@")
        user, colon, _ = who.partition(":")
        shown = f"{scheme}://{user}{colon and ':***'}{at}{where}"
        return re.sub(r"(password=)[^&]*", r"\1***", shown, flags=re.IGNORECASE)

    def __repr__(self) -> str:
        return f"Server({str(self)!r})"


#: Where a database is: a SQLite file, or on a server.
Location: TypeAlias = Path | Server


def spelled(place: Location) -> str:
    """Return what `location` makes this of again: with the password, for another process alone."""
    return place.url if isinstance(place, Server) else str(place)


@dataclass(frozen=True, slots=True)
class Settings:
    """``[tool.benchdb]`` of a project; field names are the keys.

    Parameters
    ----------
    root
        The folder of pyproject.toml: pytest's rootdir. Not a key.
    db
        The database, a path relative to the rootdir or a URL.
    subjects
        Names of the packages on trial; by default the project at rootdir and every editable one.
    fingerprint
        What to add to the environment's fingerprint (``"env:NAME"`` for a variable, ``"host"``)
        or remove from it (``"-cpu_model"``).
    trunk
        Branches whose clean sessions form the series.
    series_tags
        Tags whose values tell one series from another.
    artifacts
        The folder that files of test runs are kept in, relative to the rootdir.
    compact_above
        How many segments of a remote make `sync` and `pull` compact it; 0 is never.
    compact_grace
        How long a folded segment stays, for those who have listed it: ``"1h"``, ``"30min"``.
    keep_snapshots
        How many earlier snapshots of a month stay in a remote, as backups.
    publish_every
        How old ``benchmark.db`` of a remote may be before it is renewed: ``"1d"``; ``"0"`` is off.
    largest_artifact
        Bytes of the largest file of a test run that goes to a remote; 0 is none.
    """

    root: Path
    db: str | None = None
    subjects: tuple[str, ...] | None = None
    fingerprint: tuple[str, ...] = ()
    trunk: tuple[str, ...] = ("main", "master")
    series_tags: tuple[str, ...] = ()
    artifacts: str | None = None
    compact_above: int = 400
    compact_grace: str = "1h"
    keep_snapshots: int = 3
    publish_every: str = "1d"
    largest_artifact: int = 5_000_000


def read_settings(root: Path) -> Settings:
    """Return the settings of the project at `root`; the defaults where it has none.

    Raises
    ------
    WrongSetting
        If pyproject.toml can't be parsed, or a key is unknown or of the wrong type.
    """
    path = root / "pyproject.toml"
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return Settings(root)
    if "benchdb" not in text:
        return Settings(root)
    import tomllib

    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise WrongSetting(f"{path} is no valid TOML ({error}): mend that line") from None
    table = tools.get("benchdb", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise WrongSetting(f"{path}: benchdb must be a table: write its keys under [tool.benchdb]")
    return Settings(root, **{key: _setting(path, key, value) for key, value in table.items()})


def _setting(path: Path, key: str, value: object) -> Any:
    kinds = {field.name: str(field.type) for field in fields(Settings) if field.name != "root"}
    if key not in kinds:
        known = ", ".join(sorted(kinds))
        raise WrongSetting(f"{path}: [tool.benchdb] has no setting {key!r}: use one of {known}")
    if kinds[key].startswith("tuple"):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise WrongSetting(f"{path}: [tool.benchdb] {key} must be a list of strings")
    if kinds[key] == "int":
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        raise WrongSetting(f"{path}: [tool.benchdb] {key} must be a number, 0 or more")
    if not isinstance(value, str) or not value or "\0" in value:
        raise WrongSetting(f"{path}: [tool.benchdb] {key} must be a string that names a path")
    return value


_UNITS: Final = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds(given: str, of: str) -> float:
    """Return the seconds of a duration: ``"90d"``, ``"12h"``, ``"30min"``, ``"0"``.

    Parameters
    ----------
    given
        What the user wrote.
    of
        Where, for the message.

    Raises
    ------
    WrongSetting
        If it is none.
    """
    text = given.strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(number) :].strip()
    if number.isdecimal() and unit in _UNITS:
        return float(int(number)) * _UNITS[unit]
    raise WrongSetting(f"{of} {given!r} is no duration: write it as 90d, 12h, 30min or 0")


def find_root(start: Path) -> Path:
    """Return the rootdir of the project that `start` lies in, found upward as pytest does.

    The first folder upward that holds pytest.ini, or a pyproject.toml, tox.ini or setup.cfg with a
    section for pytest; else the first with a pyproject.toml, a setup.py or a benchmark.db; else
    `start` itself.
    """
    start = start.resolve()
    folders = (start, *start.parents)
    for folder in folders:
        if any(_configures_pytest(folder / name) for name in _PYTEST_FILES):
            return folder
    for folder in folders:
        if any(
            (folder / name).exists() for name in (DEFAULT_DATABASE, "pyproject.toml", "setup.py")
        ):
            return folder
    return start


_PYTEST_FILES: Final = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


def _configures_pytest(path: Path) -> bool:
    try:
        return _PYTEST_FILES[path.name] in path.read_text("utf-8", errors="replace")
    except OSError:
        return False


def database_location(
    option: str | None,
    settings: Settings,
    environ: Mapping[str, str] = os.environ,
    *,
    base: Path | None = None,
) -> Location:
    """Return where the database is: by an option, else a variable, else the settings.

    A relative path of an option is relative to `base`, the working folder by default; any other to
    the rootdir.

    Raises
    ------
    WrongSetting
        For an empty option, or a URL of something else than SQLite and PostgreSQL.
    """
    if option is not None:
        if not option:
            raise WrongSetting("the name of the database is empty: give a path or a URL")
        return location(option, base or Path.cwd())
    for variable in DATABASE_VARIABLES:
        if environ.get(variable):
            return location(environ[variable], settings.root)
    return location(settings.db or DEFAULT_DATABASE, settings.root)


def location(given: str, base: Path) -> Location:
    """Return what a path, relative to `base`, or a URL names.

    Raises
    ------
    WrongSetting
        For a URL of something else than SQLite and PostgreSQL.
    """
    scheme, is_url, _ = given.partition("://")
    if given.startswith("sqlite:///"):
        given = given.removeprefix("sqlite:///")
    elif is_url and scheme.lower() in _SERVER_SCHEMES:
        return Server(given)
    elif is_url:
        raise WrongSetting(
            f"{scheme}:// is no database that benchdb knows: give a path, a sqlite:/// URL, "
            "or a postgresql+psycopg:// URL"
        )
    return base / Path(given).expanduser()
