"""Merging databases: the union of their sessions, whole sessions at a time.

A session's key is (uid, digest). So merging is idempotent, commutative and associative, and merging
a file into itself changes nothing. Two forms of one uid stay both, except that a lost form whose
closed rows all stand in another form is superseded by it and goes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, delete, insert, select
from sqlalchemy.exc import DBAPIError

from benchdb.errors import NoDatabase, UserError
from benchdb.store.database import Schema, connect, create_schema, engine, explained, inspect, raw
from benchdb.store.digest import SESSION_TABLES
from benchdb.store.forms import forms, remove_superseded
from benchdb.store.lost import close_lost_sessions, open_sessions
from benchdb.store.models import (
    Base,
    Cluster,
    Environment,
    LocalPruned,
    Package,
    PackageSet,
    PackageSetPackage,
    Revision,
    RevisionPackage,
    Session,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging one file did.

    Parameters
    ----------
    source
        The file that was read.
    added, held, live, pruned
        Numbers of sessions: copied; there already; left out, because they are still being
        recorded; left out, because `benchdb db prune` removed them from the target.
    runs
        Test runs copied.
    conflicts
        Uids of which the target now holds two forms, and did not before.
    """

    source: Path
    added: int
    held: int
    live: int
    pruned: int
    runs: int
    conflicts: tuple[str, ...]


def merge(target: Path, sources: Sequence[Path], *, bring_back: bool = False) -> list[Merged]:
    """Merge files into one, which is made if there is none.

    Each file is one transaction: it is merged as a whole or not at all.

    Parameters
    ----------
    target
        The SQLite file that receives.
    sources
        The files to merge into it; older schemas are upgraded on a copy.
    bring_back
        Whether to take back sessions that were pruned from the target.

    Raises
    ------
    UserError
        For a file that can't be read or written; what was merged before it stays.
    """
    for source in sources:  # before a target is made
        if not source.exists():
            raise NoDatabase(f"there is no database at {source}: check the name")
        try:
            with contextlib.closing(connect(source)) as connection:
                inspect(connection, source)
        except sqlite3.Error as error:
            raise explained(error, source) from error
    prepare(target)
    return [_merge_one(target, source, bring_back) for source in sources]


def prepare(path: Path) -> None:
    """Make a database ready to be written by a command.

    It is there then, at the newest schema, and no lost session is open in it.

    Raises
    ------
    UserError
        If it can't be; it is left as it was.
    """
    try:
        with contextlib.closing(connect(path, write=True, create=True)) as connection:
            found = inspect(connection, path)
            if found.schema is Schema.EMPTY:
                create_schema(connection)
            live, _ = open_sessions(connection, path)
    except sqlite3.Error as error:
        raise explained(error, path) from error
    if found.schema is Schema.OLDER:
        from benchdb.store.migrate import upgrade

        if live:
            raise UserError(
                f"{path} has an older schema and is being recorded into: try again when it is done"
            )
        upgrade(path)
    with contextlib.closing(connect(path, write=True)) as connection:
        close_lost_sessions(connection, path)


def _merge_one(target: Path, source: Path, bring_back: bool) -> Merged:
    if target.samefile(source):  # one connection would wait for the other
        with engine(target).connect() as reading:
            digests = reading.scalars(select(Session.digest)).all()
        live = digests.count(None)
        return Merged(
            source, 0, held=len(digests) - live, live=live, pruned=0, runs=0, conflicts=()
        )
    with readable(source) as readable_path:
        try:
            with (
                engine(readable_path).connect() as reading,
                engine(target, write=True).connect() as writing,
                writing.begin(),
            ):
                return _Copying(reading, writing).merge(source, bring_back)
        except DBAPIError as error:
            blamed = target if _is_sound(readable_path) else source
            raise explained(error.orig or error, blamed) from error


def _is_sound(path: Path) -> bool:
    try:
        with contextlib.closing(connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


@contextlib.contextmanager
def readable(source: Path) -> Iterator[Path]:
    """Give a path to read a database from at the newest schema, with no lost session open.

    It is the file itself where that is so already, else a temporary copy.
    """
    try:
        with contextlib.closing(connect(source)) as connection:
            found = inspect(connection, source)
            if found.schema is Schema.EMPTY:
                raise UserError(f"{source} is empty: record into it with `pytest --benchmark`")
            _, lost = open_sessions(connection, source)
            if found.schema is Schema.NEWEST and not lost:
                copy = None
            else:
                folder = tempfile.TemporaryDirectory(prefix="benchdb-")
                copy = Path(folder.name) / source.name
                with contextlib.closing(sqlite3.connect(copy)) as into:
                    connection.backup(into)
    except sqlite3.Error as error:
        raise explained(error, source) from error
    if copy is None:
        yield source
        return
    with folder:
        if found.schema is Schema.OLDER:
            from benchdb.store.migrate import upgrade

            upgrade(copy, backup=False)
        with contextlib.closing(connect(copy, write=True)) as connection:
            close_lost_sessions(connection, source, discard=False)
        yield copy


class _Copying:
    """Copies sessions from one open database to another; remembers shared rows it has met."""

    def __init__(self, reading: Connection, writing: Connection) -> None:
        self.reading = reading
        self.writing = writing
        self._ids: dict[str, dict[int, int]] = defaultdict(dict)

    def merge(self, source: Path, bring_back: bool) -> Merged:
        theirs = self.reading.execute(
            select(Session.id, Session.uid, Session.digest).order_by(Session.started, Session.uid)
        ).all()
        held = self._held()
        pruned = set()
        if not bring_back:
            rows = select(LocalPruned.uid, LocalPruned.digest)
            pruned = {(uid, digest) for uid, digest in self.writing.execute(rows)}
        added: list[tuple[int, str, str]] = []
        counts = dict.fromkeys(("held", "live", "pruned"), 0)
        for session_id, uid, digest in theirs:
            if digest is None:
                counts["live"] += 1
            elif (uid, digest) in held:
                counts["held"] += 1
            elif (uid, digest) in pruned:
                counts["pruned"] += 1
            else:
                added.append((session_id, uid, digest))
        uids = {uid for _, uid, _ in added}
        before = self._conflicting(uids)
        runs = {(uid, digest): self.copy_session(row) for row, uid, digest in added}
        for uid in uids:
            if bring_back:
                self.writing.execute(delete(LocalPruned).where(LocalPruned.uid == uid))
            remove_superseded(raw(self.writing), uid)
        stayed = runs.keys() & self._held()
        counts["held"] += len(added) - len(stayed)  # superseded by what was there
        return Merged(
            source,
            added=len(stayed),
            runs=sum(runs[key] for key in stayed),
            conflicts=tuple(sorted(self._conflicting(uids) - before)),
            **counts,
        )

    def _held(self) -> set[tuple[str, str | None]]:
        rows = self.writing.execute(select(Session.uid, Session.digest))
        return {(uid, digest) for uid, digest in rows}

    def _conflicting(self, uids: set[str]) -> set[str]:
        return {uid for uid in uids if len(forms(raw(self.writing), uid)) > 1}

    def copy_session(self, session_id: int) -> int:
        """Copy one session with all its rows; returns the number of its test runs."""
        table: Any = Session.__table__
        row = dict(
            self.reading.execute(select(table).where(table.c.id == session_id)).mappings().one()
        )
        del row["id"]
        row["environment"] = self._environment(row["environment"])
        row["revision"] = self._shared(Revision, row["revision"])
        row["package_set"] = self._shared(PackageSet, row["package_set"])
        made = _inserted(self.writing, table, row)
        return self.copy_rows(session_id, made)

    def copy_rows(self, session_id: int, to: int) -> int:
        """Copy the test runs of a session, with what belongs to them, to another's id."""
        copied = 0
        for table in (Base.metadata.tables[name] for name in SESSION_TABLES[1:]):
            query = select(table).where(table.c.session_id == session_id)
            result = self.reading.execute(query).mappings()
            for chunk in result.partitions(_CHUNK):
                rows = [{**row, "session_id": to} for row in chunk]
                if table.name == "test_run":
                    copied += len(rows)
                    for row in rows:
                        row["cluster"] = self._shared(Cluster, row["cluster"])
                self.writing.execute(insert(table), rows)
        return copied

    def _environment(self, fingerprint: str | None) -> str | None:
        if fingerprint is None:
            return None
        table: Any = Environment.__table__
        key = table.c.fingerprint == fingerprint
        if self.writing.scalar(select(table.c.fingerprint).where(key)) is None:
            row = self.reading.execute(select(table).where(key)).mappings().one()
            self.writing.execute(insert(table), dict(row))
        return fingerprint

    def _shared(self, model: Any, row_id: int | None) -> int | None:
        """Return the target's id of a row that is keyed by content, copied if it is new there."""
        if row_id is None:
            return None
        known = self._ids[model.__tablename__]
        if row_id not in known:
            table: Table = model.__table__
            row = dict(
                self.reading.execute(select(table).where(table.c.id == row_id)).mappings().one()
            )
            del row["id"]
            same = select(table.c.id).where(table.c.key == row["key"])
            there = self.writing.scalar(same)
            if there is None:
                there = _inserted(self.writing, table, row)
                self._copy_children(model, row_id, there)
            known[row_id] = there
        return known[row_id]

    def _copy_children(self, model: Any, row_id: int, to: int) -> None:
        if model is Revision:
            table: Any = RevisionPackage.__table__
            query = select(table).where(table.c.revision == row_id)
            rows = [{**row, "revision": to} for row in self.reading.execute(query).mappings()]
        elif model is PackageSet:
            table = PackageSetPackage.__table__
            members = select(table.c.package).where(table.c.package_set == row_id)
            rows = [
                {"package_set": to, "package": self._package(package)}
                for package in self.reading.scalars(members)
            ]
        else:
            return
        if rows:
            self.writing.execute(insert(table), rows)

    def _package(self, row_id: int) -> int:
        known = self._ids["package"]
        if not known:
            mine = select(Package.name, Package.version, Package.source, Package.id)
            there = {tuple(row[:3]): row[3] for row in self.writing.execute(mine)}
            for name, version, source, theirs in self.reading.execute(mine):
                known[theirs] = there.get((name, version, source), 0)
        if not known[row_id]:
            table: Any = Package.__table__
            row = dict(
                self.reading.execute(select(table).where(table.c.id == row_id)).mappings().one()
            )
            del row["id"]
            known[row_id] = _inserted(self.writing, table, row)
        return known[row_id]


def _inserted(connection: Connection, table: Any, row: dict[str, Any]) -> int:
    key = connection.execute(insert(table), row).inserted_primary_key
    assert key is not None
    return int(key[0])
