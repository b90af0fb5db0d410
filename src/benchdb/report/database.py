"""A database file, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchdb.report import text
from benchdb.report.sessions import SHORT_FINGERPRINT, conflict_line, environment_content
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import with_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.records import Environment
    from benchdb.series import CountedSession
    from benchdb.store.file_facts import FileFacts


@dataclass(frozen=True, slots=True)
class Holdings:
    """What stands in a database beside its numbers.

    Parameters
    ----------
    open
        Sessions that are being recorded, the newest first.
    lost
        Sessions whose process was killed.
    conflicts
        Uids of sessions of which it holds several forms.
    environments
        Each with the number of its sessions, the most used first.
    """

    open: tuple[CountedSession, ...]
    lost: tuple[CountedSession, ...]
    conflicts: tuple[str, ...]
    environments: tuple[tuple[Environment, int], ...]


def holdings(sessions: Sequence[CountedSession]) -> Holdings:
    """Return what stands in a database, from all its sessions."""
    counts: dict[Environment, int] = {}
    for one in sessions:
        if one.environment is not None:
            counts[one.environment] = counts.get(one.environment, 0) + 1
    return Holdings(
        open=tuple(one for one in sessions if one.state == "open"),
        lost=tuple(one for one in sessions if one.state == "lost"),
        conflicts=tuple(dict.fromkeys(one.uid for one in sessions if one.conflict)),
        environments=tuple(
            sorted(counts.items(), key=lambda item: (-item[1], item[0].fingerprint))
        ),
    )


def file_table(facts: FileFacts, held: Holdings) -> Table:
    """Return a table of two columns: what is said, and of what."""
    newest = "the newest" if facts.newest else "older: `benchdb db upgrade` upgrades it"
    rows: list[tuple[str | Cell, ...]] = [
        ("database", str(facts.path)),
        ("size", with_unit(facts.size, "B")),
        ("schema", f"{facts.schema}, {newest}"),
        ("sessions", f"{facts.sessions:,}"),
        ("test runs", f"{facts.test_runs:,}"),
        ("measurements", f"{facts.measurements:,}"),
    ]
    if facts.first is not None:
        rows += [
            ("first session", f"{text.second(facts.first)} UTC"),
            ("last session", f"{text.second(facts.last)} UTC"),
        ]
    for one in held.open:
        runs = text.counted(one.runs, "test run")
        said = f"{text.short(one.uid)} since {text.second(one.started)} UTC, {runs} so far"
        rows.append(("being recorded", Cell(said, "live")))
    if held.lost:
        rows.append(("lost", Cell(_named(held.lost), "bad")))
    for environment, count in held.environments:
        said = (
            f"{environment.fingerprint[:SHORT_FINGERPRINT]}: {text.environment(environment)} "
            f"({text.counted(count, 'session')})"
        )
        rows.append(("environment", said))
    rows += [("backup", str(copy)) for copy in facts.backups]
    rows += [("recorded beside", f"{aside}: `benchdb merge` takes it in") for aside in facts.aside]
    remarks = (conflict_line(held.conflicts),) if held.conflicts else ()
    named = tuple((Cell(str(name), "strong"), said) for name, said in rows)
    return Table((Column(""), Column("", fold=True)), named, remarks=remarks)


def _named(sessions: Sequence[CountedSession]) -> str:
    uids = ", ".join(text.short(one.uid) for one in sessions[:3])
    more = ", …" if len(sessions) > 3 else ""
    return f"{text.counted(len(sessions), 'session')} whose process was killed: {uids}{more}"


def file_content(facts: FileFacts, held: Holdings) -> dict[str, Any]:
    """Return the content of ``benchdb/info/1``."""
    return {
        "size": facts.size,
        "revision": facts.schema,
        "newest": facts.newest,
        "sessions": facts.sessions,
        "test_runs": facts.test_runs,
        "measurements": facts.measurements,
        "first": facts.first,
        "last": facts.last,
        "open": [one.uid for one in held.open],
        "lost": [one.uid for one in held.lost],
        "conflicts": list(held.conflicts),
        "environments": [
            {
                "fingerprint": environment.fingerprint,
                "sessions": count,
                **environment_content(environment),
            }
            for environment, count in held.environments
        ],
        "backups": list(facts.backups),
        "aside": list(facts.aside),
    }
