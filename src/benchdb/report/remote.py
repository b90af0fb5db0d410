"""A remote history, as tables and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchdb.report import text
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import with_unit

if TYPE_CHECKING:
    from benchdb.sync.looking import MonthFacts, RemoteFacts


#: Seconds that clocks may differ by without a word.
_SKEW: Final = 60.0


def remote_tables(url: str, facts: RemoteFacts) -> list[Table]:
    """Return what there is in a remote: two columns of what is said of it, and its months."""
    rows: list[tuple[str, str]] = [("remote", url), ("size", with_unit(facts.size, "B"))]
    manifest = facts.manifest
    if facts.damage:
        rows.append(("manifest", "none that can be used"))
    elif manifest is None:
        rows.append(("manifest", "none: nothing was pushed yet"))
    else:
        if manifest.horizon:
            rows.append(("forgotten", f"what began before {manifest.horizon[:19]} UTC"))
        if manifest.tombstones:
            rows.append(("erased", text.counted(len(manifest.tombstones), "session")))
    if facts.files:
        rows.append(("files", f"{facts.files:,} with {with_unit(facts.files_size, 'B')}"))
    if facts.published is not None:
        age = facts.published_age or 0.0
        is_ahead = age < -_SKEW
        when = f"dated {ago(-age)} ahead of the clock" if is_ahead else f"renewed {ago(age)} ago"
        rows.append(("benchmark.db", f"{with_unit(facts.published, 'B')}, {when}"))
    remarks: tuple[str, ...] = ()
    if facts.foreign:
        named = ", ".join(facts.foreign[:3])
        remarks = (f"{text.counted(len(facts.foreign), 'object')} none of benchdb's: {named}",)
    said = Table(
        (Column(""), Column("", fold=True)),
        tuple((Cell(name, "strong"), value) for name, value in rows),
        remarks=remarks,
    )
    months = Table(
        (
            Column("month"),
            Column("in snapshot", right=True),
            Column("size", right=True),
            Column("backups", right=True, rank=2),
            Column("segments", right=True),
            Column("their size", right=True, rank=1),
            Column("last put", right=True, rank=3),
        ),
        tuple(_month(one) for one in facts.months),
    )
    return [said, months] if facts.months else [said]


def _month(one: MonthFacts) -> tuple[str, ...]:
    return (
        one.month,
        f"{one.entries:,}" if one.snapshot else "",
        with_unit(one.snapshot, "B") if one.snapshot else "",
        with_unit(one.backups, "B") if one.backups else "",
        f"{one.segments:,}",
        with_unit(one.segments_size, "B") if one.segments else "",
        "" if one.newest is None else f"{ago(one.newest)} ago",
    )


def ago(seconds: float) -> str:
    """Return an age in the unit that fits it."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return text.counted(int(seconds // length), unit)
    return text.counted(max(0, int(seconds)), "second")


def remote_content(facts: RemoteFacts) -> dict[str, Any]:
    """Return the content of ``benchdb/history/1``."""
    manifest = facts.manifest
    return {
        "generation": manifest.generation if manifest else None,
        "problem": facts.damage or None,
        "horizon": f"{manifest.horizon.replace(' ', 'T')}Z"
        if manifest and manifest.horizon
        else None,
        "tombstones": len(manifest.tombstones) if manifest else 0,
        "months": [
            {
                "month": one.month,
                "entries": one.entries,
                "revision": one.schema or None,
                "snapshot": one.snapshot,
                "backups": one.backups,
                "segments": one.segments,
                "segments_size": one.segments_size,
                "newest": one.newest,
            }
            for one in facts.months
        ],
        "files": facts.files,
        "files_size": facts.files_size,
        "published": facts.published,
        "published_age": facts.published_age,
        "foreign": list(facts.foreign),
        "size": facts.size,
    }
