"""What is known of a session before its first test, gathered once by the controller."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchdb import __version__
from benchdb.collect import packages as installed
from benchdb.collect.ci import ci_run_url
from benchdb.collect.environment import host, platform_name
from benchdb.collect.redaction import redact_command_line, redact_value
from benchdb.collect.revision import current_packages, read_all, revision, session_branch
from benchdb.keys import package_set
from benchdb.records import SessionFacts
from benchdb.store.package_cache import package_scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from benchdb.plugin.start import Bench
    from benchdb.records import Package, PackageSet, Revision


@dataclass(frozen=True)
class Facts:
    """What `gather` found.

    Parameters
    ----------
    versions
        Run-time versions of editable packages.
    columns
        What every row of the session starts with.
    new_scan
        The installed packages as JSON under their key, where they were not known yet.
    """

    bench: Bench
    command_line: str
    packages: PackageSet
    revision: Revision
    branch: str | None
    dirty: bool | None
    versions: dict[str, str]
    columns: dict[str, object]
    new_scan: tuple[str, str] | None

    def session(self, xdist_workers: int | None) -> SessionFacts:
        """Return the facts of the session's row."""
        assert self.bench.environment is not None
        return SessionFacts(
            uid=self.bench.uid,
            started=self.bench.started,
            environment=self.bench.environment,
            packages=self.packages,
            revision=self.revision,
            command_line=self.command_line,
            ci_run_url=ci_run_url(os.environ),
            branch=self.branch,
            dirty=self.dirty,
            host=host(),
            xdist_workers=xdist_workers,
            tags=tuple((key, redact_value(key, value)) for key, value in self.bench.tags),
            benchdb_version=__version__,
        )


def gather(config: pytest.Config, bench: Bench) -> Facts:
    """Find out what a session's row says; a package list is taken from the database's cache."""
    root = bench.settings.root
    key = installed.scan_key()
    path = bench.database if isinstance(bench.database, Path) else None
    kept = None if path is None else package_scan(path, key)
    new_scan = None
    try:
        packages, editables = installed.from_json(kept or "")
    except ValueError:
        packages, editables = installed.scan()
        new_scan = (key, installed.to_json(packages, editables))
    checkouts = read_all(root, editables, path)
    current = current_packages(packages, editables, checkouts)
    subjects = revision(root, editables, bench.settings.subjects, packages, checkouts)
    dirty = [subject.dirty for subject in subjects.subjects if subject.dirty is not None]
    names = {found.name for found in editables}
    return Facts(
        bench=bench,
        command_line=redact_command_line(["pytest", *config.invocation_params.args]),
        packages=package_set(current),
        revision=subjects,
        branch=session_branch(root, os.environ, checkouts),
        dirty=any(dirty) if dirty else None,
        versions={package.name: package.version for package in current if package.name in names},
        columns=_columns(current, os.environ),
        new_scan=new_scan,
    )


def _columns(packages: list[Package], environ: Mapping[str, str]) -> dict[str, object]:
    versions = {package.name: package.version for package in packages}
    return {
        "coiled_runtime_version": environ.get("COILED_RUNTIME_VERSION") or None,
        "coiled_software_name": environ.get("COILED_SOFTWARE_NAME") or None,
        "dask_version": versions.get("dask"),
        "distributed_version": versions.get("distributed"),
        "python_version": platform.python_version(),
        "platform": platform_name(),
        "ci_run_url": ci_run_url(environ),
    }
