"""What there is in a remote, and whether it is sound."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.errors import DamagedHistory
from benchdb.scratch import scratch_folder
from benchdb.store.fitness import is_unfit
from benchdb.store.progress import untold
from benchdb.sync.artifacts import ARTIFACTS, is_checksum, is_file
from benchdb.sync.former import PUBLISHED
from benchdb.sync.machine import Machine, explaining_room
from benchdb.sync.probe import is_probe
from benchdb.sync.protocol.manifest import Manifest
from benchdb.sync.protocol.names import MANIFEST, is_snapshot, segment_name
from benchdb.sync.protocol.steps import Contents, Missing
from benchdb.sync.published import check_published
from benchdb.sync.segments import checksum

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Set
    from pathlib import Path

    from benchdb.store.database import FileConnection
    from benchdb.store.progress import Progress
    from benchdb.sync.objects import ObjectFacts, Objects
    from benchdb.sync.state import Key
    from benchdb.sync.verifying import Frame

#: Objects that are none of ours are named, up to so many.
_NAMED: Final = 100

#: What to do about objects of each kind that is not sound.
_INSTALL: Final = "install the benchdb that is named, which can read the rest"
_LEAVE: Final = (
    "leave what manifest.json doesn't list: a compaction folds it in when it is a day old"
)
_PUT_BACK: Final = "delete what is damaged, then `benchdb push --all` from who has the sessions"


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """What there is of a month, in numbers.

    Sizes are in bytes; `newest` is how many seconds ago its last segment or snapshot was put.
    """

    month: str
    entries: int
    schema: str
    snapshot: int
    backups: int
    segments: int
    segments_size: int
    newest: float | None


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What there is in a remote.

    Parameters
    ----------
    manifest
        None where there is none, or it is damaged.
    damage
        What is wrong with the manifest, and what to do next; empty where nothing is.
    months
        The newest first.
    files, files_size
        Of test runs: number, bytes.
    published, published_age
        Bytes of ``benchmark.db``, and seconds since it was renewed, below 0 where its date lies
        ahead; None where there is none.
    foreign
        Objects that are none of benchdb's.
    size
        Bytes of it all.
    """

    manifest: Manifest | None
    damage: str
    months: tuple[MonthFacts, ...]
    files: int
    files_size: int
    published: int | None
    published_age: float | None
    foreign: tuple[str, ...]
    size: int


def look(objects: Objects) -> RemoteFacts:
    """Return what there is in a remote."""
    every = list(objects.list(""))
    manifest, damage = _manifest(objects)
    if manifest is None and not damage:
        damage = lost_manifest(one.name for one in every)
    segments: dict[str, list[ObjectFacts]] = defaultdict(list)
    for one in every:
        if parts := segment_name(one.name):
            segments[parts.month].append(one)
    listed = manifest.months if manifest else {}
    ages = {one.name: one.age for one in every}
    months = []
    for month in sorted({*segments, *listed}, reverse=True):
        known = listed.get(month)
        some = segments[month]
        put = [one.age for one in some]
        if known and known.current.name in ages:
            put.append(ages[known.current.name])
        months.append(
            MonthFacts(
                month,
                entries=known.current.entries if known else 0,
                schema=known.current.schema if known else "",
                snapshot=known.current.size if known else 0,
                backups=sum(one.size for one in known.before) if known else 0,
                segments=len(some),
                segments_size=sum(one.size for one in some),
                newest=min(put, default=None),
            )
        )
    files = [one for one in every if is_file(one.name)]
    published = next((one for one in every if one.name == PUBLISHED), None)
    return RemoteFacts(
        manifest,
        damage,
        tuple(months),
        files=len(files),
        files_size=sum(one.size for one in files),
        published=published.size if published else None,
        published_age=published.age - published.ahead if published else None,
        foreign=_foreign(every),
        size=sum(one.size for one in every),
    )


def _manifest(objects: Objects) -> tuple[Manifest | None, str]:
    """Return the manifest, and what is wrong with it."""
    try:
        return Machine(objects).read_manifest().manifest, ""
    except DamagedHistory as error:
        return None, str(error)


def lost_manifest(names: Iterable[str]) -> str:
    """Return what to say of a remote with these objects and without a manifest, if anything.

    A push puts a manifest before anything else, and only a manifest tells which snapshots hold.
    """
    if not (count := sum(map(is_snapshot, names))):
        return ""
    snapshots = "a snapshot lies" if count == 1 else f"{count:,} snapshots lie"
    return (
        f"manifest.json is not there, though {snapshots} beside it: put an earlier version of it "
        "back, or else run `benchdb push --all` from who has the sessions, `benchdb compact` a day "
        "later, and erase again what was erased"
    )


def _foreign(every: Iterable[ObjectFacts]) -> tuple[str, ...]:
    return tuple(
        sorted(
            one.name
            for one in every
            if one.name not in (MANIFEST, PUBLISHED)
            and not is_probe(one.name)
            and not is_file(one.name)
            and not is_snapshot(one.name)
            and segment_name(one.name) is None
        )
    )[:_NAMED]


@dataclass(frozen=True, slots=True)
class CheckedRemote:
    """What was verified in a remote.

    Parameters
    ----------
    objects, entries
        In numbers.
    problems
        A line for everything that is wrong.
    foreign
        Objects that are none of benchdb's.
    is_begun
        Whether there is a history, be it one that holds nothing (any more).
    absent
        How many files of test runs are not there: nobody pushed them, or they were too large, or
        somebody removed them.
    advice
        What to do about the problems: what mends one would destroy what another only hides. For
        those of ``benchmark.db`` their lines tell.
    """

    objects: int
    entries: int
    problems: tuple[str, ...]
    foreign: tuple[str, ...]
    is_begun: bool
    absent: int
    advice: tuple[str, ...] = ()


class _Files:
    """Finds out which files the sessions of verified objects have."""

    def __init__(self, manifest: Manifest) -> None:
        self.names: set[str] = set()
        self._manifest = manifest

    def wanted(self, frame: Frame) -> list[Key]:
        """Return everything: all digests are computed."""
        return [one.key for one in frame.contents.entries]

    def read(self, connection: FileConnection, database: Path, keys: Collection[Key]) -> set[str]:
        """Return the names that the files should have in the remote."""
        query = (
            "SELECT DISTINCT uid, started, sha256 FROM artifact JOIN session ON session_id = id "
            "WHERE sha256 IS NOT NULL AND url IS NOT NULL"
        )
        return {
            f"{ARTIFACTS}{sha256}"
            for uid, started, sha256 in connection.execute(query)
            if is_checksum(sha256) and not self._manifest.forgets(uid, started)
        }

    def add(self, taken: set[str], database: Path) -> None:
        """Note them."""
        self.names |= taken


def check_remote(objects: Objects, progress: Progress = untold) -> CheckedRemote:
    """Fetch and verify everything in a remote.

    Raises
    ------
    UserError
        If it can't be done, or there is nothing.
    """
    machine = Machine(objects, progress=progress)
    every = {one.name: one for one in objects.list("")}
    manifest, damage = _manifest(objects)
    listed = manifest.snapshots() if manifest else frozenset()
    names = sorted({*filter(_is_of_sessions, every), *listed})
    problems = [damage] if damage else []
    newer = damaged = False
    entries: set[Key] = set()
    theirs = _Files(manifest or Manifest())
    apart: dict[str, Contents] = {}
    with explaining_room(), scratch_folder() as folder:
        for name, frame in machine.verified(names, folder, theirs):
            if not isinstance(frame, Missing):
                if segment_name(name) or name in listed:
                    entries.update(one.key for one in frame.contents.entries)
                else:
                    apart[name] = frame.contents
            elif frame is Missing.GONE:
                if name in listed and name in _listed_now(objects):
                    damaged = True
                    problems.append(f"{name} is not there, though the manifest lists it")
            else:
                why = machine.why.get(name, frame.value)
                newer = newer or frame is Missing.NEWER
                # Of what nothing could read, the line itself says what to do.
                damaged = damaged or not (frame is Missing.NEWER or is_unfit(why))
                problems.append(f"{name}: {why}")
        files = sorted(filter(is_file, every))
        for done, name in enumerate(files):
            progress("fetching files", done, len(files))
            if _is_damaged(objects, name, folder / "file"):
                damaged = True
                problems.append(f"{name}: its bytes are not those that its name tells")
        # What no manifest lists is there, too, and a compaction folds it in.
        held = entries.union(entry.key for one in apart.values() for entry in one.entries)

        def keys(newest: bool) -> set[Key]:
            """Return the keys of all that is here, or with what was put since as well."""
            if not newest:
                return held
            now = {one.name for one in objects.list("") if _is_of_sessions(one.name)}
            found = machine.read_contents(sorted(now.difference(names)))
            some = [one for one in found.values() if isinstance(one, Contents)]
            return held.union(entry.key for one in some for entry in one.entries)

        problems += check_published(objects, folder, manifest or Manifest(), keys, progress)
    cut_off = list(_cut_off(apart, entries, manifest or Manifest()))
    problems += cut_off
    advice = [_INSTALL] * newer + [_LEAVE] * bool(cut_off) + [_PUT_BACK] * damaged
    return CheckedRemote(
        len(names) + len(files) + (PUBLISHED in every),
        len(entries),
        tuple(problems),
        _foreign(every.values()),
        manifest is not None or bool(damage),
        len(theirs.names.difference(files)),
        tuple(advice),
    )


def _is_of_sessions(name: str) -> bool:
    return segment_name(name) is not None or is_snapshot(name)


def _cut_off(apart: Mapping[str, Contents], entries: Set[Key], manifest: Manifest) -> Iterator[str]:
    """Give a line for each snapshot that has sessions which nobody gets, as no manifest lists it.

    That comes of a manifest that somebody put in the place of a newer one, or deleted.
    """
    uids = {uid for uid, _ in entries}
    for name, contents in apart.items():
        lacking = [
            one
            for one in contents.entries
            if one.uid not in uids and not manifest.forgets(one.uid, one.started)
        ]
        if lacking:
            yield (
                f"{name} holds {len(lacking):,} that nothing else has, and manifest.json "
                "doesn't list it: was that replaced or deleted?"
            )


def _listed_now(objects: Objects) -> frozenset[str]:
    """Return the snapshots that the manifest lists by now."""
    manifest, _ = _manifest(objects)
    return manifest.snapshots() if manifest else frozenset()


def _is_damaged(objects: Objects, name: str, file: Path) -> bool:
    return objects.fetch(name, file) and checksum(file) != name.removeprefix(ARTIFACTS)
