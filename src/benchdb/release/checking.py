"""Holds an environment against the recipe of its runtime.

::

    conda-meta, importlib.metadata     what is installed, by conda and by Python
    probe                              imports, and what a cluster in it says
    channels, an index of PyPI's       whether each pin is there, and what is newer
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.recipes import Checked, CheckedPin, Finding
from benchdb.release import probe
from benchdb.release.conda.solving import installed
from benchdb.release.conda.specs import in_order, is_below, is_prerelease, satisfies
from benchdb.release.environments import on_pypi

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchdb.recipes import Grade, Package, Pin, Recipe
    from benchdb.release.conda.channels import Channels

#: Seconds that imports and a small cluster may take together.
_PATIENCE: Final = 300

#: What conda calls packages that a Dask client compares.
_IN_CONDA: Final = {"msgpack": "msgpack-python"}


@dataclass(frozen=True, slots=True)
class Published:
    """What there is of each package where packages are published.

    Parameters
    ----------
    in_channels
        All versions in the channels by name; None where no channel was asked.
    on_index
        The newest release on an index of PyPI's, by conda's name.
    """

    in_channels: Mapping[str, list[str]] | None = None
    on_index: Mapping[str, str] = field(default_factory=dict)


def published(recipe: Recipe, channels: Channels) -> dict[str, list[str]]:
    """Return all versions in some channels of what a recipe pins, the oldest first.

    Raises
    ------
    UnusableChannel
        If a channel can't be read.
    """
    found = channels.packages(pin.name for pin in recipe.pins)
    return {name: in_order({one.version for one in some}) for name, some in found.items()}


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
    packages = installed(prefix)
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
    by_python = versions.get(on_pypi(pin.name) or "")
    version = by_conda.version if by_conda else by_python or ""
    wrong: list[str] = []
    notes: list[str] = []
    if not version:
        wrong.append("not installed")
    elif not satisfies(version, pin):
        wrong.append(f"{version} is installed")
    elif by_conda is None:
        notes.append("installed by pip")
    if by_conda and by_python and _differ(by_conda.version, by_python):
        wrong.append(f"Python sees {by_python}, conda installed {by_conda.version}")
    releases: list[str] = []
    if there.in_channels is not None:
        known = there.in_channels.get(pin.name, [])
        releases = [one for one in known if not is_prerelease(one)]
        if not any(satisfies(one, pin) for one in known):
            wrong.append("no channel has it" if not known else "no channel has that version")
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


def _differ(one: str, other: str) -> bool:
    return is_below(one, other) or is_below(other, one)


# -- what the environment says


def python_of(prefix: Path) -> Path:
    """Return where the Python of an environment is, if it has one."""
    return prefix / ("python.exe" if os.name == "nt" else "bin/python")


def _probed(recipe: Recipe, prefix: Path, *, cluster: bool) -> tuple[dict[str, Any], str]:
    """Return what the environment's own Python says; or why it says nothing."""
    python = python_of(prefix)
    if not python.exists():
        return {}, "there is no Python in the environment"
    asked = json.dumps({"imports": recipe.imports, "cluster": cluster})
    try:
        done = subprocess.run(
            [python.absolute(), "-I", Path(probe.__file__)],
            input=asked,
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
    for line in done.stdout.splitlines():
        if line.startswith(probe.MARK):
            said: dict[str, Any] = json.loads(line.removeprefix(probe.MARK))
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
    for package, versions in cluster["packages"].items():
        seen = {version for version in versions.values() if version is not None}
        if len(set(versions.values())) > 1:
            differing += 1
            shown = ", ".join(f"{where} {version}" for where, version in versions.items())
            yield Finding("no", "cluster", f"{package} differs: {shown}")
        if seen and recipe.pin(_IN_CONDA.get(package, package)) is None:
            unpinned = "is compared by Client.get_versions(), and the recipe doesn't pin it"
            yield Finding("no", "cluster", f"{package} {unpinned}")
    if not cluster["computed"]:
        yield Finding("no", "cluster", "it computes a wrong sum")
    if not differing:
        count = len(cluster["packages"])
        agree = f"client, scheduler and workers agree on {count} packages"
        yield Finding("ok", "cluster", agree)
