"""Pushing: what the history lacks becomes segments."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchdb.sync.protocol.manifest import Manifest
from benchdb.sync.protocol.names import SEGMENTS, segment_name
from benchdb.sync.protocol.steps import (
    Contents,
    ListObjects,
    Probe,
    PutSegment,
    ReadContents,
    Reading,
    ReadManifest,
    Swap,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from benchdb.sync.protocol.names import Entry
    from benchdb.sync.protocol.steps import Step


@dataclass(frozen=True, slots=True)
class Offered:
    """An entry that might be pushed.

    Parameters
    ----------
    entry
        The session or annotation.
    weight
        About how many bytes it takes in a segment.
    fresh
        Whether it was made in this very file and never left it: nobody else can have pushed it.
    """

    entry: Entry
    weight: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Parameters
    ----------
    segments
        What was put, by name, with its entries.
    held
        Entries that the history turned out to hold already.
    forgotten
        Entries that it doesn't take: erased, or from before its horizon.
    """

    segments: Mapping[str, tuple[Entry, ...]]
    held: tuple[Entry, ...]
    forgotten: tuple[Entry, ...]


def push(offered: Sequence[Offered], writer: str, most: int) -> Generator[Step, Any, Pushed]:
    """Put what the history lacks into segments.

    Parameters
    ----------
    offered
        What it isn't known to hold.
    writer
        A random word.
    most
        Bytes that a segment's entries should weigh at most; a single one may weigh more.
    """
    manifest = yield from _manifest(writer)
    forgotten = {one.entry for one in offered if manifest.forgets(one.entry.uid, one.entry.started)}
    lacking = [one for one in offered if one.entry not in forgotten]
    unsure = [one.entry for one in lacking if not one.fresh]
    held = (yield from _held(manifest, unsure)) if unsure else set()
    segments = {}
    for group in _groups((one for one in lacking if one.entry.key not in held), most):
        name = yield PutSegment(group)
        segments[name] = group
    return Pushed(
        segments,
        held=tuple(one.entry for one in lacking if one.entry.key in held),
        forgotten=tuple(sorted(forgotten)),
    )


def _manifest(writer: str) -> Generator[Step, Any, Manifest]:
    """Return the manifest; the first to come makes it, once it has probed the server."""
    reading: Reading = yield ReadManifest()
    while reading.manifest is None:
        yield Probe()
        yield Swap(Manifest().next(writer), None)
        reading = yield ReadManifest()
    return reading.manifest


def _held(
    manifest: Manifest, entries: Iterable[Entry]
) -> Generator[Step, Any, set[tuple[str, str]]]:
    """Return the keys of what the history holds in the months of some entries."""
    months = sorted({entry.month for entry in entries})
    listing = yield ListObjects(tuple(f"{SEGMENTS}{month}/" for month in months))
    names = {one.name: segment_name(one.name) for one in listing}
    # What a segment of several holds is told by its list: one that is damaged holds nothing.
    held = {name.key for name in names.values() if name is not None and name.count == 1}
    several = [name for name, parts in names.items() if parts is not None and parts.count > 1]
    current = [manifest.months[month].current.name for month in months if month in manifest.months]
    if several or current:
        found = yield ReadContents((*current, *several))
        for contents in found.values():
            if isinstance(contents, Contents):
                held.update(entry.key for entry in contents.entries)
    return held


def _groups(offered: Iterable[Offered], most: int) -> Iterator[tuple[Entry, ...]]:
    """Return the entries of each segment: of one month, in order, not too many."""
    months = defaultdict(list)
    for one in sorted(offered, key=lambda one: one.entry):
        months[one.entry.month].append(one)
    for _, ones in sorted(months.items()):
        group: list[Entry] = []
        weight = 0
        for one in ones:
            if group and weight + one.weight > most:
                yield tuple(group)
                group, weight = [], 0
            group.append(one.entry)
            weight += one.weight
        yield tuple(group)
