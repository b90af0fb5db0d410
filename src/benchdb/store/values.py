"""Values on their way into the database: what a column, any database and the digest can hold."""

from __future__ import annotations

import math
import numbers
import sys
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, Final

from benchdb.records import in_utc

_INSTANT_LENGTH: Final = len("2026-01-01 00:00:00.000000")
_SURROGATES: Final = range(0xD800, 0xE000)
_MOST_INTEGER: Final = 2**63


class UnfitValue(ValueError):
    """A value that its column can't hold."""


def text(value: str) -> str:
    r"""Return text that every database can hold: NUL, lone surrogates are escaped as ``\uXXXX``."""
    if value.isascii() and "\0" not in value:
        return value
    return "".join(
        f"\\u{ord(char):04x}" if char == "\0" or ord(char) in _SURROGATES else char
        for char in value
    )


def stored_instant(value: datetime) -> str:
    """Return an instant as SQLite holds it: the form of SQLAlchemy's DateTime, in UTC."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:_INSTANT_LENGTH]


def read_instant(stored: str | None) -> datetime | None:
    """Return the instant that SQLite holds.

    Of what is none, the first that there is: who changed a row by hand must still be able to look
    at the session and to prune it. `benchdb db check` names it.
    """
    if stored is None:
        return None
    try:
        return datetime.fromisoformat(stored).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def just_after(made: datetime, stored: str | None) -> datetime:
    """Return an instant, or the first after a stored one where it is not later.

    Clocks differ, and what follows must hold over what was there.
    """
    before = read_instant(stored)
    if before is None or before.year == MAXYEAR:  # nothing is later
        return made
    return max(made, before + timedelta(microseconds=1))


def fitting(kind: str, value: Any) -> Any:
    """Return a value as a column of this kind holds it.

    Parameters
    ----------
    kind
        ``"text"``, ``"integer"``, ``"float"``, ``"boolean"`` or ``"instant"``.
    value
        What a user or a meter gave; scalars of numpy and pandas are taken as Python's. NaN is None.

    Raises
    ------
    UnfitValue
        If it can't be held without changing what it means.
    """
    try:
        return _held(kind, value)
    except UnfitValue:
        raise
    except Exception as error:  # an object of the user's may raise anything
        raise UnfitValue(f"{shown(value)} does not fit ({shown(error)})") from None


def said(value: object) -> str:
    """Return an object's own text; where it has none, what it is."""
    try:
        return str(value)
    except Exception:  # an object of the user's may raise anything
        return shown(value)


def shown(value: object) -> str:
    """Return any value in at most 60 characters, for a message."""
    try:
        said = repr(value)
    except Exception:
        said = f"<{type(value).__name__}>"
    return said if len(said) <= 60 else f"{said[:57]}..."


def _held(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "text":
        return text(value if isinstance(value, str) else str(value))
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()  # a numpy scalar, or an array of one
    if kind == "instant":
        return _instant(value)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, numbers.Number) or isinstance(value, complex):
        value = _number(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if kind == "float":
        return float(value) + 0.0  # SQLite holds no -0.0
    if kind == "boolean":
        return bool(value)
    if int(value) != value or not -_MOST_INTEGER <= int(value) < _MOST_INTEGER:
        raise UnfitValue(f"{value!r} is no whole number of 64 bits")
    return int(value)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UnfitValue(f"{value!r} is no number") from None


def _instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UnfitValue(f"{value!r} is no instant") from None
    if not isinstance(value, datetime):
        raise UnfitValue(f"{value!r} is no instant")
    if value != value:  # noqa: PLR0124  pandas' NaT, which is to an instant what NaN is to a number
        return None
    # A naive one is taken as UTC: `datetime.utcnow()` is what custom fixtures of older suites use.
    return in_utc(value)


def new_uid() -> str:
    """Return a UUIDv7: random, and sorted by time (RFC 9562)."""
    import uuid

    if sys.version_info >= (3, 14):
        return str(uuid.uuid7())
    import secrets
    import time

    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=number | 0b10 << 62 | secrets.randbits(62)))
