"""Releases: versions of the main subject, each by the first session that ran it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from benchdb.dashboard.data import Release
from benchdb.report.text import main_subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.dashboard.survey import Survey
    from benchdb.records import SubjectRevision
    from benchdb.series import StoredSession

#: A version between two releases (PEP 440): of a day, not of a release.
_DEVELOPED: Final = re.compile(r"\.?dev\d*", re.IGNORECASE)

#: Without a number other than 0 there is no version: tools give that where there is no tag.
_NUMBERED: Final = re.compile(r"[1-9]")


def main_of(session: StoredSession, leading: tuple[str, ...]) -> SubjectRevision | None:
    """Return the subject that stands for a session."""
    return main_subject(session.subjects, session.branch, leading)


def releases(survey: Survey, leading: Sequence[str]) -> list[Release]:
    """Return the releases, the oldest first.

    A build between two releases has a local part (``1.2.0+5.gabc``), and counts for the one before;
    one that is called after the next (``1.3.0.dev5``) is none.
    """
    first: dict[str, int] = {}
    for number in survey.standing.tolist():
        one = main_of(survey.sessions[number], tuple(leading))
        version = one.version.partition("+")[0].strip() if one and one.version else ""
        if _NUMBERED.search(version) and not _DEVELOPED.search(version):
            first.setdefault(version, number)
    return [Release(name, session) for name, session in first.items()]
