"""What segments and snapshots are made of: what they hold, in short, and a SQLite file.

An object is two zstd frames. The first is a skippable one with the compressed list of what is in
the second, so that this can be read from the first bytes alone, and ``zstd -d`` gives a file that
``sqlite3`` opens. `benchdb.sync.verifying` reads them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb import __version__
from benchdb.errors import UserError
from benchdb.records import ANNOTATION
from benchdb.store.annotations import copy_annotations
from benchdb.store.copying import attached, copy_sessions
from benchdb.store.database import FileConnection, connect, create_schema
from benchdb.store.opening import connected, explaining
from benchdb.store.revisions import head
from benchdb.sync.protocol.names import Entry
from benchdb.sync.protocol.steps import Contents

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from benchdb.config import Location

#: Of the first frame; who meets a greater number needs a newer benchdb.
FORMAT: Final = 1

#: What the first frame begins with, before its length and the list.
MAGIC: Final = (0x184D2A50).to_bytes(4, "little")
PREFIX: Final = 8

#: A second of work more for a tenth of the bytes is not worth it where there are many.
_LEVEL: Final = 9
_LEVEL_LARGE: Final = 5
_LARGE: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """An object that was made: where, the SHA-256 and number of its bytes."""

    path: Path
    sha256: str
    size: int


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
    return MAGIC + len(packed).to_bytes(4, "little") + packed


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


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_in_name(key: tuple[str, str]) -> tuple[str, str]:
    """Return how an entry is called in the name of a segment; a wild uid by its hash."""
    uid, digest = key
    if 0 < len(uid) <= 100 and uid.isascii() and all(one.isalnum() or one in "._-" for one in uid):
        return key
    return f"hashed-{hashlib.sha256(uid.encode()).hexdigest()[:32]}", digest


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
