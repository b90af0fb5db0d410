"""What a month's snapshot is made from, and how it comes into the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchdb.sync.protocol.manifest import Manifest, Month
from benchdb.sync.protocol.steps import Contents, Folded, Missing

if TYPE_CHECKING:
    from benchdb.sync.protocol.names import Entry


@dataclass(frozen=True, slots=True)
class MonthObjects:
    """What there is of a month.

    Parameters
    ----------
    month
        Which.
    segments
        All that were listed.
    old
        Snapshots that are old enough for whoever made them to be done, listed in a manifest or not.
    """

    month: str
    segments: tuple[str, ...]
    old: tuple[str, ...]

    def orphans(self, manifest: Manifest) -> tuple[str, ...]:
        """Return the snapshots that a manifest should list or doom, and doesn't."""
        return tuple(sorted({*self.old} - manifest.snapshots() - manifest.doomed))


@dataclass(frozen=True, slots=True)
class Base:
    """What a month's new snapshot is made from, beside segments.

    Parameters
    ----------
    month
        Which.
    manifest
        That is followed.
    names
        Of the month's snapshots, the newest first, and then the orphans.
    orphans
        Those that the manifest doesn't list.
    contents
        What they hold, as far as they can be used.
    unusable
        Those that can't.
    """

    month: str
    manifest: Manifest
    names: tuple[str, ...]
    orphans: frozenset[str]
    contents: dict[str, Contents]
    unusable: dict[str, Missing]

    def snapshots(self) -> list[str]:
        """Return the snapshot to begin with, and others with what it lacks.

        Earlier ones have such only where it was made while another could not be used; orphans,
        where an earlier manifest was put back. An earlier one may hold lost forms of sessions that
        were superseded since.
        """
        has: set[str] = set()
        forms: set[tuple[str, str]] = set()
        chosen: list[str] = []
        for name in self.names:
            if name in self.contents:
                held = _remembered(self.manifest, self.contents[name])
                uids = {one.uid for one in held}
                keys = {one.key for one in held}
                is_known = keys <= forms if name in self.orphans else uids <= has
                if not is_known or not chosen:
                    chosen.append(name)
                has |= uids
                forms |= keys
        return chosen

    def is_outdated(self) -> bool:
        """Tell whether the month must be written down anew, though nothing came."""
        current = self.names[:1]
        is_gone = Missing.GONE in (self.unusable.get(name) for name in self.names[1:])
        listed = {name: one for name, one in self.contents.items() if name not in self.orphans}
        return (is_gone and {*current} <= self.contents.keys()) or _remembers(self.manifest, listed)


def _remembered(manifest: Manifest, contents: Contents) -> list[Entry]:
    """Return what a snapshot holds that the manifest doesn't forget."""
    return [one for one in contents.entries if not manifest.forgets(one.uid, one.started)]


def _remembers(manifest: Manifest, contents: dict[str, Contents]) -> bool:
    """Tell whether a snapshot holds something that the manifest forgets."""
    entries = (entry for one in contents.values() for entry in one.entries)
    return any(manifest.forgets(entry.uid, entry.started) for entry in entries)


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """A month's new snapshot, and what it was made from.

    Parameters
    ----------
    base
        The snapshots that were followed.
    result
        The new one.
    """

    base: Base
    result: Folded

    def still_holds(self, seen: Manifest) -> bool:
        """Tell whether the snapshot may come into this manifest."""
        base, month = self.base.manifest, self.base.month
        snapshot = self.result.snapshot
        return (
            seen.months.get(month) == base.months.get(month)
            and (seen.horizon, seen.tombstones) == (base.horizon, base.tombstones)
            and (snapshot is None or snapshot.name not in seen.doomed)
        )

    def installed(self, seen: Manifest, keep: int, writer: str) -> Manifest:
        """Return the manifest that lists the snapshot, and `keep` of the ones before."""
        month = self.base.month
        former = seen.months.get(month)
        before = (former.current, *former.before) if former else ()
        months = dict(seen.months)
        # What can't be used may be damaged only for who looks now.
        spared = {name for name, why in self.base.unusable.items() if why is Missing.DAMAGED}
        doomed = {*self.base.contents}
        if self.result.snapshot is None:  # all of it is forgotten
            doomed |= self.result.contents.folded
            months.pop(month, None)
        else:
            # A backup that holds what must be forgotten goes, however young it is.
            sound = [one.name for one in before if self._is_clean(one.name, seen)]
            kept = {*sound[:keep], *spared}
            months[month] = Month(
                self.result.snapshot, tuple(one for one in before if one.name in kept)
            )
            doomed -= kept
        return seen.next(writer, months=months, doomed=seen.doomed | doomed)

    def _is_clean(self, name: str, seen: Manifest) -> bool:
        contents = self.base.contents.get(name)
        return contents is not None and not _remembers(seen, {name: contents})
