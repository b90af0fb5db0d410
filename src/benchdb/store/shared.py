"""Rows that sessions share, keyed by content: found, or written once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchdb.store.columns import insertion
from benchdb.store.values import stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb import records
    from benchdb.store.connection import Connection


def json_object(pairs: Iterable[tuple[str, str]]) -> str | None:
    """Return pairs as a JSON object with sorted keys, None where there are none."""
    content = {text(key): text(value) for key, value in pairs}
    return json.dumps(content, sort_keys=True, ensure_ascii=False) if content else None


def environment(connection: Connection, record: records.Environment) -> str:
    """Return the fingerprint of an environment's row, after writing it if it is new."""
    names = (
        *("fingerprint", "cpu_model", "cpu_count", "memory_gib", "os", "architecture"),
        *("python_implementation", "python_minor"),
    )
    values: dict[str, Any] = {name: getattr(record, name) for name in names}
    values["extra"] = json_object(record.extra)
    query = "SELECT 1 FROM environment WHERE fingerprint=?"
    if connection.execute(query, (record.fingerprint,)).fetchone() is None:
        connection.execute(insertion("environment", values), tuple(values.values()))
    return record.fingerprint


def cluster(connection: Connection, record: records.Cluster) -> int:
    """Return the id of a cluster's row, after writing it if it is new."""
    values: dict[str, Any] = {
        "kind": record.kind,
        "workers": record.workers,
        "threads": record.threads,
        "memory_limit": record.memory_limit,
        "scheduler_instance_type": record.scheduler_instance_type,
        "worker_instance_type": record.worker_instance_type,
        "region": record.region,
        "scheduler_versions": json_object(record.scheduler_versions),
        "worker_versions": json_object(record.worker_versions),
    }
    key = content_key(values)
    found = _id_of(connection, "cluster", key)
    return connection.insert("cluster", {"key": key, **values}) if found is None else found


def content_key(values: dict[str, Any]) -> str:
    """Return the hash of a row's content; columns that are NULL don't count."""
    import hashlib

    said = {name: value for name, value in values.items() if value is not None}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def package_set(connection: Connection, record: records.PackageSet) -> int:
    """Return the id of a package set's row, after writing it and its packages if it is new."""
    found = _id_of(connection, "package_set", record.key)
    if found is not None:
        return found
    made = connection.insert("package_set", {"key": record.key})
    packages = sorted(
        {(text(one.name), text(one.version), text(one.source)) for one in record.packages}
    )
    connection.executemany(
        "INSERT INTO package (name, version, source) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        packages,
    )
    connection.executemany(
        "INSERT INTO package_set_package (package_set, package) "
        "SELECT ?, id FROM package WHERE name=? AND version=? AND source=?",
        [(made, *one) for one in packages],
    )
    return made


def revision(connection: Connection, record: records.Revision) -> int:
    """Return the id of a revision's row, after writing it and its subjects if it is new."""
    found = _id_of(connection, "revision", record.key)
    if found is not None:
        return found
    made = connection.insert("revision", {"key": record.key})
    for subject in record.subjects:
        values = {
            "revision": made,
            "name": text(subject.name),
            "version": text(subject.version),
            "commit_hash": subject.commit,
            "committed": None if subject.committed is None else stored_instant(subject.committed),
            "branch": None if subject.branch is None else text(subject.branch),
            "dirty": subject.dirty,
        }
        connection.execute(insertion("revision_package", values), tuple(values.values()))
    return made


def _id_of(connection: Connection, table: str, key: str) -> int | None:
    row = connection.execute(f"SELECT id FROM {table} WHERE key=?", (key,)).fetchone()
    return None if row is None else int(row[0])
