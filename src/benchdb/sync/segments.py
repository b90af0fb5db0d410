"""What segments and snapshots are made of: what they hold, in short, and a SQLite file.

An object is two zstd frames. The first is a skippable one with the compressed list of what is in
the second, so that this can be read from the first bytes alone, and ``zstd -d`` gives a file that
``sqlite3`` opens. Whatever is read here may have been made by anybody.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb import __version__
from benchdb.errors import BenchdbError, UserError
from benchdb.records import ANNOTATION
from benchdb.store.annotations import copy_annotations
from benchdb.store.copying import attached, copy_sessions
from benchdb.store.database import FileConnection, connect, create_schema, inspect
from benchdb.store.digest import session_digest
from benchdb.store.fitness import (
    annotation_line,
    session_line,
    unfit_annotations,
    unfit_session,
)
from benchdb.store.opening import connected, explaining
from benchdb.store.revisions import head, lineage
from benchdb.sync.protocol.names import Entry, checksum_of, segment_name
from benchdb.sync.protocol.steps import Contents, Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from benchdb.config import Location

_Read = TypeVar("_Read")

#: Of the first frame; who meets a greater number needs a newer benchdb.
FORMAT: Final = 1

_MAGIC: Final = (0x184D2A50).to_bytes(4, "little")
_PREFIX: Final = 8

#: Bytes that are read at first: they nearly always have the whole list in them.
FIRST: Final = 64 * 1024

#: More bytes than this are no list that we made.
_MOST_LISTED: Final = 256 * 2**20

#: A file is no larger than this and so many times its object: a small one could fill the disk.
_LEAST_ROOM: Final = 64 * 2**20
_MOST_TIMES: Final = 200

_CHUNK: Final = 2**20

#: A second of work more for a tenth of the bytes is not worth it where there are many.
_LEVEL: Final = 9
_LEVEL_LARGE: Final = 5
_LARGE: Final = 32 * 2**20

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


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """An object that was made: where, the SHA-256 and number of its bytes."""

    path: Path
    sha256: str
    size: int


# -- the list


def listing_frame(contents: Contents, schema: str, nonce: str | None) -> bytes:
    """Return the first frame of an object."""
    import zstandard

    said: dict[str, Any] = {
        "format": FORMAT,
        "schema": schema,
        "made_by": __version__,
        "entries": [[one.started, one.uid, one.digest] for one in contents.entries],
        "folded": sorted(contents.folded),
    }
    if nonce is not None:
        said["nonce"] = nonce
    packed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(
        json.dumps(said, separators=(",", ":")).encode()
    )
    return _MAGIC + len(packed).to_bytes(4, "little") + packed


def listing_size(first: bytes) -> int:
    """Return how many of an object's bytes it takes to tell what it holds.

    Raises
    ------
    Damaged
        If these are not the first bytes of an object of ours.
    """
    length = int.from_bytes(first[4:_PREFIX], "little")
    if len(first) < _PREFIX or first[:4] != _MAGIC or length > _MOST_LISTED:
        raise Damaged("doesn't begin as an object of benchdb does")
    return _PREFIX + length


def read_listing(first: bytes) -> Frame | Missing:
    """Return what an object holds, from at least `listing_size` of its bytes.

    Raises
    ------
    Damaged
        If that can't be told.
    """
    import zstandard

    packed = first[_PREFIX : listing_size(first)]
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


# -- making one


def new_file(path: Path, schema: str | None = None) -> None:
    """Make an empty database that only this process uses, at any schema that there was."""
    if schema is not None and schema != head():
        from benchdb.store.migrate import migrated_schema

        migrated_schema(path, schema)
        return
    with contextlib.closing(scratch(path, create=True)) as connection:
        create_schema(connection)


def scratch(path: Path, *, create: bool = False) -> FileConnection:
    """Open a database that is thrown away when something fails: nothing waits for the disk."""
    connection = connect(path, write=True, create=create)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def copy_entries(
    connection: FileConnection, source: Path, keys: Collection[tuple[str, str]]
) -> None:
    """Copy sessions and annotations of another file, which the file must not have yet."""
    with attached(connection, source):
        with connection.transaction():
            copy_sessions(connection, [key for key in keys if key[1] != ANNOTATION])
        said = [key for key, kind in keys if kind == ANNOTATION]
        if said:
            with contextlib.closing(connect(source)) as theirs:
                copy_annotations(connection, theirs, said)


def pack(
    database: Path, to: Path, contents: Contents, schema: str, nonce: str | None = None
) -> ObjectFile:
    """Make an object of a closed file.

    Parameters
    ----------
    database, to
        The file, and the one to make.
    contents
        What is in it.
    schema
        The revision that it is in.
    nonce
        A random word that makes the object's name one that nothing ever had.
    """
    import zstandard

    size = database.stat().st_size
    level = _LEVEL if size < _LARGE else _LEVEL_LARGE
    with database.open("rb") as source, to.open("wb") as target:
        target.write(listing_frame(contents, schema, nonce))
        zstandard.ZstdCompressor(level=level, write_checksum=True).copy_stream(
            source, target, size=size
        )
    return ObjectFile(to, checksum(to), to.stat().st_size)


def make_segment(
    source: Location, entries: Iterable[Entry], folder: Path, nonce: str | None = None
) -> ObjectFile:
    """Make a segment of entries of a database, which is only read: see `pack`."""
    chosen = tuple(sorted(entries))
    database = folder / "segment.db"
    new_file(database)
    with contextlib.closing(scratch(database)) as connection:
        keys = [one.key for one in chosen]
        if isinstance(source, Path):
            copy_entries(connection, source, keys)
        else:
            _fetch_entries(connection, source, keys)
        if stored_entries(connection) != set(chosen):
            raise UserError(
                f"{source} was changed while it was pushed: push again, the rest is there already"
            )
    made = pack(database, folder / "segment.db.zst", Contents(chosen), head(), nonce)
    database.unlink()
    return made


def _fetch_entries(
    connection: FileConnection, server: Location, keys: Collection[tuple[str, str]]
) -> None:
    """Copy sessions and annotations of a server into a file that is empty."""
    from benchdb.store.crossing import fetch

    connection.execute("PRAGMA foreign_keys=OFF")
    with explaining(server), connected(server) as theirs:
        fetch(connection, theirs, [key for key in keys if key[1] != ANNOTATION])
        if said := {key for key, kind in keys if kind == ANNOTATION}:
            copy_annotations(connection, theirs, said)


def new_nonce() -> str:
    """Return a random word."""
    return secrets.token_hex(16)


# -- reading one


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def key_in_name(key: tuple[str, str]) -> tuple[str, str]:
    """Return how an entry is called in the name of a segment; a wild uid by its hash."""
    uid, digest = key
    if 0 < len(uid) <= 100 and uid.isascii() and all(one.isalnum() or one in "._-" for one in uid):
        return key
    return f"hashed-{hashlib.sha256(uid.encode()).hexdigest()[:32]}", digest


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
    for row, uid, digest in connection.execute("SELECT id, uid, digest FROM session").fetchall():
        if used is not None and (uid, digest or "") not in used:
            continue
        if digest is None or session_digest(connection, row) != digest:
            raise Damaged(f"the rows of session {uid} don't give its digest")
        if said := unfit_session(connection, row):
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


def stored_entries(connection: sqlite3.Connection) -> set[Entry]:
    """Return all sessions and annotations of a database; one still open has no digest."""
    # As bytes: who wrote there by hand may have left anything, and is told when it is looked at.
    rows = connection.execute(
        "SELECT CAST(started AS BLOB), uid, coalesce(digest, '') FROM session"
    )
    said = connection.execute("SELECT CAST(made AS BLOB), key FROM annotation")
    return {Entry(_text(started), uid, digest) for started, uid, digest in rows} | {
        Entry(_text(made), key, ANNOTATION) for made, key in said
    }


def _text(held: bytes) -> str:
    return held.decode("utf-8", "backslashreplace")
