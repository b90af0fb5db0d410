"""Files of test runs: by their SHA-256, up to a size, beside the sessions of a history."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError, WrongSetting
from benchdb.store.opening import connected, explaining

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchdb.config import Location
    from benchdb.store.progress import Progress
    from benchdb.sync.objects import Objects
    from benchdb.sync.state import Key

ARTIFACTS: Final = "artifacts/"

_HEX: Final = frozenset("0123456789abcdef")


def is_file(name: str) -> bool:
    """Tell whether an object is named as a file of a test run."""
    return name.startswith(ARTIFACTS) and is_checksum(name.removeprefix(ARTIFACTS))


def is_checksum(text: str) -> bool:
    """Tell whether this is a SHA-256: a history may have been written to by anybody."""
    return len(text) == 64 and _HEX.issuperset(text)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a test run: its SHA-256, and where it lies."""

    sha256: str
    place: Path


def files_of(
    at: Location, folder: Path, most: int, keys: Iterable[Key] | None = None
) -> list[Wanted]:
    """Return the files of sessions that a history takes.

    Parameters
    ----------
    at
        The database, at the newest schema.
    folder
        That the database's paths are relative to. What would lie outside of it is left out.
    most
        Bytes of the largest file that is taken.
    keys
        Of the sessions; all by default.
    """
    query = f"{_RECORDED} AND size <= ?"
    with explaining(at), connected(at) as connection:
        if keys is None:
            rows = connection.execute(query, (most,)).fetchall()
        else:
            both = f"{query} AND uid=? AND digest=?"
            rows = [row for key in keys for row in connection.execute(both, (most, *key))]
    top = folder.resolve()
    found = (Wanted(sha256, (top / url).resolve()) for sha256, url in _files(rows))
    return [one for one in found if _is_below(one.place, top)]


_RECORDED: Final = (
    "SELECT DISTINCT sha256, url FROM artifact JOIN session ON session_id = id "
    "WHERE sha256 IS NOT NULL AND url IS NOT NULL"
)


def _files(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Give the SHA-256 and the path of what is a file."""
    for sha256, url in dict.fromkeys(rows):
        is_path = "://" not in url and "\0" not in url and not os.path.isabs(url)
        if is_path and is_checksum(sha256):
            yield sha256, url


def _is_below(place: Path, folder: Path) -> bool:
    return place != folder and place.is_relative_to(folder)


@dataclass(frozen=True, slots=True)
class Lacking:
    """Files of sessions that are not where they were recorded.

    Parameters
    ----------
    wanted
        Those that may be fetched.
    left
        The SHA-256 of those that would not lie in the folder for artifacts, or might be run there,
        by path.
    large
        The SHA-256 of others that are too large.
    """

    wanted: tuple[Wanted, ...]
    left: dict[str, str]
    large: tuple[str, ...]


def lacking_files(at: Location, base: Path, folder: Path, most: int) -> Lacking:
    """Return the files of sessions that are not where they were recorded.

    A history may have been written to by anybody, who may have made up paths and names.

    Parameters
    ----------
    at
        The database, at the newest schema.
    base
        The folder that its paths are relative to.
    folder
        The one that artifacts are kept in: nothing is to be written elsewhere.
    most
        Bytes of the largest file that is wanted.

    Raises
    ------
    WrongSetting
        If the folder has the database in it, or the project.
    """
    if base.resolve().is_relative_to(folder.resolve()):
        raise WrongSetting(
            f"{folder} is for more than artifacts, so none are fetched into it: name a folder of "
            "their own by artifacts in [tool.benchdb]"
        )
    with explaining(at), connected(at) as connection:
        rows = connection.execute(_RECORDED).fetchall()
        fitting = connection.execute(f"{_RECORDED} AND size <= ?", (most,)).fetchall()
    small = set(fitting)
    # A project may be reached through a link, and its folder for artifacts be one.
    top, below = base.resolve(), folder.parent.resolve() / folder.name
    wanted = []
    left = {}
    large = []
    for sha256, url in _files(rows):
        place = Path(os.path.normpath(top / url))
        if os.path.lexists(place):
            continue
        if not _is_kept_in(place, below):
            left[url] = sha256
        elif (sha256, url) in small:
            wanted.append(Wanted(sha256, place))
        else:
            large.append(sha256)
    return Lacking(tuple(wanted), dict(sorted(left.items())), tuple(large))


def _is_kept_in(place: Path, folder: Path) -> bool:
    """Tell whether a file may be put there: below the folder, links followed, and run by nobody."""
    if not _is_below(place, folder) or not _is_below(place.resolve(), folder.resolve()):
        return False
    names = place.relative_to(folder).parts
    return all(map(_PLAIN.fullmatch, names)) and place.suffix.lower() not in _RUN


#: The names that the plugin gives to what it keeps. So nothing is hidden.
_PLAIN: Final = re.compile("_|[A-Za-z0-9-][A-Za-z0-9._-]*")

#: What pytest collects, and Python imports.
_RUN: Final = frozenset({".py", ".pyc", ".pyd", ".pyw", ".so", ".pth"})


def put_files(objects: Objects, files: Iterable[Wanted], known: set[str]) -> set[str]:
    """Put files where they aren't yet; return the names of the objects that are there now."""
    there = set()
    for one in files:
        name = f"{ARTIFACTS}{one.sha256}"
        if name in known or name in there:
            continue
        with contextlib.suppress(OSError):  # it was removed: the session says what it was
            body = one.place.read_bytes()
            if hashlib.sha256(body).hexdigest() == one.sha256:
                objects.put_new(name, body)
                there.add(name)
    return there


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of fetching files.

    Parameters
    ----------
    files
        How many are there now.
    gone, damaged
        The SHA-256 of those that are not in the history, and of those whose bytes there are others.
    """

    files: int
    gone: tuple[str, ...]
    damaged: tuple[str, ...]


def fetch_files(objects: Objects, files: Iterable[Wanted], progress: Progress) -> Brought:
    """Fetch files to where they are wanted.

    Raises
    ------
    UserError
        If one can't be written there; those before it are.
    """
    wanted = list(files)
    count = 0
    gone = []
    damaged = []
    for done, one in enumerate(wanted):
        progress("fetching files", done, len(wanted))
        name = f"{ARTIFACTS}{one.sha256}"
        try:
            one.place.parent.mkdir(parents=True, exist_ok=True)
            descriptor, part = tempfile.mkstemp(dir=one.place.parent)
            os.close(descriptor)
            try:
                if not objects.fetch(name, Path(part)):
                    gone.append(one.sha256)
                elif hashlib.sha256(Path(part).read_bytes()).hexdigest() != one.sha256:
                    damaged.append(one.sha256)
                else:
                    Path(part).chmod(0o644)
                    Path(part).replace(one.place)
                    count += 1
            finally:
                Path(part).unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{one.place} can't be written ({error.strerror}): mend that, then pull "
                "--artifacts again"
            ) from error
    return Brought(count, tuple(gone), tuple(damaged))
