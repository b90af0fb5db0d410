"""Proposes newer pins of a recipe, and writes them."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from benchdb.errors import UnusableChannel, WrongRecipe, WrongSetting
from benchdb.release.conda.solving import solve
from benchdb.release.conda.specs import dependency, in_order, is_below, is_prerelease
from benchdb.release.documents import read_text
from benchdb.release.editing import Editor
from benchdb.release.edits import Edited
from benchdb.release.generated import HEAD, as_meta_yaml
from benchdb.release.platforms import BARE, PLATFORMS, read_everywhere
from benchdb.release.reading import NAMES, read_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from benchdb.recipes import Pin, Recipe, Solved
    from benchdb.release.conda.channels import Channels

#: Versions of Python that a recipe may tell apart.
_PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Newer versions of what a recipe pins.

    Parameters
    ----------
    newer
        By what is pinned: platforms may pin different versions of one package.
    failed
        What the solver said where nothing can be installed together.
    notes
        What is left as it is, and why.
    """

    newer: Mapping[Pin, str]
    failed: Sequence[Solved] = ()
    notes: Sequence[str] = ()


def propose(
    recipe: Recipe,
    channels: Callable[[str], Channels],
    platform: str,
    pythons: Sequence[str],
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
) -> Proposal:
    """Return newer versions of what a recipe pins to one version.

    They are those that can be installed together: the first Python chooses, and all others must
    take them, too. What other platforms alone pin is looked for there, beside what was found here.

    Parameters
    ----------
    recipe
        As it is on `platform`.
    channels
        Returns the channels for a platform.
    pythons
        As ``3.12``; none for any.
    only
        Names of the packages that may change; all by default.
    without
        Names of the packages that no channel has: nothing is asked of them.

    Raises
    ------
    WrongSetting
        If one of `only` isn't pinned to one version, or one of `without` not at all.
    UnusableChannel
        If a channel can't be read.
    """
    everywhere = {platform: recipe}
    everywhere |= {
        where: there for where, there in read_everywhere(recipe.file).items() if where != platform
    }
    pinned = {pin for one in everywhere.values() for pin in one.pins}
    for name in set(without) - {pin.name for pin in pinned}:
        raise WrongSetting(f"{recipe.file} pins no {name!r}: name a package that it does")
    for name in set(only) - {pin.name for pin in pinned if _is_exact(pin)}:
        raise WrongSetting(f"{recipe.file} pins no one version of {name!r}: name one it does")
    newer: dict[Pin, str] = {}
    seen: set[Pin] = set()
    notes = [
        f"what {where} alone pins is left as it is, as the recipe can't be rendered there: see "
        f"`benchdb release solve --platform {where}`"
        for where in PLATFORMS
        if where not in everywhere
    ]
    for where, one in everywhere.items():
        there = replace(one, pins=tuple(pin for pin in one.pins if pin.name not in without))
        free = {
            pin
            for pin in there.pins
            if _is_exact(pin) and pin not in seen and (not only or pin.name in only)
        }
        seen |= set(there.pins)
        if where == platform:
            newer, failed = _proposed(there, channels(where), pythons, free, {})
            if failed:
                return Proposal({}, failed)
        elif free:
            try:
                more, failed = _proposed(there, channels(where), pythons, free, newer)
            except UnusableChannel as error:
                more, failed = {}, []
                notes.append(f"{_listed(free)} left as it is, of {where}: {error}")
            newer |= more
            if failed:
                notes.append(
                    f"{_listed(free)} left as it is, of {where}, where that can't be installed "
                    f"with what is newer: see `benchdb release solve --platform {where}`"
                )
    notes += [
        f"{pin} is left as it is: the version of Python chooses it"
        for pin in chosen_by_python(recipe.file)
        if _is_exact(pin) and pin not in seen and pin.name not in without
    ]
    return Proposal(newer, (), notes)


def _listed(pins: Iterable[Pin]) -> str:
    return ", ".join(sorted(map(str, pins)))


def _proposed(
    recipe: Recipe,
    channels: Channels,
    pythons: Sequence[str],
    free: Collection[Pin],
    newer: Mapping[Pin, str],
) -> tuple[dict[Pin, str], list[Solved]]:
    """Return newer versions of some pins on one platform, where others are newer already."""
    named = f"{recipe.name} with newer pins"
    # A version that is no release is one of nightlies: it is never proposed.
    names = [pin.name for pin in free]
    known = {name: [one.version for one in some] for name, some in channels.packages(names).items()}
    wanted = [
        _at_least(pin, known[pin.name]) if pin in free else dependency(_moved(pin, newer))
        for pin in recipe.pins
    ]
    first, *others = pythons or ("",)
    found = solve(wanted, channels, first, name=named)
    if found.why:
        return {}, [found]
    versions = {one.name: one.version for one in found.packages}
    more = {
        pin: versions[pin.name]
        for pin in free
        if pin.version and is_below(pin.version, versions[pin.name])
    }
    pins = [dependency(_moved(pin, {**newer, **more})) for pin in recipe.pins]
    # A build that was asked for may be there of the old version alone.
    again = [first] * any(pin.build for pin in more)
    said = [solve(pins, channels, python, name=named) for python in (*again, *others)]
    failed = [one for one in said if one.why]
    return ({}, failed) if failed else (more, [])


def chosen_by_python(path: Path) -> list[Pin]:
    """Return what a recipe requires for some versions of Python alone."""
    found: set[Pin] = set()
    common: set[Pin] | None = None
    for python in _PYTHONS:
        with contextlib.suppress(WrongRecipe):
            pins = set(read_recipe(path, {**BARE, "PYTHON_VERSION": python}).pins)
            found |= pins
            common = pins if common is None else common & pins
    return sorted((pin for pin in found - (common or set()) if pin.name != "python"), key=str)


def _is_exact(pin: Pin) -> bool:
    return pin.version is not None and not pin.versions.endswith(".*") and pin.name != "python"


def _at_least(pin: Pin, known: list[str]) -> str:
    """Return a requirement of a release that isn't older than what is pinned."""
    newer = [one for one in known if not is_below(one, pin.version or "0")]
    nightlies = {one for one in newer if is_prerelease(one) and one != pin.version}
    return ",".join([f"{pin.name} >={pin.version}", *(f"!={one}" for one in sorted(nightlies))])


def _moved(pin: Pin, newer: Mapping[Pin, str]) -> Pin:
    version = newer.get(pin)
    if version is None:
        return pin
    sign = "==" if pin.versions.startswith("==") else "=" if pin.versions.startswith("=") else ""
    return replace(pin, versions=f"{sign}{version}")


def following(version: str) -> str:
    """Return the version after a release: its last number counted up by one."""
    found = re.fullmatch(r"(.*?)(\d+)", version)
    if found is None:
        raise WrongSetting(f"{version} ends in no number: give the next one with --version")
    return f"{found[1]}{int(found[2]) + 1}"


def check_version(recipe: Recipe, given: str) -> list[str]:
    """Return what to know of the version that the next release is to have.

    Raises
    ------
    WrongSetting
        If it is none, or is below that of the recipe.
    """
    if not re.fullmatch(r"(?:\d+!)?[0-9][A-Za-z0-9_.+]{0,63}", given) or not in_order([given]):
        raise WrongSetting(f"--version {given!r} is no version: write one as 2026.11.0")
    if is_below(given, recipe.released):
        raise WrongSetting(f"--version {given} is below {recipe.released}: name a newer one")
    if is_below(recipe.released, given):
        return []
    return [
        f"the version stays {given}: a package of it that is published already has the same name"
    ]


def edited(
    recipe: Recipe, newer: Mapping[Pin, str], version: str | None
) -> tuple[list[Edited], list[str]]:
    """Return the recipe's files with other pins and version, its build number 0, and what to know.

    Parameters
    ----------
    version
        By default the one that follows; that of a pin, where one name sets both.

    Raises
    ------
    WrongRecipe
        If a line isn't found, or the files wouldn't say that, on whichever platform.
    WrongSetting
        If no version follows.
    """
    editor = Editor(recipe.file)
    before = editor.text
    for pin, to in newer.items():
        editor.pin(pin, to)
    followed = read_recipe(recipe.file, BARE, text=editor.text).released
    if followed != recipe.released:
        version = version or followed
        if version != followed:
            raise WrongRecipe(
                f"{recipe.file} sets its version and a pin by one name: it becomes {followed}; "
                f"leave out --version, or set {version} by hand"
            )
    version = version or following(recipe.released)
    if version not in (followed, recipe.released):
        editor.version(recipe.released, version)
    editor.number(recipe.number)
    for platform, one in read_everywhere(recipe.file).items():
        _make_sure(one, read_recipe(recipe.file, BARE, platform, editor.text), newer, version)
    files = [Edited(recipe.file, before, editor.text)]
    notes = []
    beside = recipe.file.with_name(NAMES[1])
    if recipe.file.name == NAMES[0] and beside.is_file():
        was = read_text(beside)
        if was.strip() and not was.startswith(HEAD):
            notes.append(f"{beside} wasn't made from {recipe.file}: it is replaced by what was")
        files.append(Edited(beside, was, as_meta_yaml(recipe.file, editor.text)))
    return files, notes


def _make_sure(before: Recipe, made: Recipe, newer: Mapping[Pin, str], version: str) -> None:
    """Make sure that an edited recipe says what it should, on one platform."""
    path = before.file
    if made.released != version or made.number != 0:
        raise WrongRecipe(f"{path} can't be given the version {version}: edit it by hand")
    for old, new in zip(before.pins, made.pins, strict=False):
        if new != _moved(old, newer):
            raise WrongRecipe(
                f"{path} can't be given the pin {_moved(old, newer)}, as it would say {new}: "
                "edit it by hand"
            )
    if (before.name, len(before.pins), before.imports) != (made.name, len(made.pins), made.imports):
        raise WrongRecipe(f"{path} would say something else, too: edit it by hand")
