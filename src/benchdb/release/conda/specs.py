"""Versions and requirements, as conda orders and matches them."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb.recipes import Pin, Recipe

#: Versions before a release: 2026.8.0a261122, 1.0rc1, 2.dev0; not OpenSSL's 1.1.1g, tzdata's 2025b.
_BEFORE: Final = re.compile(r"(?<![a-z])(?:[abc]\d|rc|alpha|beta|dev|pre|nightly)")

#: One sign before a series of versions, ``=3.11``, ``=3.11.*`` or ``=3.11*``.
_SERIES: Final = re.compile(r"(^|[,|(])=(?!=)([^,|)*]+?)(?:\.?\*)?(?=$|[,|)])")


def is_below(version: str, other: str) -> bool:
    """Tell whether a version orders below another."""
    import rattler

    return bool(rattler.Version(version) < rattler.Version(other))


def in_order(versions: Iterable[str]) -> list[str]:
    """Return versions, the oldest first; what is none is left out."""
    import rattler
    from rattler.exceptions import InvalidVersionError

    found = {}
    for one in versions:
        with contextlib.suppress(InvalidVersionError):
            found[one] = rattler.Version(one)
    return sorted(found, key=lambda one: found[one])


def is_prerelease(version: str) -> bool:
    """Tell whether a version is one of a nightly or before a release."""
    return bool(_BEFORE.search(version.lower()))


def satisfies(version: str, pin: Pin) -> bool:
    """Tell whether a version is one that a pin takes."""
    if not pin.versions or pin.versions == "*":
        return True
    import rattler
    from rattler.exceptions import InvalidVersionError

    try:
        return bool(_versions(pin.versions).matches(rattler.Version(version)))
    except InvalidVersionError:
        return False


def _versions(written: str) -> Any:
    import rattler

    return rattler.VersionSpec(written)


def match_spec(written: str) -> Any:
    """Return rattler's form of a requirement.

    Raises
    ------
    WrongSetting
        If it is none.
    """
    import rattler

    try:
        return rattler.MatchSpec(written)
    except Exception as error:
        said = " ".join(str(error).split())
        raise WrongSetting(
            f"{written!r} is no requirement ({said}): write it as 'benchdb-runtime ==1.2'"
        ) from None


def check_versions(recipe: Recipe) -> None:
    """Make sure that versions and pins are ones to conda, and that a nightly is below its release.

    Raises
    ------
    WrongRecipe
        If one isn't.
    """
    import rattler
    from rattler.exceptions import InvalidVersionError

    for one in (recipe.version, recipe.released):
        try:
            rattler.Version(one)
        except InvalidVersionError:
            raise WrongRecipe(
                f"{recipe.file} has the version {one!r}, which is none to conda: "
                "write one as 2026.11.0"
            ) from None
    for pin in recipe.pins:
        try:
            match_spec(dependency(pin))
        except WrongSetting as error:
            raise WrongRecipe(f"{recipe.file}: {error}") from None
    if recipe.is_nightly and not is_below(recipe.version, recipe.released):
        raise WrongRecipe(
            f"{recipe.file}: {recipe.version} doesn't order below {recipe.released}, whose nightly "
            "it is to be: set VERSION_SUFFIX as a20261122"
        )


def dependency(pin: Pin) -> str:
    """Return a pin as the metadata of a package have it: of ``=3.11`` every ``3.11.*``."""
    versions = _SERIES.sub(r"\1\2.*", pin.versions)
    return " ".join(part for part in (pin.name, versions, pin.build) if part)
