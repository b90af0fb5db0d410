"""The history as commands use it: push, pull, compact, and publishing one file of it all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from benchdb.errors import BenchdbError
from benchdb.records import ANNOTATION
from benchdb.store.check import unsound
from benchdb.store.opening import newest, settle
from benchdb.store.progress import untold
from benchdb.sync.artifacts import ARTIFACTS, files_of, put_files
from benchdb.sync.machine import Local, Machine
from benchdb.sync.probe import sweep_probes
from benchdb.sync.protocol import compact as compacting
from benchdb.sync.protocol.pull import pull as pull_flow
from benchdb.sync.protocol.push import Offered
from benchdb.sync.protocol.push import push as push_flow
from benchdb.sync.protocol.steps import Contents
from benchdb.sync.state import (
    Holding,
    Key,
    Known,
    count_runs,
    load_holding,
    load_known,
    may_note,
    save_known,
    weights,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from benchdb.config import Location
    from benchdb.store.progress import Progress
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.manifest import Manifest

#: Bytes that a segment should have at most.
MOST: Final = 16 * 2**20


class _AnotherHistory(BenchdbError):
    """The remote is not the one that the local database knows."""


@dataclass(frozen=True, slots=True)
class Push:
    """What a push did.

    Parameters
    ----------
    sessions, annotations, runs, files
        What was put, in numbers.
    size
        Bytes of the segments.
    held, forgotten
        Keys of what was there already, as it turned out; of what the history doesn't take.
    unsound
        Lines for sessions that are not what they were when they were closed, and were left out:
        nobody could use them, nor what is in a segment with them.
    """

    sessions: int
    annotations: int
    runs: int
    files: int
    size: int
    held: tuple[Key, ...]
    forgotten: tuple[Key, ...]
    unsound: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pull:
    """What a pull did.

    Parameters
    ----------
    sessions, annotations, runs
        What was merged, in numbers.
    pruned, forgotten
        How many were left out: pruned here before; erased, or from before the horizon.
    foreign
        How many objects lie among the segments that are none.
    unusable
        Objects that could not be used, and what is wrong with each.
    conflicts
        Uids of which there are several forms now, and were not before.
    lost
        How many entries the history had, and has no more; the next push puts them back.
    segments
        Those listed, by name, with their ages in seconds.
    manifest
        As last read.
    """

    sessions: int
    annotations: int
    runs: int
    pruned: int
    forgotten: int
    foreign: int
    unusable: dict[str, str]
    conflicts: tuple[str, ...]
    lost: int = 0
    segments: dict[str, float] = field(default_factory=dict)
    manifest: Manifest | None = None


def push(
    path: Location,
    objects: Objects,
    *,
    again: bool = False,
    folder: Path | None = None,
    most_of_a_file: int = 0,
    progress: Progress = untold,
) -> Push:
    """Put what a history lacks into it.

    Parameters
    ----------
    path
        The local database, which is only read, but for what it knows of remotes.
    objects
        The remote.
    again
        Whether to look everything up anew, files too.
    folder
        That the files of test runs lie in; none of them is put by default.
    most_of_a_file
        Bytes of the largest of them that are put, too.
    progress
        Is told how far it is.

    Raises
    ------
    UserError
        If it can't be done; what was put stays.
    """
    settle(path)
    with newest(path, progress) as at:
        holding = load_holding(at)
        before = load_known(at, objects.address)
        known = Known() if again else before
        if again or not may_note(path, at):
            holding = replace(holding, fresh=set())
        files = _Files(folder, most_of_a_file)
        try:
            side = _Side(path, at, holding, before, known)
            return _push(side, objects, files, progress, again=again)
        except _AnotherHistory:
            anew = _Side(path, at, holding, before, Known())
            return _push(anew, objects, files, progress, again=True)


@dataclass(frozen=True, slots=True)
class _Side:
    """The local side: what the database holds and knows, and what of that is relied on."""

    path: Location
    at: Location
    holding: Holding
    before: Known
    known: Known


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of test runs: where they lie, and how large those are at most that are put."""

    folder: Path | None
    most: int


class _Watch:
    """Keeps the manifest that was read last, and sees to it that it is of the history known."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.manifest: Manifest | None = None

    def __call__(self, manifest: Manifest | None) -> None:
        if not self.known.is_of(manifest):
            raise _AnotherHistory
        self.manifest = manifest or self.manifest

    def then(self, entries: set[Key], objects: set[str]) -> Known:
        """Return what is known now."""
        if self.manifest is None:
            return Known()
        return Known(self.manifest.born, self.manifest.generation, entries, objects)


def _push(
    side: _Side, objects: Objects, theirs: _Files, progress: Progress, *, again: bool
) -> Push:
    holding, known = side.holding, side.known
    every = [key for key in holding.entries if key not in known.entries]
    changed = unsound(side.at, every, progress)
    keys = [key for key in every if key not in changed]
    weight = weights(side.at, keys)
    offered = [Offered(holding.entries[key], weight[key], key[0] in holding.fresh) for key in keys]
    watch = _Watch(known)
    files: set[str] = set()

    def put_their_files(pushed: Collection[Key]) -> None:
        # Before the sessions: once they are there, nobody looks for their files again.
        if theirs.folder is not None and theirs.most:
            wanted = files_of(side.at, theirs.folder, theirs.most, pushed)
            files.update(put_files(objects, wanted, known.objects | files))

    machine = Machine(
        objects,
        Local(side.path, side.at, holding.entries.keys(), holding.pruned),
        seen=watch,
        pushing=put_their_files,
        progress=progress,
    )
    done = machine.run(push_flow(offered, secrets.token_hex(8), MOST))
    put = [entry.key for group in done.segments.values() for entry in group]
    held = tuple(entry.key for entry in done.held)
    if again and theirs.folder is not None and theirs.most:
        # They may have been too large before, or removed there.
        forgotten = {entry.key for entry in done.forgotten}
        stay = [key for key in keys if key not in forgotten]
        wanted = files_of(side.at, theirs.folder, theirs.most, stay)
        there = {one.name for one in objects.list(ARTIFACTS)} if wanted else set()
        files |= put_files(objects, wanted, there | files)
    after = watch.then(known.entries | {*put, *held}, known.objects | {*done.segments} | files)
    save_known(side.path, objects.address, side.before, after, [uid for uid, _ in (*put, *held)])
    sessions = [key for key in put if key[1] != ANNOTATION]
    return Push(
        sessions=len(sessions),
        annotations=len(put) - len(sessions),
        runs=count_runs(side.at, sessions),
        files=len(files),
        size=machine.put,
        held=held,
        forgotten=tuple(entry.key for entry in done.forgotten),
        unsound=tuple(changed.values()),
    )


def pull(
    path: Location,
    objects: Objects,
    *,
    since: str | None = None,
    bring_back: bool = False,
    progress: Progress = untold,
) -> Pull:
    """Merge what the local database lacks into it.

    Parameters
    ----------
    path
        The local database, ready to be written.
    objects
        The remote, which is only read.
    since
        The first month that is wanted, as ``2026-11``; all by default.
    bring_back
        Whether to take back what was pruned, too.
    progress
        Is told how far it is.

    Raises
    ------
    UserError
        If it can't be done; what was merged before, whole sessions, stays.
    """
    holding = load_holding(path)
    before = load_known(path, objects.address)
    known = Known() if bring_back else before
    for relied_on in (known, Known()):
        side = _Side(path, path, holding, before, relied_on)
        try:
            return _pull(side, objects, since, progress, bring_back=bring_back)
        except _AnotherHistory:
            continue
    raise AssertionError("a history that isn't known is no other")


def _pull(
    side: _Side, objects: Objects, since: str | None, progress: Progress, *, bring_back: bool
) -> Pull:
    holding, known = side.holding, side.known
    pruned = set() if bring_back else holding.pruned
    # What was taken once and isn't here any more was superseded.
    held = {*holding.entries, *(known.entries - holding.pruned)}
    watch = _Watch(known)
    machine = Machine(
        objects,
        Local(side.path, side.path, held, pruned, bring_back),
        seen=watch,
        progress=progress,
    )
    done = machine.run(pull_flow(held, pruned, known.objects, since))
    manifest = done.manifest
    there = {*machine.listed, *(manifest.snapshots() if manifest else ())}
    seen = machine.entries & {*held, *(entry.key for entry in done.taken)}
    # What gave way to a form that just came is lost nowhere.
    entries = load_holding(side.path).entries if machine.merged else holding.entries
    lost = {
        key
        for key in known.entries & holding.entries.keys() & entries.keys()
        if (entry := holding.entries[key]).month in done.there
        and key not in done.there[entry.month]
        and not (manifest and manifest.forgets(entry.uid, entry.started))
    }
    after = watch.then(
        (known.entries | seen) - lost,
        {name for name in done.objects if name in there or name.startswith(ARTIFACTS)},
    )
    if after != side.before:
        save_known(side.path, objects.address, side.before, after, [uid for uid, _ in seen])
    merged = machine.merged
    return Pull(
        sessions=sum(one.added for one in merged),
        annotations=sum(len(one.annotations) for one in merged),
        runs=sum(one.runs for one in merged),
        pruned=len(done.pruned) + sum(one.pruned for one in merged),
        forgotten=len(done.forgotten),
        foreign=len(done.foreign),
        unusable={
            name: machine.why.get(name, missing.value) for name, missing in done.unusable.items()
        },
        conflicts=tuple(dict.fromkeys(uid for one in merged for uid in one.conflicts)),
        lost=len(lost),
        segments={one.name: one.age for one in machine.listed.values()},
        manifest=manifest,
    )


def is_crowded(pulled: Pull, objects: Objects, above: int, grace: float) -> bool:
    """Tell whether a history has so many segments that it should be compacted.

    Parameters
    ----------
    pulled
        What was seen of it.
    objects
        The remote.
    above
        So many of a kind: not folded yet, or to be deleted.
    grace
        Seconds for which a folded segment stays.
    """
    names = pulled.segments
    if len(names) <= above:
        return False
    months = {name.split("/")[1] for name in names}
    snapshots = [
        month.current.name
        for name, month in (pulled.manifest.months if pulled.manifest else {}).items()
        if name in months
    ]
    found = Machine(objects).read_contents(snapshots)
    folded = {
        name for one in found.values() if isinstance(one, Contents) for name in one.folded
    } & names.keys()
    old = sum(names[name] >= grace for name in folded)
    return len(names) - len(folded) > above or old > above


def compact(
    objects: Objects,
    policy: compacting.Policy,
    *,
    upgrade: bool = False,
    progress: Progress = untold,
) -> tuple[compacting.Compacted, dict[str, str]]:
    """Fold a history's segments into snapshots; return what was done, and what is unusable and why.

    Parameters
    ----------
    objects
        The remote.
    policy
        How.
    upgrade
        Whether to fold into the newest schema, which older clients can't read.
    progress
        Is told how far it is.
    """
    machine = Machine(objects, upgrade=upgrade, progress=progress)
    sweep_probes(objects)
    done = machine.run(compacting.compact(policy, secrets.token_hex(8)))
    return done, {
        name: machine.why.get(name, missing.value) for name, missing in done.unusable.items()
    }


def seed(
    path: Location, objects: Objects, forgets: Callable[[str, str], bool]
) -> tuple[set[Key], Known]:
    """Return which entries of a database a remote holds, too, and what is known of it."""
    holding = load_holding(path)
    known = load_known(path, objects.address)
    return {
        key
        for key, entry in holding.entries.items()
        if key in known.entries and not forgets(entry.uid, entry.started)
    }, known
