"""The requirements of a recipe, line by line: `dask ==2026.8.0`, `numpy >=1.26,<3`."""

from __future__ import annotations

import re
from typing import Final

from benchdb.recipes import Pin

_PIN: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*?)"
    r"(?:\s+|(?=[=<>!~])|$)(?P<rest>[A-Za-z0-9_.,|<>=!~*+\s()-]*)"
)
_OPERATOR_SPACE: Final = re.compile(r"([<>=!~,|])\s+")

#: A version and a build with one sign between them: the rest of ``dask=2026.8.0=py_0``.
_WITH_BUILD: Final = re.compile(r"(=?[^=<>!~,|]+)=([^=<>!~,|]+)")


def as_pin(line: str) -> Pin | None:
    """Return what a line requires; None where it is no requirement."""
    is_one = len(line) <= 200 and len(line.strip().splitlines()) == 1
    found = _PIN.fullmatch(line.strip()) if is_one else None
    if found is None:
        return None
    versions, _, build = _OPERATOR_SPACE.sub(r"\1", found["rest"].strip()).partition(" ")
    if both := _WITH_BUILD.fullmatch(versions):
        versions, build = both[1], both[2]
    return Pin(found["name"].lower(), versions, build.strip())


def normalized(name: str) -> str:
    """Return the name of a package as indexes of Python's compare it: ``a_b`` is ``A.b``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def joined(one: Pin, other: Pin) -> Pin | None:
    """Return what two lines on one package require together; None where one line must say that."""
    if other.build not in ("", one.build):
        return None
    parts = [pin.versions for pin in (one, other) if pin.versions not in ("", "*")]
    if len(set(parts)) > 1 and any("|" in part for part in parts):
        return None
    return Pin(one.name, ",".join(dict.fromkeys(parts)), one.build)
