"""Which sessions a gate judges, and which of the trunk count for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchdb.collect.ancestry import head, held_in, is_known, is_shallow, merge_base
from benchdb.errors import UserError
from benchdb.review.series import is_trunk
from benchdb.review.sides import Sides
from benchdb.store.queries import recorded_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchdb.collect.ancestry import Commit
    from benchdb.config import Settings
    from benchdb.records import SubjectRevision
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection


class Chosen(NamedTuple):
    """What is to be judged, and why that."""

    sessions: tuple[StoredSession, ...]
    why: str
    head: str | None = None  # where that is another commit of the project's than theirs


class Base(NamedTuple):
    """The sessions of the trunk that count, in order of place, and up to where that is."""

    sessions: list[StoredSession]
    said: str


def choose(
    connection: Connection,
    settings: Settings,
    every: Sequence[StoredSession],
    given: Sequence[str] = (),
) -> Chosen:
    """Return the sessions to judge: the newest first, none that is open or in conflict."""
    if given:
        sides = Sides(connection, settings, every)
        found = {session.row: session for one in given for session in sides.side(one).sessions}
        named = sorted(found.values(), key=lambda one: one.started, reverse=True)
        return Chosen(tuple(named), f"named by {' '.join(given)}")
    usable = [one for one in every if not one.conflict and one.state != "open"]
    here = recorded_here(connection)
    for one in usable:  # the newest first
        if one.uid in here:
            why = "the newest that was recorded into this file"
            return Chosen((one,), why, _another_head(settings.root, one))
    commit = head(settings.root)
    if commit is not None:
        of_head = tuple(one for one in usable if any(it.commit == commit for it in one.subjects))
        if of_head:
            return Chosen(of_head, f"of HEAD, {commit[:10]}")
    at = "" if commit is None else f", nor at HEAD ({commit[:10]})"
    raise UserError(
        f"no session was recorded into this file{at}: record one with `pytest --benchmark`, "
        "or name what to judge, as `benchdb gate last:1`"
    )


def _another_head(root: Path, session: StoredSession) -> str | None:
    """Return HEAD where a session ran at another commit of this repository."""
    commits = [one.commit for one in session.subjects if one.commit is not None]
    now = head(root) if commits else None
    if now is None or now in commits:
        return None
    return now if any(is_known(root, one) for one in commits) else None


def base_of(
    settings: Settings,
    every: Sequence[StoredSession],
    judged: Sequence[StoredSession],
    *,
    trunk: bool,
) -> Base:
    """Return the trunk's sessions that count, those that are judged among them if of the trunk."""
    pool = sorted(
        (
            one
            for one in every
            if not one.conflict and one.state != "open" and is_trunk(one, settings.trunk)
        ),
        key=lambda one: one.order,
    )
    if trunk:
        last = max(one.order for one in judged)
        return Base([one for one in pool if one.order <= last], "the trunk before it")
    rows = {one.row for one in judged}
    pool = [one for one in pool if one.row not in rows]
    commits = {
        subject.commit: subject.name
        for one in judged
        for subject in one.subjects
        if subject.commit is not None
    }
    for commit, name in commits.items():
        base = merge_base(settings.root, settings.trunk, commit)
        if base is not None:
            kept = _up_to(settings.root, base, name, pool)
            none = "" if kept else ", of which no session is here"
            return Base(kept, f"the trunk up to the merge base {base.hash[:10]}{none}")
    if not pool:
        branches = " or ".join(settings.trunk) or "no branch"
        return Base([], f"the trunk, of which no session is here: [tool.benchdb] trunk, {branches}")
    why = "git knows no merge base"
    if commits and is_shallow(settings.root):
        why += ", as this clone is shallow: `git fetch --unshallow`"
    return Base(pool, f"the trunk's newest ({why})")


def _up_to(
    root: Path, base: Commit, name: str, pool: Sequence[StoredSession]
) -> list[StoredSession]:
    """Return the sessions that ran what the merge base holds, whatever else was new by then.

    Only the subject that git was asked about tells: another one that is installed beside it may be
    newer, and sessions of the merge base may be run long after it was committed.
    """
    of_it = [next((it for it in one.subjects if it.name == name), None) for one in pool]
    held = held_in(root, base.hash, {it.commit for it in of_it if it and it.commit})

    def is_before(one: StoredSession, it: SubjectRevision | None) -> bool:
        if it is not None and it.commit in held:
            return held[it.commit]
        return ((it and it.committed) or one.place) <= base.committed

    return [one for one, it in zip(pool, of_it, strict=True) if is_before(one, it)]
