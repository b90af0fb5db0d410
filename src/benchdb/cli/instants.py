"""What people type for an instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from benchdb.config import seconds
from benchdb.errors import UserError, WrongSetting
from benchdb.records import in_utc

_AGE: Final = re.compile(r"[0-9]+ *[a-z]+")
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")


def instant(given: str, option: str) -> datetime:
    """Return the instant that is meant by a date, a month (its begin), an instant or an age.

    Raises
    ------
    UserError
        If it is none of them.
    """
    text = given.strip()
    if _MONTH.fullmatch(text):
        text += "-01"
    if _AGE.fullmatch(text):
        try:
            age = seconds(re.sub("days?$", "d", text), option)
            return datetime.now(UTC) - timedelta(seconds=age)
        except OverflowError:
            raise UserError(f"{option} {given}: that is outside all time") from None
        except WrongSetting:
            raise _unclear(given, option) from None
    try:
        return in_utc(datetime.fromisoformat(text))
    except OverflowError:
        raise UserError(f"{option} {given}: that is outside all time") from None
    except ValueError:
        raise _unclear(given, option) from None


def month(given: str, option: str) -> str:
    """Return the month, ``2026-01``, that an instant is in: see `instant`."""
    return instant(given, option).isoformat()[:7]  # strftime doesn't fill up early years


def _unclear(given: str, option: str) -> UserError:
    return UserError(
        f"{option} {given!r} is no date and no age: write it as 2026-01-31, 2026-01, 90d or 12h"
    )
