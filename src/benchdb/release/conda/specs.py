"""Versions and requirements, as conda orders and matches them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import WrongRecipe, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb.recipes import Package, Pin, Recipe

#: Versions before a release: 2026.8.0a261122, 1.0rc1, 2.dev0; not OpenSSL's 1.1.1g, tzdata's 2025b.
_BEFORE: Final = re.compile(r"(?<![a-z])(?:[abc]\d|rc|alpha|beta|dev|pre|nightly)")

#: One sign before a series of versions, ``=3.11``, ``=3.11.*`` or ``=3.11*``.
_SERIES: Final = re.compile(r"(^|[,|(])=(?!=)([^,|)*]+?)(?:\.?\*)?(?=$|[,|)])")


def is_below(version: str, other: str) -> bool:
    """Tell whether a version orders below another; what is none to conda does not."""
    one, two = _version(version), _version(other)
    return one is not None and two is not None and bool(one < two)


def is_same(version: str, other: str) -> bool:
    """Tell whether conda takes two versions for one, as 1.0 and 1.0.0; or they are one text."""
    one, two = _version(version), _version(other)
    return version == other or (one is not None and two is not None and bool(one == two))


def _version(written: str) -> Any:
    """Return rattler's form of a version; None where it is none to conda."""
    import rattler
    from rattler.exceptions import InvalidVersionError

    try:
        return rattler.Version(written)
    except InvalidVersionError:
        return None


def in_order(versions: Iterable[str]) -> list[str]:
    """Return versions, the oldest first; what is none is left out."""
    found = {one: _version(one) for one in versions}
    return sorted((one for one in found if found[one] is not None), key=lambda one: found[one])


def is_prerelease(version: str) -> bool:
    """Tell whether a version is one of a nightly or before a release."""
    return bool(_BEFORE.search(version.lower()))


def satisfies(version: str, pin: Pin) -> bool:
    """Tell whether a version is one that a pin takes.

    Raises
    ------
    WrongSetting
        As of `version_spec`.
    """
    if not pin.versions or pin.versions == "*":
        return True
    wanted, found = version_spec(pin.versions), _version(version)
    return found is not None and bool(wanted.matches(found))


def is_virtual(name: str) -> bool:
    """Tell whether a package stands for the machine, as ``__glibc``: no channel has it."""
    return name.startswith("__")


def is_taken(package: Package, pin: Pin) -> bool:
    """Tell whether a package has a version and a build that a pin takes."""
    has_build = not pin.build or fnmatchcase(package.build, pin.build)
    return has_build and satisfies(package.version, pin)


def version_spec(written: str) -> Any:
    """Return rattler's form of the versions that something is about.

    Raises
    ------
    WrongSetting
        If they are none to conda. What else a requirement may have, as a build, is refused, too.
    """
    import rattler
    from rattler.exceptions import InvalidVersionSpecError

    try:
        return rattler.VersionSpec(written)
    except InvalidVersionSpecError:
        raise WrongSetting(
            f"{written!r} are no versions to conda: write them as '>=2026.7,<2026.9'"
        ) from None


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
    for one in (recipe.version, recipe.released):
        if _version(one) is None:
            raise WrongRecipe(
                f"{recipe.file} has the version {one!r}, which is none to conda: "
                "write one as 2026.11.0"
            )
    for pin in recipe.pins:
        try:
            match_spec(dependency(pin))
            satisfies("0", pin)
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
