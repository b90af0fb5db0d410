"""Commits that are said to have fixed something: where they are, and whether they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.collect.ancestry import commit_called, held_in, holding
from benchdb.errors import UserError
from benchdb.findings import State
from benchdb.review.judging import CONFIRMED_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

    from benchdb.findings import Saying
    from benchdb.series import StoredSession

#: Digits of a hash, and how many are enough to name a commit.
_DIGITS: Final = "0123456789abcdef"
_ENOUGH: Final = 4


class Fixes:
    """The sessions that have commits which are said to be fixes.

    Parameters
    ----------
    root
        A folder of the repository: asked for commits that no session ran at.
    sessions
        In order of place.
    """

    def __init__(self, root: Path, sessions: Sequence[StoredSession]) -> None:
        self._root = root
        self._sessions = sessions
        self._first: dict[str, int | None] = {}

    def first_with(self, commit: str) -> int | None:
        """Return the number of the first session that has a commit; None where none does."""
        if commit not in self._first:
            at = _ran_at(commit, self._sessions)
            self._first[commit] = self._first_behind(commit) if at is None else at
        return self._first[commit]

    def _first_behind(self, commit: str) -> int | None:
        commits = {each.commit for one in self._sessions for each in one.subjects if each.commit}
        have = holding(self._root, commit, commits)
        for number, one in enumerate(self._sessions):
            if any(each.commit in have for each in one.subjects):
                return number
        return None

    def failed(
        self,
        saying: Saying,
        at: ArrayLike,
        values: ArrayLike,
        levels: tuple[float, float],
        begins: int,
    ) -> bool:
        """Tell whether a series has the level still that a commit is said to have fixed.

        Parameters
        ----------
        saying
            What was said.
        at, values
            Of each point the number of its session, in order, and what was measured.
        levels
            Of before the change and behind it.
        begins
            The number of the first session behind it.
        """
        if saying.state is not State.FIXED or saying.commit is None:
            return False
        first = self.first_with(saying.commit)
        if first is None:
            return False
        since = np.asarray(values)[np.searchsorted(at, max(first, begins)) :]
        if len(since) < CONFIRMED_POINTS:
            return False
        before, after = levels
        return bool((np.median(since) - (before + after) / 2) * (after - before) > 0)


def _ran_at(commit: str, sessions: Sequence[StoredSession]) -> int | None:
    """Return the number of the first session at a commit, or one that begins so."""
    return next((number for number, one in enumerate(sessions) if one.ran_at(commit)), None)


def checked_fix(
    root: Path,
    given: str,
    sessions: Sequence[StoredSession],
    before: StoredSession | None = None,
) -> tuple[str, bool]:
    """Return the commit that is said to be a fix, and whether any session ran at it.

    Parameters
    ----------
    root
        A folder of the repository.
    given
        Its hash or the beginning of one, or what git calls it.
    sessions
        In order of place.
    before
        The last session that is sure to lack what it fixes.

    Raises
    ------
    UserError
        If nothing is called so, or it is from before what it is said to fix.
    """
    commit = given.strip()
    at = _ran_at(commit, sessions) if commit else None
    known = commit_called(root, commit) if commit else None
    is_hash = len(commit) >= _ENOUGH and not commit.lower().strip(_DIGITS)
    if at is None and known is None and not is_hash:
        raise UserError(
            f"--fixed-by {given!r}: no session here ran at it and git knows no such commit: give "
            "its hash"
        )
    if before is not None:
        rows = [one.row for one in sessions]
        early = at is not None and at <= rows.index(before.row)
        its = [each.commit for each in before.subjects if each.commit]
        if early or (known is not None and any(_holds(root, one, known) for one in its)):
            raise UserError(
                f"--fixed-by {given!r}: sessions before the change had that commit: name the one "
                "that mended it"
            )
    if at is None and known is not None and not is_hash:
        return known, False
    return commit, at is not None


def _holds(root: Path, commit: str, other: str) -> bool:
    return held_in(root, commit, [other]).get(other, False)
