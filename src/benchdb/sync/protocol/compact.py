"""Compacting: a month's segments are folded into its snapshot, and what is folded is deleted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchdb.errors import UnusableHistory
from benchdb.sync.protocol.manifest import Manifest
from benchdb.sync.protocol.months import Base, MonthObjects, NewSnapshot
from benchdb.sync.protocol.names import SEGMENTS, SNAPSHOTS, segment_name, snapshot_month
from benchdb.sync.protocol.steps import (
    Contents,
    Delete,
    Fold,
    Folded,
    ListObjects,
    Missing,
    Probe,
    ReadContents,
    Reading,
    ReadManifest,
    Swap,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchdb.sync.protocol.names import Entry
    from benchdb.sync.protocol.steps import Found, Listing, Step

#: How often a swap is tried when others replace the manifest meanwhile.
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Policy:
    """How to compact.

    Parameters
    ----------
    keep
        How many of a month's earlier snapshots stay, as backups.
    grace
        Seconds for which a folded segment stays, for those who have listed it.
    orphan_grace
        Seconds for which a snapshot is left alone that the manifest doesn't list: who made it may
        be at work yet. Then what only it has is folded in, as somebody may have put an earlier
        manifest back, and it is deleted.
    horizon
        Forget what began before; an earlier horizon stays as it is.
    erase
        Uids of sessions to erase from everything.
    """

    keep: int = 3
    grace: float = 3600.0
    orphan_grace: float = 86400.0
    horizon: str | None = None
    erase: frozenset[str] = frozenset()


@dataclass(slots=True)
class Compacted:
    """What a compaction did.

    Parameters
    ----------
    folded
        Segments that were folded, by month.
    deleted
        Objects that were deleted.
    unusable
        Objects that could not be used, and why.
    unfinished
        Months that others folded at the same time, again and again.
    """

    folded: dict[str, tuple[str, ...]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    unusable: dict[str, Missing] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)


def compact(policy: Policy, writer: str) -> Generator[Step, Any, Compacted]:
    """Fold what is new into snapshots, then delete what was folded long enough ago.

    Parameters
    ----------
    policy
        How.
    writer
        A random word.
    """
    done = Compacted()
    if policy.erase:  # it must not wait in a segment that is folded, or in what somebody left
        policy = replace(policy, grace=0.0, orphan_grace=0.0)
    listing: Listing = yield ListObjects((SEGMENTS,))
    segments = defaultdict(list)
    for one in listing:
        parts = segment_name(one.name)
        if parts is not None:
            segments[parts.month].append(one.name)
    every: Listing = yield ListObjects((SNAPSHOTS,))
    old = defaultdict(list)
    for one in every:
        month = snapshot_month(one.name)
        if month is not None and one.age >= policy.orphan_grace:
            old[month].append(one.name)
    reading: Reading = yield ReadManifest()
    if reading.manifest is None:
        if not (segments or old):
            return done
        yield Probe()
    manifest = yield from _remember(policy, writer)
    for month in sorted({*segments, *manifest.months, *old}):
        objects = MonthObjects(month, tuple(segments[month]), tuple(old[month]))
        yield from _fold(objects, policy, writer, done)
    yield from _doom(tuple(name for names in old.values() for name in names), policy, writer)
    yield from _delete(policy, writer, listing, done)
    return done


def _swapped(
    change: Callable[[Manifest], Manifest | None],
) -> Generator[Step, Any, Manifest | None]:
    """Replace the manifest by what `change` makes of it; return the one that holds then.

    `change` gives None where there is nothing (any more) to replace. Returns None where others were
    faster every time.
    """
    for _ in range(_ATTEMPTS):
        reading: Reading = yield ReadManifest()
        seen = reading.manifest or Manifest()
        wanted = change(seen)
        if wanted is None:
            return seen
        if (yield Swap(wanted, reading.etag)):
            return wanted
    return None


def _remember(policy: Policy, writer: str) -> Generator[Step, Any, Manifest]:
    """Write the horizon and the tombstones into the manifest, before anything is folded."""

    def change(seen: Manifest) -> Manifest | None:
        horizon = max(filter(None, (seen.horizon, policy.horizon)), default=None)
        tombstones = seen.tombstones | policy.erase
        if (horizon, tombstones) == (seen.horizon, seen.tombstones) and seen.generation:
            return None
        return seen.next(writer, horizon=horizon, tombstones=tombstones)

    manifest = yield from _swapped(change)
    if manifest is None:
        raise UnusableHistory("others replace manifest.json of the history all the time: try again")
    return manifest


def _fold(
    objects: MonthObjects, policy: Policy, writer: str, done: Compacted
) -> Generator[Step, Any, None]:
    """Fold a month's new segments, and leave out what is to be forgotten."""
    month, segments = objects.month, objects.segments
    spoilt: set[str] = set()
    for _ in range(_ATTEMPTS):
        reading: Reading = yield ReadManifest()
        manifest = reading.manifest
        if manifest is None:
            return
        base = yield from _base(objects, manifest, spoilt)
        if Missing.NEWER in base.unusable.values():
            done.unusable.update(base.unusable)
            return  # who made it knows how to fold it
        # Of a snapshot that can't be used, the ones before and the segments are what is left.
        snapshots = base.snapshots()
        had = frozenset[str]().union(*(base.contents[name].folded for name in snapshots))
        fresh = tuple(name for name in segments if name not in had)
        if not (fresh or snapshots[1:] or base.orphans & {*snapshots} or base.is_outdated()):
            done.unusable.update(base.unusable)
            return
        made: Folded = yield Fold(month, (*snapshots, *fresh), had & set(segments), manifest)
        # Segments that went meanwhile were folded by others.
        unusable = {
            name: why for name, why in made.unusable if why is not Missing.GONE or name in snapshots
        }
        if Missing.NEWER in unusable.values():
            done.unusable.update(base.unusable | unusable)
            return
        if damaged := {*snapshots} & unusable.keys():  # only its beginning can be read
            spoilt |= damaged
            continue
        is_damaged = Missing.DAMAGED in base.unusable.values()
        if made.snapshot is None and is_damaged and not policy.erase:
            done.unusable.update(base.unusable | unusable)
            return  # else what can't be read would be listed nowhere
        if made.snapshot is None and not base.contents and not made.contents.folded:
            done.unusable.update(base.unusable | unusable)
            return  # none of it could be used
        if (yield from _install(NewSnapshot(base, made), policy, writer)):
            done.unusable.update(base.unusable | unusable)
            lacking = base.unusable.keys() | unusable.keys()
            if folded := tuple(name for name in fresh if name not in lacking):
                done.folded[month] = folded
            return
    done.unfinished.append(month)


def _base(
    objects: MonthObjects, manifest: Manifest, spoilt: set[str]
) -> Generator[Step, Any, Base]:
    """Look into a month's snapshots; those that are `spoilt` can't be used, whatever they list."""
    month = objects.month
    former = manifest.months.get(month)
    listed = tuple(one.name for one in (former.current, *former.before)) if former else ()
    orphans = objects.orphans(manifest)
    names = (*listed, *orphans)
    found: Found = (yield ReadContents(names)) if names else {}
    there: set[str] = set()
    if Missing.GONE in found.values():  # or was that only an answer that went wrong?
        listing: Listing = yield ListObjects((f"{SNAPSHOTS}{month}/",))
        there = {one.name for one in listing}
    contents = {}
    unusable = {}
    for name in names:
        one = found[name]
        if isinstance(one, Contents) and name not in spoilt:
            contents[name] = one
        elif isinstance(one, Contents) or (one is Missing.GONE and name in there):
            unusable[name] = Missing.DAMAGED
        elif name in listed:  # an orphan that went was deleted by others
            unusable[name] = one
    return Base(month, manifest, names, frozenset(orphans), contents, unusable)


def _install(fold: NewSnapshot, policy: Policy, writer: str) -> Generator[Step, Any, bool]:
    """Put a new snapshot into the manifest, unless what it was made from has changed."""
    snapshot = fold.result.snapshot
    for _ in range(_ATTEMPTS):
        reading: Reading = yield ReadManifest()
        seen = reading.manifest or Manifest()
        if not fold.still_holds(seen):
            return False
        if snapshot is not None:
            # Who slept for a day may find it deleted. Were it doomed from now on, by a manifest
            # that replaces the one just read, the swap below would fail.
            found: Found = yield ReadContents((snapshot.name,))
            if not isinstance(found[snapshot.name], Contents):
                return False
        if (yield Swap(fold.installed(seen, policy.keep, writer), reading.etag)):
            return True
    return False


def _doom(old: tuple[str, ...], policy: Policy, writer: str) -> Generator[Step, Any, None]:
    """Doom the orphans among old snapshots that hold nothing of their own."""
    reading: Reading = yield ReadManifest()
    manifest = reading.manifest or Manifest()
    orphans = sorted({*old} - manifest.snapshots() - manifest.doomed)
    if not orphans:
        return
    current = tuple(month.current.name for month in manifest.months.values())
    found: Found = yield ReadContents((*current, *orphans))
    held = {one.key for name in current for one in _entries(found[name])}
    useless = {
        name
        for name in orphans
        if isinstance(found[name], Contents)
        and {one.key for one in _entries(found[name]) if not manifest.forgets(one.uid, one.started)}
        <= held
    }

    def doom(seen: Manifest) -> Manifest | None:
        fresh = useless - seen.snapshots() - seen.doomed
        return seen.next(writer, doomed=seen.doomed | fresh) if fresh else None

    yield from _swapped(doom)


def _entries(found: Contents | Missing) -> tuple[Entry, ...]:
    return found.entries if isinstance(found, Contents) else ()


def _delete(
    policy: Policy, writer: str, listing: Listing, done: Compacted
) -> Generator[Step, Any, None]:
    """Delete what the manifest dooms, and segments that its snapshots list as folded."""
    ages = {one.name: one.age for one in listing}
    reading: Reading = yield ReadManifest()
    manifest = reading.manifest
    if manifest is None:
        return
    current = tuple(month.current.name for month in manifest.months.values())
    found: Found = (yield ReadContents(current)) if current else {}
    folded = {name for one in found.values() if isinstance(one, Contents) for name in one.folded}
    # A server tells ages in whole seconds: what was put a moment ago is 0 seconds old.
    names = {name for name in folded & ages.keys() if ages[name] >= policy.grace}
    # A manifest that was put back by hand may doom what it lists.
    names |= manifest.doomed - manifest.snapshots()
    if not names:
        return
    yield Delete(tuple(sorted(names)))
    done.deleted += sorted(names)
    gone = manifest.doomed

    def clear(seen: Manifest) -> Manifest | None:
        return seen.next(writer, doomed=seen.doomed - gone) if seen.doomed & gone else None

    yield from _swapped(clear)
