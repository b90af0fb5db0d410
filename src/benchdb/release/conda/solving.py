"""Solves a recipe's pins or a requirement, and installs what was solved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchdb.errors import UnusableChannel, WrongSetting
from benchdb.recipes import Package, Solved
from benchdb.release.conda.channels import as_package, waited
from benchdb.release.conda.specs import dependency, match_spec
from benchdb.release.libraries import need_libraries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchdb.recipes import Recipe
    from benchdb.release.conda.channels import Channels


def pins_of(recipe: Recipe) -> list[str]:
    """Return the requirements of a recipe, as a solver takes them."""
    return [dependency(pin) for pin in recipe.pins]


def solve(
    specs: Sequence[str], channels: Channels, python: str = "", *, name: str = "this"
) -> Solved:
    """Return what would be installed for some requirements; or why nothing can be.

    Parameters
    ----------
    specs
        As ``dask ==2026.8.0``.
    python
        The version to take, as ``3.12``; empty for any.
    name
        What requires all that, for the reasons.

    Raises
    ------
    WrongSetting
        If one isn't a requirement.
    UnusableChannel
        If a channel can't be read.
    """
    records, why = _solved(specs, channels, python, name)
    packages = sorted((as_package(one) for one in records), key=lambda one: one.name)
    return Solved(python, channels.platform, tuple(packages), why)


def _solved(
    specs: Sequence[str], channels: Channels, python: str, name: str
) -> tuple[list[Any], str]:
    wanted = [match_spec(one) for one in specs]
    if python:
        wanted.append(match_spec(f"python {python.removesuffix('.*')}.*"))
    return channels.solve(wanted, name)


def install(specs: Sequence[str], prefix: Path, channels: Channels) -> Solved:
    """Install what some requirements need into a folder, which becomes exactly that.

    Parameters
    ----------
    prefix
        A folder with nothing in it, or one with an environment, which is changed.

    Raises
    ------
    WrongSetting
        If there is something else in the folder.
    UnusableChannel
        If a channel can't be read, or a package not be installed.
    """
    is_one = (prefix / "conda-meta").is_dir()
    if prefix.exists() and not is_one and (not prefix.is_dir() or any(prefix.iterdir())):
        raise WrongSetting(
            f"{prefix} is no environment of conda's and not empty: name another folder"
        )
    import rattler

    records, why = _solved(specs, channels, "", "this")
    packages = tuple(sorted((as_package(one) for one in records), key=lambda one: one.name))
    if why:
        return Solved("", channels.platform, (), why)
    try:
        waited(
            lambda: rattler.install(
                records,
                target_prefix=prefix,
                platform=rattler.Subdir(channels.platform),
                execute_link_scripts=False,
                show_progress=False,
            )
        )
    except Exception as error:
        said = " ".join(str(error).split())
        raise UnusableChannel(
            f"{prefix} can't be made ({said}): mend that, and install once more"
        ) from None
    return Solved("", channels.platform, packages)


def installed(prefix: Path) -> dict[str, Package]:
    """Return what an environment of conda's says is installed, by name.

    Raises
    ------
    WrongSetting
        If it is none.
    """
    need_libraries()
    import rattler

    folder = prefix / "conda-meta"
    if not folder.is_dir():
        raise WrongSetting(f"{prefix} is no environment of conda's: name one's folder")
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            one = as_package(rattler.PrefixRecord.from_path(path))
        except Exception:
            raise WrongSetting(
                f"{path} is no record of a package: install the environment once more"
            ) from None
        found[one.name] = one
    return found
