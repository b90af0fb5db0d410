"""Patterns in which ``*`` stands for anything and ``?`` for one character, and no other does."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    # Brackets are parameters of tests here, not a set of characters.
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern fits all of a text."""
    return _expression(pattern).fullmatch(text) is not None
