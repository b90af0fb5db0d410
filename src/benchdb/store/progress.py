"""How far long work is, told to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable

#: Takes what is being done, how much of it is done, and of how much (0 where that isn't known).
Progress = Callable[[str, int, int], None]


def untold(what: str, done: int, total: int) -> None:
    """Tell nobody."""
