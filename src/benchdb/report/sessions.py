"""Sessions, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from benchdb.report import text
from benchdb.report.table import Cell, Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.records import Environment, SubjectRevision
    from benchdb.series import CountedSession

_STATES: Final = {"open": "live", "lost": "bad"}

#: Digits of a fingerprint that tables show.
SHORT_FINGERPRINT: Final = 8


def sessions_table(sessions: Sequence[CountedSession], preferred: tuple[str, ...] = ()) -> Table:
    """Return a table of sessions.

    Parameters
    ----------
    sessions
        In the order of the rows.
    preferred
        Names of the subjects that stand for a revision, the first first.
    """
    mains = [text.main_subject(one.subjects, one.branch, preferred) for one in sessions]
    several = len({main.name for main in mains if main is not None}) > 1
    known = {one.environment.fingerprint: one.environment for one in sessions if one.environment}
    return Table(
        columns=(
            Column("started (UTC)"),
            Column("session", code=True),
            Column("state"),
            Column("branch", rank=3, optional=True, fold=True),
            Column("revision", rank=2, optional=True),
            Column("runs", right=True),
            Column("failed", right=True),
            Column("lost", right=True),
            Column("environment", rank=5, optional=True),
            Column("tags", rank=4, optional=True, fold=True),
        ),
        rows=tuple(
            _row(one, main, named=several, mixed=len(known) > 1)
            for one, main in zip(sessions, mains, strict=True)
        ),
        remarks=(*_environments(known), *_conflicts(sessions)),
    )


def _row(
    one: CountedSession, main: SubjectRevision | None, *, named: bool, mixed: bool
) -> tuple[str | Cell, ...]:
    name = f"{main.name} " if main is not None and named else ""
    state = f"{one.state}, conflict" if one.conflict else one.state
    return (
        text.minute(one.started),
        text.short(one.uid),
        Cell(state, "bad" if one.conflict else _STATES.get(one.state, "")),
        one.branch or "",
        name + text.revision(main),
        f"{one.runs:,}",
        Cell(f"{one.failed:,}", "bad" if one.failed else "quiet"),
        Cell(f"{one.lost:,}", "bad" if one.lost else "quiet"),
        one.environment.fingerprint[:SHORT_FINGERPRINT] if one.environment and mixed else "",
        text.pairs(one.tags),
    )


def _environments(known: dict[str, Environment]) -> list[str]:
    if len(known) == 1:
        return [f"on {text.environment(*known.values())}"]
    return [
        f"{fingerprint[:SHORT_FINGERPRINT]} is {text.environment(one)}"
        for fingerprint, one in known.items()
    ]


def _conflicts(sessions: Sequence[CountedSession]) -> list[text.Line]:
    uids = dict.fromkeys(one.uid for one in sessions if one.conflict)
    return [conflict_line(list(uids))] if uids else []


def conflict_line(uids: Sequence[str]) -> text.Line:
    """Return the line about sessions of which there are several forms."""
    named = ", ".join(text.short(uid) for uid in uids[:3]) + (", …" if len(uids) > 3 else "")
    sessions = text.counted(len(uids), "session")
    return (
        f"{sessions} in more than one form ({named}), used in no series: ",
        text.Command("benchdb annotate session UID --keep DIGEST"),
        " chooses one, ",
        text.Command("benchdb show --format json"),
        " has digests",
    )


def sessions_content(sessions: Sequence[CountedSession]) -> dict[str, Any]:
    """Return the content of ``benchdb/sessions/1``."""
    same = ("uid", "digest", "started", "finished", "state", "conflict", "branch", "dirty")
    more = ("ci_run_url", "command_line", "host", "xdist_workers", "benchdb_version")
    counts = ("runs", "failed", "lost")
    known = {one.environment.fingerprint: one.environment for one in sessions if one.environment}
    return {
        "sessions": [
            {
                **{name: getattr(one, name) for name in same},
                "subjects": subjects_content(one.subjects),
                "environment": one.environment and one.environment.fingerprint,
                "tags": dict(one.tags),
                **{name: getattr(one, name) for name in (*more, *counts)},
            }
            for one in sessions
        ],
        "environments": {key: environment_content(one) for key, one in known.items()},
    }


def subjects_content(subjects: tuple[SubjectRevision, ...]) -> list[dict[str, Any]]:
    """Return a revision for JSON."""
    return [asdict(subject) for subject in subjects]


def environment_content(one: Environment) -> dict[str, Any]:
    """Return an environment for JSON, without its fingerprint."""
    content = asdict(one)
    del content["fingerprint"]
    return {**content, "extra": dict(one.extra)}
