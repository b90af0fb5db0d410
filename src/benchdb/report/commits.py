"""Lines that show what lies between two sessions, ready to paste."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from benchdb.report.text import Command, second

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.findings import CommitRange
    from benchdb.report.text import Line

#: What is a commit and not an option of git's, nor anything for a shell.
_COMMIT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*")

#: Digits of a commit's hash that lines show.
_SHORT: Final = 12


def commit_text(commit: str | None) -> str | None:
    """Return a commit as git takes it; None where it is unknown, or no word of git's."""
    if not commit or not _COMMIT.fullmatch(commit):
        return None
    return commit[:_SHORT] if re.fullmatch("[0-9a-f]{40}", commit) else commit


def git_log(one: CommitRange) -> str:
    """Return the command that lists the commits of a range."""
    good, bad = commit_text(one.good), commit_text(one.bad)
    if good and bad:
        return f"git log {good}..{bad}"
    since = f"--since='{second(one.since)} +0000'"
    until = f"--until='{second(one.until)} +0000'"
    if bad:
        return f"git log {since} {bad}"
    return f"git log {since} {until}"


def commit_lines(some: Sequence[CommitRange], lead: str = "") -> list[Line]:
    """Return a line for each subject that differs: what to run, and between which versions."""
    lines: list[Line] = []
    for one in some:
        where = ""
        if one.subject is not None:
            old, new = one.good_version or "unknown", one.bad_version or "unknown"
            between = f" {old} to {new}" if old != new else ""
            where = f" in {one.subject}{between}"
        lines.append((lead, Command(git_log(one)), where))
    return lines
