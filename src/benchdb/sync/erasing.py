"""Erasing sessions from a history: which are meant, and the files that nobody else has.

Both take all of the history: it is fetched once, and what came meanwhile afterwards.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

from benchdb.errors import UserError
from benchdb.store.database import connect
from benchdb.store.opening import make_writable
from benchdb.store.progress import untold
from benchdb.store.scratch import scratch_folder
from benchdb.sync.artifacts import ARTIFACTS, is_file
from benchdb.sync.history import pull
from benchdb.sync.machine import explaining_room

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from benchdb.store.progress import Progress
    from benchdb.sync.objects import Objects

_Done = TypeVar("_Done")

#: A shorter part of a uid is none that anybody means; a whole one may be.
_LEAST: Final = 6

#: Seconds. Files are put before the sessions that have them: who does so may be at work yet.
_GRACE: Final = 86400.0


def erase(
    objects: Objects,
    given: Collection[str],
    compact: Callable[[frozenset[str]], _Done],
    *,
    progress: Progress = untold,
) -> tuple[_Done, int]:
    """Erase sessions or annotations; return what compacting did, and how many files were deleted.

    Parameters
    ----------
    objects
        The remote.
    given
        The uids, or beginnings or ends of them.
    compact
        Is called with the uids, and erases them from segments and snapshots.
    progress
        Is told how far it is.

    Raises
    ------
    UserError
        If one of them means none or several; then nothing is done.
    """
    with explaining_room(), scratch_folder() as folder:
        scratch = folder / "all.db"
        make_writable(scratch)
        pulled = pull(scratch, objects, progress=progress)
        erased = pulled.manifest.tombstones if pulled.manifest else frozenset()
        uids = _meant(given, _uids(scratch) | erased, objects)
        before = _files(scratch)
        done = compact(uids)
        # What came since the first time; what was erased is in this file yet.
        again = pull(scratch, objects, progress=progress)
        if again.unusable:  # whose files nobody knows
            return done, 0
        kept = {sha256 for uid, sha256 in _files(scratch) if uid not in uids}
        theirs = {sha256 for uid, sha256 in before if uid in uids}
        unused = [
            one.name
            for one in objects.list(ARTIFACTS)
            if is_file(one.name)
            and (sha256 := one.name.removeprefix(ARTIFACTS)) not in kept
            and (sha256 in theirs or one.age > _GRACE)
        ]
        objects.delete(unused)
        return done, len(unused)


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


def _files(path: Path) -> set[tuple[str, str]]:
    """Return the uid of each session with the SHA-256 of each of its files."""
    query = (
        "SELECT DISTINCT uid, sha256 FROM artifact JOIN session ON session_id = id "
        "WHERE sha256 IS NOT NULL"
    )
    with contextlib.closing(connect(path)) as connection:
        return set(connection.execute(query).fetchall())
