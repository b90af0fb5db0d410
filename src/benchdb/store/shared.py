"""Rows that sessions share, keyed by content: found, or written once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select

from benchdb.store.models import (
    Cluster,
    Environment,
    Package,
    PackageSet,
    PackageSetPackage,
    Revision,
    RevisionPackage,
)
from benchdb.store.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb import records


def json_object(pairs: Iterable[tuple[str, str]]) -> str | None:
    """Return pairs as a JSON object with sorted keys, None where there are none."""
    content = {text(key): text(value) for key, value in pairs}
    return json.dumps(content, sort_keys=True, ensure_ascii=False) if content else None


def environment(connection: Connection, record: records.Environment) -> str:
    """Return the fingerprint of an environment's row, after writing it if it is new."""
    key = Environment.fingerprint
    if connection.scalar(select(key).where(key == record.fingerprint)) is None:
        names = ("fingerprint", "cpu_model", "cpu_count", "memory_gib", "os", "architecture")
        values: dict[str, Any] = {name: getattr(record, name) for name in names}
        values["python_implementation"] = record.python_implementation
        values["python_minor"] = record.python_minor
        values["extra"] = json_object(record.extra)
        connection.execute(insert(Environment), values)
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
    return keyed(connection, Cluster, content_key(values), values)


def content_key(values: dict[str, Any]) -> str:
    """Return the hash of a row's content; columns that are NULL don't count."""
    import hashlib

    said = {name: value for name, value in values.items() if value is not None}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def keyed(connection: Connection, model: Any, key: str, values: dict[str, Any]) -> int:
    """Return the id of the row with this key, after writing it if it is new."""
    found = connection.scalar(select(model.id).where(model.key == key))
    if found is None:
        inserted = connection.execute(insert(model), {"key": key, **values})
        assert inserted.inserted_primary_key is not None
        found = inserted.inserted_primary_key[0]
    return int(found)


def package_set(connection: Connection, record: records.PackageSet) -> int:
    """Return the id of a package set's row, after writing it and its packages if it is new."""
    found = connection.scalar(select(PackageSet.id).where(PackageSet.key == record.key))
    if found is not None:
        return found
    made = keyed(connection, PackageSet, record.key, {})
    wanted = {
        (text(package.name), text(package.version), text(package.source))
        for package in record.packages
    }
    known = {
        (name, version, source): row
        for row, name, version, source in connection.execute(
            select(Package.id, Package.name, Package.version, Package.source)
        )
        if (name, version, source) in wanted
    }
    fresh = sorted(wanted - known.keys())
    if fresh:
        next_id = (connection.scalar(select(Package.id).order_by(Package.id.desc()).limit(1))) or 0
        rows = [
            {"id": number, "name": name, "version": version, "source": source}
            for number, (name, version, source) in enumerate(fresh, next_id + 1)
        ]
        connection.execute(insert(Package), rows)
        known.update({(row["name"], row["version"], row["source"]): row["id"] for row in rows})  # type: ignore[misc]
    if known:
        connection.execute(
            insert(PackageSetPackage),
            [{"package_set": made, "package": row} for row in sorted(known.values())],
        )
    return made


def revision(connection: Connection, record: records.Revision) -> int:
    """Return the id of a revision's row, after writing it and its subjects if it is new."""
    found = connection.scalar(select(Revision.id).where(Revision.key == record.key))
    if found is not None:
        return found
    made = keyed(connection, Revision, record.key, {})
    rows = [
        {
            "revision": made,
            "name": text(subject.name),
            "version": text(subject.version),
            "commit_hash": subject.commit,
            "committed": subject.committed,
            "branch": None if subject.branch is None else text(subject.branch),
            "dirty": subject.dirty,
        }
        for subject in record.subjects
    ]
    if rows:
        connection.execute(insert(RevisionPackage), rows)
    return made
