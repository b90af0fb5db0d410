"""The sides that the compare page offers: releases, the newest sessions, tags."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from benchdb.dashboard.data import Side
from benchdb.report.text import minute, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.dashboard.data import Release
    from benchdb.review.history import History
    from benchdb.series import StoredSession

#: How many sessions stand for a release, and for the present.
FEW: Final = 10

#: The same for a longer past; offered where there are that many.
_MANY: Final = 30

#: Releases, values of tags, and single sessions, the newest.
_MOST_RELEASES, _MOST_TAGS, _MOST_SESSIONS = 8, 6, 3

#: A tag that every session has another value of tells nothing apart.
_LEAST_TAGGED: Final = 3


def release_key(name: str) -> str:
    """Return the key of a release's side."""
    return f"release:{name}"


#: The key of the present.
NOW: Final = f"last:{FEW}"


def sides_of(history: History, releases: Sequence[Release]) -> list[Side]:
    """Return the sides, those first that people want first; each has a session.

    Parameters
    ----------
    history
        Sessions in order of place, which numbers are of.
    releases
        The oldest first.
    """
    trunk = [number for number, one in enumerate(history.trunk.tolist()) if one]
    trunk = trunk or list(range(len(history.sessions)))
    every = [
        *_newest(trunk),
        *_releases(trunk, releases[-_MOST_RELEASES:], releases),
        *_tags(history.sessions),
        *_sessions(history.sessions),
    ]
    return [one for one in every if one.sessions]


def _newest(trunk: list[int]) -> Iterator[Side]:
    yield Side(NOW, f"Last {min(FEW, len(trunk))} sessions", "last", NOW, trunk[-FEW:])
    earlier = trunk[-2 * FEW : -FEW]
    if earlier:
        yield Side(f"before:{FEW}", f"The {len(earlier)} before", "last", "", earlier)
    if len(trunk) >= _MANY:
        key = f"last:{_MANY}"
        yield Side(key, f"Last {_MANY} sessions", "last", key, trunk[-_MANY:])


def _releases(
    trunk: list[int], shown: Sequence[Release], releases: Sequence[Release]
) -> Iterator[Side]:
    """Give the sessions up to each release, and after the one before it."""
    before = {one.name: former.session for former, one in pairwise(releases)}
    for one in reversed(shown):
        up_to = [number for number in trunk if before.get(one.name, -1) < number <= one.session]
        yield Side(release_key(one.name), f"Release {one.name}", "release", "", up_to[-FEW:])


def _tags(sessions: Sequence[StoredSession]) -> Iterator[Side]:
    tagged: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, one in enumerate(sessions):
        for tag in one.tags:
            tagged[tag].append(number)
    some = [(tag, numbers) for tag, numbers in tagged.items() if len(numbers) >= _LEAST_TAGGED]
    some.sort(key=lambda one: (-one[1][-1], one[0]))
    for (key, value), numbers in some[:_MOST_TAGS]:
        side = f"tag:{key}={value}"
        label = f"Tag {key}={value}"
        if len(numbers) > _MANY:  # `benchdb compare` has no word for some of them
            yield Side(side, f"{label}, newest {_MANY}", "tag", "", numbers[-_MANY:])
        else:
            yield Side(side, label, "tag", side, numbers)


def _sessions(sessions: Sequence[StoredSession]) -> Iterator[Side]:
    for number in reversed(range(max(len(sessions) - _MOST_SESSIONS, 0), len(sessions))):
        one = sessions[number]
        label = f"Session {short(one.uid)}, {minute(one.started)}"
        key = f"session:{one.uid}"
        yield Side(key, label, "session", key, [number])


def chosen_pairs(
    sides: Sequence[Side], releases: Sequence[Release], most: int
) -> list[tuple[int, int]]:
    """Return which sides to compare, the older the baseline, what people want first.

    Parameters
    ----------
    most
        How many at the most; those of the releases page are chosen whatever it says.
    """
    order = sorted(range(len(sides)), key=lambda one: (sides[one].sessions[-1], -one))
    rank = {number: at for at, number in enumerate(order)}
    by_key = {one.key: number for number, one in enumerate(sides)}

    def pair(one: int, two: int) -> tuple[int, int]:
        return (one, two) if rank[one] < rank[two] else (two, one)

    needed = [(by_key[one], by_key[two]) for one, two in release_columns(sides, releases)]
    wanted = needed[::-1]  # the present against the newest release first
    if (now := by_key.get(NOW)) is not None:
        first = [by_key[key] for key in (f"before:{FEW}",) if key in by_key]
        wanted += [pair(one, now) for one in (*first, *range(len(sides))) if one != now]
    wanted += [pair(one, two) for at, one in enumerate(order) for two in order[at + 1 :]]
    once = list(dict.fromkeys(wanted))
    once = [(one, two) for one, two in once if set(sides[one].sessions) - set(sides[two].sessions)]
    return once[: max(most, len(set(needed)))]


def release_columns(sides: Sequence[Side], releases: Sequence[Release]) -> list[tuple[str, str]]:
    """Return the keys of sides that the releases page compares: each with the one before it.

    The last is the present with the newest release.
    """
    known = {one.key for one in sides}
    keys = [key for one in releases if (key := release_key(one.name)) in known]
    if NOW in known and keys:
        keys.append(NOW)
    return list(pairwise(keys))
