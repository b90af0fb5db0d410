"""Which cases a call of pytest asked for, as far as its command line tells."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.series import Case, StoredSession

#: Options by which pytest runs some tests only: which, the command line doesn't tell.
_SELECTING: Final = ("-k", "-m", "--deselect", "--ignore", "--lf", "--last-failed")
_SELECTING_TOO: Final = ("--sw", "--stepwise", "--ignore-glob", "--nf", "--new-first")


def selected(case: Case, calls: Sequence[str | None], before: StoredSession) -> bool:
    """Tell whether any of some calls asked for a case that a session had.

    Parameters
    ----------
    case
        Of that session.
    calls
        Command lines of those who don't have it.
    before
        The session.
    """
    usual = _words(before.command_line)
    for call in calls:
        words = _words(call)
        if words == usual:
            return True
        new = [word for word in words if word not in usual]
        if any(_selects(word) for word in new):
            continue
        places = [word for word in words if _is_place(word)]
        if not places or any(_within(case, place) for place in places):
            return True
    return not calls


def _words(call: str | None) -> list[str]:
    try:
        return shlex.split(call or "")[1:]
    except ValueError:  # a quote without its other
        return (call or "").split()[1:]


def _selects(word: str) -> bool:
    option = word.partition("=")[0]
    if option in (*_SELECTING, *_SELECTING_TOO):
        return True
    return word[:2] in ("-k", "-m") and not word.startswith("--")


def _is_place(word: str) -> bool:
    return not word.startswith("-") and ("::" in word or "/" in word or word.endswith(".py"))


def _within(case: Case, place: str) -> bool:
    place = place.removeprefix("./").rstrip("/")
    return case.id == place or case.id.startswith((f"{place}/", f"{place}::", f"{place}["))
