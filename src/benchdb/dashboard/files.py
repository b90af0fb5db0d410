"""The site's files: written only where their bytes change, removed where they are ours and gone."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from benchdb.dashboard.data import Sessions, Summary
from benchdb.dashboard.packing import packed
from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: By this file a folder is known as a dashboard's; it lists what was written.
MANIFEST: Final = ".benchdb-dashboard.json"

#: What a build writes into its folder.
TOP: Final = (
    "index.html",
    "app.js",
    "app.css",
    "summary.json",
    "summary.csv",
    "summary.md",
    "feed.xml",
    "data",
    "artifacts",
)

#: Where files of before are removed, and what they may be called.
_OURS: Final = re.compile(r"(?:data|artifacts)(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")


class Site:
    """A folder that a site is written into.

    Parameters
    ----------
    folder
        It is made where there is none.

    Raises
    ------
    UserError
        If it is none, can't be written, or holds files of these names that no build made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[str] = []
        self._names: set[str] = set()
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file: name a folder with -o")
        with self._explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            before = self._before()
        if before is None:
            strange = [name for name in TOP if os.path.lexists(folder / name)]
            if strange:
                raise UserError(
                    f"{folder} holds {strange[0]}, which no dashboard wrote: name another folder "
                    "with -o, or remove it"
                )
        self._is_ours = before is not None
        self._former = set(before or ())

    def _before(self) -> list[str] | None:
        """Return the files that the former build wrote; None where there was none."""
        try:
            content = json.loads((self.folder / MANIFEST).read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            return []
        files = content.get("files") if isinstance(content, dict) else None
        if not isinstance(files, list):
            return []
        return [name for name in files if isinstance(name, str) and _OURS.fullmatch(name)]

    @contextlib.contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{path} can't be written ({reason(error)}): name another folder with -o"
            ) from error

    @property
    def size(self) -> int:
        """How many files the site has."""
        return len(self._names)

    def data(self, name: str, content: object) -> None:
        """Write a data file."""
        self.write(f"data/{name}.js", data_script(name, content))

    def write(self, name: str, content: bytes) -> None:
        """Write a file, unless it has these bytes already."""
        self._names.add(name)
        path = self.folder / name
        with self._explained(path):
            try:
                if path.stat().st_size == len(content) and path.read_bytes() == content:
                    return
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, content)
        self.written.append(name)

    def _write(self, path: Path, content: bytes) -> None:
        """Put a whole file into its place: nobody reads half of it."""
        if not self._is_ours:  # from now on, however this build ends
            self._is_ours = True
            self._write(self.folder / MANIFEST, _manifest([]))
        # a name of its own: another build may be writing the same file
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        with self._explained(path):
            try:
                new.write_bytes(content)
                os.replace(new, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    new.unlink()
                raise

    def keep(self, name: str, size: int) -> bool:
        """Keep a file of before whose name tells its content; tell whether it is there."""
        path = self.folder / name
        with self._explained(path):
            there = path.is_file() and path.stat().st_size == size
        if there:
            self._names.add(name)
        return there

    def finish(self) -> list[str]:
        """Remove what earlier builds wrote and this one didn't; return the names."""
        gone = sorted(self._former - self._names)
        for name in gone:
            path = self.folder / name
            with self._explained(path), contextlib.suppress(FileNotFoundError):
                path.unlink()
            for parent in path.parents:
                if parent == self.folder:
                    break
                try:
                    parent.rmdir()
                except OSError:  # something else is in it
                    break
        manifest = _manifest(sorted(name for name in self._names if _OURS.fullmatch(name)))
        path = self.folder / MANIFEST
        with self._explained(path):
            if path.read_bytes() != manifest:
                self._write(path, manifest)
        return gone


def _manifest(files: list[str]) -> bytes:
    return json.dumps({"files": files}, indent=0).encode() + b"\n"


def data_script(name: str, content: object) -> bytes:
    """Return a data file: a script that hands its content to the page."""
    return f'benchdb("{name}", {as_json(content)})\n'.encode("ascii")


def as_json(content: object) -> str:
    r"""Return JSON that may stand in any script: in ASCII, and no ``<`` in it but as ``\u003c``."""
    text = json.dumps(
        content, default=_as_dict, ensure_ascii=True, allow_nan=False, separators=(",", ":")
    )
    return text.replace("<", "\\u003c")


def _as_dict(one: Any) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in _names_of(type(one))}
    if isinstance(one, (Sessions, Summary)):  # as long as the history
        return {
            name: packed(value) if isinstance(value, list) else value
            for name, value in found.items()
        }
    return found


_NAMES: Final[dict[type[Any], tuple[str, ...]]] = {}


def _names_of(kind: type[Any]) -> tuple[str, ...]:
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return _NAMES[kind]
