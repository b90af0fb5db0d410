"""Every installed package with its version, read from names of folders rather than their files.

`importlib.metadata` parses the METADATA of each, which takes half a second for 300 packages; the
wheel format writes name and version into the folder's name. Files are read only where the name
doesn't tell.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.collect.redaction import redact
from benchdb.keys import normalised
from benchdb.records import Package

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Folders that only installers write into: their mtime tells whether anything changed.
_INSTALLED: Final = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Editable:
    """A package that is imported from its own source folder.

    Parameters
    ----------
    name, version
        As its metadata say: of the day when it was installed.
    folder
        The project's folder, or the one inside it that is on ``sys.path``.
    """

    name: str
    version: str
    folder: Path


def scan_key(path: Sequence[str] | None = None, prefix: str | None = None) -> str:
    """Return a hash of the folders on ``sys.path`` that changes when a package does.

    Parameters
    ----------
    path, prefix
        By default `sys.path` and `sys.prefix`.
    """
    state: list[object] = [sys.version_info[:2]]
    for folder in _folders(path):
        if os.path.basename(folder) in _INSTALLED:
            state.append((folder, _mtime(folder)))
            continue
        # A project's own folder changes with every file that a test run leaves there, the database
        # above all; of it only the metadata count.
        found = sorted(entry.name for entry in _entries(folder))
        state.append((folder, [(name, *_metadata_mtimes(folder, name)) for name in found]))
    state.append(_mtime(_conda_folder(prefix)))
    return hashlib.sha256(repr(state).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def scan(
    path: Sequence[str] | None = None, prefix: str | None = None
) -> tuple[list[Package], list[Editable]]:
    """Return every installed package, and those that are installed editable, sorted by name.

    Of packages of one name the first on ``sys.path`` is the one that is imported.

    Parameters
    ----------
    path, prefix
        By default `sys.path` and `sys.prefix`, where a conda environment has its ``conda-meta``.
    """
    packages: dict[str, Package] = {}
    editables: dict[str, Editable] = {}
    for folder in _folders(path):
        for name, (version, metadata) in _distributions(folder).items():
            if name in packages:
                continue
            source, project = _source(metadata, folder)
            packages[name] = Package(name, version, source)
            if project is not None:
                editables[name] = Editable(name, version, project)
    for name, version in _conda_packages(_conda_folder(prefix)):
        packages.setdefault(name, Package(name, version, "conda"))
    return (
        [packages[name] for name in sorted(packages)],
        [editables[name] for name in sorted(editables)],
    )


def to_json(packages: Iterable[Package], editables: Iterable[Editable]) -> str:
    """Return the result of a `scan` as text, for keeping under its `scan_key`."""
    return json.dumps(
        {
            "packages": [(package.name, package.version, package.source) for package in packages],
            "editables": [(found.name, found.version, str(found.folder)) for found in editables],
        },
        separators=(",", ":"),
    )


def from_json(text: str) -> tuple[list[Package], list[Editable]]:
    """Return what `to_json` was given.

    Raises
    ------
    ValueError
        If the text is anything else.
    """
    try:
        kept = json.loads(text)
        packages = [Package(*row) for row in kept["packages"]]
        editables = [
            Editable(name, version, Path(folder)) for name, version, folder in kept["editables"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no list of packages: {error}") from None
    return packages, editables


def _folders(path: Sequence[str] | None) -> list[str]:
    """Return the folders on the path, each once; zip files hold no packages we know of."""
    given = sys.path if path is None else path
    return list(dict.fromkeys(os.path.abspath(entry) for entry in given))


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _metadata_mtimes(folder: str, name: str) -> tuple[int | None, int | None]:
    metadata = os.path.join(folder, name)
    return _mtime(metadata), _mtime(os.path.join(metadata, "PKG-INFO"))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                # pip renames what it is about to remove to ~ackage, and may leave it there.
                if entry.name.endswith((".dist-info", ".egg-info")) and entry.name[0] != "~"
            ]
    except OSError:
        return []


def _distributions(folder: str) -> dict[str, tuple[str, str]]:
    """Return version and metadata path by name of the distributions in one folder of the path."""
    found: dict[str, tuple[str, str]] = {}
    if folder.endswith(".egg"):
        name, version = _told_by(os.path.basename(folder))
        if name and version:
            found[normalised(name)] = (version, os.path.join(folder, "EGG-INFO"))
        return found
    for entry in _entries(folder):
        name, version = _told_by(entry.name)
        if name is None or version is None:
            name, version = _told_inside(entry.path)
        if name is None or version is None:
            continue
        name = normalised(name)
        # An interrupted upgrade leaves two of one name: the newer whose metadata are there holds.
        if name not in found or _freshness(entry.path) > _freshness(found[name][1]):
            found[name] = (version, entry.path)
    return found


def _told_by(folder_name: str) -> tuple[str | None, str | None]:
    """Return name and version that ``NAME-VERSION.dist-info`` or ``…-py3.11.egg-info`` tells."""
    stem, _, kind = folder_name.rpartition(".")
    name, *rest = stem.split("-")
    # A wheel writes `_` for any character it doesn't allow: then only the file knows.
    if not rest or not rest[0][:1].isdigit() or "_" in rest[0]:
        return None, None
    if len(rest) > 1 and (kind == "dist-info" or not rest[1].startswith("py")):
        return None, None
    return name, rest[0]


def _told_inside(metadata: str) -> tuple[str | None, str | None]:
    """Return name and version from METADATA, PKG-INFO or an ``.egg-info`` that is a file."""
    for path in (os.path.join(metadata, "METADATA"), os.path.join(metadata, "PKG-INFO"), metadata):
        told: dict[str, str] = {}
        try:
            with open(path, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if not line.strip() or len(told) == 2:
                        break
                    key, _, value = line.partition(":")
                    if key in ("Name", "Version"):
                        told[key] = value.strip()
        except OSError:
            continue
        return told.get("Name"), told.get("Version")
    return None, None


def _freshness(metadata: str) -> tuple[bool, int, str]:
    for name in ("METADATA", "PKG-INFO"):
        mtime = _mtime(os.path.join(metadata, name))
        if mtime is not None:
            return True, mtime, metadata
    return os.path.isfile(metadata), 0, metadata


def _source(metadata: str, folder: str) -> tuple[str, Path | None]:
    """Return where a distribution came from, and its project's folder if it is editable."""
    if metadata.endswith(".egg-info"):
        # `setup.py develop` and conda-develop put the project itself on the path.
        stem = os.path.basename(metadata).removesuffix(".egg-info")
        if os.path.basename(folder) not in _INSTALLED and "-" not in stem:
            return "editable", Path(folder)
        return "", None
    path = os.path.join(metadata, "direct_url.json")
    if not os.access(path, os.F_OK):
        return "", None
    try:
        with open(path, encoding="utf-8") as file:
            return _direct_source(json.load(file))
    except (OSError, ValueError, TypeError, AttributeError):
        return "", None


def _direct_source(direct: Any) -> tuple[str, Path | None]:
    """Return the source and the editable's folder that a ``direct_url.json`` tells (PEP 610).

    A path of this machine is no source: it would make equal sets of packages differ, and packages
    that conda built with pip name the folder they were built in.
    """
    url = str(direct.get("url", ""))
    if direct.get("dir_info", {}).get("editable"):
        return "editable", _file_path(url)
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        address = "" if url.startswith("file:") else redact(url, {})
        return f"{vcs.get('vcs', 'git')}+{address}@{vcs['commit_id']}", None
    if "archive_info" in direct:
        archive = direct["archive_info"]
        address = os.path.basename(url) if url.startswith("file:") else redact(url, {})
        digest = archive.get("hash") or "".join(
            f"{kind}={value}" for kind, value in sorted((archive.get("hashes") or {}).items())[:1]
        )
        return (f"{address}#{digest}" if digest and "#" not in address else address), None
    return "", None


def _file_path(url: str) -> Path:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    path = unquote(parts.path)
    if os.name == "nt":
        path = f"//{parts.netloc}{path}" if parts.netloc else path.lstrip("/")
    return Path(path)


def _conda_folder(prefix: str | None) -> str:
    return os.path.join(sys.prefix if prefix is None else prefix, "conda-meta")


def _conda_packages(folder: str) -> list[tuple[str, str]]:
    """Return name and version from files named ``NAME-VERSION-BUILD.json``."""
    try:
        files = [name for name in os.listdir(folder) if name.endswith(".json")]
    except OSError:
        return []
    parts = [name.removesuffix(".json").rsplit("-", 2) for name in files]
    return [(normalised(part[0]), part[1]) for part in parts if len(part) == 3]
