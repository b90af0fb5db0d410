"""Reading segments and snapshots: whether one is what its name, its list and its digests say.

Whatever is read here may have been made by anybody. `benchdb.sync.segments` makes them.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from benchdb.errors import BenchdbError, UserError
from benchdb.records import ANNOTATION
from benchdb.store.database import FileConnection, connect, inspect
from benchdb.store.digest import session_digest
from benchdb.store.fitness import Fitness, annotation_line, session_line, unfit_annotations
from benchdb.store.revisions import head, lineage
from benchdb.sync.protocol.names import Entry, checksum_of, segment_name
from benchdb.sync.protocol.steps import Contents, Missing
from benchdb.sync.segments import FORMAT, MAGIC, PREFIX, checksum, key_in_name, stored_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

_Read = TypeVar("_Read")

#: Bytes that are read at first: they nearly always have the whole list in them.
FIRST: Final = 64 * 1024

#: More bytes than this are no list that we made.
_MOST_LISTED: Final = 256 * 2**20

#: A file is no larger than this and so many times its object: a small one could fill the disk.
_LEAST_ROOM: Final = 64 * 2**20
_MOST_TIMES: Final = 200

_CHUNK: Final = 2**20

_STRANGE: Final = """SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index')
    OR upper(coalesce(sql, '')) LIKE 'CREATE VIRTUAL%'"""
_TABLES: Final = frozenset({"session", "test_run", "measurement", "artifact", "environment"})


class Damaged(BenchdbError):
    """An object is not what it must be."""


class OtherBytes(Damaged):
    """It has other bytes than its name tells: it was changed where it lies, or on the way here."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The first frame of an object.

    Parameters
    ----------
    contents
        What the object holds.
    schema
        The revision of the schema that its file is in.
    made_by
        The benchdb that made it.
    """

    contents: Contents
    schema: str
    made_by: str

    @property
    def is_newer(self) -> bool:
        """Whether it takes a newer benchdb to read the file."""
        return self.schema not in lineage()


def listing_size(first: bytes) -> int:
    """Return how many of an object's bytes it takes to tell what it holds.

    Raises
    ------
    Damaged
        If these are not the first bytes of an object of ours.
    """
    length = int.from_bytes(first[4:PREFIX], "little")
    if len(first) < PREFIX or first[:4] != MAGIC or length > _MOST_LISTED:
        raise Damaged("doesn't begin as an object of benchdb does")
    return PREFIX + length


def read_listing(first: bytes) -> Frame | Missing:
    """Return what an object holds, from at least `listing_size` of its bytes.

    Raises
    ------
    Damaged
        If that can't be told.
    """
    import zstandard

    packed = first[PREFIX : listing_size(first)]
    if len(first) < listing_size(first):
        raise Damaged("it is cut off")
    try:
        most = _LEAST_ROOM + _MOST_TIMES * len(packed)
        reader = zstandard.ZstdDecompressor().stream_reader(packed)
        content = reader.read(most + 1)
        if len(content) > most:
            raise Damaged("its list is too long")
        said = json.loads(content)
        if said["format"] > FORMAT:
            return Missing.NEWER
        entries = tuple(
            Entry(str(start), str(uid), str(key)) for start, uid, key in said["entries"]
        )
        folded = frozenset(map(str, said["folded"]))
        return Frame(Contents(entries, folded), str(said["schema"]), str(said["made_by"]))
    except (zstandard.ZstdError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Damaged(f"its list can't be read ({type(error).__name__}: {error})") from error


def unpack(name: str, path: Path, to: Path) -> Frame | Missing:
    """Verify the bytes of an object and take its file out of it.

    Parameters
    ----------
    name
        Of the object.
    path
        Its bytes.
    to
        The file to make; none is made of one that takes a newer benchdb.

    Raises
    ------
    OtherBytes
        If it has other bytes than its name tells.
    Damaged
        If the object is not what its name and its list say.
    """
    import zstandard

    if checksum(path) != checksum_of(name):
        raise OtherBytes("its bytes are not those that its name tells")
    with path.open("rb") as source:
        first = source.read(FIRST)
        first += source.read(max(0, listing_size(first) - len(first)))
        listed = read_listing(first)
        if isinstance(listed, Missing):
            return listed
        if listed.is_newer:
            return listed
        check_name(name, listed.contents)
        source.seek(listing_size(first))
        most = _LEAST_ROOM + _MOST_TIMES * path.stat().st_size
        try:
            with (
                zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(source) as reader,
                to.open("wb") as target,
            ):
                while chunk := reader.read(_CHUNK):
                    target.write(chunk)
                    if target.tell() > most:
                        raise Damaged("its file is too large for it")
        except zstandard.ZstdError as error:
            raise Damaged(f"it can't be decompressed ({error})") from error
    return listed


def check_name(name: str, contents: Contents) -> None:
    """Look whether what an object lists goes with its name.

    Raises
    ------
    Damaged
        If it doesn't.
    """
    parts = segment_name(name)
    month = parts.month if parts else name.split("/")[-2]
    keys = [one.key for one in contents.entries]
    if (
        not keys
        or any(one.month != month for one in contents.entries)
        or len(set(keys)) < len(keys)
    ):
        raise Damaged("it lists what can't be in it")
    if parts and (parts.count != len(keys) or key_in_name(keys[0]) != parts.key):
        raise Damaged("it lists something else than its name")


def verify(
    path: Path,
    frame: Frame,
    wanted: Collection[tuple[str, str]] | None = None,
    then: Callable[[FileConnection], _Read] | None = None,
) -> _Read | None:
    """Look whether a file is sound and holds what is frame; it is brought to the newest schema.

    Parameters
    ----------
    path
        The file.
    frame
        What is said of it.
    wanted
        Keys of the sessions whose digests are computed again, as they are going to be used; all by
        default.
    then
        Reads what is wanted of it, which is returned.

    Raises
    ------
    Damaged
        If it isn't, or doesn't.
    """
    try:
        with contextlib.closing(connect(path)) as connection:
            if _found_schema(connection, path) != frame.schema:
                raise Damaged("its file has another schema than it says")
            if frame.schema == head():
                _check(connection, frame, wanted)
                return then(connection) if then else None
        from benchdb.store.migrate import upgrade

        upgrade(path, at=path)
        with contextlib.closing(connect(path)) as connection:
            _check(connection, frame, wanted)
            return then(connection) if then else None
    except (sqlite3.Error, UserError, ValueError, TypeError, KeyError) as error:
        raise Damaged(f"its file can't be used ({error})") from error


def _found_schema(connection: FileConnection, path: Path) -> str | None:
    connection.execute("PRAGMA trusted_schema=OFF")
    if connection.execute(_STRANGE).fetchone():
        raise Damaged("its file has more in it than tables")
    if not connection.tables() >= _TABLES:
        raise Damaged("its file is none of benchdb's")
    return inspect(connection, path).revision


def _check(
    connection: FileConnection, frame: Frame, wanted: Collection[tuple[str, str]] | None
) -> None:
    connection.execute("PRAGMA trusted_schema=OFF")
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Damaged(f"its file is damaged ({said})")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise Damaged("its file has rows that don't fit together")
    if stored_entries(connection) != set(frame.contents.entries):
        raise Damaged("its file doesn't hold what it lists")
    used = None if wanted is None else set(wanted)
    fitness = Fitness(connection, len(frame.contents.entries) if used is None else len(used))
    for row, uid, digest in connection.execute("SELECT id, uid, digest FROM session").fetchall():
        if used is not None and (uid, digest or "") not in used:
            continue
        if digest is None or session_digest(connection, row) != digest:
            raise Damaged(f"the rows of session {uid} don't give its digest")
        if said := fitness.unfit(row):
            raise Damaged(
                f"{session_line(uid, said)}; `benchdb compact REMOTE --erase UID` of it "
                "frees the rest"
            )
    said_of = None if used is None else {key for key, kind in used if kind == ANNOTATION}
    for key, said in unfit_annotations(connection, said_of).items():
        raise Damaged(
            f"{annotation_line(key, said)}; `benchdb compact REMOTE --erase KEY` of it "
            "frees the rest"
        )
