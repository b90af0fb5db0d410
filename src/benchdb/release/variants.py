"""The variants of a recipe: by environment variables, and on which platform."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import TYPE_CHECKING, Final

from benchdb.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from benchdb.release.values import Value

#: What makes a nightly of a version: 0.1.0 becomes 0.1.0a261122.
SUFFIX: Final = "VERSION_SUFFIX"

#: The environment variables that recipes are given.
VARIABLES: Final = (SUFFIX, "DASK_VERSION", "DISTRIBUTED_VERSION", "PYTHON_VERSION")

_VALUE: Final = re.compile(r"[A-Za-z0-9_.+!*-]{0,64}")

_PLATFORMS: Final = {"linux": "linux", "darwin": "osx", "win32": "win"}
_MACHINES: Final = {"x86_64": "64", "amd64": "64", "arm64": "arm64", "aarch64": "aarch64"}


def variables(further: Collection[str] = ()) -> dict[str, str | None]:
    """Return the environment variables that recipes are given; None for those that aren't set.

    Parameters
    ----------
    further
        Names of more than `VARIABLES`.

    Raises
    ------
    WrongSetting
        If a value may be more than a version.
    """
    found: dict[str, str | None] = {}
    for name in (*VARIABLES, *further):
        value = os.environ.get(name) or None
        if value is not None and not _VALUE.fullmatch(value):
            raise WrongSetting(
                f"the environment variable {name} is no version: set it to one, or to nothing"
            )
        found[name] = value
    return found


def this_platform() -> str:
    """Return what conda calls this machine: ``linux-64``, ``osx-arm64``."""
    system = _PLATFORMS.get(sys.platform, "linux")
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    return f"{system}-{machine}"


def selectors(subdir: str, environ: Mapping[str, str | None]) -> dict[str, Value]:
    """Return what selectors may name on a platform.

    Parameters
    ----------
    subdir
        As conda calls the platform: ``linux-64``.
    environ
        From `variables`: of PYTHON_VERSION is ``py``.
    """
    system, _, machine = subdir.partition("-")
    version = environ.get("PYTHON_VERSION") or f"{sys.version_info[0]}.{sys.version_info[1]}"
    digits = re.match(r"(\d+)\.(\d+)", version)
    return {
        "aarch64": machine == "aarch64",
        "arm64": machine == "arm64",
        "build_platform": subdir,
        "linux": system == "linux",
        "linux64": subdir == "linux-64",
        "osx": system == "osx",
        "PYTHON": "$PYTHON",  # in scripts, which nobody runs
        "py": int(f"{digits[1]}{digits[2]}") if digits else 0,
        "target_platform": subdir,
        "unix": system in ("linux", "osx"),
        "win": system == "win",
        "win64": subdir == "win-64",
        "x86": machine in ("64", "32"),
        "x86_64": machine == "64",
    }
