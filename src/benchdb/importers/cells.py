"""The cells of a table of text: numbers, instants, truths and names of cases; empty is no value.

Each function raises `Unfit` for what it can't take.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from benchdb.records import in_utc

if TYPE_CHECKING:
    from collections.abc import Callable


class Unfit(Exception):
    """What is wrong with a cell, or its line: the middle of a message."""


def number_in(cell: str) -> float | None:
    """Return a number; None where there is none, or NaN."""
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        if not cell.strip():
            return None
        raise Unfit(f"{shown(cell)} is no number") from None
    if "_" in cell:
        raise Unfit(f"{shown(cell)} is no number")
    return None if math.isnan(value) else value + 0.0  # SQLite holds no -0.0


def integer_in(cell: str) -> int | None:
    """Return a whole number that a column of 64 bits holds."""
    value = number_in(cell)
    if value is not None and not (abs(value) < 2**63 and value == int(value)):
        raise Unfit(f"{shown(cell)} is no whole number of 64 bits")
    return None if value is None else int(value)


def boolean_in(cell: str) -> bool | None:
    """Return what true, false, 1 or 0 says."""
    said = cell.strip().lower()
    if said not in _TRUTHS:
        raise Unfit(f"{shown(cell)} is neither true nor false")
    return _TRUTHS[said]


_TRUTHS: Final = {"": None, "true": True, "1": True, "false": False, "0": False}


def text_in(cell: str) -> str | None:
    """Return text as it is."""
    return cell or None


def instant_in(cell: str) -> datetime:
    """Return an instant in UTC."""
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        try:
            value = datetime.fromisoformat(cell.strip())
        except ValueError:
            raise Unfit(f"{shown(cell)} is no time in ISO 8601") from None
    try:
        return in_utc(value)
    except OverflowError:
        raise Unfit(f"{shown(cell)} is out of range") from None


def maybe_instant_in(cell: str) -> datetime | None:
    """Return an instant, where there is one."""
    return instant_in(cell) if cell.strip() else None


#: What turns a cell into a value, by the kind of its column.
CONVERTERS: Final[dict[str, Callable[[str], Any]]] = {
    "float": number_in,
    "integer": integer_in,
    "boolean": boolean_in,
    "text": text_in,
    "instant": maybe_instant_in,
}


def shown(cell: str) -> str:
    """Return a cell as messages show it."""
    return repr(cell if len(cell) <= 60 else f"{cell[:57]}...")


def path_and_name(cell: str) -> tuple[str | None, str]:
    """Return path and name of ``path::name``; the path is None where none is named.

    Raises
    ------
    Unfit
        If there is no name.
    """
    said = cell.strip()
    before, bracket, parameters = said.partition("[")
    path, colons, name = before.partition("::")
    if not colons and ".py::" in said:  # a folder's name has the bracket
        path, colons, name = said.partition("::")
    elif colons:
        name += bracket + parameters
    else:
        path, name = "", said
    if not name or name.startswith("["):
        raise Unfit(f"{shown(cell)} in `test` is no path::name")
    return path or None, name
