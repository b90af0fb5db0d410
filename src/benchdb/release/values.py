"""The values of recipes' templates: what there is to do with them, and how large they may be."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"

#: Characters of a text, and of all texts in a list together.
_MOST_TEXT: Final = 4_096
_MOST_LISTED: Final = 65_536

#: Items of a list, those of its lists counted in, and names that a recipe sets.
MOST_ITEMS: Final = 1_000

#: Up to here floats tell whole numbers apart.
_MOST_NUMBER: Final = 1 << 53

#: Methods of text that recipes may call.
METHODS: Final = frozenset(
    {
        *("endswith", "join", "lower", "lstrip", "removeprefix", "removesuffix", "replace"),
        *("rsplit", "rstrip", "split", "startswith", "strip", "upper"),
    }
)

#: Filters, by name.
FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "first": lambda value: value[0],
    "int": int,
    "join": lambda value, between="": between.join(map(str, value)),
    "last": lambda value: value[-1],
    "length": len,
    "list": list,
    "lower": lambda value: str(value).lower(),
    "replace": lambda value, old, new: str(value).replace(old, new),
    "split": lambda value, at=None: str(value).split(at),
    "string": str,
    "trim": lambda value: str(value).strip(),
    "upper": lambda value: str(value).upper(),
}

#: Operators between two values, by Jinja's name of the node.
BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
}

#: Comparisons, by Jinja's name.
COMPARED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda one, other: one in other,
    "notin": lambda one, other: one not in other,
}


def is_too_large(value: Any) -> bool:
    """Tell whether a value is larger than any recipe needs: text, lists and numbers are bounded."""
    if isinstance(value, str):
        return len(value) > _MOST_TEXT
    if isinstance(value, (list, dict)):
        return not _is_small(value)
    return isinstance(value, (int, float)) and not -_MOST_NUMBER < value < _MOST_NUMBER


def _is_small(value: Any) -> bool:
    """Tell whether a list has few items and little text, those of its lists counted in.

    A list may be in another one many times: few lines would make one that nobody can look through.
    """
    items, text, left = 0, 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            text += len(one)
            continue
        inner = [*one, *one.values()] if isinstance(one, dict) else one
        if not isinstance(inner, list):
            continue
        items += len(inner)
        if items > MOST_ITEMS:
            return False
        left += inner
    return text <= _MOST_LISTED


def as_text(value: Any) -> str:
    """Return a value as a template writes it.

    Raises
    ------
    TypeError
        If it is a list, a mapping, or nothing.
    """
    if isinstance(value, (list, dict)) or value is None:
        raise TypeError(f"{short(value)} is no text")
    return str(value)


def short(value: Any) -> str:
    """Return a value as messages show it, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
