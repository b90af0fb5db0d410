"""Folding a month's objects into a new snapshot."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchdb.store.copying import would_lack
from benchdb.store.database import connect
from benchdb.store.merge import merge_file
from benchdb.store.revisions import head, lineage
from benchdb.sync.intake import Intake
from benchdb.sync.protocol.manifest import Snapshot
from benchdb.sync.protocol.names import is_snapshot, segment_name, snapshot_name
from benchdb.sync.protocol.steps import Contents, Folded, Missing
from benchdb.sync.segments import copy_entries, new_file, new_nonce, pack, scratch, stored_entries
from benchdb.sync.verifying import Damaged, Frame, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from benchdb.sync.protocol.steps import Fold
    from benchdb.sync.state import Key


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What came of folding, and the new object (None where there is none)."""

    folded: Folded
    path: Path | None = None


def fold(
    verified: Callable[[Intake], Iterable[tuple[str, Frame | Missing]]],
    step: Fold,
    folder: Path,
    *,
    upgrade: bool,
) -> FoldResult:
    """Fold objects into one.

    Parameters
    ----------
    verified
        Lets an intake take what it wants of each object, and gives the object's name and what it
        holds, or why it can't be used.
    step
        What is asked for.
    folder
        For temporary files.
    upgrade
        Whether the result is in the newest schema, though an older one would do.
    """
    target = folder / "folded.db"
    new_file(target)

    def merge(database: Path, keys: Collection[Key]) -> None:
        merge_file(target, database, only=keys)

    def wanted(frame: Frame) -> list[Key]:
        return [
            one.key
            for one in frame.contents.entries
            if not step.manifest.forgets(one.uid, one.started)
        ]

    schemas = []
    taken: set[str] = set()
    unusable = []
    with contextlib.closing(Intake(folder, wanted, merge)) as intake:
        for name, frame in verified(intake):
            if not isinstance(frame, Missing):
                schemas.append(frame.schema)
                if segment_name(name):
                    taken.add(name)
                continue
            unusable.append((name, frame))
            if frame is Missing.NEWER or is_snapshot(name):
                # Who makes do without it would lose what it holds.
                return FoldResult(Folded(None, Contents(()), tuple(unusable)))
        intake.flush()
    with contextlib.closing(connect(target)) as connection:
        contents = Contents(tuple(sorted(stored_entries(connection))), step.folded | taken)
    if not contents.entries:
        return FoldResult(Folded(None, contents, tuple(unusable)))
    schema = head()
    # The oldest that takes it all: who upgraded a file may have put nothing new into it.
    for one in [] if upgrade else sorted(set(schemas), key=lineage().index):
        if one == schema:
            break
        if older := _in_older_schema(target, contents, one, folder):
            target, schema = older, one
            break
    made = pack(target, folder / "folded.db.zst", contents, schema, new_nonce())
    snapshot = Snapshot(
        snapshot_name(step.month, made.sha256), schema, made.size, len(contents.entries)
    )
    return FoldResult(Folded(snapshot, contents, tuple(unusable)), made.path)


def _in_older_schema(newest: Path, contents: Contents, schema: str, folder: Path) -> Path | None:
    """Return a file in an older schema, so that older clients can read it; None if it can't be."""
    older, again = folder / f"{schema}.db", folder / "again.db"
    new_file(older, schema)
    with contextlib.closing(scratch(older)) as connection:
        with contextlib.closing(connect(newest)) as whole:
            if would_lack(connection, whole):
                return None
        copy_entries(connection, newest, [one.key for one in contents.entries])
    again.write_bytes(older.read_bytes())
    try:
        verify(again, Frame(contents, schema, ""))
    except Damaged:
        return None  # something in it has no place there
    finally:
        again.unlink()
    return older
