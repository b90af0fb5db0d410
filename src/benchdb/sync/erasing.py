"""Forgetting sessions of a history: which are erased, and the files that nobody else has.

It takes all of the history: that is fetched once, and what came meanwhile afterwards.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError
from benchdb.scratch import scratch_folder
from benchdb.store.database import connect
from benchdb.store.opening import make_writable
from benchdb.store.progress import untold
from benchdb.sync.artifacts import ARTIFACTS, is_file
from benchdb.sync.history import pull
from benchdb.sync.machine import Machine, explaining_room
from benchdb.sync.protocol.manifest import Manifest
from benchdb.sync.protocol.names import segment_name, snapshot_month
from benchdb.sync.protocol.steps import Contents, Missing
from benchdb.sync.segments import key_in_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from benchdb.store.progress import Progress
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.compact import Compacted

#: A shorter part of a uid is none that anybody means; a whole one may be.
_LEAST: Final = 6

#: Seconds. Files are put before the sessions that have them: who does so may be at work yet.
_GRACE: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting sessions did.

    Parameters
    ----------
    sessions
        How many were in the history, as far as it can be read, and are not any more.
    files
        How many files of test runs were deleted.
    young
        How many more no session has; who put them less than a day ago may be pushing one that has.
    remaining
        Objects that hold something of what is forgotten, or may: they can't be read here.
    """

    sessions: int = 0
    files: int = 0
    young: int = 0
    remaining: tuple[str, ...] = ()


def forget(
    objects: Objects,
    given: Collection[str],
    compact: Callable[[frozenset[str]], tuple[Compacted, dict[str, str]]],
    *,
    horizon: str | None = None,
    progress: Progress = untold,
) -> tuple[tuple[Compacted, dict[str, str]], Forgotten]:
    """Let a compaction forget sessions, then delete their files; return what both did.

    What can't be read keeps nothing else from being forgotten. Files that only a damaged session
    shares with a forgotten one go, too: who has it puts them back by pushing everything.

    Parameters
    ----------
    objects
        The remote.
    given
        The uids of sessions or annotations to erase, or beginnings or ends of them.
    horizon
        What began before it is forgotten, too; some of the history must not have.
    compact
        Is called with the uids, and erases them from segments and snapshots; it may move the
        horizon, too.
    progress
        Is told how far it is.

    Raises
    ------
    UserError
        If one of them means none or several, or all sessions are from before the horizon; then
        nothing is done.
    """
    with explaining_room(), scratch_folder() as folder:
        scratch = folder / "all.db"
        make_writable(scratch)
        pulled = pull(scratch, objects, progress=progress)
        if horizon is not None:
            _look_at_horizon(scratch, horizon, objects)
        erased = pulled.manifest.tombstones if pulled.manifest else frozenset()
        named = {parts.uid for parts in map(segment_name, pulled.segments) if parts}
        known = _uids(scratch) | erased | named | _listed(objects, pulled.unusable)
        done, unusable = compact(_meant(given, known, objects))
        # What came since the first time; what was forgotten is in this file yet.
        again = pull(scratch, objects, progress=progress)
        manifest = again.manifest or Manifest()
        remaining = set(_remaining(objects, {*unusable, *again.unusable}, manifest))
        # Nobody needs what holds nothing else.
        single = {name for name in remaining if (parts := segment_name(name)) and parts.count == 1}
        unread = again.unusable.keys() - single  # whose files nobody knows
        kept, theirs = _files(scratch, manifest)
        unused = {one.name: one for one in objects.list(ARTIFACTS) if is_file(one.name)}
        for name in kept:
            unused.pop(name, None)
        due = unused.keys() & theirs
        if not unread:
            due |= {one.name for one in unused.values() if one.age > _GRACE}
        objects.delete(sorted(single | due))
        why = {name: why for name, why in unusable.items() if name not in single}
        return (done, why), Forgotten(
            sessions=_forgotten(scratch, manifest),
            files=len(due),
            young=0 if unread else len(unused.keys() - due),
            remaining=tuple(sorted(remaining - single)),
        )


def _look_at_horizon(path: Path, horizon: str, objects: Objects) -> None:
    """Refuse a horizon that leaves nothing: it can't be taken back, and clocks may be wrong."""
    with contextlib.closing(connect(path)) as connection:
        newest, count = connection.execute("SELECT max(started), count(*) FROM session").fetchone()
    if count and newest < horizon:
        raise UserError(
            f"--retain from {horizon[:16]} on would forget all {count:,} sessions of "
            f"{objects.url}, for ever: the newest began at {newest[:16]}; look whether this "
            "machine's clock is right, or name an earlier date"
        )


def _listed(objects: Objects, names: Collection[str]) -> set[str]:
    """Return the uids in the lists of objects that can't be used otherwise."""
    found = Machine(objects).read_contents(sorted(names)) if names else {}
    return {
        one.uid
        for contents in found.values()
        if isinstance(contents, Contents)
        for one in contents.entries
    }


def _remaining(objects: Objects, names: Collection[str], manifest: Manifest) -> Iterator[str]:
    """Give those of some objects that hold what is forgotten, or may."""
    months = manifest.horizon[:7] if manifest.horizon else ""
    found = Machine(objects).read_contents(sorted(names)) if names else {}
    for name, contents in found.items():
        parts = segment_name(name)
        if isinstance(contents, Contents):
            holds = any(manifest.forgets(one.uid, one.started) for one in contents.entries)
        elif contents is Missing.GONE:
            holds = False
        elif parts and parts.count == 1:
            erased = {key_in_name((uid, parts.digest))[0] for uid in manifest.tombstones}
            holds = parts.uid in erased or parts.month < months
        else:
            month = parts.month if parts else snapshot_month(name) or ""
            holds = bool(manifest.tombstones) or month <= months
        if holds:
            yield name


def _meant(given: Collection[str], known: Collection[str], objects: Objects) -> frozenset[str]:
    meant = set()
    for one in given:
        wanted = one.strip()
        found = {wanted} & {*known} or {
            uid
            for uid in known
            if len(wanted) >= _LEAST and (uid.startswith(wanted) or uid.endswith(wanted))
        }
        if not found:
            raise UserError(
                f"no session {one!r} in {objects.url}, so nothing was erased: "
                "`benchdb pull`, then `benchdb show` lists them"
            )
        if len(found) > 1:
            raise UserError(f"{len(found)} sessions are {one!r}: give a longer part of its uid")
        meant |= found
    return frozenset(meant)


def _uids(path: Path) -> set[str]:
    with contextlib.closing(connect(path)) as connection:
        query = "SELECT uid FROM session UNION SELECT key FROM annotation"
        return {uid for (uid,) in connection.execute(query)}


def _forgotten(path: Path, manifest: Manifest) -> int:
    """Return how many sessions of a file the history has forgotten."""
    with contextlib.closing(connect(path)) as connection:
        rows = connection.execute("SELECT uid, started FROM session").fetchall()
    return sum(manifest.forgets(uid, started) for uid, started in rows)


def _files(path: Path, manifest: Manifest) -> tuple[set[str], set[str]]:
    """Return the names in a history of the files that sessions have, and that forgotten ones do."""
    query = (
        "SELECT DISTINCT uid, started, sha256 FROM artifact JOIN session ON session_id = id "
        "WHERE sha256 IS NOT NULL"
    )
    kept: set[str] = set()
    theirs: set[str] = set()
    with contextlib.closing(connect(path)) as connection:
        for uid, started, sha256 in connection.execute(query):
            (theirs if manifest.forgets(uid, started) else kept).add(f"{ARTIFACTS}{sha256}")
    return kept, theirs
