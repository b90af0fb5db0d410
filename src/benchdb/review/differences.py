"""What differs between two sides beside the numbers: commits, packages, machine, platform, load."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from benchdb.findings import CommitRange, Difference, Differs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchdb.findings import Circumstances
    from benchdb.series import StoredSession

#: In this order differences are listed.
_ORDER: Final = {kind: number for number, kind in enumerate(Differs)}

#: Where one side knows nothing of these, nothing is known of a difference.
_MAY_BE_ABSENT: Final = (Differs.SUBJECT, Differs.PACKAGE, Differs.PLATFORM)


def differences(
    before: Iterable[Circumstances], after: Iterable[Circumstances]
) -> tuple[Difference, ...]:
    """Return what is not the same on two sides, sorted by kind and name.

    Parameters
    ----------
    before, after
        The sessions of each side, from `benchdb.store.circumstances.stored_circumstances`.

    Notes
    -----
    A package that only one side names differs if both know their packages, and a tag always; other
    things if both sides know them. A package that is a subject is listed as such alone.
    """
    one, one_packages = _side(before)
    two, two_packages = _side(after)
    subjects = {name for kind, name in one.keys() | two.keys() if kind is Differs.SUBJECT}
    found = []
    for key in one.keys() | two.keys():
        kind, name = key
        if kind in (Differs.PACKAGE, Differs.PLATFORM) and name in subjects:
            continue
        old, new = one.get(key, frozenset()), two.get(key, frozenset())
        if old == new or not (
            (old and new)
            or kind is Differs.TAG
            or (one_packages and two_packages and kind in _MAY_BE_ABSENT)
        ):
            continue
        found.append(Difference(kind, name, tuple(sorted(old)), tuple(sorted(new))))
    return tuple(sorted(found, key=lambda each: (_ORDER[each.kind], each.name)))


def _side(
    some: Iterable[Circumstances],
) -> tuple[dict[tuple[Differs, str], frozenset[str]], bool]:
    """Return all values of a side, and whether its packages are known."""
    values: dict[tuple[Differs, str], set[str]] = defaultdict(set)
    known = False
    for one in some:
        known = known or one.packages
        for key, said in one.said.items():
            values[key].update(said)
    return {key: frozenset(said) for key, said in values.items()}, known


def commit_ranges(before: StoredSession, after: StoredSession) -> tuple[CommitRange, ...]:
    """Return of each subject that differs the commits between two sessions.

    Parameters
    ----------
    before, after
        The last session of the old level and the first of the new one.

    Returns
    -------
    tuple of CommitRange
        Sorted by subject. Where neither session knows a subject, one range of instants.
    """
    old = {one.name: one for one in before.subjects}
    new = {one.name: one for one in after.subjects}
    if not old and not new:
        return (CommitRange(None, None, None, None, None, before.started, after.started),)
    found = []
    for name in sorted(old.keys() | new.keys()):
        one, two = old.get(name), new.get(name)
        if one and two and (one.commit or one.version) == (two.commit or two.version):
            continue
        found.append(
            CommitRange(
                subject=name,
                good=one.commit if one else None,
                bad=two.commit if two else None,
                good_version=one.version if one else None,
                bad_version=two.version if two else None,
                since=(one and one.committed) or before.started,
                until=(two and two.committed) or after.started,
            )
        )
    return tuple(found)


def differing(found: Sequence[Difference], *kinds: Differs) -> tuple[Difference, ...]:
    """Return the differences of some kinds."""
    return tuple(one for one in found if one.kind in kinds)
