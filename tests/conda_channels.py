"""Channels of conda that tests make: packages of metadata alone, written without any library."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

#: What this machine's packages are for.
SUBDIR = "noarch"


@dataclass(frozen=True)
class Stub:
    """A package; its files by path, a link as a path of another file."""

    name: str
    version: str
    depends: tuple[str, ...] = ()
    files: dict[str, str | Path] = field(default_factory=dict)
    timestamp: int = 1_790_000_000_000

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}-0.tar.bz2"

    @property
    def index(self) -> dict[str, object]:
        return {
            "name": self.name,
            "version": self.version,
            "build": "0",
            "build_number": 0,
            "depends": list(self.depends),
            "noarch": "generic",
            "subdir": SUBDIR,
            "timestamp": self.timestamp,
        }

    def write(self, folder: Path) -> dict[str, object]:
        """Write the package and return its entry in an index."""
        path = folder / self.file_name
        paths = []
        with tarfile.open(path, "w:bz2") as archive:
            for name, content in self.files.items():
                member = tarfile.TarInfo(name)
                member.mode = 0o755
                kind = "hardlink"
                if isinstance(content, Path):
                    member.type, member.linkname, kind = tarfile.SYMTYPE, str(content), "softlink"
                    archive.addfile(member)
                else:
                    member.size = len(content.encode())
                    archive.addfile(member, io.BytesIO(content.encode()))
                paths.append({"_path": name, "path_type": kind})
            said = {
                "index.json": json.dumps(self.index),
                "paths.json": json.dumps({"paths": paths, "paths_version": 1}),
                "files": "".join(f"{name}\n" for name in self.files),
            }
            for name, text in said.items():
                member = tarfile.TarInfo(f"info/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        content = path.read_bytes()
        return {
            **self.index,
            "size": len(content),
            "md5": hashlib.md5(content).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


def make_channel(folder: Path, *packages: Stub) -> Path:
    """Make a channel in a folder, and return the folder."""
    (folder / SUBDIR).mkdir(parents=True)
    entries = {one.file_name: one.write(folder / SUBDIR) for one in packages}
    index = {"info": {"subdir": SUBDIR}, "packages": entries, "packages.conda": {}}
    (folder / SUBDIR / "repodata.json").write_text(json.dumps(index))
    return folder


def environ_in(folder: Path) -> dict[str, str]:
    """Return the environment variables for commands in a folder."""
    hidden = ("BENCHDB_", "DB_NAME", "CONDA", "VERSION_SUFFIX", "DASK_", "DISTRIBUTED_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(hidden) and name != "PYTHON_VERSION"
    }
    return {**kept, "RATTLER_CACHE_DIR": str(folder / "rattler-cache")}


def release(
    *arguments: str | Path, cwd: Path, file_bytes: int | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``benchdb release``: a process of its own, as that library's threads outlive a call.

    No file that it writes gets longer than `file_bytes`, as if there were no space.
    """

    def limit() -> None:
        import resource

        assert file_bytes is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.run(
        [sys.executable, "-m", "benchdb", "release", *arguments],
        cwd=cwd,
        env={**environ_in(cwd), **variables},
        stdin=subprocess.DEVNULL,
        preexec_fn=None if file_bytes is None else limit,
        capture_output=True,
        text=True,
    )


def python_stub(version: str = "") -> Stub:
    """Return a package of this interpreter: a link to it, and what makes a prefix of its folder."""
    real = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    said = f"home = {real.parent}\ninclude-system-site-packages = false\n"
    files: dict[str, str | Path] = {"bin/python": real, "pyvenv.cfg": said}
    return Stub("python", version or ".".join(map(str, sys.version_info[:3])), files=files)


def module_stub(name: str, version: str, source: str = "", *depends: str) -> Stub:
    """Return a package of one module, with the metadata that Python reads."""
    folder = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files: dict[str, str | Path] = {
        f"{folder}/{name}/__init__.py": source,
        f"{folder}/{name}-{version}.dist-info/METADATA": metadata,
    }
    return Stub(name, version, ("python", *depends), files)
