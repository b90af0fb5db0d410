"""One recipe on all platforms: what it says there, and which selector says where."""

from __future__ import annotations

import contextlib
from itertools import permutations
from typing import TYPE_CHECKING, Final

from benchdb.errors import WrongRecipe
from benchdb.release.reading import read_recipe
from benchdb.release.variants import VARIABLES, selectors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from benchdb.recipes import Recipe

#: Those that conda-forge builds for, what most use first.
PLATFORMS: Final = ("linux-64", "osx-arm64", "win-64", "linux-aarch64", "osx-64", "linux-ppc64le")

#: Variables of no variant.
BARE: Final[dict[str, str | None]] = dict.fromkeys(VARIABLES)

_NAMES: Final = ("unix", "linux", "osx", "win", "x86_64", "aarch64", "arm64", "ppc64le")


def read_everywhere(
    path: Path, text: str | None = None, environ: dict[str, str | None] | None = None
) -> dict[str, Recipe]:
    """Return a recipe as it is on each platform; without those where it can't be rendered.

    Parameters
    ----------
    text
        What the file is to say; by default what it says.
    environ
        From `benchdb.release.variants.variables`; by default that of no variant.
    """
    found = {}
    for platform in PLATFORMS:
        with contextlib.suppress(WrongRecipe):
            found[platform] = read_recipe(path, environ or BARE, platform, text)
    return found


def selector(platforms: Collection[str]) -> str | None:
    """Return the selector that holds on some platforms and no others: empty for all, or None."""
    wanted = set(platforms)
    if wanted == set(PLATFORMS):
        return ""
    return next((said for said, where in _selectors() if where == wanted), None)


def _selectors() -> Iterator[tuple[str, set[str]]]:
    holds = {name: {one for one in PLATFORMS if selectors(one, BARE)[name]} for name in _NAMES}
    yield from holds.items()
    for name, where in holds.items():
        yield f"not {name}", set(PLATFORMS) - where
    for (one, where), (other, there) in permutations(holds.items(), 2):
        yield f"{one} and {other}", where & there
        yield f"{one} and not {other}", where - there
        yield f"{one} or {other}", where | there
