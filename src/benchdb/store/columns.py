"""The columns of a table as an open database has them, told without SQLAlchemy."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What a type's name begins with, and the kind of such a column; any other holds text.
_KINDS: Final = (
    (("DATETIME", "TIMESTAMP"), "instant"),
    (("BOOL",), "boolean"),
    (("FLOAT", "DOUBLE", "REAL"), "float"),
    (("INT", "BIGINT", "SMALLINT", "TINYINT"), "integer"),
    (("BLOB", "BYTEA"), "bytes"),
)


@functools.lru_cache(maxsize=64)
def kind_of(declared: str) -> str:
    """Return what a column holds, by its type in SQL.

    Returns
    -------
    str
        ``"text"``, ``"integer"``, ``"float"``, ``"boolean"``, ``"instant"`` or ``"bytes"``.
    """
    declared = declared.upper()
    return next((kind for starts, kind in _KINDS if declared.startswith(starts)), "text")


def quoted(names: Iterable[str]) -> str:
    """Return the names of columns as SQL lists them; some of them are its own words."""
    return ", ".join(f'"{name}"' for name in names)


def insertion(table: str, names: Iterable[str], condition: str = "") -> str:
    """Return the statement that inserts one row with these columns, if a condition holds."""
    columns = tuple(names)
    marks = ", ".join("?" * len(columns))
    values = f"SELECT {marks} WHERE {condition}" if condition else f"VALUES ({marks})"
    return f"INSERT INTO {table} ({quoted(columns)}) {values}"
