"""What an environment says of itself: run by its own Python, which need not have benchdb.

It gets a JSON document on its standard input, ``{"imports": […], "cluster": true, "answer": …}``,
and writes one into the file that this names, as packages print what they like: versions of what is
installed by the metadata that Python sees, which imports fail, and what a Dask cluster in it says.
It needs the standard library alone, and Python 3.8.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from importlib import metadata
from typing import Any, Dict, List, Optional  # noqa: UP035


def versions() -> Dict[str, str]:  # noqa: UP006
    """Return the version of each installed package, by its name as PyPI compares names."""
    found: Dict[str, str] = {}  # noqa: UP006
    for one in metadata.distributions():
        said: Any = one.metadata or {}
        name, version = said.get("Name"), said.get("Version")
        if name and version:
            found.setdefault(re.sub("[-_.]+", "-", name).lower(), version)
    return found


def failing(modules: List[str]) -> Dict[str, str]:  # noqa: UP006
    """Return why each module that can't be imported can't."""
    found = {}
    for module in modules:
        try:
            importlib.import_module(module)
        except BaseException as error:
            found[module] = f"{type(error).__name__}: {error}"
    return found


def cluster() -> Dict[str, Any]:  # noqa: UP006
    """Return what client, scheduler and workers say that they run, by package."""
    distributed: Any = importlib.import_module("distributed")
    options: Dict[str, Any] = {"processes": True, "dashboard_address": None}  # noqa: UP006
    made = distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options)
    with made, distributed.Client(made) as client:
        client.wait_for_workers(2)
        said = client.get_versions()
        total = client.submit(sum, [1, 2, 3]).result()
    parts = {"client": said["client"], "scheduler": said["scheduler"]}
    for number, worker in enumerate(said["workers"].values()):
        parts[f"worker {number}"] = worker
    found: Dict[str, Dict[str, Optional[str]]] = {}  # noqa: UP006, UP045
    for where, one in parts.items():
        for package, version in (one or {}).get("packages", {}).items():
            found.setdefault(package, {})[where] = version
    return {"packages": found, "computed": total == 6}


def main() -> None:
    """Answer what is asked for on the standard input."""
    asked = json.load(sys.stdin)
    said: Dict[str, Any] = {"versions": versions(), "failing": failing(asked["imports"])}  # noqa: UP006
    if asked["cluster"] and "distributed" in said["versions"]:
        try:
            said["cluster"] = cluster()
        except BaseException as error:
            said["cluster_error"] = f"{type(error).__name__}: {error}"
    with open(asked["answer"], "w") as file:
        json.dump(said, file)


if __name__ == "__main__":
    main()
