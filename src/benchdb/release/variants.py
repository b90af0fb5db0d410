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
_MACHINES: Final = {
    **dict.fromkeys(("x86_64", "amd64"), "64"),
    **dict.fromkeys(("x86", "i386", "i686"), "32"),
}

#: Selectors that hold on one system or machine, and that have its name.
_SYSTEMS: Final = ("linux", "osx", "win", "freebsd", "emscripten", "wasi", "zos")
_NAMED: Final = (
    *("aarch64", "arm64", "armv6l", "armv7l", "ppc64", "ppc64le", "riscv32", "riscv64", "s390x"),
    "wasm32",
)

#: What conda-build sets these to where nobody says otherwise; no metapackage is built for them.
_UNUSED: Final[dict[str, Value]] = {"np": 126, "nomkl": False, "vc": 14}


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
    major, minor = digits.groups() if digits else ("0", "")
    widths = {
        f"{one}{width}": subdir == f"{one}-{width}"
        for one in ("linux", "win")
        for width in (32, 64)
    }
    return {
        **_UNUSED,
        **{name: machine == name for name in _NAMED},
        **{name: system == name for name in _SYSTEMS},
        **widths,
        "arm": subdir.startswith("linux-arm"),
        "build_platform": subdir,
        "PYTHON": "$PYTHON",  # in scripts, which nobody runs
        "py": int(f"{major}{minor}"),
        "py2k": major == "2",
        "py3k": major == "3",
        "target_platform": subdir,
        "unix": system in ("linux", "osx", "freebsd", "emscripten"),
        "x86": machine in ("64", "32"),
        "x86_64": machine == "64",
    }
