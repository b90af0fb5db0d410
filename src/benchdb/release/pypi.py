"""The newest releases on PyPI, or another index that has its form."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import UserError, reason
from benchdb.release.conda.specs import in_order, is_prerelease
from benchdb.release.environments import on_pypi

if TYPE_CHECKING:
    from benchdb.recipes import Recipe

_ACCEPTED: Final = "application/vnd.pypi.simple.v1+json"
_PATIENCE: Final = 20
_MOST_BYTES: Final = 64 << 20


def newest_on_index(recipe: Recipe, index: str) -> dict[str, str]:
    """Return the newest release of what a recipe pins, by conda's name.

    Parameters
    ----------
    index
        Its URL: ``https://pypi.org/simple``.

    Raises
    ------
    UserError
        If it doesn't answer. What it has no package of is left out.
    """
    if not index.startswith(("https://", "http://")):
        raise UserError(f"{index} is no index: give a URL as https://pypi.org/simple")
    found = {}
    for pin in recipe.pins:
        name = on_pypi(pin.name)
        if name is None:
            continue
        releases = [one for one in in_order(_versions(index, name)) if not is_prerelease(one)]
        if releases:
            found[pin.name] = releases[-1]
    return found


def _versions(index: str, name: str) -> list[str]:
    request = urllib.request.Request(  # noqa: S310 of http alone, see above
        f"{index.rstrip('/')}/{name}/", headers={"Accept": _ACCEPTED}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            said: Any = json.loads(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise _unusable(index, str(error)) from None
    except (OSError, ValueError) as error:
        raise _unusable(index, reason(error)) from None
    versions = said.get("versions", []) if isinstance(said, dict) else []
    return [one for one in versions if isinstance(one, str)]


def _unusable(index: str, why: str) -> UserError:
    return UserError(f"the index {index} doesn't answer ({why}): is there a network?")
