"""A runtime of real packages: dask, distributed, pandas and pyarrow, as PyPI's wheels have them.

The files of each wheel that is installed here become a conda package, with the requirements that
its metadata names. Python itself comes as a link to this interpreter: there is no other without a
network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from conda_channels import python_stub, release

for needed in ("rattler", "rattler_build"):
    pytest.importorskip(needed, reason="releases need the extra `release`")
for needed in ("dask", "distributed", "pandas", "pyarrow"):
    pytest.importorskip(needed, reason="repacked from the wheels that are installed here")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="the stub of Python is a link"),
]

PINNED = ("dask", "distributed", "pandas", "pyarrow", "numpy")

#: What Client.get_versions() compares beside these, where it is installed.
COMPARED = ("msgpack", "cloudpickle", "tornado", "toolz", "lz4")

IN_CONDA = {"msgpack": "msgpack-python"}

#: Runs in a process of its own, as threads of rattler's outlive it.
REPACK = """
import asyncio, json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from rattler.index import index_fs
from rattler_build import FileEntry, assemble_package

folder = Path(sys.argv[1])
for one in json.load(sys.stdin):
    assemble_package(
        one["name"], one["version"], "noarch", "0", folder / "noarch",
        files=[FileEntry.from_paths(*pair) for pair in one["files"]],
        depends=one["depends"], noarch="generic", compression_level=1,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC), detect_prefix=False,
    )
asyncio.run(index_fs(folder, write_zst=False, write_shards=False))
os._exit(0)  # threads of rattler's may crash a Python that ends
"""

COMPUTE = """
import pandas as pd, pyarrow, sys
import dask, dask.dataframe as dd
from distributed import Client, LocalCluster

if __name__ == "__main__":
    assert all(m.__file__.startswith(sys.prefix) for m in (pd, pyarrow, dask)), sys.prefix
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster):
            pd.DataFrame({"key": [0, 1] * 500, "value": range(1000)}).to_parquet("data.parquet")
            found = dd.read_parquet("data.parquet").groupby("key").value.sum().compute()
    print(int(found.loc[0]), int(found.loc[1]))
"""


def wheels() -> dict[str, dict[str, object]]:
    """Return what is installed for the pinned packages, by conda's name."""
    from packaging.requirements import Requirement

    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    found: dict[str, dict[str, object]] = {}
    waiting = [*PINNED, *COMPARED]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        conda = IN_CONDA.get(name, name)
        if conda in found:
            continue
        try:
            wheel = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            assert name in COMPARED
            continue
        depends = ["python"]
        for line in wheel.requires or ():
            required = Requirement(line)
            if required.marker is None or required.marker.evaluate({"extra": ""}):
                waiting.append(required.name)
                dependency = required.name.lower().replace("_", "-")
                dependency = IN_CONDA.get(dependency, dependency)
                depends.append(f"{dependency} {required.specifier}".strip())
        files = [
            (str(path.locate()), f"{site}/{path}")
            for path in wheel.files or ()
            if ".." not in path.parts and path.suffix != ".pyc" and Path(path.locate()).is_file()
        ]
        found[conda] = {
            "name": conda,
            "version": wheel.version,
            "depends": depends,
            "files": files,
        }
    return found


def test_a_runtime_of_repacked_wheels_is_built_installed_and_computes(tmp_path: Path) -> None:
    packages = wheels()
    channel = tmp_path / "channel"
    (channel / "noarch").mkdir(parents=True)
    python_stub().write(channel / "noarch")
    subprocess.run(
        [sys.executable, "-c", REPACK, channel],
        input=json.dumps(list(packages.values())),
        text=True,
        check=True,
    )
    pins = [f"{name} =={packages[name]['version']}" for name in PINNED]
    pins += [IN_CONDA.get(name, name) for name in COMPARED if IN_CONDA.get(name, name) in packages]
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe/meta.yaml").write_text(
        "package: {name: real, version: 1.0}\nbuild: {noarch: generic}\nrequirements:\n  run:\n"
        + "".join(f"    - {pin}\n" for pin in ["python", *pins])
        + f"test: {{imports: [{', '.join(PINNED)}]}}\n"
    )

    for arguments in (
        ("build", "recipe", "-c", "channel", "-o", "dist"),
        ("install", "real ==1.0", "prefix", "-c", "dist", "-c", "channel"),
        ("check", "prefix", "--recipe", "recipe", "-c", "channel"),
    ):
        done = release(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "client, scheduler and workers agree on" in done.stdout

    (tmp_path / "compute.py").write_text(COMPUTE)
    done = subprocess.run(
        [tmp_path / "prefix/bin/python", "-I", "compute.py"],
        cwd=tmp_path,
        env={**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "true"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["249500", "250000"]
