"""Keeping files of test runs: copied when they are attached, as tests clean up after themselves."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Final

from benchdb.records import Artifact

_LONGEST: Final = 100


class ArtifactFolder:
    """The folder that files of one session are kept in.

    Parameters
    ----------
    folder
        Where sessions keep theirs; each has a folder of its own in it, named by its uid.
    database
        The database; paths are recorded relative to its folder, so that both may be moved.
    uid
        The session's.
    """

    def __init__(self, folder: Path, database: Path, uid: str) -> None:
        self._folder = folder / uid
        self._base = database.parent

    def place(self, nodeid: str, name: str) -> Path:
        """Return a path, not yet taken, for a file of this name; its folder exists."""
        folder = self._folder / _safe(nodeid)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _safe(name)
        number = 1
        while path.exists():
            number += 1
            path = folder / f"{number}-{_safe(name)}"
        return path

    def keep(self, nodeid: str, kind: str, file: Path) -> Artifact:
        """Copy a file, or a folder as a zip, into the artifacts.

        Raises
        ------
        OSError
            If it can't be read or copied.
        """
        if file.is_dir():
            place = self.place(nodeid, f"{file.name}.zip")
            shutil.make_archive(str(place.with_suffix("")), "zip", file)
        else:
            # Else pytest would collect a test file that was attached.
            name = f"{file.name}.txt" if file.suffix == ".py" else file.name
            place = self.place(nodeid, name)
            shutil.copyfile(file, place)
        return self.described(kind, place)

    def described(self, kind: str, place: Path) -> Artifact:
        """Return the record of a file that lies in the artifacts."""
        with place.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        try:
            url = os.path.relpath(place, self._base)
        except ValueError:  # another drive
            url = str(place)
        return Artifact(
            kind, place.name, url=Path(url).as_posix(), size=place.stat().st_size, sha256=digest
        )


def _safe(name: str) -> str:
    """Return a name that every file system takes, different for different names."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "_"
    if safe == name and len(safe) <= _LONGEST:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{digest}-{safe[-_LONGEST:]}"
