"""Versions and commits of the subject packages, the code on trial.

The metadata of an editable install tell the version of the day it was installed. Here it is read
from its checkout, so that no two commits look the same:

====================================  =============================
HEAD is the tag ``v2.1.0``, clean     ``2.1.0``
12 commits after it                   ``2.1.0+12.gabc1234567``
with changed tracked files            ``2.1.0+12.gabc1234567.dirty``
no tag; 34 commits; installed as 2.0  ``2.0+34.gabc1234567``
no git, or another package's tag      ``2.0+gabc1234567``
====================================  =============================
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from benchdb.collect.checkouts import Checkout, read_checkouts
from benchdb.collect.ci import ci_branch
from benchdb.collect.packages import Editable
from benchdb.keys import normalised
from benchdb.keys import revision as revision_of
from benchdb.records import Package, SubjectRevision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from benchdb.records import Revision

#: Digits of a commit in a version: fixed, since git's own choice grows with the clone.
ABBREVIATED: Final = 10

#: The version of a project that names none.
NO_VERSION: Final = "0"

#: v2.1.0, pkg-2.1.0, release/2.1, rel_2_1_0.
_TAG: Final = re.compile(r"(?:(?P<prefix>.*?)[-_/@])??[vV]?(?P<version>\d[\w.+!-]*)")
_PROJECT_TABLE: Final = re.compile(r"^\[project\].*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_HASH_IN_VERSION: Final = re.compile(r"\+(?:.*\.)?g([0-9a-f]{7,40})(?:\.|$)")
_DIRTY_IN_VERSION: Final = re.compile(r"\+.*\b(?:dirty|d20\d{6})\b")
_HASH_IN_SOURCE: Final = re.compile(r"@([0-9a-f]{40}|[0-9a-f]{64})$")


def revision(
    root: Path,
    editables: Sequence[Editable],
    subjects: tuple[str, ...] | None,
    packages: Sequence[Package],
    checkouts: Mapping[Path, Checkout] | None = None,
) -> Revision:
    """Return the revision of the code on trial.

    Parameters
    ----------
    root
        The project: pytest's rootdir.
    editables, packages
        What is installed, from `benchdb.collect.packages.scan`.
    subjects
        Names of the subject packages; one that isn't installed is left out. By default the project
        at `root` and every editable package.
    checkouts
        What `read_all` gave, where it has been asked already.
    """
    if checkouts is None:
        checkouts = read_all(root, editables)
    installed = {package.name: package for package in packages}
    sources = {found.name: found for found in editables}
    project = _project(root, sources, installed, checkouts)
    if project is not None:
        sources[project.name] = project
    names = sources if subjects is None else [normalised(name) for name in subjects]
    found = {}
    for name in names:
        if name in sources:
            checkout = checkouts.get(sources[name].folder)
            found[name] = _from_checkout(name, sources[name].version, checkout)
        elif name in installed:
            found[name] = _from_package(installed[name])
    return revision_of(tuple(found[name] for name in sorted(found)))


def read_all(
    root: Path, editables: Iterable[Editable], database: Path | None = None
) -> dict[Path, Checkout]:
    """Return the checkouts of the project at `root` and of every editable package, by folder."""
    return read_checkouts([root, *(found.folder for found in editables)], database)


def current_packages(
    packages: Iterable[Package], editables: Iterable[Editable], checkouts: Mapping[Path, Checkout]
) -> list[Package]:
    """Return the packages, the editable ones in the version that their checkouts tell."""
    folders = {found.name: found.folder for found in editables}
    return [
        replace(package, version=version_of(checkouts.get(folders[package.name]), package))
        if package.name in folders
        else package
        for package in packages
    ]


def session_branch(
    root: Path, environ: Mapping[str, str], checkouts: Mapping[Path, Checkout] | None = None
) -> str | None:
    """Return the branch of the project at `root`; in a detached checkout the CI tells."""
    if checkouts is None:
        checkouts = read_checkouts([root])
    checkout = checkouts.get(root)
    return (checkout.branch if checkout else None) or ci_branch(environ)


def version_of(checkout: Checkout | None, package: Package | Editable) -> str:
    """Return the version of a package that is run from a checkout.

    Parameters
    ----------
    checkout
        None where the package's folder is in no repository.
    package
        Its name, and the version that it has where the checkout tells none.
    """
    base = package.version.partition("+")[0] or NO_VERSION
    if checkout is None or checkout.commit is None:
        return package.version or NO_VERSION
    distance = checkout.distance
    if checkout.tag is not None:
        tagged = _tag_version(checkout.tag, package.name)
        if tagged is None:
            distance = None
        else:
            base = tagged
            # Of `pkg-1.0` and `v1.0` only one may be plain 1.0: they may stand on two commits.
            plain = checkout.tag in (tagged, f"v{tagged}")
            if plain and distance == 0 and checkout.dirty is False:
                return tagged
    local = [] if distance is None else [str(distance)]
    local.append(f"g{checkout.commit[:ABBREVIATED]}")
    if checkout.dirty:
        local.append("dirty")
    return base + ("." if "+" in base else "+") + ".".join(local)


def _tag_version(tag: str, name: str) -> str | None:
    """Return the version in a tag; None in that of another package of the repository."""
    found = _TAG.fullmatch(tag)
    if found is None:
        return None
    prefix = normalised(found["prefix"] or "")
    ours = prefix in ("", name, "release", "rel", "version")
    return found["version"].replace("_", ".") if ours else None


def _from_checkout(name: str, version: str, checkout: Checkout | None) -> SubjectRevision:
    current = version_of(checkout, Package(name, version))
    if checkout is None:
        return SubjectRevision(name, current)
    return SubjectRevision(
        name, current, checkout.commit, checkout.committed, checkout.branch, checkout.dirty
    )


def _from_package(package: Package) -> SubjectRevision:
    """Return what the source or the version of an installed package tells of its commit."""
    if found := _HASH_IN_SOURCE.search(package.source):
        return SubjectRevision(package.name, package.version, found[1], dirty=False)
    if found := _HASH_IN_VERSION.search(package.version):
        dirty = _DIRTY_IN_VERSION.search(package.version) is not None
        return SubjectRevision(package.name, package.version, found[1], dirty=dirty)
    return SubjectRevision(package.name, package.version)


def _project(
    root: Path,
    sources: Mapping[str, Editable],
    installed: Mapping[str, Package],
    checkouts: Mapping[Path, Checkout],
) -> Editable | None:
    """Return the project at `root` as a subject, None where it is one already or there is none.

    Its name is the one in pyproject.toml, else that of the checkout's folder. A rootdir without
    either is no project; neither is a nameless one in the checkout of an editable package.
    """
    named, version = named_project(root)
    checkout = checkouts.get(root)
    if named is not None:
        name = normalised(named)
        if name in sources:
            return None
        if name in installed:
            version = installed[name].version
    elif checkout is None or any(
        (other := checkouts.get(found.folder)) is not None and other.top == checkout.top
        for found in sources.values()
    ):
        return None
    else:
        name = normalised(checkout.name)
    return Editable(name, version, root)


def named_project(root: Path) -> tuple[str | None, str]:
    """Return ``[project]`` name and version of pyproject.toml; None and "" where they are not."""
    try:
        text = (root / "pyproject.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None, ""
    if "project" not in text:
        return None, ""
    # Of a long file only this table is parsed: that takes a tenth of the time.
    found = _PROJECT_TABLE.search(text)
    table = (_parsed(found[0]) if found else None) or _parsed(text)
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        return None, ""
    version = table.get("version")
    return table["name"], version if isinstance(version, str) else ""


def _parsed(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text).get("project")
    except tomllib.TOMLDecodeError:
        return None  # benchdb.config tells the user
