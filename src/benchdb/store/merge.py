"""Merging databases: the union of their sessions, whole sessions at a time.

A session's key is (uid, digest). So merging is idempotent, commutative and associative, and merging
a file into itself changes nothing. Two forms of one uid stay both, except that a lost form whose
closed rows all stand in another form is superseded by it and goes.

A transaction takes some whole sessions. So whoever records into the target beside waits for one of
them only, and a merge that was interrupted leaves whole sessions and can be run again.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchdb.errors import UserError
from benchdb.records import ANNOTATION
from benchdb.store import copying
from benchdb.store.annotations import copy_annotations
from benchdb.store.batches import Turns, batches, sizes_of
from benchdb.store.blame import blamed
from benchdb.store.database import FileConnection, connect, leave_single_file
from benchdb.store.fitness import (
    Fitness,
    annotation_line,
    session_line,
    unfit_annotations,
    unfit_sessions,
)
from benchdb.store.forms import conflicts as unsettled
from benchdb.store.forms import form, remove_session, superseded
from benchdb.store.opening import connected, explaining, look_at, make_writable, newest
from benchdb.store.progress import untold
from benchdb.store.queries import of_uids

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from benchdb.config import Location
    from benchdb.store.connection import Connection
    from benchdb.store.progress import Progress

    #: Brings sessions near, by uid and digest, before the transaction that copies them; tells
    #: whether all are there still.
    _Carry = Callable[[Sequence[tuple[str, str]]], bool]

    #: Copies them in it; returns how many, and test runs.
    _Copy = Callable[[Sequence[tuple[str, str]]], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging one file did.

    Parameters
    ----------
    source
        The file or the server that was read.
    added, held, live, pruned
        Numbers of sessions: copied; there already, or superseded by what is; left out, because they
        are still being recorded; left out, because `benchdb db prune` removed them from the target.
    runs
        Test runs copied.
    conflicts
        Uids of which the target now holds several forms, and did not before.
    annotations
        Keys of the annotations copied.
    itself
        Whether the file is the target.
    unfit
        A line for each session and annotation that was left out, as nothing could read it.
    """

    source: Location
    added: int
    held: int
    live: int
    pruned: int
    runs: int
    conflicts: tuple[str, ...]
    annotations: tuple[str, ...] = ()
    itself: bool = False
    unfit: tuple[str, ...] = ()


def merge(
    target: Location,
    sources: Sequence[Location],
    *,
    bring_back: bool = False,
    progress: Progress = untold,
) -> list[Merged]:
    """Merge files into one, which is made if there is none.

    Parameters
    ----------
    target
        The SQLite file, or the server, that receives.
    sources
        What to merge into it: files, which stay as they are: an older schema is upgraded on a copy.
    bring_back
        Whether to take back sessions that were pruned from the target.
    progress
        Is told how far it is.

    Raises
    ------
    UserError
        For a file that can't be read or written. What was merged before it stays, and so do the
        sessions of its own that were.
    """
    done = []
    for _, one in merging(
        target,
        sources,
        lambda: make_writable(target, progress),
        bring_back=bring_back,
        progress=progress,
    ):
        if isinstance(one, UserError):
            raise one
        done.append(one)
    return done


def merging(
    target: Location,
    sources: Sequence[Location],
    make_ready: Callable[[], object],
    *,
    bring_back: bool = False,
    wanted: Callable[[Location], Collection[tuple[str, str]]] | None = None,
    progress: Progress = untold,
) -> Iterator[tuple[Location, Merged | UserError]]:
    """Merge files into one, and go on where one of them can't be.

    Parameters
    ----------
    target, sources, bring_back, progress
        As in `merge`.
    make_ready
        Makes the target ready to be written; it is called when all sources were looked at, and one
        of them can be merged.
    wanted
        Says of a source what of it is wanted, as `merge_file` takes it; by default all.

    Yields
    ------
    tuple
        Each source with what merging it did, or why it could not be merged; first those that can't
        be read at all.
    """
    sound = []
    for source in sources:
        try:
            look_at(source, filled=True)
        except UserError as error:
            yield source, error
        else:
            sound.append(source)
    if sound:
        make_ready()
    for source in sound:
        try:
            only = None if wanted is None else wanted(source)
            yield (
                source,
                merge_file(target, source, bring_back=bring_back, only=only, progress=progress),
            )
        except UserError as error:
            yield source, error


def merge_file(
    target: Location,
    source: Location,
    *,
    bring_back: bool = False,
    only: Collection[tuple[str, str]] | None = None,
    progress: Progress = untold,
) -> Merged:
    """Merge one database into another that is ready for it: see `merge`.

    Parameters
    ----------
    target, source, bring_back, progress
        As there.
    only
        The keys of what is wanted: (uid, digest) of sessions, (key, `ANNOTATION`) of annotations.
    """
    if isinstance(target, Path) and isinstance(source, Path):
        with explaining(source):
            same = target.samefile(source)
        if same:  # one connection would wait for the other
            return _merge_into_itself(source)
    with newest(source, progress) as at:
        try:
            with connected(target, write=True) as ours, connected(at) as theirs:
                with _copying(ours, theirs, at) as (carry, copy):
                    merging = _Merging(
                        ours,
                        theirs,
                        carry,
                        copy,
                        bring_back=bring_back,
                        only=only,
                        progress=progress,
                    )
                    merged = merging.run(source)
                if isinstance(ours, FileConnection):
                    # A recorder that ended meanwhile could not, as this connection had it open.
                    leave_single_file(ours)
                return merged
        except sqlite3.Error as error:
            raise blamed(error, target, source, at) from error


@contextlib.contextmanager
def _copying(
    ours: Connection, theirs: Connection, at: Location
) -> Iterator[tuple[_Carry | None, _Copy]]:
    """Give what copies sessions, after what carries them where they can't be attached."""
    if isinstance(ours, FileConnection) and isinstance(at, Path):
        with copying.attached(ours, at):
            yield None, lambda keys: copying.copy_sessions(ours, keys)
    else:
        from benchdb.store import crossing

        with crossing.way(ours, theirs) as way:
            yield way.carry, lambda _: way.copy()


def _merge_into_itself(path: Path) -> Merged:
    with explaining(path), contextlib.closing(connect(path)) as connection:
        query = "SELECT count(digest), count(*) FROM session"
        held, every = connection.execute(query).fetchone()
    return Merged(
        path, 0, held=held, live=every - held, pruned=0, runs=0, conflicts=(), itself=True
    )


@dataclass
class _Plan:
    """What to do with sessions of a source, given the forms of their uids in both files."""

    there: Mapping[str, Mapping[str, int]]
    offered: Mapping[str, Mapping[str, int]]
    copy: list[tuple[str, str]] = field(default_factory=list)
    remove: list[int] = field(default_factory=list)
    superseded: int = 0
    conflicts: list[str] = field(default_factory=list)


class _Merging:
    """The merging of one open database into another."""

    def __init__(
        self,
        ours: Connection,
        theirs: Connection,
        carry: _Carry | None,
        copy: _Copy,
        *,
        bring_back: bool,
        only: Collection[tuple[str, str]] | None,
        progress: Progress,
    ) -> None:
        self.ours = ours
        self.theirs = theirs
        self.carry = carry
        self.copy = copy
        self.bring_back = bring_back
        self.only = None if only is None else set(only)
        self.progress = progress
        self._missing: dict[str, list[str]] = {}
        self._unfit: list[str] = []

    def run(self, source: Location) -> Merged:
        """Merge all sessions, batch by batch."""
        held, live, pruned = self._compare()
        if self.only is None:
            for key, line in unfit_annotations(self.theirs).items():
                self._unfit.append(annotation_line(key, line))
        missing = sum(map(len, self._missing.values()))
        added = runs = left = 0
        conflicts: list[str] = []
        said = copy_annotations(
            self.ours,
            self.theirs,
            None if self.only is None else {key for key, kind in self.only if kind == ANNOTATION},
        )
        turns = Turns(self.ours)
        self.progress("merging", 0, missing)
        for uids in batches(self._sizes(), turns):
            plan, count, copied = self.ours.again(functools.partial(self._merge_batch, uids))
            added += count
            runs += copied
            left += plan.superseded
            conflicts += plan.conflicts
            self.progress("merging", added + left, missing)
            turns.give()
        if conflicts:
            conflicts = sorted(set(conflicts).intersection(unsettled(self.ours)))
        return Merged(
            source,
            added,
            held + left,
            live,
            pruned,
            runs,
            tuple(conflicts),
            tuple(said),
            unfit=tuple(self._unfit),
        )

    def _compare(self) -> tuple[int, int, int]:
        """Find the sessions that the target lacks; return how many are not to be merged, and why.

        They are: held already, still being recorded, pruned.
        """
        held = live = pruned = 0
        keys = "SELECT uid, digest FROM"
        there = set(self.ours.execute(f"{keys} session"))
        gone = set() if self.bring_back else set(self.ours.execute(f"{keys} local_pruned"))
        # The beginning of what was pruned is not wanted either: it may have been superseded by it.
        uids = {uid for uid, _ in gone}
        unfit: dict[tuple[str, str], str] | None = None
        query = "SELECT uid, digest, state, id FROM session ORDER BY started, uid"
        offered = self.theirs.execute(query).fetchall()
        fitness = Fitness(self.theirs, len(offered if self.only is None else self.only))
        for uid, digest, state, row in offered:
            if self.only is not None and (uid, digest) not in self.only:
                continue
            if digest is None:
                live += 1
            elif (uid, digest) in there:
                held += 1
            elif (uid, digest) in gone or (state == "lost" and uid in uids):
                pruned += 1
            else:
                if unfit is None:
                    unfit = unfit_sessions(self.theirs)
                said = unfit.get((uid, digest))
                if said is None and not isinstance(self.ours, FileConnection):
                    # A server takes no such value, and nothing of what comes with it.
                    said = fitness.unfit(row)
                if said is not None:
                    self._unfit.append(session_line(uid, said))
                    continue
                self._missing.setdefault(uid, []).append(digest)
        return held, live, pruned

    def _sizes(self) -> Iterator[tuple[str, int]]:
        """Give each uid of which sessions are missing, with the number of their rows."""
        yield from sizes_of(self.theirs, list(self._missing))

    def _merge_batch(self, uids: Sequence[str]) -> tuple[_Plan, int, int]:
        """Merge the sessions of some uids in one transaction; returns what was done, in numbers."""
        while True:
            # Digests are compared before others have to wait.
            plan = self._plan(uids)
            if self.carry is not None and not self.carry(plan.copy):
                continue  # some were pruned or superseded there
            with self.ours.transaction():
                if self._forms(uids) == plan.there and self._still_offered(plan, uids):
                    # Else somebody changed them: again.
                    for row in plan.remove:
                        remove_session(self.ours, row)
                    self.ours.executemany(
                        "DELETE FROM local_pruned WHERE uid=? AND digest=?", plan.copy
                    )
                    return plan, *self.copy(plan.copy)

    def _still_offered(self, plan: _Plan, uids: Sequence[str]) -> bool:
        """Tell whether a source that is attached has the forms yet; what was carried is here."""
        return self.carry is not None or (
            self._forms(uids, self.ours, "source.session") == plan.offered
        )

    def _forms(
        self, uids: Sequence[str], on: Connection | None = None, table: str = "session"
    ) -> dict[str, dict[str, int]]:
        """Return the row of each form, by uid and digest; in the target by default."""
        found: dict[str, dict[str, int]] = {uid: {} for uid in uids}
        for uid, digest, row in of_uids(on or self.ours, "uid, digest, id", uids, table):
            found[uid][digest] = row
        return found

    def _plan(self, uids: Sequence[str]) -> _Plan:
        plan = _Plan(self._forms(uids), self._forms(uids, self.theirs))
        for uid, own in plan.there.items():
            missing = plan.offered[uid].keys() & self._missing[uid]  # some may be pruned meanwhile
            new = missing - own.keys()
            gone: set[str] = set()
            if len(own) + len(new) > 1:
                found = [form(self.ours, uid, digest) for digest in own]
                found += [form(self.theirs, uid, digest) for digest in new]
                gone = superseded([one for one in found if one is not None])
            plan.copy += [(uid, digest) for digest in sorted(new - gone)]
            plan.remove += [row for digest, row in own.items() if digest in gone]
            plan.superseded += len(missing) - len(new - gone)
            if len(own) <= 1 < len((own.keys() | new) - gone):
                plan.conflicts.append(uid)
        return plan
