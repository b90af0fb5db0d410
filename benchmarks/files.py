"""Where workloads write files: a folder, or a URL that fsspec knows, for this machine and workers.

Folders are strings: they travel to the workers, which can't import this folder.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Seconds in which each worker must have written a file.
SHARED_TIMEOUT = 60.0


def is_url(folder: str) -> bool:
    """Tell a URL from a folder's path."""
    return "://" in folder


def checked(given: str, start: Path) -> str:
    """Return what ``--scratch`` names: a URL whose filesystem is installed here, or a folder.

    Parameters
    ----------
    start
        What a relative path starts at.

    Raises
    ------
    UserError
        If it is neither, in one line.
    """
    from benchdb.errors import UserError, one_line

    if not is_url(given):
        folder = start / given
        if not folder.is_dir():
            raise UserError(f"{given!r} is no folder: make it, or name another, or a URL")
        return str(folder)
    import fsspec

    try:
        filesystem = fsspec.get_filesystem_class(given.partition("://")[0])
    except (ImportError, ValueError) as error:  # a package is missing; or the name of a protocol
        raise UserError(
            f"{given!r}: {one_line(error)}: install what it needs, or name another URL or a folder"
        ) from error
    path = filesystem._strip_protocol(given)
    if not path.strip("/"):
        raise UserError(f"{given!r} names no folder: say which, as in s3://bucket/prefix")
    if given.startswith(("file://", "local://")):
        return checked(path, start)  # zarr makes no folders below such a URL
    return given.rstrip("/")


@contextlib.contextmanager
def made_in(parent: str | None, say: Callable[[str], None]) -> Iterator[str]:
    """Make a folder for a ``with`` block, at whose end it is gone with all that is in it.

    Parameters
    ----------
    parent
        A folder or a URL; the temporary folder if None.
    say
        Takes a line if something stays.

    Raises
    ------
    UserError
        If it can't be made, in one line.
    """
    from benchdb.errors import UserError, one_line
    from benchdb.scratch import scratch_folder

    if parent is None:
        with scratch_folder() as own:
            yield subfolder(str(own), "files")
        return
    if not is_url(parent):
        made = tempfile.mkdtemp(prefix="benchmarks-", dir=parent)
    else:
        made = f"{parent}/benchmarks-{uuid.uuid4().hex}"
        try:
            filesystem, path = opened(made)
            # Not its parents: S3 would get a bucket from a wrong letter.
            filesystem.mkdir(path, create_parents=False)
        except Exception as error:
            raise UserError(
                f"nothing can be written at {parent} ({one_line(error)}): is it there, and have "
                "you the rights to?"
            ) from error
    try:
        yield made
    finally:
        try:
            _remove(made)
        except Exception as error:  # each filesystem has its own
            say(f"{made} could not be removed ({one_line(error)})")


def _remove(folder: str) -> None:
    filesystem, path = opened(folder)
    # Where folders are no more than the beginning of names, one that is empty isn't there.
    with contextlib.suppress(FileNotFoundError):
        filesystem.rm(path, recursive=True)


def subfolder(folder: str, name: str) -> str:
    """Make a folder in a folder, and return it."""
    filesystem, path = opened(f"{folder}/{name}")
    filesystem.mkdir(path, create_parents=False)
    return f"{folder}/{name}"


def opened(folder: str) -> tuple[Any, str]:
    """Return the filesystem of a folder and its path there, with nothing remembered."""
    import fsspec.core

    filesystem, path = fsspec.core.url_to_fs(folder)
    filesystem.invalidate_cache()  # what workers wrote since is not in it
    return filesystem, path


def found(folder: str, ending: str = "") -> list[str]:
    """Return the files right below a folder, in the order of their names, for Dask to read."""
    filesystem, path = opened(folder)
    paths = [name for name in filesystem.ls(path, detail=False) if name.endswith(ending)]
    return [f"{folder}/{name.rpartition('/')[2]}" for name in sorted(paths)]


def parquet_writer(folder: str) -> Callable[[int, Any], None]:
    """Return what writes a numbered frame as a file below a folder, with pandas, on a worker."""

    def write(number: int, frame: Any) -> None:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(f"{folder}/part.{number:04d}.parquet")
        with filesystem.open(path, "wb") as file:
            frame.to_parquet(file)

    return write


def parquet(folder: str) -> Any:
    """Return the dataset of the Parquet files below a folder: their metadata, and no row."""
    import pyarrow.dataset

    filesystem, path = opened(folder)
    return pyarrow.dataset.dataset(path, filesystem=filesystem, format="parquet")


def size(folder: str) -> int:
    """Return the size of all files below a folder, in bytes."""
    filesystem, path = opened(folder)
    return sum(int(file["size"]) for file in filesystem.find(path, detail=True).values())


def unshared(cluster: Any, folder: str) -> str | None:
    """Return why what workers write in a folder can't be read here; None if it can.

    Raises
    ------
    UserError
        If workers don't answer, in one line.
    """
    from benchdb.clusters.workers import connected, run_on_workers

    def write() -> str | None:
        import uuid

        # Not fsspec.open: that makes a folder that isn't there, on a worker's own disk.
        try:
            from fsspec.core import url_to_fs

            filesystem, path = url_to_fs(folder)
            with filesystem.open(f"{path}/{uuid.uuid4().hex}", "wb") as file:
                file.write(b"x")
        except Exception as error:
            what = " ".join(str(error).split())[:200]
            return f"{type(error).__name__}: {what}"
        return None

    with connected(cluster) as client:
        said = run_on_workers(client, write, timeout=SHARED_TIMEOUT)
    for address, wrong in said.items():
        if wrong is not None:
            return f"worker {address} can't write there ({wrong})"
    missing = len(said) - len(found(folder))
    return f"{missing} of {len(said)} workers wrote what isn't found here" if missing else None
