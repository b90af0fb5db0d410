"""Days, months and ranges of them, as people write them for the sessions that started then."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from benchdb.errors import UserError
from benchdb.records import in_utc


def dates(text: str) -> tuple[datetime | None, datetime | None]:
    """Return the instant from which on, and the one before which, a day, month or range is.

    Raises
    ------
    UserError
        If it is none of them.
    """
    begin, dots, end = text.partition("..")
    if not dots:
        end = begin
    if not begin and not end:
        raise UserError(f"{text!r} is no range of dates: write it as 2026-10-01..2026-10-31")
    first = _instant(begin)[0] if begin else None
    last = _instant(end)[1] if end else None
    if first is not None and last is not None and last <= first:
        raise UserError(f"{text!r} ends before it begins: write it as 2026-10-01..2026-10-31")
    return first, last


def _instant(text: str) -> tuple[datetime, datetime]:
    """Return when what is named begins, and when it is over."""
    try:
        if re.fullmatch(r"\d{4}-\d\d", text):
            begin = datetime.fromisoformat(f"{text}-01").replace(tzinfo=UTC)
            return begin, (begin + timedelta(days=31)).replace(day=1)
        begin = in_utc(datetime.fromisoformat(text))
        day = bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text))
        return begin, begin + (timedelta(days=1) if day else timedelta(microseconds=1))
    except (ValueError, OverflowError):
        raise UserError(
            f"{text!r} is no date: write it as 2026-10-01, or a range as 2026-10-01..2026-10-31"
        ) from None


def spoken(dates: str) -> str:
    """Return when that is, in words."""
    begin, dots, end = dates.partition("..")
    if not dots:
        return f"in {begin}" if len(begin) == len("2026-10") else f"on {begin}"
    return " ".join(part for part in (begin and f"from {begin}", end and f"to {end}") if part)
