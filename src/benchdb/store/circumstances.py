"""What sessions ran under beside their conditions: packages, machine, cluster, platform, load."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from benchdb.findings import Circumstances, Differs
from benchdb.store.queries import stored_clusters
from benchdb.store.statements import chunks, marks

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchdb.records import Cluster
    from benchdb.store.connection import Connection

_Said = dict[tuple[Differs, str], set[str]]

_MACHINE: Final = (
    "cpu_model",
    "cpu_count",
    "memory_gib",
    "os",
    "architecture",
    "python_implementation",
    "python_minor",
)
_CLUSTER: Final = ("kind", "workers", "threads", "memory_limit")
_PLATFORM: Final = ("scheduler_instance_type", "worker_instance_type", "region")

#: Columns of test runs, and what they are.
_RUN: Final = {
    "python_version": (Differs.PACKAGE, "python"),
    "platform": (Differs.MACHINE, "platform"),
    "coiled_runtime_version": (Differs.PLATFORM, "coiled_runtime_version"),
    "coiled_software_name": (Differs.PLATFORM, "coiled_software_name"),
}

#: Packages of the platform: what begins so.
_PLATFORM_PACKAGES: Final = ("coiled",)


def stored_circumstances(
    connection: Connection, sessions: Collection[int]
) -> dict[int, Circumstances]:
    """Return what sessions ran under, by their ids.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    sessions
        Ids of sessions.
    """
    said: dict[int, _Said] = defaultdict(lambda: defaultdict(set))
    with_packages: set[int] = set()
    packages: dict[int, list[tuple[str, str]]] = {}
    for some in chunks(sorted(sessions)):
        _add_sessions(connection, some, said)
        _add_runs(connection, some, said)
        for session, package_set in package_sets(connection, some).items():
            if package_set not in packages:
                packages[package_set] = stored_packages(connection, package_set)
            if packages[package_set]:
                with_packages.add(session)
            for name, version in packages[package_set]:
                of_platform = name.startswith(_PLATFORM_PACKAGES)
                kind = Differs.PLATFORM if of_platform else Differs.PACKAGE
                said[session][kind, name].add(version)
    return {
        session: Circumstances(
            {key: tuple(sorted(values)) for key, values in said[session].items()},
            session in with_packages,
        )
        for session in sessions
    }


def package_sets(connection: Connection, sessions: Collection[int]) -> dict[int, int]:
    """Return the ids of the package sets of sessions, of those that have one."""
    found: dict[int, int] = {}
    for some in chunks(sorted(sessions)):
        rows = connection.execute(
            f"SELECT id, package_set FROM session WHERE id IN ({marks(some)})", some
        )
        found.update({session: one for session, one in rows if one is not None})
    return found


def stored_packages(connection: Connection, package_set: int) -> list[tuple[str, str]]:
    """Return the packages of a set: names, and versions with what else tells them apart."""
    query = (
        "SELECT p.name, p.version, p.source FROM package_set_package m "
        "JOIN package p ON p.id = m.package WHERE m.package_set = ?"
    )
    return [
        (name, f"{version} ({source})" if source else version)
        for name, version, source in connection.execute(query, (package_set,))
    ]


def _add_sessions(connection: Connection, some: list[int], said: dict[int, _Said]) -> None:
    """Add the machine, the tags, the subjects and the number of pytest-xdist's workers."""
    columns = ", ".join(f"e.{name}" for name in _MACHINE)
    query = (
        f"SELECT s.id, s.host, s.xdist_workers, s.tags, e.fingerprint, e.extra, {columns} "
        "FROM session s LEFT JOIN environment e ON e.fingerprint = s.environment "
        f"WHERE s.id IN ({marks(some)})"
    )
    for session, host, workers, tags, fingerprint, extra, *fields in connection.execute(
        query, some
    ):
        mine = said[session]
        for name, value in (("host", host), *zip(_MACHINE, fields, strict=True)):
            _add(mine, Differs.MACHINE, name, value)
        for name, value in _object(extra).items():
            _add(mine, Differs.MACHINE, name, value)
        for name, value in _object(tags).items():
            _add(mine, Differs.TAG, name, value)
        if fingerprint is not None and host is not None:  # an import knows nothing of xdist
            mine[Differs.LOAD, "xdist_workers"].add("0" if workers is None else str(workers))
    query = (
        "SELECT s.id, r.name, r.version, r.commit_hash FROM session s "
        f"JOIN revision_package r ON r.revision = s.revision WHERE s.id IN ({marks(some)})"
    )
    for session, name, version, commit in connection.execute(query, some):
        shown = f"{version} ({commit})" if commit else version
        _add(said[session], Differs.SUBJECT, name, shown)


def _add_runs(connection: Connection, some: list[int], said: dict[int, _Said]) -> None:
    """Add what test runs say: their cluster, platform, and how many ran beside them."""
    columns = ", ".join(_RUN)
    query = (
        f"SELECT DISTINCT session_id, cluster, {columns} FROM test_run "
        f"WHERE session_id IN ({marks(some)})"
    )
    clusters: dict[int, set[int]] = defaultdict(set)
    for session, cluster, *values in connection.execute(query, some):
        for (kind, name), value in zip(_RUN.values(), values, strict=True):
            _add(said[session], kind, name, value)
        if cluster is not None:
            clusters[cluster].add(session)
    for row, found in stored_clusters(connection, clusters).items():
        for session in clusters[row]:
            _add_cluster(said[session], found)
    query = (
        "SELECT session_id, max(beside) FROM test_run "
        f"WHERE session_id IN ({marks(some)}) GROUP BY session_id"
    )
    for session, beside in connection.execute(query, some):
        _add(said[session], Differs.LOAD, "beside", beside)


def _add_cluster(mine: _Said, cluster: Cluster) -> None:
    for name in _CLUSTER:
        shown = "cluster" if name == "kind" else name
        _add(mine, Differs.CLUSTER, shown, getattr(cluster, name))
    for name in _PLATFORM:
        _add(mine, Differs.PLATFORM, name, getattr(cluster, name))
    for versions, where in (
        (cluster.scheduler_versions, "scheduler"),
        (cluster.worker_versions, "workers"),
    ):
        for name, version in versions:
            of_platform = name.startswith(_PLATFORM_PACKAGES)
            kind = Differs.PLATFORM if of_platform else Differs.PACKAGE
            _add(mine, kind, f"{name} ({where})", version)


def _object(said: str | None) -> dict[str, Any]:
    try:
        found = json.loads(said or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _add(mine: _Said, kind: Differs, name: str, value: object) -> None:
    if value is not None and value != "":
        mine[kind, name].add(str(value))
