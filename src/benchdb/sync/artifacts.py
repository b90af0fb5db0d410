"""Files of test runs: by their SHA-256, up to a size, beside the sessions of a history."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError
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
    query = (
        "SELECT DISTINCT sha256, url FROM artifact JOIN session ON session_id = id "
        "WHERE sha256 IS NOT NULL AND url IS NOT NULL AND size <= ?"
    )
    with explaining(at), connected(at) as connection:
        if keys is None:
            rows = connection.execute(query, (most,)).fetchall()
        else:
            both = f"{query} AND uid=? AND digest=?"
            rows = [row for key in keys for row in connection.execute(both, (most, *key))]
    return list(_inside(rows, folder))


def _inside(rows: Iterable[tuple[str, str]], folder: Path) -> Iterator[Wanted]:
    top = folder.resolve()
    for sha256, url in dict.fromkeys(rows):
        if not is_checksum(sha256) or "://" in url or "\0" in url:
            continue
        # A history may have been written to by anybody.
        place = (top / url).resolve()
        if place.is_relative_to(top) and place != top and not os.path.isabs(url):
            yield Wanted(sha256, place)


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
    """What came of fetching files: how many are there now; those that are not in the history."""

    files: int
    gone: int
    damaged: tuple[str, ...]


def fetch_files(objects: Objects, files: Iterable[Wanted], progress: Progress) -> Brought:
    """Fetch the files that are not where they were recorded.

    Raises
    ------
    UserError
        If one can't be written there; those before it are.
    """
    lacking = [one for one in files if not one.place.exists()]
    count = gone = 0
    damaged = []
    for done, one in enumerate(lacking):
        progress("fetching files", done, len(lacking))
        name = f"{ARTIFACTS}{one.sha256}"
        try:
            one.place.parent.mkdir(parents=True, exist_ok=True)
            descriptor, part = tempfile.mkstemp(dir=one.place.parent)
            os.close(descriptor)
            try:
                if not objects.fetch(name, Path(part)):
                    gone += 1
                elif hashlib.sha256(Path(part).read_bytes()).hexdigest() != one.sha256:
                    damaged.append(name)
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
    return Brought(count, gone, tuple(damaged))
