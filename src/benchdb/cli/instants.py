"""What people type for an instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from benchdb.config import seconds
from benchdb.errors import UserError

_AGE: Final = re.compile(r"[0-9]+ *[a-z]+")


def instant(given: str, option: str) -> datetime:
    """Return the instant that is meant by a date, an instant or an age.

    Raises
    ------
    UserError
        If it is none of them.
    """
    text = given.strip()
    if _AGE.fullmatch(text):
        try:
            age = seconds(re.sub("days?$", "d", text), option)
            return datetime.now(UTC) - timedelta(seconds=age)
        except OverflowError:
            raise UserError(f"{option} {given}: that is outside all time") from None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise UserError(f"{option} {given}: that is outside all time") from None
    except ValueError:
        raise UserError(
            f"{option} {given!r} is no date: write it as 2026-01-31, or as 90d"
        ) from None
