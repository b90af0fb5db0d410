"""A history in memory, on which flows run step by step, in any order, and die anywhere."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchdb.sync.protocol.manifest import Manifest, Snapshot
from benchdb.sync.protocol.names import (
    Entry,
    SegmentName,
    is_snapshot,
    segment_name,
    snapshot_name,
)
from benchdb.sync.protocol.steps import (
    Contents,
    Delete,
    Fold,
    Folded,
    Listed,
    ListObjects,
    Missing,
    Probe,
    PutSegment,
    ReadContents,
    Reading,
    ReadManifest,
    Swap,
    TakeIn,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchdb.sync.protocol.steps import Step


def entry(number: int, month: int = 1, version: int = 0) -> Entry:
    """Return a session of 2026; two versions of one number are two forms of one uid."""
    return Entry(f"2026-{month:02}-01 00:00:00.{number:06}", f"s{number}", f"{version:064x}")


@dataclass
class Store:
    """What the server holds, its clock, and what it fails to give for a while."""

    objects: dict[str, tuple[Contents, float]] = field(default_factory=dict)
    failing: dict[str, Missing] = field(default_factory=dict)
    manifest: Manifest | None = None
    etag: int = 0
    now: float = 0.0
    serial: Any = field(default_factory=itertools.count)

    def put(self, name: str, contents: Contents) -> None:
        self.objects.setdefault(name, (contents, self.now))

    def answer(self, step: Step, local: set[Entry] | None = None) -> Any:  # noqa: C901, PLR0912
        """Carry one step out."""
        match step:
            case ReadManifest():
                return Reading(self.manifest, str(self.etag) if self.manifest else None)
            case Probe():
                return None
            case ListObjects(prefixes):
                return tuple(
                    Listed(name, 1, self.now - made)
                    for name, (_, made) in sorted(self.objects.items())
                    if name.startswith(prefixes)
                )
            case ReadContents(names):
                return {name: self._contents(name) for name in names}
            case TakeIn(names, manifest):
                found = {name: self._contents(name) for name in names}
                assert local is not None
                for one in found.values():
                    if isinstance(one, Contents):
                        local.update(
                            each
                            for each in one.entries
                            if not manifest.forgets(each.uid, each.started)
                        )
                return found
            case PutSegment(entries):
                first = entries[0]
                sha = f"{abs(hash(entries)):064x}"
                name = str(SegmentName(first.month, first.uid, first.digest, len(entries), sha))
                self.put(name, Contents(entries))
                return name
            case Fold():
                return self._fold(step)
            case Swap(manifest, etag):
                if etag != (str(self.etag) if self.manifest else None):
                    return False
                self.manifest, self.etag = manifest, self.etag + 1
                return True
            case Delete(names):
                for name in names:
                    self.objects.pop(name, None)
                return None

    def _contents(self, name: str) -> Contents | Missing:
        if name in self.failing:
            return self.failing[name]
        return self.objects[name][0] if name in self.objects else Missing.GONE

    def _fold(self, step: Fold) -> Folded:
        found = {name: self._contents(name) for name in step.names}
        usable = {name: one for name, one in found.items() if isinstance(one, Contents)}
        unusable = tuple((name, one) for name, one in found.items() if isinstance(one, Missing))
        if any(is_snapshot(name) for name, _ in unusable):
            return Folded(None, Contents(()), unusable)
        entries = {
            each
            for one in usable.values()
            for each in one.entries
            if not step.manifest.forgets(each.uid, each.started)
        }
        folded = step.folded | {name for name in usable if segment_name(name)}
        contents = Contents(tuple(sorted(entries)), frozenset(folded))
        if not entries:
            return Folded(None, contents, unusable)
        name = snapshot_name(step.month, f"{next(self.serial):064x}")
        self.put(name, contents)
        return Folded(Snapshot(name, "a", 1, len(entries)), contents, unusable)

    def held(self) -> set[Entry]:
        """Return all that a reader finds, from the manifest and the segments."""
        names = [name for name in self.objects if segment_name(name)]
        if self.manifest is not None:
            names += [month.current.name for month in self.manifest.months.values()]
        forgets = (self.manifest or Manifest()).forgets
        return {
            each
            for name in names
            for each in self.objects[name][0].entries
            if not forgets(each.uid, each.started)
        }


@dataclass
class Actor:
    """A flow that runs on a store, one step at a time."""

    flow: Generator[Step, Any, Any]
    local: set[Entry] = field(default_factory=set)
    answer: Any = None
    result: Any = None
    is_done: bool = False

    def step(self, store: Store) -> None:
        """Do the next step; what it says is known before anybody else moves."""
        try:
            asked = self.flow.send(self.answer)
        except StopIteration as stopped:
            self.result, self.is_done = stopped.value, True
            return
        self.answer = store.answer(asked, self.local)


def run(flow: Generator[Step, Any, Any], store: Store, local: set[Entry] | None = None) -> Any:
    """Run a flow to its end, with nobody beside it."""
    actor = Actor(flow, set() if local is None else local)
    while not actor.is_done:
        actor.step(store)
    return actor.result
