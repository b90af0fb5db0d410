"""The index of a channel in a folder: what is in it, in ``repodata.json``."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from benchdb.errors import UnusableChannel
from benchdb.release.conda.channels import waited
from benchdb.release.conda.panics import said, tamed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def index(folder: Path, *, anew: bool = False) -> None:
    """Write the index of a channel in a folder.

    Parameters
    ----------
    anew
        Whether a file was replaced: what the index says of a name is kept otherwise.

    Raises
    ------
    UnusableChannel
        If it can't be written.
    """
    from rattler.index import index_fs

    (folder / "noarch").mkdir(parents=True, exist_ok=True)
    for path in _packages(folder):
        if not is_package(path):
            raise _no_package(path)
    try:
        with tamed():
            # Plain repodata.json is all that a folder needs: shards are for servers.
            waited(lambda: index_fs(folder, write_zst=False, write_shards=False, force=anew))
    except Exception as error:
        for path in _packages(folder):
            if not _can_be_read(path):
                raise _no_package(path) from None
        raise UnusableChannel(
            f"the channel {folder} can't be indexed ({said(error)}): is there space, and may you "
            "write there? Nothing was changed"
        ) from None


def is_package(path: Path) -> bool:
    """Tell whether a file has the form of a package; what is in its parts isn't looked at."""
    try:
        if path.suffix == ".conda":
            with zipfile.ZipFile(path) as parts:
                names = parts.namelist()
            return all(any(one.startswith(part) for one in names) for part in ("info-", "pkg-"))
        with path.open("rb") as stream:
            return stream.read(3) == b"BZh"
    except (OSError, zipfile.BadZipFile):
        return False


def _packages(folder: Path) -> Iterator[Path]:
    for kind in ("conda", "tar.bz2"):
        yield from sorted(folder.glob(f"[!.]*/*.{kind}"))


def _no_package(path: Path) -> UnusableChannel:
    return UnusableChannel(f"{path} is no package of conda's: remove it")


def _can_be_read(path: Path) -> bool:
    import rattler

    try:
        with tamed():
            rattler.IndexJson.from_package_archive(path)
    except Exception:
        return False
    return True
