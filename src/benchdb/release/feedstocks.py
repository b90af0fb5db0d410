"""Writes a release into a checkout of a feedstock."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError, WrongRecipe, reason
from benchdb.release.bumping import chosen_by_python
from benchdb.release.editing import Editor
from benchdb.release.edits import Edited
from benchdb.release.platforms import BARE, read_everywhere, selector
from benchdb.release.reading import NAMES, read_recipe

if TYPE_CHECKING:
    from benchdb.recipes import Pin, Recipe

_PATIENCE: Final = 60
_MOST_BYTES: Final = 1 << 30


def feedstock(recipe: Recipe, folder: Path, archive: str | None) -> tuple[list[Edited], list[str]]:
    """Return the recipe of a feedstock with the version and the pins of another, and what to know.

    Each requirement stays in its line, with its comment and selector; those of other platforms than
    this one are written, too.

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
    places = [place for name in NAMES for place in (folder / "recipe" / name, folder / name)]
    path = next((one for one in places if one.is_file()), None)
    if path is None:
        raise WrongRecipe(f"{folder} is no feedstock: it has no recipe/meta.yaml or recipe.yaml")
    there = read_recipe(path, BARE)
    if there.name != recipe.name:
        raise WrongRecipe(f"{path} is a recipe of {there.name}, not of {recipe.name}: name another")
    editor = Editor(path)
    before = editor.text
    if there.released != recipe.released:
        editor.version(there.released, recipe.released)
    editor.number(there.number)
    wanted = read_everywhere(recipe.file)
    notes = _require(editor, _by_name(read_everywhere(path)), _by_name(wanted))
    _require_alone(editor, wanted)
    made = read_everywhere(path, editor.text)
    for platform, one in wanted.items():
        _make_sure(path, one, made.get(platform), platform)

    notes += [
        f"{recipe.file} requires {pin} for some versions of Python: see that {path} does, too"
        for pin in chosen_by_python(recipe.file)
    ]
    if made[next(iter(made))].constrains != recipe.constrains:
        notes.append(f"{path} constrains other packages than {recipe.file}: change that by hand")
    source = archive or read_recipe(path, BARE, text=editor.text).source
    if source is None:
        notes.append(f"{path} names no source, so there is no checksum to write")
        return [Edited(path, before, editor.text)], notes
    written = editor.sha256(_sha256(source))
    if written == 0:
        notes.append(f"{path} has no sha256: write that of {source} by hand")
    elif written > 1:
        notes.append(f"{path} has several sources: write the others' checksums by hand")
    return [Edited(path, before, editor.text)], notes


#: Pins of a package, and the platforms where each is required.
_Pins = dict["Pin", frozenset[str]]


def _by_name(recipes: dict[str, Recipe]) -> dict[str, _Pins]:
    """Return the pins of each package, in an order that is that of every platform if there is one.

    What one platform alone requires stands behind what it stands behind there.
    """
    found: dict[str, _Pins] = {}
    order: list[str] = []
    for platform, recipe in recipes.items():
        at = 0
        for pin in recipe.pins:
            if pin.name not in found:
                order.insert(at, pin.name)
            at = order.index(pin.name) + 1
            pins = found.setdefault(pin.name, {})
            pins[pin] = pins.get(pin, frozenset()) | {platform}
    return {name: found[name] for name in order}


def _require(editor: Editor, there: dict[str, _Pins], wanted: dict[str, _Pins]) -> list[str]:
    """Let a recipe require what it should, each package in its line; return what it did beside."""
    notes = [
        f"{editor.path} requires {pin} no longer, as the recipe doesn't"
        for name, pins in there.items()
        for pin in pins
        if name not in wanted
    ]
    for name, pins in there.items():
        if set(pins.values()) != set(wanted.get(name, {}).values()):
            for pin in pins:
                editor.remove(pin)
    last: Pin | None = None
    for name, pins in wanted.items():
        old = {where: pin for pin, where in there.get(name, {}).items()}
        stays = set(old) == set(pins.values())
        for pin, where in pins.items():
            if not stays:
                holds = selector(where)
                if holds is None:
                    raise WrongRecipe(
                        f"{editor.path} can't be given {pin} for {', '.join(sorted(where))} alone: "
                        "edit it by hand"
                    )
                editor.add(pin, holds, last)
            elif old[where] != pin:
                editor.change(old[where], pin)
            last = pin
    return notes


def _require_alone(editor: Editor, wanted: dict[str, Recipe]) -> None:
    """Mend what changed with another package, by a name that both used."""
    for platform, one in wanted.items():
        made = read_recipe(editor.path, BARE, platform, editor.text)
        for pin in one.pins:
            found = made.pin(pin.name)
            if found and found != pin:
                editor.require(found, pin)


def _make_sure(path: Path, wanted: Recipe, made: Recipe | None, platform: str) -> None:
    """Make sure that an edited recipe says what it should."""
    if made is None or made.released != wanted.released or made.number != 0:
        raise WrongRecipe(f"{path} can't be given the version {wanted.released}: edit it by hand")
    if different := set(wanted.pins) ^ set(made.pins):
        names = ", ".join(sorted({pin.name for pin in different}))
        raise WrongRecipe(
            f"{path} can't be given the pins of {names} ({platform}): edit it by hand"
        )


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
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", None)
        said = reason(cause) if isinstance(cause, OSError) else str(cause or reason(error))
        raise UserError(
            f"{source} can't be read ({said}): name the archive with --archive"
        ) from None
    return digest.hexdigest()
