"""Holds an environment against the recipe of its runtime.

::

    conda-meta, importlib.metadata     what is installed, by conda and by Python
    probe                              imports, and what a cluster in it says
    channels, an index of PyPI's       whether each pin is there, and what is newer
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.recipes import Checked, CheckedPin, Finding
from benchdb.release import probe
from benchdb.release.conda.channels import of_this_machine
from benchdb.release.conda.solving import installed
from benchdb.release.conda.specs import (
    in_order,
    is_below,
    is_prerelease,
    is_same,
    is_taken,
    is_virtual,
    satisfies,
)
from benchdb.release.environments import on_pypi
from benchdb.release.requirements import normalized

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchdb.recipes import Grade, Package, Pin, Recipe
    from benchdb.release.conda.channels import Channels

#: Seconds that imports and a small cluster may take together.
_PATIENCE: Final = 300


@dataclass(frozen=True, slots=True)
class Published:
    """What there is of each package where packages are published.

    Parameters
    ----------
    in_channels
        All packages in the channels by name, the oldest first; None where no channel was asked.
    on_index
        The newest release on an index of PyPI's, by conda's name.
    """

    in_channels: Mapping[str, list[Package]] | None = None
    on_index: Mapping[str, str] = field(default_factory=dict)


def published(recipe: Recipe, channels: Channels) -> dict[str, list[Package]]:
    """Return all packages in some channels of what a recipe pins, the oldest first.

    Raises
    ------
    UnusableChannel
        If a channel can't be read.
    """
    found = channels.packages(pin.name for pin in recipe.pins if not is_virtual(pin.name))
    return {
        name: [
            one
            for version in in_order({one.version for one in some})
            for one in some
            if one.version == version
        ]
        for name, some in found.items()
    }


def check(recipe: Recipe, prefix: Path, there: Published, *, cluster: bool = True) -> Checked:
    """Return what was found.

    Parameters
    ----------
    prefix
        The environment.
    there
        What is published.
    cluster
        Whether to start one in the environment, if it has Dask.

    Raises
    ------
    WrongSetting
        If it is no environment of conda's.
    """
    packages = {**of_this_machine(), **installed(prefix)}
    said, why = _probed(recipe, prefix, cluster=cluster)
    findings = [Finding("no", "Python", why)] if why else list(_findings(recipe, said))
    versions = said.get("versions", {})
    pins = tuple(_checked(pin, packages, versions, there) for pin in recipe.pins)
    runtime = packages.get(recipe.name)
    if runtime is None:
        findings.append(Finding("note", recipe.name, "not installed itself: its pins are"))
    elif runtime.version != recipe.version:
        other = f"{runtime.version} is installed, the recipe makes {recipe.version}"
        findings.append(Finding("no", recipe.name, other))
    return Checked(prefix, f"{recipe.name} {recipe.version}", pins, tuple(findings))


# -- pins


def _checked(
    pin: Pin, packages: Mapping[str, Package], versions: Mapping[str, str], there: Published
) -> CheckedPin:
    by_conda = packages.get(pin.name)
    by_python = versions.get(normalized(on_pypi(pin.name) or ""))
    version = by_conda.version if by_conda else by_python or ""
    wrong: list[str] = []
    notes: list[str] = []
    if not version:
        wrong.append("this machine has none" if is_virtual(pin.name) else "not installed")
    elif not satisfies(version, pin):
        of = "this machine's" if is_virtual(pin.name) else "installed"
        wrong.append(f"{version} is {of}")
    elif by_conda is None:
        notes.append("installed by pip")
    elif not is_taken(by_conda, pin):
        wrong.append(f"{version} {by_conda.build} is installed")
    if by_conda and by_python and not is_same(by_conda.version, by_python):
        wrong.append(f"Python sees {by_python}, conda installed {by_conda.version}")
    releases: list[str] = []
    if there.in_channels is not None and not is_virtual(pin.name):
        known = there.in_channels.get(pin.name, [])
        ordered = dict.fromkeys(one.version for one in known)
        releases = [one for one in ordered if not is_prerelease(one)]
        if not any(is_taken(one, pin) for one in known):
            has_version = any(satisfies(one, pin) for one in ordered)
            which = "that build" if has_version else "that version" if known else "it"
            wrong.append(f"no channel has {which}")
    newer = [one for one in releases if pin.version and is_below(pin.version, one)]
    if newer and not satisfies(newer[-1], pin):  # ``=3.12`` takes 3.12.4
        notes.append(f"{len(newer)} behind {newer[-1]}")
    else:
        newer = []
    on_index = there.on_index.get(pin.name)
    newest = releases[-1] if releases else ""
    if on_index and newest and is_below(newest, on_index):
        notes.append(f"{on_index} is on PyPI, not in the channel yet")
    grade: Grade = "no" if wrong else "note" if notes else "ok"
    return CheckedPin(pin, version, newest, len(newer), grade, "; ".join([*wrong, *notes]))


# -- what the environment says


def python_of(prefix: Path) -> Path:
    """Return where the Python of an environment is, if it has one."""
    return prefix / ("python.exe" if os.name == "nt" else "bin/python")


def _probed(recipe: Recipe, prefix: Path, *, cluster: bool) -> tuple[dict[str, Any], str]:
    """Return what the environment's own Python says; or why it says nothing."""
    python = python_of(prefix)
    if not python.exists():
        return {}, "there is no Python in the environment"
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        asked = {"imports": recipe.imports, "cluster": cluster, "answer": str(answer)}
        try:
            done = subprocess.run(
                [python.absolute(), "-I", Path(probe.__file__)],
                input=json.dumps(asked),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                cwd=prefix,
            )
        except subprocess.TimeoutExpired:
            return {}, f"it imports and starts a cluster for more than {_PATIENCE} s"
        except OSError as error:
            return {}, f"it can't be run: {error}"
        with contextlib.suppress(OSError, ValueError):
            said: dict[str, Any] = json.loads(answer.read_bytes())
            return said, ""
    (*_, last) = ["nothing was said", *done.stderr.split("\n")[:-1]]
    return {}, f"it ends with {done.returncode}: {last.strip()}"


def _findings(recipe: Recipe, said: Mapping[str, Any]) -> Iterator[Finding]:
    failing = said["failing"]
    for module, why in failing.items():
        yield Finding("no", "import", f"{module} can't be imported: {why}")
    if recipe.imports and not failing:
        yield Finding("ok", "imports", f"all {len(recipe.imports)} work")
    if why := said.get("cluster_error"):
        yield Finding("no", "cluster", f"none can be started: {why}")
    cluster = said.get("cluster")
    if cluster is None:
        if not why:
            yield Finding("note", "cluster", "none was started, so no versions were compared")
        return
    differing = 0
    pinned = {one.name for one in recipe.pins}
    pinned |= {on_pypi(name) or name for name in pinned}  # as Dask calls them, msgpack-python too
    for package, versions in cluster["packages"].items():
        seen = {version for version in versions.values() if version is not None}
        if len(set(versions.values())) > 1:
            differing += 1
            shown = ", ".join(f"{where} {version}" for where, version in versions.items())
            yield Finding("no", "cluster", f"{package} differs: {shown}")
        if seen and package not in pinned:
            unpinned = "is compared by Client.get_versions(), and the recipe doesn't pin it"
            yield Finding("no", "cluster", f"{package} {unpinned}")
    if not cluster["computed"]:
        yield Finding("no", "cluster", "it computes a wrong sum")
    if not differing:
        count = len(cluster["packages"])
        agree = f"client, scheduler and workers agree on {count} packages"
        yield Finding("ok", "cluster", agree)
