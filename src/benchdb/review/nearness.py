"""Names that are like one that somebody mistyped."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A name is near another from here on.
_NEAR: Final = 0.5
_MOST_NAMED: Final = 3


def nearest(given: str, names: Iterable[str]) -> list[str]:
    """Return the few names that are like one, the nearest first: by letters, or as they hold it."""
    ordered = sorted(names, key=lambda name: (len(name), name))
    near = difflib.get_close_matches(given, ordered, n=_MOST_NAMED, cutoff=_NEAR)
    held = [name for name in ordered if given.lower() in name.lower()]
    return list(dict.fromkeys([*near, *held]))[:_MOST_NAMED]
