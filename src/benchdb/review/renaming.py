"""Renamed tests: what ``[tool.benchdb] renamed`` makes of their names, so that series go on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from benchdb.series import Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Renamed = Sequence[tuple[str, str]]


def current(case: Case, renamed: Renamed) -> Case:
    """Return a case by the name that it has now.

    Parameters
    ----------
    case
        As it was recorded.
    renamed
        Former names and those that followed: each of a file, of a class or test in it, or of a case
        with its parameters. The longest that fits counts, and a new name may be a former one, too.
    """
    *_, now = (case.id, *(name for _, name in _followed(case, renamed)))
    return case if now == case.id else _case(now)


def former(case: Case, renamed: Renamed) -> list[Case]:
    """Return the cases that `current` makes this one of, without itself, sorted."""
    found: set[str] = {case.id}
    new = [case.id]
    while new:
        now = new.pop()
        for old, name in renamed:
            if (rest := _rest(now, name)) is not None and (before := old + rest) not in found:
                found.add(before)
                new.append(before)
    # One that was recorded without a path may begin with a class.
    cases = {one for name in found for one in (_case(name), Case("", name))}
    return sorted(one for one in cases - {case} if current(one, renamed) == case)


def unused(cases: Iterable[Case], renamed: Renamed) -> list[str]:
    """Return the former names that no case has, nor had on its way to the present one.

    Parameters
    ----------
    cases
        As they were recorded.
    renamed
        As `current` takes it.
    """
    left = dict.fromkeys(old for old, _ in renamed)
    for case in cases:
        if not left:
            break
        for old, _ in _followed(case, renamed):
            left.pop(old, None)
    return list(left)


def mixed(cases: Iterable[Case], renamed: Renamed) -> list[tuple[str, str]]:
    """Return the former names and the present ones of cases that one session ran by both.

    Parameters
    ----------
    cases
        Of a session, as they were recorded.
    renamed
        As `current` takes it.
    """
    recorded = set(cases)
    named = [(one, current(one, renamed)) for one in sorted(recorded)] if renamed else []
    by_name = Counter(now for _, now in named)
    return [(one.id, now.id) for one, now in named if one != now and by_name[now] > 1]


def _followed(case: Case, renamed: Renamed) -> Iterator[tuple[str, str]]:
    """Yield what of the table applies to a case in turn, each with the name that it makes."""
    now, seen = case.id, {case.id}
    while fitting := [pair for pair in renamed if _rest(now, pair[0]) is not None]:
        old, to = max(fitting, key=lambda pair: len(pair[0]))
        now = to + now[len(old) :]
        if now in seen:
            return
        seen.add(now)
        yield old, now


def _rest(name: str, part: str) -> str | None:
    """Return what follows a whole part of a name: its classes, its test or its parameters."""
    rest = name[len(part) :]
    return rest if name.startswith(part) and (not rest or rest.startswith(("::", "["))) else None


def _case(name: str) -> Case:
    path, colons, test = name.partition("::")
    return Case(path, test) if colons else Case("", name)
