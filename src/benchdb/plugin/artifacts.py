"""Keeping files of test runs: copied when they are attached, as tests clean up after themselves."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import os
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.records import Artifact

if TYPE_CHECKING:
    from benchdb.config import Location

_LONGEST: Final = 100


class ArtifactFolder:
    """The folder that files of one session are kept in.

    Parameters
    ----------
    folder
        Where sessions keep theirs; each has a folder of its own in it, named by its uid.
    database
        The database.
    base
        The database's folder, which paths are recorded relative to, so that both may be moved.
    uid
        The session's.
    """

    def __init__(self, folder: Path, database: Location, base: Path, uid: str) -> None:
        self._folder = folder / uid
        self._database = database
        self._base = base
        self._uid = uid

    def new_file(self, nodeid: str, name: str) -> Path:
        """Make an empty file of this name, or of one like it, and return its path.

        Raises
        ------
        OSError
            If it can't be made.
        """
        folder = self._folder / _safe(nodeid)
        folder.mkdir(parents=True, exist_ok=True)
        name = _safe(name)
        path = folder / name
        for number in itertools.count(2):
            # The same test may be running in another worker.
            with contextlib.suppress(FileExistsError):
                path.open("xb").close()
                break
            path = folder / f"{number}-{name}"
        return path

    def keep(self, nodeid: str, kind: str, given: str) -> Artifact:
        """Copy a file, or a folder as a zip, into the artifacts.

        Raises
        ------
        OSError, ValueError
            If it can't be read or copied, or must not be opened.
        """
        if not given:
            raise ValueError("it names no file")
        file = Path(given)
        status = file.stat()
        untouchable = self._untouchable()
        if _identity(status) in untouchable:
            raise ValueError("it is the database, which nobody may open but through SQLite")
        if stat.S_ISDIR(status.st_mode):
            name = f"{file.resolve().name}.zip"
        elif stat.S_ISREG(status.st_mode):
            # Else pytest would collect a test file that was attached.
            name = f"{file.name}.txt" if file.suffix == ".py" else file.name
        else:
            raise ValueError("it is neither a file nor a folder")
        path = self.new_file(nodeid, name)
        try:
            if file.is_dir():
                self._zip(file, path, untouchable)
            else:
                shutil.copyfile(file, path)
            return self.described(kind, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _untouchable(self) -> set[tuple[int, int]]:
        """Return the files of the database, wherever it is recorded by now.

        Whoever opens and closes one drops the locks that SQLite holds on it.
        """
        from benchdb.store.recording import candidates

        found = set()
        for path in candidates(self._database, self._uid, self._base):
            if not isinstance(path, Path):
                continue
            for one in (path, *path.parent.glob(f"{glob.escape(path.name)}-*")):
                with contextlib.suppress(OSError):
                    found.add(_identity(one.stat()))
        return found

    def _zip(self, folder: Path, to: Path, untouchable: set[tuple[int, int]]) -> None:
        """Write a zip of a folder's files, the database's and our own artifacts left out."""
        import zipfile

        ours = _identity(self._folder.parent.stat())
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for base, folders, names in os.walk(folder, onerror=_raise):
                path = Path(base)
                if _identity(path.stat()) == ours:
                    folders.clear()
                    continue
                if path != folder:
                    archive.write(path, path.relative_to(folder))
                for file in sorted(path / name for name in names):
                    if file.is_file() and _identity(file.stat()) not in untouchable:
                        archive.write(file, file.relative_to(folder))

    def described(self, kind: str, path: Path) -> Artifact:
        """Return the record of a file that lies in the artifacts."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        try:
            url = os.path.relpath(path, self._base)
        except ValueError:  # another drive
            url = str(path)
        return Artifact(
            kind, path.name, url=Path(url).as_posix(), size=path.stat().st_size, sha256=digest
        )


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _raise(error: OSError) -> None:
    raise error


def _safe(name: str) -> str:
    """Return a name that every file system takes, different for different names."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "_"
    if safe == name and len(safe) <= _LONGEST:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{digest}-{safe[-_LONGEST:]}"
