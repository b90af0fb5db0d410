"""Proposes newer pins of a recipe, and writes them."""

from __future__ import annotations

import difflib
import hashlib
import re
import tempfile
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError, WrongRecipe, WrongSetting, reason
from benchdb.release.conda.solving import solve
from benchdb.release.conda.specs import dependency, is_below, is_prerelease
from benchdb.release.editing import Editor
from benchdb.release.generated import as_meta_yaml
from benchdb.release.reading import NAMES, read_recipe
from benchdb.release.variants import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from benchdb.recipes import Pin, Recipe, Solved
    from benchdb.release.conda.channels import Channels

_PATIENCE: Final = 60
_MOST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Edited:
    """A file as it is, and as it is to be."""

    path: Path
    before: str
    after: str

    def difference(self) -> str:
        """Return what changes, as `diff -u` shows it."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            str(self.path),
            str(self.path),
        )
        return "".join(lines)

    def write(self) -> None:
        """Write it.

        Raises
        ------
        UserError
            If it can't be written.
        """
        try:
            self.path.write_text(self.after, "utf-8", newline="\n")
        except OSError as error:
            raise UserError(f"{self.path} can't be written ({reason(error)}): allow it") from None


def propose(
    recipe: Recipe, channels: Channels, pythons: Sequence[str], only: Collection[str] = ()
) -> tuple[dict[str, str], list[Solved]]:
    """Return newer versions of what a recipe pins to one version, by package.

    They are those that can be installed together: the first Python chooses, and all others must
    take them, too.

    Parameters
    ----------
    pythons
        As ``3.12``; none for any.
    only
        Names of the packages that may change; all by default.

    Returns
    -------
    The versions, and what the solver said where nothing can be installed together.

    Raises
    ------
    WrongSetting
        If one of `only` isn't pinned to one version.
    UnusableChannel
        If a channel can't be read.
    """
    free = {pin.name for pin in recipe.pins if _is_exact(pin)}
    for name in only:
        if name not in free:
            raise WrongSetting(f"{recipe.file} pins no one version of {name!r}: name one it does")
    free &= set(only) or free
    named = f"{recipe.name} with newer pins"
    # A version that is no release is one of nightlies: it is never proposed.
    known = {name: [one.version for one in some] for name, some in channels.packages(free).items()}
    wanted = [
        _at_least(pin, known[pin.name]) if pin.name in free else dependency(pin)
        for pin in recipe.pins
    ]
    first, *others = pythons or ("",)
    found = solve(wanted, channels, first, name=named)
    if found.why:
        return {}, [found]
    versions = {one.name: one.version for one in found.packages}
    newer = {
        pin.name: versions[pin.name]
        for pin in recipe.pins
        if pin.name in free and pin.version and is_below(pin.version, versions[pin.name])
    }
    pins = [dependency(_moved(pin, newer)) for pin in recipe.pins]
    said = [solve(pins, channels, python, name=named) for python in others]
    failed = [one for one in said if one.why]
    return ({}, failed) if failed else (newer, [])


def _is_exact(pin: Pin) -> bool:
    return pin.version is not None and not pin.versions.endswith(".*") and pin.name != "python"


def _at_least(pin: Pin, known: list[str]) -> str:
    """Return a requirement of a release that isn't older than what is pinned."""
    newer = [one for one in known if not is_below(one, pin.version or "0")]
    nightlies = {one for one in newer if is_prerelease(one)}
    return ",".join([f"{pin.name} >={pin.version}", *(f"!={one}" for one in sorted(nightlies))])


def _moved(pin: Pin, newer: Mapping[str, str]) -> Pin:
    version = newer.get(pin.name)
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


def edited(recipe: Recipe, newer: Mapping[str, str], version: str) -> list[Edited]:
    """Return the recipe's files with other pins and another version, its build number 0.

    Raises
    ------
    WrongRecipe
        If a line isn't found, or the files wouldn't say that.
    """
    editor = Editor(recipe.file)
    before = editor.text
    for pin in recipe.pins:
        if pin.name in newer:
            editor.pin(pin, newer[pin.name])
    editor.version(recipe.released, version)
    editor.number(recipe.number)
    pins = tuple(_moved(pin, newer) for pin in recipe.pins)
    _make_sure(recipe, editor, pins, version)
    files = [Edited(recipe.file, before, editor.text)]
    beside = recipe.file.with_name(NAMES[1])
    if recipe.file.name == NAMES[0] and beside.is_file():
        meta = as_meta_yaml(recipe.file, editor.text)
        files.append(Edited(beside, beside.read_text("utf-8"), meta))
    return files


def _make_sure(recipe: Recipe, editor: Editor, pins: tuple[Pin, ...], version: str) -> None:
    """Make sure that an edited recipe says what it should."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / editor.path.name
        path.write_text(editor.text, "utf-8")
        made = read_recipe(path, dict.fromkeys(VARIABLES))
    if made.released != version or made.number != 0:
        raise WrongRecipe(f"{recipe.file} can't be given the version {version}: edit it by hand")
    for pin in pins:
        if made.pin(pin.name) != pin:
            raise WrongRecipe(f"{recipe.file} can't be given the pin {pin}: edit it by hand")


def feedstock(recipe: Recipe, folder: Path, archive: str | None) -> tuple[list[Edited], list[str]]:
    """Return the recipe of a feedstock with the version and the pins of another, and what to know.

    Parameters
    ----------
    recipe
        What is to be released.
    folder
        The checkout of a fork of the feedstock.
    archive
        The source's file or URL, whose checksum is written; by default what the feedstock names.

    Raises
    ------
    WrongRecipe
        If there is no recipe of that package, or a line isn't found.
    UserError
        If the source can't be read.
    """
    path = next(
        (
            one
            for name in NAMES
            for one in (folder / "recipe" / name, folder / name)
            if one.is_file()
        ),
        None,
    )
    if path is None:
        raise WrongRecipe(f"{folder} is no feedstock: it has no recipe/meta.yaml or recipe.yaml")
    there = read_recipe(path, dict.fromkeys(VARIABLES))
    if there.name != recipe.name:
        raise WrongRecipe(f"{path} is a recipe of {there.name}, not of {recipe.name}: name another")
    editor = Editor(path)
    before = editor.text
    if there.released != recipe.released:
        editor.version(there.released, recipe.released)
    editor.number(there.number)
    editor.requirements([str(pin) for pin in recipe.pins])
    _make_sure(recipe, editor, recipe.pins, recipe.released)
    notes = []
    source = archive or _source(editor)
    if source is None:
        notes.append(f"{path} names no source, so there is no checksum to write")
    elif not editor.sha256(_sha256(source)):
        notes.append(f"{path} has no sha256: write that of {source} by hand")
    return [Edited(path, before, editor.text)], notes


def _source(editor: Editor) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / editor.path.name
        path.write_text(editor.text, "utf-8")
        return read_recipe(path, dict.fromkeys(VARIABLES)).source


def _sha256(source: str) -> str:
    """Return the checksum of a file, or of what a URL leads to."""
    digest = hashlib.sha256()
    size = 0
    try:
        is_url = source.startswith(("https://", "http://", "file://"))
        url = source if is_url else Path(source).resolve().as_uri()
        with urllib.request.urlopen(url, timeout=_PATIENCE) as stream:  # noqa: S310
            while block := stream.read(1 << 20):
                size += len(block)
                if size > _MOST_BYTES:
                    raise UserError(f"{source} is too large for a source: name its archive")
                digest.update(block)
    except OSError as error:
        raise UserError(
            f"{source} can't be read ({reason(error)}): name the archive with --archive"
        ) from None
    return digest.hexdigest()
