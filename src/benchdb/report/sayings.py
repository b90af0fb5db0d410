"""What people said of events, as a table, as JSON, and as TOML that can be reviewed."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import UserError
from benchdb.findings import Saying, State
from benchdb.records import in_utc
from benchdb.report import text
from benchdb.report.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What stands at the head of the file.
_HEAD: Final = (
    "# What was said of events of benchmarks: `benchdb ack --read-toml FILE` takes it in.\n"
    "# A series is `path::name metric unit`; * and ? stand for anything, an end may be left out.\n"
    "# after, until: the change began behind the one, at the latest with the other: a commit, an\n"
    "# instant, or both. To add one, leave out its key.\n"
)

_WORDS: Final = ("state", "by", "text", "fixed_by", "direction", "after", "until", "session")
_KNOWN: Final = {"key", "made", "follows", "series", *_WORDS}


#: What people read for the states.
STATES: Final = {
    State.OPEN: "open",
    State.EXPECTED: "expected",
    State.NOISE: "noise",
    State.FIXED: "fixed",
    State.WONT_FIX: "won't fix",
}


def said(saying: Saying) -> str:
    """Return what somebody said of an event in one line."""
    who = f" by {saying.author}" if saying.author else ""
    commit = f" by commit {saying.commit}" if saying.commit else ""
    why = f": {saying.text}" if saying.text else ""
    return f"{STATES[saying.state]}{commit}, said{who} at {text.minute(saying.made)} (UTC){why}"


def saying_content(saying: Saying) -> dict[str, Any]:
    """Return what somebody said of an event as JSON documents have it."""
    return asdict(saying)


def sayings_table(every: Sequence[Saying]) -> Table:
    """Return a table with a row for each, the latest first."""
    columns = (
        Column("event", code=True, optional=True),
        Column("state"),
        Column("said (UTC)", rank=2),
        Column("by", rank=3, optional=True),
        Column("series", fold=True, rank=1),
        Column("why", fold=True, optional=True),
    )
    rows = [
        (
            text.short(one.session) if one.session else "",
            f"fixed by {one.commit[:12]}" if one.commit else str(one.state),
            text.minute(one.made),
            one.author or "",
            one.series[0] + (f" and {len(one.series) - 1:,} more" if len(one.series) > 1 else "")
            if one.series
            else "",
            one.text or "",
        )
        for one in every
    ]
    return Table(columns, tuple(rows))


def sayings_content(every: Sequence[Saying]) -> dict[str, Any]:
    """Return the content of ``benchdb/sayings/1``."""
    return {"sayings": [saying_content(one) for one in every]}


def as_toml(every: Sequence[Saying]) -> str:
    """Return them as TOML, the earliest first."""
    parts = [_HEAD]
    for one in every:
        values = {
            "key": one.key,
            "made": one.made.isoformat(),
            "follows": one.follows,
            "state": str(one.state),
            "by": one.author,
            "text": one.text,
            "fixed_by": one.commit,
            "direction": one.direction,
            "after": one.after,
            "until": one.until,
            "session": one.session,
        }
        lines = ["[[event]]"]
        lines += [f"{name} = {_string(value)}" for name, value in values.items() if value]
        series = "".join(f"    {_string(each)},\n" for each in one.series)
        parts.append("\n".join([*lines, f"series = [\n{series}]"]) + "\n")
    return "\n".join(parts)


def _string(value: str) -> str:
    """Return a basic string of TOML: JSON's, which has the same escapes, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def from_toml(content: str, source: str) -> list[dict[str, Any]]:
    """Return what a file says, each as the fields of a `Saying` that it gives.

    Raises
    ------
    UserError
        If it can't be read; it names the entry and what is wrong about it.
    """
    try:
        found = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is no valid TOML ({error}): mend that line") from None
    entries = found.pop("event", [])
    if found or not isinstance(entries, list):
        raise UserError(f"{source}: write each entry under [[event]]")
    return [
        _entry(one, f"{source}: [[event]] number {number}") for number, one in enumerate(entries, 1)
    ]


def _entry(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise UserError(f"{where} is no table")
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise UserError(f"{where} has no field {unknown[0]!r}: use {', '.join(sorted(_KNOWN))}")
    series = given.get("series")
    if not (isinstance(series, list) and series and all(_is_line(one) for one in series)):
        raise UserError(f"{where}: series must be a list of names or patterns of series")
    for name in (*_WORDS, "key", "follows"):
        if name in given and not isinstance(given[name], str):
            raise UserError(f"{where}: {name} must be a string")
    states = [str(one) for one in State]
    if given.get("state") not in states:
        raise UserError(f"{where}: state must be one of {', '.join(states)}")
    if given.get("direction", "up") not in ("up", "down"):
        raise UserError(f"{where}: direction must be up or down, or left out")
    if "after" not in given and "until" not in given:
        raise UserError(f"{where}: give after or until: a commit or an instant")
    return {
        "key": given.get("key"),
        "made": _instant(given.get("made"), where),
        "state": State(given["state"]),
        "follows": given.get("follows"),
        "author": given.get("by"),
        "text": given.get("text"),
        "series": tuple(series),
        "after": given.get("after"),
        "until": given.get("until"),
        "direction": given.get("direction"),
        "session": given.get("session"),
        "commit": given.get("fixed_by"),
    }


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


def _instant(given: Any, where: str) -> datetime | None:
    if given is None:
        return None
    try:
        found = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
        return in_utc(found)
    except (ValueError, OverflowError):
        raise UserError(f"{where}: made {given!r} is no instant: leave it out") from None
