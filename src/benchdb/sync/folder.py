"""A plain folder as a remote: on this machine, or on a file system that several machines mount.

An object is a file. It is written under another name, and gets its own only when it is whole and on
the disk; so nobody ever sees half of one, whoever is killed. Helper files are in `.benchdb` beside
the objects: what is being written, and a lock for each object that is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import threading
import time
import uuid
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import NoAccess, UnreachableHistory, UnusableHistory
from benchdb.locks import HeldByAnother, patiently
from benchdb.sync.artifacts import ARTIFACTS
from benchdb.sync.objects import Got, dated
from benchdb.sync.protocol.names import SEGMENTS, SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchdb.sync.objects import ObjectFacts

_HELPERS: Final = ".benchdb"
_PART: Final = ".part"

#: The folders that objects of a history lie in.
_OURS: Final = frozenset(one.rstrip("/") for one in (SEGMENTS, SNAPSHOTS, ARTIFACTS))

#: What was being written and hasn't grown for so many seconds belongs to a process that is dead.
_LEFT_OVER: Final = 3600.0

#: How many seconds to wait for a lock, which is held for the time of a rename.
_LOCK_PATIENCE: Final = 60.0

#: What file systems without hard links say.
_NO_LINKS: Final = (
    errno.EPERM,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
    errno.EINVAL,
)

# Some network file systems lock for a process, not for a descriptor.
_one_of_us = threading.Lock()


class Folder:
    """A folder as a remote: see `Objects`.

    Parameters
    ----------
    root
        The folder; the first object makes it, if the one that it lies in is there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)
        self.address = os.path.abspath(root)

    def exists(self) -> bool:
        """Tell whether there is a folder."""
        return self.root.exists()

    def read(self, name: str, first: int | None = None) -> Got | None:
        """Return an object, or its `first` bytes; None where there is none."""
        path = self._path(name)
        with self._told("read"):
            if first is not None:
                try:
                    with path.open("rb") as file:
                        return Got(file.read(first), "")
                except FileNotFoundError:
                    return None
            body = _content(path)
            return None if body is None else Got(body, hashlib.sha256(body).hexdigest())

    def fetch(self, name: str, to: Path) -> bool:
        """Write an object to a file, and tell whether there is one."""
        path = self._path(name)
        with contextlib.ExitStack() as stack:
            with self._told("read"):
                try:
                    source = stack.enter_context(path.open("rb"))
                except FileNotFoundError:
                    return False
            shutil.copyfileobj(source, stack.enter_context(to.open("wb")), 1 << 20)
            return True

    def etag(self, name: str) -> str | None:
        """Return the SHA-256 of an object; None where there is none."""
        with self._told("read"):
            return _state(self._path(name))

    def put_new(self, name: str, body: bytes | Path) -> bool:
        """Put an object where none is, and tell whether none was."""
        path = self._path(name)
        with self._told("write into"):
            if path.exists():  # spares the writing
                return False
            with self._written(body) as part:
                self._make(path.parent)
                try:
                    os.link(part, path)
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    with self._locked(name):
                        if path.exists():
                            return False
                        part.replace(path)
                _sync(path.parent)
                return True

    def replace(self, name: str, body: bytes | Path, etag: str | None) -> bool:
        """Put an object over the one with this ETag (None: where none is)."""
        path = self._path(name)
        with self._told("write into"), self._written(body) as part:
            self._make(path.parent)
            with self._locked(name):
                if _state(path) != etag:
                    return False
                part.replace(path)
                _sync(path.parent)
                return True

    def list(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield all objects whose names begin so."""
        folder, _, start = prefix.rpartition("/")
        with self._told("read"):
            if not self.root.is_dir() and self.root.exists():
                raise NotADirectoryError
            if not self.root.parent.exists():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            now = self._now()
            top = self._path(folder) if folder else self.root
            for name, entry in _files(top, f"{folder}/" if folder else "", start):
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat()
                    yield dated(name, facts.st_size, now - facts.st_mtime)

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone already too."""
        with self._told("delete from"):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self._path(name).unlink()

    def _path(self, name: str) -> Path:
        # A name may come from a manifest that somebody else wrote.
        parts = name.split("/")
        if parts[0] == _HELPERS or any(
            part in {"", ".", ".."} or any(mark in part for mark in "\\:\0") for part in parts
        ):
            raise UnusableHistory(f"{self.url} can't have an object {name!r} in it: look who did")
        return self.root.joinpath(*parts)

    @contextlib.contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._mistake(error, doing) from error

    def _mistake(self, error: OSError, doing: str) -> UnusableHistory:
        where = error.filename or self.url
        match error.errno:
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return NoAccess(
                    f"no permission to {doing} the folder {self.url} "
                    f"({where}: {error.strerror}): ask who owns it for the permission"
                )
            case errno.ENOSPC | errno.EDQUOT:
                return UnusableHistory(
                    f"no space is left for the folder {self.url}: free some, then try again"
                )
            case errno.ENOENT if not self.root.parent.exists():
                return UnusableHistory(
                    f"there is no folder {self.root.parent} to keep {self.root.name} in: "
                    "make it, or correct the path"
                )
        if isinstance(error, NotADirectoryError | FileExistsError):
            return UnusableHistory(
                f"{self.url} is a file, or has one where a folder must be: give another folder"
            )
        return UnusableHistory(
            f"can't {doing} the folder {self.url} ({where}: {error.strerror or error}): "
            "mend that, then try again"
        )

    @contextlib.contextmanager
    def _written(self, body: bytes | Path) -> Iterator[Path]:
        """Give a file that holds the body and is on the disk; it is gone afterwards."""
        helpers = self.root / _HELPERS
        self._make(helpers)
        self._sweep(helpers)
        part = helpers / f"{uuid.uuid4().hex}{_PART}"
        with BytesIO(body) if isinstance(body, bytes) else body.open("rb") as source:
            try:
                with part.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                    file.flush()
                    os.fsync(file.fileno())
                self._share(part)
                yield part
            finally:
                part.unlink(missing_ok=True)

    def _sweep(self, helpers: Path) -> None:
        """Remove what the dead left."""
        now: float | None = None
        for left in helpers.glob(f"*{_PART}"):
            now = now or self._now()
            with contextlib.suppress(OSError):
                if now - left.stat().st_mtime > _LEFT_OVER:
                    left.unlink()

    def _now(self) -> float:
        """Return the time by the clock that files here are dated by."""
        mark = self.root / _HELPERS / f"{uuid.uuid4().hex}{_PART}"
        try:
            mark.touch()
            now = mark.stat().st_mtime
            mark.unlink()
        except OSError:  # nothing was put here yet, or this user may only read
            return time.time()
        return now

    def _make(self, folder: Path) -> None:
        """Make a folder, and those above it up to the remote's own."""
        if folder.is_dir():
            return
        if folder != self.root:
            self._make(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            if folder != self.root:
                self._share(folder)
            _sync(folder.parent)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))

    def _share(self, path: Path) -> None:
        """Let those use it who may use the remote's folder, whatever this user's mask is."""
        mode = self.root.stat().st_mode & 0o7777
        with contextlib.suppress(OSError):
            path.chmod(mode if path.is_dir() else mode & 0o666)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold the lock of an object, which one process at a time may replace."""
        path = self.root / _HELPERS / f"{name.replace('/', '_')}.lock"
        with _one_of_us:
            is_new = not path.exists()
            try:
                lock = patiently(path, _LOCK_PATIENCE)
            except HeldByAnother:
                raise UnreachableHistory(
                    f"another process holds {path} for a minute already: "
                    "see what it does, then try again"
                ) from None
            try:
                if is_new:
                    self._share(path)
                yield
            finally:
                # The file stays: who has opened it already, and gets its lock when it is gone,
                # would share that with who makes it anew.
                lock.release(remove=False)


def _content(path: Path) -> bytes | None:
    for _ in range(5):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:  # over NFS, of a file that was replaced between open and read
            if error.errno != errno.ESTALE:
                raise
    return path.read_bytes()


def _state(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _files(
    folder: Path, above: str, start: str = "", within: frozenset[str] = frozenset()
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the files in a folder and in those below it, with their names as objects.

    A link is followed where objects of a history may lie, as who lists only these follows it; one
    that leads to a folder it is `within` is not.
    """
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    within |= {os.path.realpath(folder)}
    for entry in entries:
        name = f"{above}{entry.name}"
        if name == _HELPERS or not entry.name.startswith(start):
            continue
        is_ours = name.split("/", maxsplit=1)[0] in _OURS
        if entry.is_dir(follow_symlinks=is_ours):
            if os.path.realpath(entry.path) not in within:
                yield from _files(Path(entry.path), f"{name}/", within=within)
        elif entry.is_file() and name.isprintable():  # ours are; others may not even be Unicode
            yield name, entry


def _sync(folder: Path) -> None:
    """See to it that a name in a folder is on the disk."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems can't
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)
