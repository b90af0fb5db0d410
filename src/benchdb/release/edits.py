"""Files as they are, and as they are to be: all of them are written, or none."""

from __future__ import annotations

import contextlib
import difflib
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Edited:
    """A file as it is, and as it is to be."""

    path: Path
    before: str
    after: str

    def difference(self) -> str:
        """Return what changes, as `diff -u` shows it."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            str(self.path),
            str(self.path),
        )
        return "".join(lines)


def write_all(files: Sequence[Edited]) -> None:
    """Write some files.

    Raises
    ------
    UserError
        If one can't be written: then all are as they were.
    """
    made: list[tuple[Edited, Path, Path]] = []
    replaced: list[Edited] = []
    with contextlib.ExitStack() as stack:
        for file in files:
            new = _beside(file.path)
            stack.callback(new.unlink, missing_ok=True)
            with _explained(file):
                _write(new, file.after, file.path)
            made.append((file, file.path.resolve(), new))
        for file, path, new in made:
            try:
                with _explained(file):
                    new.replace(path)
            except UserError:
                for one in replaced:
                    with contextlib.suppress(OSError):
                        _restore(one, stack)
                raise
            replaced.append(file)


def _restore(file: Edited, stack: contextlib.ExitStack) -> None:
    old = _beside(file.path)
    stack.callback(old.unlink, missing_ok=True)
    _write(old, file.before, file.path)
    old.replace(file.path.resolve())


def _beside(path: Path) -> Path:
    """Return a new name beside a file, behind its links."""
    path = path.resolve()
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")


def _write(new: Path, text: str, like: Path) -> None:
    with new.open("x", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    shutil.copymode(like, new)


@contextlib.contextmanager
def _explained(file: Edited) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{file.path} can't be written ({reason(error)}), and nothing was: "
            "allow it, or make room"
        ) from None
