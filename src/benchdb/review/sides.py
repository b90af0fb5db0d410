"""What names a side of a comparison, and the sessions that are meant by it.

::

    session:UID         its uid, or a beginning or end of it that only one has
    commit:COMMIT       a subject's commit or its start; a branch, a tag or HEAD~3 of git's
    tag:KEY=VALUE       a tag of --benchmark-tag
    package:NAME==V     an installed package, or a subject; * in V stands for anything
    runtime:NAME        the runtime that rows ran in: COILED_RUNTIME_VERSION, COILED_SOFTWARE_NAME
    branch:NAME         the branch that sessions were recorded on
    last:N              the newest sessions
    date:DAY, date:FROM..TO    by the start of sessions, in UTC, both days included; either
                               may be left out; a month is a range, too

The word before the colon may be left out where only one kind fits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchdb.collect.references import commit_of
from benchdb.comparisons import Side
from benchdb.errors import UserError
from benchdb.review.dates import dates, spoken
from benchdb.review.nearness import nearest
from benchdb.review.series import is_trunk
from benchdb.store.packages import (
    package_names,
    sessions_by_runtime,
    sessions_with_package,
    versions_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchdb.comparisons import SideKind
    from benchdb.config import Settings
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection

#: Fewer characters of a uid or a commit name none: they might be anything.
_LEAST: Final = 4
#: Digits of commits and ends of uids that are shown.
_SHOWN: Final = 10
_SHOWN_UID: Final = 8
_MOST_NAMED: Final = 3

_COMMIT: Final = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)
_DATE: Final = re.compile(r"\d{4}-\d\d(?:-\d\d(?:[T ].*)?)?")

_PREFIXES: Final[tuple[SideKind, ...]] = (
    "session",
    "commit",
    "tag",
    "package",
    "runtime",
    "branch",
    "last",
    "date",
)


class Sides:
    """Finds the sessions that are meant by what a person typed.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the rootdir, where git is asked, and the trunk.
    every
        All sessions of the database, from `benchdb.store.queries.stored_sessions`.
    trunk_only
        Whether to leave out sessions off the trunk.
    """

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        every: Sequence[StoredSession],
        *,
        trunk_only: bool = False,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._trunk_only = trunk_only
        self._known = sorted(every, key=lambda one: (one.started, one.uid))
        self._usable = [one for one in self._known if not one.conflict and one.state != "open"]
        self._finders: dict[SideKind, Callable[[str], Side | None]] = {
            "session": self._by_uid,
            "commit": self._by_commit,
            "tag": self._by_tag,
            "package": self._by_package,
            "runtime": self._by_runtime,
            "branch": self._by_branch,
            "last": self._newest,
            "date": self._by_date,
        }

    def pair(self, baseline: str, contender: str) -> tuple[Side, Side]:
        """Return both sides; what both name is the contender's.

        Raises
        ------
        UserError
            If one means nothing, or more than one thing; it names what is near. Or if nothing is
            left of the baseline.
        """
        one, two = self.side(baseline), self.side(contender)
        rows = {session.row for session in two.sessions}
        left = tuple(session for session in one.sessions if session.row not in rows)
        if not left:
            raise UserError(
                f"{baseline!r} and {contender!r} are the same sessions: name two sides that differ"
            )
        both = len(one.sessions) - len(left)
        if both:
            said = f"{_counted(both)} on both sides: used for the contender alone"
            one = replace(one, sessions=left, notes=(*one.notes, said))
        return one, two

    def side(self, given: str) -> Side:
        """Return the sessions that are meant, at least one.

        Raises
        ------
        UserError
            If it means nothing, or more than one thing; it names what is near.
        """
        if not self._usable:
            raise UserError("no session has ended here yet: record one with `pytest --benchmark`")
        kind, text = _kind(given)
        if kind is not None:
            side = self._finders[kind](text)
            found = [] if side is None else [side]
        else:
            # Several kinds may fit a bare word.
            some = (self._by_uid(text), self._by_commit(text), self._by_branch_name(text))
            found = [side for side in some if side is not None]
        if not found:
            raise UserError(self._unknown(given, kind, text))
        if len({tuple(one.row for one in side.sessions) for side in found}) > 1:
            readings = [f"{side.kind}:{text} ({_counted(len(side.sessions))})" for side in found]
            raise UserError(f"{given!r} may be {' or '.join(readings)}: give it so")
        return self._on_trunk(replace(found[0], given=given))

    def _on_trunk(self, side: Side) -> Side:
        """Leave out what is off the trunk, if that was asked for; else say that some is."""
        trunk = tuple(one for one in side.sessions if is_trunk(one, self._settings.trunk))
        off = len(side.sessions) - len(trunk)
        if self._trunk_only and off:
            if not trunk:
                raise UserError(
                    f"{side.given!r} names no session of the trunk: leave --trunk out, "
                    "or name another side"
                )
            said = f"{_counted(off)} off the trunk left out"
            return replace(side, sessions=trunk, notes=(*side.notes, said))
        if off and trunk:
            said = f"{off} of its sessions off the trunk: --trunk leaves them out"
            return replace(side, notes=(*side.notes, said))
        return side

    # -- the kinds

    def _by_uid(self, text: str) -> Side | None:
        wanted = text.lower()
        exact = [one for one in self._known if one.uid == text]
        found = exact or [
            one
            for one in self._known
            if len(wanted) >= _LEAST
            and (one.uid.lower().endswith(wanted) or one.uid.lower().startswith(wanted))
        ]
        if not found:
            return None
        if len({one.uid for one in found}) > 1:
            named = _listed(one.uid for one in found)
            raise UserError(f"{len(found)} sessions are {text!r}: give more of one: {named}")
        (one, *_) = found
        if one.conflict:
            raise UserError(
                f"of session {one.uid} there are several forms: choose one with "
                f"`benchdb annotate session {one.uid[-_SHOWN_UID:]} --keep DIGEST`"
            )
        if one.state == "open":
            raise UserError(f"session {one.uid} is being recorded: try again when it is done")
        return Side(text, "session", f"session {one.uid[-_SHOWN_UID:]}", (one,))

    def _by_commit(self, text: str) -> Side | None:
        commits = {
            subject.commit
            for one in self._usable
            for subject in one.subjects
            if subject.commit is not None
        }
        wanted = text.lower()
        found = set()
        if _COMMIT.fullmatch(text) or text in commits:
            # An imported commit may be any word, and a version tells the start of one only.
            found = {one for one in commits if one == text or _start_of_one(one.lower(), wanted)}
            if len(found) > 1 and text not in found and not _are_one(found):
                named = _listed(one[:40] for one in sorted(found))
                raise UserError(
                    f"{len(found)} commits begin with {text!r}: give more of one: {named}"
                )
        said = ""
        if not found and (commit := commit_of(self._settings.root, text)) is not None:
            found = {one for one in commits if _start_of_one(one.lower(), commit)}
            said = f"{text}, "
            if not found:
                newest = [
                    subject.commit[:_SHOWN]
                    for one in reversed(self._usable)
                    for subject in one.subjects
                    if subject.commit is not None
                ]
                if any(one.branch == text for one in self._usable):
                    newest.insert(0, f"branch:{text}")
                ran = _listed(dict.fromkeys(newest)) or "none is known"
                raise UserError(
                    f"no session ran at {text}, which is commit {commit[:_SHOWN]}: "
                    f"record it there, or name one that did: {ran}"
                )
        if not found:
            return None
        at = [one for one in self._usable if any(it.commit in found for it in one.subjects)]
        clean = [
            one
            for one in at
            if not one.dirty and not any(it.dirty for it in one.subjects if it.commit in found)
        ]
        commit = max(found, key=len)[:_SHOWN]
        if not clean:
            raise UserError(
                f"at commit {commit} only changed files were run: name "
                f"{_listed('session:' + one.uid[-_SHOWN_UID:] for one in at)}"
            )
        notes = []
        if len(at) > len(clean):
            notes.append(f"{_counted(len(at) - len(clean))} with changed files left out")
        return Side(text, "commit", f"{said}commit {commit}", tuple(clean), tuple(notes))

    def _by_branch_name(self, text: str) -> Side | None:
        """Return the sessions of a branch, where git doesn't know it as a commit."""
        if commit_of(self._settings.root, text) is not None:
            return None
        return self._by_branch(text)

    def _by_branch(self, text: str) -> Side | None:
        found = tuple(one for one in self._usable if one.branch == text)
        return Side(text, "branch", f"branch {text}", found) if found else None

    def _by_tag(self, text: str) -> Side | None:
        if "=" not in text:
            raise UserError(f"{text!r} is no tag: write it as KEY=VALUE")
        # a key may hold a "=" of its own
        found = tuple(
            one for one in self._usable if any(f"{key}={value}" == text for key, value in one.tags)
        )
        return Side(text, "tag", f"tag {text}", found) if found else None

    def _by_package(self, text: str) -> Side | None:
        name, equals, version = text.partition("==")
        if not equals or not name or not version:
            raise UserError(f"{text!r} is no version of a package: write it as NAME==VERSION")
        rows = sessions_with_package(self._connection, name.strip(), version.strip())
        found = tuple(one for one in self._usable if one.row in rows)
        return Side(text, "package", text, found) if found else None

    def runtimes(self) -> list[str]:
        """Return the names of all runtimes that sessions ran in, sorted."""
        usable = {one.row for one in self._usable}
        found = sessions_by_runtime(self._connection)
        return sorted(name for name, rows in found.items() if rows & usable)

    def _by_runtime(self, text: str) -> Side | None:
        rows = sessions_by_runtime(self._connection).get(text, set())
        found = tuple(one for one in self._usable if one.row in rows)
        return Side(text, "runtime", f"runtime {text}", found) if found else None

    def _newest(self, text: str) -> Side | None:
        if not text.isdecimal() or not int(text[:9]) > 0:
            raise UserError(f"last:{text} makes no sense: write it as last:5")
        pool = self._usable
        if self._trunk_only:
            pool = [one for one in pool if is_trunk(one, self._settings.trunk)]
        found = tuple(pool[-int(text[:9]) :])
        said = "the newest session" if len(found) == 1 else f"the newest {len(found)} sessions"
        return Side(text, "last", said, found) if found else None

    def _by_date(self, text: str) -> Side | None:
        begin, end = dates(text)
        found = tuple(
            one
            for one in self._usable
            if (begin is None or begin <= one.started) and (end is None or one.started < end)
        )
        return Side(text, "date", f"started {spoken(text)}", found) if found else None

    # -- what is near

    def _unknown(self, given: str, kind: SideKind | None, text: str) -> str:
        if kind == "date":
            first, last = self._known[0].started, self._known[-1].started
            return (
                f"no session started {spoken(text)}: the first did on {first:%Y-%m-%d}, "
                f"the last on {last:%Y-%m-%d}"
            )
        if kind == "package":
            name = text.partition("==")[0].strip()
            known = versions_of(self._connection, name)
            if known:
                return f"no session has {text}: of {name} there is {_listed(reversed(known), 5)}"
            near = nearest(name, package_names(self._connection))
            if near:
                return f"no session has a package {name!r}: did you mean {_either(near)}?"
            return f"no session has a package {name!r}: `benchdb show` lists sessions"
        if kind == "runtime":
            there = _listed(reversed(self.runtimes()), 5) or "none, as no session says one"
            return f"no session ran in the runtime {text!r}: there is {there}"
        if kind == "last":
            return f"{given!r} names no session of the trunk: leave --trunk out"
        names = self._names(kind)
        if kind == "tag":
            key = f"{text.partition('=')[0]}="
            if values := [name for name in names if name.startswith(key)]:
                return f"no session has the tag {text}: there is {_listed(values, 5)}"
        near = nearest(text, names)
        what = kind or "session, commit, branch, tag or version"
        if near:
            return f"no {what} {text!r}: did you mean {_either(near)}?"
        return f"no {what} {text!r}: `benchdb show` lists sessions, `benchdb compare --help` sides"

    def _names(self, kind: SideKind | None) -> list[str]:
        """Return what sides of a kind are called, the newest first; of all kinds for None."""
        names: dict[str, None] = {}
        for one in reversed(self._usable):
            if kind in (None, "session"):
                names[one.uid[-_SHOWN_UID:]] = None
            if kind in (None, "commit"):
                names.update(
                    (it.commit[:_SHOWN], None) for it in one.subjects if it.commit is not None
                )
            if kind in (None, "branch") and one.branch is not None:
                names[one.branch] = None
            if kind in (None, "tag"):
                names.update((f"{key}={value}", None) for key, value in one.tags)
        return list(names)


def _kind(given: str) -> tuple[SideKind | None, str]:
    """Return the kind that a side names or that its form shows, and what follows."""
    text = given.strip()
    if not text:
        raise UserError("a side is empty: `benchdb compare --help` lists what names one")
    for kind in _PREFIXES:
        if text.startswith(f"{kind}:"):
            return kind, text.removeprefix(f"{kind}:").strip()
    if "==" in text:
        return "package", text
    if "=" in text:
        return "tag", text
    begin, dots, end = text.partition("..")
    if all(_DATE.fullmatch(part) or (dots and not part) for part in (begin, end) if dots or part):
        return "date", text
    return None, text


def _start_of_one(one: str, other: str) -> bool:
    return len(min(one, other, key=len)) >= _LEAST and (
        one.startswith(other) or other.startswith(one)
    )


def _are_one(commits: set[str]) -> bool:
    """Tell whether commits are starts of one: versions tell commits by their first digits."""
    longest = max(commits, key=len)
    return all(longest.startswith(one) for one in commits)


def _either(names: Iterable[str]) -> str:
    return " or ".join(map(repr, names))


def _listed(names: Iterable[str], most: int = _MOST_NAMED) -> str:
    every = list(names)
    return ", ".join(every[:most]) + (", …" if len(every) > most else "")


def _counted(sessions: int) -> str:
    return "1 session" if sessions == 1 else f"{sessions:,} sessions"
