"""Which sessions had a package in a version, installed or as a subject; and which a runtime."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchdb.store.connection import Connection

#: Versions of a package, each with a session that had it.
_VERSIONS: Final = """
    SELECT DISTINCT p.version, s.id, s.started FROM package p
    JOIN package_set_package m ON m.package = p.id
    JOIN session s ON s.package_set = m.package_set WHERE p.name IN (?, ?)
    UNION
    SELECT r.version, s.id, s.started FROM revision_package r
    JOIN session s ON s.revision = r.revision WHERE r.name IN (?, ?)
"""


def _normalised(name: str) -> str:
    """Return the name under which packages are stored."""
    return re.sub(r"[-_.]+", "-", name).lower()


def sessions_with_package(connection: Connection, name: str, version: str) -> set[int]:
    """Return the ids of the sessions that had a package in a version; ``*`` stands for anything."""
    pattern = re.sub(r"([\[?])", r"[\1]", version)
    rows = connection.execute(_VERSIONS, (name, _normalised(name)) * 2)
    return {row for held, row, _ in rows if fnmatchcase(held, pattern)}


#: What rows say of the runtime that they ran in: its version, or the name of an environment.
_RUNTIMES: Final = """
    SELECT DISTINCT coiled_runtime_version, session_id FROM test_run
    WHERE coiled_runtime_version IS NOT NULL
    UNION
    SELECT DISTINCT coiled_software_name, session_id FROM test_run
    WHERE coiled_software_name IS NOT NULL
"""


def sessions_by_runtime(connection: Connection) -> dict[str, set[int]]:
    """Return the ids of the sessions that ran in each runtime, by its version and by its name."""
    found: dict[str, set[int]] = {}
    for runtime, row in connection.execute(_RUNTIMES):
        found.setdefault(runtime, set()).add(row)
    return found


def versions_of(connection: Connection, name: str) -> list[str]:
    """Return the versions of a package that sessions had, those of the newest session last."""
    rows = connection.execute(_VERSIONS, (name, _normalised(name)) * 2)
    newest: dict[str, str] = {}
    for version, _, started in rows:
        newest[version] = max(str(started), newest.get(version, ""))
    return sorted(newest, key=lambda version: newest[version])


def package_names(connection: Connection) -> list[str]:
    """Return the names of all packages and subjects, sorted."""
    query = "SELECT name FROM package UNION SELECT name FROM revision_package"
    return sorted(name for (name,) in connection.execute(query))
