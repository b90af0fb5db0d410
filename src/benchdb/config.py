"""Settings: ``[tool.benchdb]`` in pyproject.toml, the environment, and where the database is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from benchdb.errors import WrongSetting, reason
from benchdb.globs import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The database's name where nobody chose another.
DEFAULT_DATABASE: Final = "benchmark.db"

#: Environment variables that name the database, the newer first.
DATABASE_VARIABLES: Final = ("BENCHDB_URL", "DB_NAME")

#: The name of the folder that files of test runs are kept in, where nobody chose another.
DEFAULT_ARTIFACTS: Final = "benchmark-artifacts"

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


#: Of tests and metrics that no pattern fits.
_DEFAULT_TOLERANCE: Final = (("*", 0.02),)


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
        How long a folded segment stays, for those who have listed it: ``"1h"``, ``"30min"``, 0.
    keep_snapshots
        How many earlier snapshots of a month stay in a remote, as backups.
    publish_every
        How old ``benchmark.db`` of a remote may be before it is renewed: ``"1d"``; 0 is off.
    largest_artifact
        Bytes of the largest file of a test run that goes to a remote; 0 is none.
    metrics
        Which metrics `gate` judges, by name; ``*`` stands for anything, ``?`` for one character.
    tolerance
        The effect that doesn't matter, as a share: a number for all, or a table of tests
        (``path::name``, with ``*`` and ``?``), with a metric behind an ``@`` where it is for that
        alone: ``{"*" = 0.02, "tests/io/*" = 0.1, "* @ peak_memory" = 0.05}``. The last that fits
        counts.
    false_alarms
        The share of sessions that `gate` may fail although nothing changed, of the whole suite.
    fail_on
        What fails `gate`: ``"confirmed"`` regressions alone, or ``"suspect"`` ones, too. By default
        the former for sessions of the trunk, the latter for all others.
    controls
        Tests that don't run the code on trial (``path::name``, with ``*`` and ``?``): where one of
        them moves, too, it was the machine.
    renamed
        Former names of tests and the ones that followed: ``{"path::test_old" = "path::test_new"}``;
        of a file, a class, a test, or a case with its parameters. Their series go on.
    commit_url
        The page of a commit, with ``{commit}``, for the dashboard: by default that of the remote
        ``origin`` on GitHub or GitLab.
    compare_url
        The page of a range of commits, with ``{good}`` and ``{bad}``; the same.
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
    metrics: tuple[str, ...] = ("*",)
    tolerance: tuple[tuple[str, float], ...] = _DEFAULT_TOLERANCE
    false_alarms: float = 0.01
    fail_on: str | None = None
    controls: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    commit_url: str | None = None
    compare_url: str | None = None

    def tolerance_of(self, case: str, metric: str) -> float:
        """Return the effect that doesn't matter of a metric of a case (``path::name``)."""
        found = 0.0
        for pattern, share in self.tolerance:
            test, at, of = pattern.rpartition(" @ ")
            if matches(test if at else pattern, case) and (not at or matches(of, metric)):
                found = share
        return found


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
    return _settings_in(path, text, root) if "benchdb" in text else Settings(root)


def read_settings_file(path: Path, root: Path) -> Settings:
    """Return what another file than pyproject.toml says under ``[tool.benchdb]``.

    Raises
    ------
    WrongSetting
        As `read_settings` does, and if the file can't be read or has no such table.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path} can't be read ({reason(error)}): name a TOML file") from None
    return _settings_in(path, text, root, required=True)


def _settings_in(path: Path, text: str, root: Path, *, required: bool = False) -> Settings:
    import tomllib

    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise WrongSetting(f"{path} is no valid TOML ({error}): mend that line") from None
    table = tools.get("benchdb", {}) if isinstance(tools, dict) else {}
    if required and not (isinstance(tools, dict) and "benchdb" in tools):
        raise WrongSetting(f"{path} has no table [tool.benchdb]: write the settings under it")
    if not isinstance(table, dict):
        raise WrongSetting(f"{path}: benchdb must be a table: write its keys under [tool.benchdb]")
    return Settings(root, **{key: _setting(path, key, value) for key, value in table.items()})


def _setting(path: Path, key: str, value: object) -> Any:
    kinds = {field.name: str(field.type) for field in fields(Settings) if field.name != "root"}
    if key not in kinds:
        known = ", ".join(sorted(kinds))
        raise WrongSetting(f"{path}: [tool.benchdb] has no setting {key!r}: use one of {known}")
    where = f"{path}: [tool.benchdb] {key}"
    return _KINDS[kinds[key]](key, where, value)


def _strings(_: str, where: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise WrongSetting(f"{where} must be a list of strings")


def _count(_: str, where: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise WrongSetting(f"{where} must be a number, 0 or more")


def _share(_: str, where: str, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1:
        return float(value)
    raise WrongSetting(f"{where} must be a share between 0 and 1, as 0.01")


def _shares(_: str, where: str, value: object) -> tuple[tuple[str, float], ...]:
    named: dict[Any, Any] = value if isinstance(value, dict) else {"*": value}
    if all(
        isinstance(one, (int, float)) and not isinstance(one, bool) and 0 <= one < 1
        for one in named.values()
    ):
        return (*_DEFAULT_TOLERANCE, *((str(name), float(one)) for name, one in named.items()))
    raise WrongSetting(
        f"{where} must be a share below 1 (2 % is 0.02), or a table of tests and shares"
    )


def _names(_: str, where: str, value: object) -> tuple[tuple[str, str], ...]:
    if isinstance(value, dict) and all(
        isinstance(new, str) and old and new for old, new in value.items()
    ):
        return tuple((str(old), new) for old, new in value.items())
    raise WrongSetting(f"{where} must be a table of former names and new ones")


def _duration(where: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return "0"
    if not isinstance(value, str):
        raise WrongSetting(f'{where} must be a duration as "1d", "12h" or "30min", or 0')
    seconds(value, where)
    return value


def _string(key: str, where: str, value: object) -> str:
    if key in _CHOICES and value not in _CHOICES[key]:
        raise WrongSetting(f"{where} must be {' or '.join(map(repr, _CHOICES[key]))}")
    if key in _DURATIONS:
        return _duration(where, value)
    if key in _TEMPLATES:
        return _template(key, where, value)
    if not isinstance(value, str) or not value or "\0" in value:
        raise WrongSetting(f"{where} must be a string that names a path")
    return value


def _template(key: str, where: str, value: object) -> str:
    """Take the template of a page's address: of http or https, and nothing that isn't one."""
    names = _TEMPLATES[key]
    if isinstance(value, str) and _ADDRESS.fullmatch(value):
        filled = value
        for name in names:
            filled = filled.replace(f"{{{name}}}", "")
        if all(f"{{{name}}}" in value for name in names) and not {"{", "}"} & set(filled):
            return value
    shown = " and ".join(f"{{{name}}}" for name in names)
    raise WrongSetting(f"{where} must be an https:// URL with {shown} in it")


#: Addresses of pages with what is filled in: all that a URL may have, no user, no password.
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?/[A-Za-z0-9._~:/?#@!$&()*+,;=%{}-]*")

_TEMPLATES: Final = {"commit_url": ("commit",), "compare_url": ("good", "bad")}

_DURATIONS: Final = frozenset({"compact_grace", "publish_every"})

_CHOICES: Final = {"fail_on": ("confirmed", "suspect")}

#: How to take a value of each type.
_KINDS: Final[dict[str, Callable[[str, str, object], Any]]] = {
    "tuple[str, ...]": _strings,
    "tuple[str, ...] | None": _strings,
    "tuple[tuple[str, float], ...]": _shares,
    "tuple[tuple[str, str], ...]": _names,
    "int": _count,
    "float": _share,
    "str": _string,
    "str | None": _string,
}


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


def artifacts_folder(beside: Path, settings: Settings) -> Path:
    """Return the folder that files of test runs are kept in.

    Parameters
    ----------
    beside
        The database's folder.
    settings
        They may name another.
    """
    if settings.artifacts:
        return settings.root / settings.artifacts
    return beside / DEFAULT_ARTIFACTS


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
