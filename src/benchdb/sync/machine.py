"""Carrying out what the flows of the protocol ask for."""

from __future__ import annotations

import contextlib
import errno
import functools
import sqlite3
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from benchdb.errors import UserError
from benchdb.scratch import scratch_folder
from benchdb.store.merge import merge_file
from benchdb.store.progress import untold
from benchdb.sync.fetching import Fetching, side_by_side
from benchdb.sync.folding import fold
from benchdb.sync.intake import Intake
from benchdb.sync.probe import probe
from benchdb.sync.protocol.manifest import Manifest, from_json
from benchdb.sync.protocol.names import MANIFEST, SegmentName, checksum_of, segment_name
from benchdb.sync.protocol.steps import (
    Contents,
    Delete,
    Fold,
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
from benchdb.sync.segments import checksum, key_in_name, make_segment, new_nonce
from benchdb.sync.verifying import FIRST, Damaged, Frame, check_name, listing_size, read_listing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator
    from pathlib import Path

    from benchdb.config import Location
    from benchdb.store.merge import Merged
    from benchdb.store.progress import Progress
    from benchdb.sync.fetching import Taker
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.names import Entry
    from benchdb.sync.protocol.steps import Folded, Found, Listing, Step
    from benchdb.sync.segments import ObjectFile
    from benchdb.sync.state import Key

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Local:
    """The local side of a flow.

    Parameters
    ----------
    path
        The database, which receives.
    at
        Where it is read at the newest schema: itself, or a copy.
    held, pruned
        Keys of what it holds, and of what it must not get.
    bring_back
        Whether it gets what was pruned all the same.
    """

    path: Location
    at: Location
    held: Collection[Key]
    pruned: Collection[Key]
    bring_back: bool = False


class Machine:
    """Carries out steps, one after another.

    Parameters
    ----------
    objects
        The remote.
    local
        The local side, for flows that have one.
    seen
        Is called with each manifest that is read; may raise.
    pushing
        Is called with the keys of what is about to be put into a segment.
    upgrade
        Whether to fold into the newest schema.
    progress
        Is told how far it is.

    Attributes
    ----------
    entries : set
        Keys of what the remote turned out to hold.
    listed : dict
        Segments of the last listing, by name.
    merged : list of Merged
        What was merged into the local database.
    put : int
        Bytes of the objects that were put.
    why : dict
        What is wrong with the objects that could not be used.
    """

    def __init__(
        self,
        objects: Objects,
        local: Local | None = None,
        *,
        seen: Callable[[Manifest | None], None] = lambda _: None,
        pushing: Callable[[Collection[Key]], None] = lambda _: None,
        upgrade: bool = False,
        progress: Progress = untold,
    ) -> None:
        self.objects = objects
        self.local = local
        self.entries: set[Key] = set()
        self.listed: dict[str, Listed] = {}
        self.merged: list[Merged] = []
        self.put = 0
        self.why: dict[str, str] = {}
        self._seen = seen
        self._pushing = pushing
        self._upgrade = upgrade
        self._progress = progress

    def run(self, flow: Generator[Step, Any, _Result]) -> _Result:
        """Run a flow to its end."""
        answer: Any = None
        with explaining_room():
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration as stopped:
                    result: _Result = stopped.value
                    return result
                answer = self._do(step)

    def _do(self, step: Step) -> Any:
        match step:
            case ReadManifest():
                return self.read_manifest()
            case ListObjects(prefixes):
                return self._list(prefixes)
            case ReadContents(names):
                return self.read_contents(names)
            case TakeIn():
                return self._take_in(step)
            case PutSegment():
                return self._put_segment(step)
            case Fold():
                return self._fold(step)
            case Swap(manifest, etag):
                return self.objects.replace(MANIFEST, manifest.to_json(), etag)
            case Probe():
                return probe(self.objects)
            case Delete(names):
                return self.objects.delete(names)

    def read_manifest(self) -> Reading:
        """Read the manifest."""
        got = self.objects.read(MANIFEST)
        reading = Reading(None, None) if got is None else Reading(from_json(got.body), got.etag)
        self._seen(reading.manifest)
        return reading

    def _list(self, prefixes: tuple[str, ...]) -> Listing:
        found = tuple(
            Listed(one.name, one.size, one.age)
            for prefix in prefixes
            for one in self.objects.list(prefix)
        )
        segments = {one.name: one for one in found if segment_name(one.name)}
        self.listed.update(segments)
        for name in segments:
            parts = segment_name(name)
            assert isinstance(parts, SegmentName)
            self.entries.add(parts.key)
        return found

    def read_contents(self, names: Collection[str]) -> Found:
        """Read what objects say that they hold, from their first bytes."""
        found: Found = {}
        tell = functools.partial(self._progress, "looking into")
        for name, one in side_by_side(self._read_contents, names, tell):
            found[name] = one
            if isinstance(one, Contents):
                self.entries.update(entry.key for entry in one.entries)
        return found

    def _read_contents(self, name: str) -> Contents | Missing:
        for _ in range(2):  # what was spoilt on the way here is sound where it lies
            try:
                return self._look_into(name)
            except Damaged as error:
                self.why[name] = str(error)
        return Missing.DAMAGED

    def _look_into(self, name: str) -> Contents | Missing:
        got = self.objects.read(name, FIRST)
        if got is None:
            return Missing.GONE
        size = listing_size(got.body)
        if size > len(got.body):
            got = self.objects.read(name, size)
            if got is None:
                return Missing.GONE
        listed = read_listing(got.body)
        if isinstance(listed, Frame):
            check_name(name, listed.contents)
        return listed if isinstance(listed, Missing) else listed.contents

    def _take_in(self, step: TakeIn) -> Found:
        assert self.local is not None
        found: Found = {}
        with (
            scratch_folder() as folder,
            contextlib.closing(
                Intake(folder, lambda frame: self._wanted(frame, step.manifest), self._merge)
            ) as intake,
        ):
            for name, frame in self.verified(step.names, folder, intake):
                found[name] = frame if isinstance(frame, Missing) else frame.contents
                if isinstance(frame, Frame):
                    self.entries.update(entry.key for entry in frame.contents.entries)
            intake.flush()
        return found

    def _wanted(self, frame: Frame, manifest: Manifest) -> list[Key]:
        assert self.local is not None
        unwanted = set() if self.local.bring_back else self.local.pruned
        return [
            one.key
            for one in frame.contents.entries
            if one.key not in self.local.held
            and one.key not in unwanted
            and not manifest.forgets(one.uid, one.started)
        ]

    def _merge(self, database: Path, keys: Collection[Key]) -> None:
        assert self.local is not None
        self._progress("merging", 0, 0)
        self.merged.append(
            merge_file(self.local.path, database, bring_back=self.local.bring_back, only=keys)
        )

    def verified(
        self, names: Collection[str], folder: Path, intake: Taker | None = None
    ) -> Iterator[tuple[str, Frame | Missing]]:
        """Fetch objects and verify them: see `Fetching`."""
        fetching = Fetching(self.objects, folder, intake, self.why)
        tell = functools.partial(self._progress, "fetching")
        return fetching.verified(names, tell)

    def _put_segment(self, step: PutSegment) -> str:
        assert self.local is not None
        self._pushing([entry.key for entry in step.entries])
        with scratch_folder() as folder:
            name, made = self._made(step.entries, folder)
            if not self.objects.put_new(name, made.path) and not self._is_whole(name, folder):
                # What has its name is damaged, and must not be taken for it.
                name, made = self._made(step.entries, folder, new_nonce())
                self.objects.put_new(name, made.path)
            self.put += made.size
        self.entries.update(entry.key for entry in step.entries)
        self._progress("pushing", 0, 0)
        return name

    def _made(
        self, entries: Collection[Entry], folder: Path, nonce: str | None = None
    ) -> tuple[str, ObjectFile]:
        assert self.local is not None
        made = make_segment(self.local.at, entries, folder, nonce)
        first = min(entries)
        name = SegmentName(first.month, *key_in_name(first.key), len(entries), made.sha256)
        return str(name), made

    def _is_whole(self, name: str, folder: Path) -> bool:
        there = folder / "there"
        return self.objects.fetch(name, there) and checksum(there) == checksum_of(name)

    def _fold(self, step: Fold) -> Folded:
        with scratch_folder() as folder:
            verified = functools.partial(self.verified, step.names, folder)
            made = fold(verified, step, folder, upgrade=self._upgrade)
            if made.path is not None and made.folded.snapshot is not None:
                self.objects.put_new(made.folded.snapshot.name, made.path)
                self.put += made.folded.snapshot.size
            return made.folded


@contextlib.contextmanager
def explaining_room() -> Iterator[None]:
    """Turn a full disk under temporary files into what a user can act on."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        if not full and getattr(error, "errno", None) not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"{tempfile.gettempdir()} has no room for temporary files: free some, "
            "or name another folder by the variable TMPDIR"
        ) from error
