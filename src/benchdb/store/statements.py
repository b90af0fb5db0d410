"""Statements that name many rows: as many at a time as one may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Any = TypeVar("_Any")

#: Fewer than the variables that any SQLite takes in one statement.
_CHUNK: Final = 500


def chunks(items: list[_Any], size: int = _CHUNK) -> Iterator[list[_Any]]:
    """Yield items, as many at a time as one statement may name."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def marks(values: Sequence[object]) -> str:
    """Return the placeholders of values in a statement."""
    return ", ".join("?" * len(values))
