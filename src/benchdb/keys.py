"""Keys that are hashes of what they stand for, equal in every release and on every machine.

Records that sessions share have them: two that were made apart, by pytest or from an imported file,
are one row where their content is equal.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from benchdb.records import PackageSet, Revision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb.records import Environment, Package, SubjectRevision


def normalised(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fingerprinted(fields: Environment) -> Environment:
    """Return an environment with the fingerprint of its other fields, equal in every release."""
    content = asdict(fields)
    del content["fingerprint"]
    text = json.dumps(content, sort_keys=True)
    return replace(fields, fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16])


def package_set(packages: Iterable[Package]) -> PackageSet:
    """Return the packages as a set; equal sets have equal keys on every machine."""
    ordered = tuple(sorted(packages))
    content = json.dumps([(package.name, package.version, package.source) for package in ordered])
    return PackageSet(hashlib.sha256(content.encode()).hexdigest()[:32], ordered)


def revision(subjects: tuple[SubjectRevision, ...]) -> Revision:
    """Return the revision of subjects that are sorted by name."""
    content = json.dumps(
        [
            (
                subject.name,
                subject.version,
                subject.commit,
                subject.committed and subject.committed.isoformat(),
                subject.branch,
                subject.dirty,
            )
            for subject in subjects
        ]
    )
    return Revision(hashlib.sha256(content.encode()).hexdigest()[:32], subjects)
