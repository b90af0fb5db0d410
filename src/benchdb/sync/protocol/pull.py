"""Pulling: what the local database lacks is fetched and merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchdb.sync.protocol.manifest import Manifest
from benchdb.sync.protocol.names import SEGMENTS, SegmentName, segment_name
from benchdb.sync.protocol.steps import (
    Contents,
    ListObjects,
    Missing,
    ReadContents,
    Reading,
    ReadManifest,
    TakeIn,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Set

    from benchdb.sync.protocol.names import Entry
    from benchdb.sync.protocol.steps import Found, Listing, Step

#: How often the manifest is read when what it names has gone meanwhile.
_ATTEMPTS = 5


@dataclass(slots=True)
class Pulled:
    """What a pull did.

    Parameters
    ----------
    manifest
        As last read; None where there is none.
    taken
        Entries that were merged.
    objects
        Names of objects of which the local database holds all that it wants.
    pruned, forgotten
        Keys of entries that were left out: pruned from the local database before; erased from the
        history, or from before its horizon.
    foreign
        Objects among the segments that are none.
    unusable
        Objects that could not be used, and why.
    there
        Keys of all that the history has of a month, by month, where it may have lost something:
        where a snapshot is new, can't be used, or segments are gone.
    """

    manifest: Manifest | None = None
    taken: list[Entry] = field(default_factory=list)
    objects: set[str] = field(default_factory=set)
    pruned: set[tuple[str, str]] = field(default_factory=set)
    forgotten: set[tuple[str, str]] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    unusable: dict[str, Missing] = field(default_factory=dict)
    there: dict[str, set[tuple[str, str]]] = field(default_factory=dict)


def pull(
    held: Set[tuple[str, str]],
    pruned: Set[tuple[str, str]],
    known: Set[str],
    since: str | None = None,
) -> Generator[Step, Any, Pulled]:
    """Merge what the local database lacks.

    The segments are listed before the manifest is read: what was folded and deleted before the list
    is in the manifest; what is deleted later is found gone, and the manifest is read again.

    Parameters
    ----------
    held
        Keys of the entries that the local database holds.
    pruned
        Keys of those that it must not get again.
    known
        Objects of which it holds everything.
    since
        The first month that is wanted, as ``2026-11``; all by default.
    """
    flow = _Pull(set(held), pruned, since, Pulled(objects=set(known)))
    listing: Listing = yield ListObjects((SEGMENTS,))
    segments = flow.wanted_segments(listing)
    missed: set[str] = set()
    for _ in range(_ATTEMPTS):
        reading: Reading = yield ReadManifest()
        gone = yield from flow.attempt(reading.manifest, segments)
        # A segment that went was folded before, into a snapshot of the manifest read after that.
        if gone <= missed:
            break
        missed |= gone & segments.keys()
    else:
        flow.done.unusable.update(dict.fromkeys(gone - segments.keys(), Missing.GONE))
    vanished = {name for name in known if name not in segments}
    yield from flow.look_through(segments, {*filter(None, map(segment_name, vanished))})
    return flow.done


class _Pull:
    """One pull: what it has, and what it has done."""

    def __init__(
        self,
        has: set[tuple[str, str]],
        pruned: Set[tuple[str, str]],
        since: str | None,
        done: Pulled,
    ) -> None:
        self.has = has
        self.pruned = pruned
        self.since = since
        self.done = done
        self.contents: dict[str, Contents] = {}

    def wanted_segments(self, listing: Listing) -> dict[str, SegmentName]:
        """Return the segments of the months that are wanted, and note what is none."""
        segments = {}
        for one in listing:
            parts = segment_name(one.name)
            if parts is None:
                self.done.foreign.add(one.name)
            elif self.since is None or parts.month >= self.since:
                segments[one.name] = parts
        return segments

    def attempt(
        self, manifest: Manifest | None, segments: Mapping[str, SegmentName]
    ) -> Generator[Step, Any, set[str]]:
        """Take in what the manifest and the listing name; return what was not there."""
        self.done.manifest = manifest
        obeyed = manifest or Manifest()
        months = sorted(obeyed.months.items())
        current = [
            month.current.name for name, month in months if self.since is None or name >= self.since
        ]
        gone = yield from self._use(current, obeyed, look_first=True)
        for name, parts in segments.items():
            if parts.count == 1 and not self._lacks([parts.key], obeyed):
                self.done.objects.add(name)
        several = [name for name, parts in segments.items() if parts.count > 1]
        gone |= yield from self._use(several, obeyed, look_first=bool(self.has))
        gone |= yield from self._use(segments, obeyed, look_first=False)
        return gone

    def _use(
        self, names: Iterable[str], manifest: Manifest, *, look_first: bool
    ) -> Generator[Step, Any, set[str]]:
        """Take objects in, those that hold something new; return those that were not there."""
        names = [name for name in names if name not in self.done.objects]
        gone: set[str] = set()
        if names and look_first:
            found = yield from self._read(names)
            names = [name for name in names if self._is_wanted(name, found[name], manifest)]
        if names:
            found = yield TakeIn(tuple(names), manifest)
            for name in names:
                contents = found[name]
                if isinstance(contents, Contents):
                    self.contents[name] = contents
                if contents is Missing.GONE:
                    gone.add(name)
                elif isinstance(contents, Missing):
                    self.done.unusable[name] = contents
                else:
                    self._hold(name, contents, manifest)
        return gone

    def _read(self, names: Iterable[str]) -> Generator[Step, Any, Found]:
        found: Found = yield ReadContents(tuple(names))
        self.contents.update(
            (name, one) for name, one in found.items() if isinstance(one, Contents)
        )
        return found

    def look_through(
        self, segments: Mapping[str, SegmentName], vanished: Set[SegmentName]
    ) -> Generator[Step, Any, None]:
        """Note what there is of the months that may have lost something.

        A segment may be gone because it was folded, or because somebody deleted it.
        """
        snapshots = {
            month: listed.current.name
            for month, listed in (self.done.manifest or Manifest()).months.items()
        }
        suspected = {one.month for one in vanished} | {
            month
            for month, name in snapshots.items()
            if name in self.contents
            or self.done.unusable.get(name) in {Missing.DAMAGED, Missing.GONE}
        }
        for month in sorted(suspected):
            if self.since is not None and month < self.since:
                continue
            names = [name for name, parts in segments.items() if parts.month == month]
            current = [snapshots[month]] if month in snapshots else []
            unread = [name for name in current if name not in self.contents]
            unread += [
                name for name in names if segments[name].count > 1 and name not in self.contents
            ]
            found = (yield from self._read(unread)) if unread else {}
            if Missing.NEWER in found.values():
                continue
            self.done.there[month] = {
                *(segments[name].key for name in names),
                *(
                    entry.key
                    for name in (*current, *names)
                    if name in self.contents
                    for entry in self.contents[name].entries
                ),
            }

    def _is_wanted(self, name: str, contents: Contents | Missing, manifest: Manifest) -> bool:
        if isinstance(contents, Missing):
            return True  # to take it in says whether the rest can be used
        if self._lacks([entry.key for entry in contents.entries], manifest, contents.entries):
            return True
        self._hold(name, contents, manifest)
        return False

    def _hold(self, name: str, contents: Contents, manifest: Manifest) -> None:
        """Note that the local database holds all that an object has."""
        self.done.unusable.pop(name, None)
        self.done.objects |= {name, *contents.folded}
        for entry in contents.entries:
            if self._lacks([entry.key], manifest, [entry]):
                self.has.add(entry.key)
                self.done.taken.append(entry)

    def _lacks(
        self,
        keys: Iterable[tuple[str, str]],
        manifest: Manifest,
        entries: Iterable[Entry] = (),
    ) -> bool:
        """Tell whether the local database wants one of these."""
        forgotten = {one.key for one in entries if manifest.forgets(one.uid, one.started)}
        wanted = False
        for key in keys:
            if key in self.has:
                continue
            if key in self.pruned:
                self.done.pruned.add(key)
            elif key in forgotten or key[0] in manifest.tombstones:
                self.done.forgotten.add(key)
            else:
                wanted = True
        return wanted
