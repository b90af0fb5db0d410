"""What a flow asks for, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.sync.protocol.manifest import Manifest, Snapshot
    from benchdb.sync.protocol.names import Entry


class Missing(Enum):
    """Why an object could not be used."""

    GONE = "is not there"
    DAMAGED = "is damaged"
    NEWER = "has a newer schema"


# -- what is asked for


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """Read the manifest: gives a `Reading`."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Find out whether the server keeps its word on conditional writes: gives None, or raises."""


@dataclass(frozen=True, slots=True)
class ListObjects:
    """List the objects whose names begin with one of these: gives a `Listing`."""

    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadContents:
    """Read what segments and snapshots say that they hold: gives `Found`, by name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Fetch objects, verify each and merge it: gives `Found`, by name.

    Entries that the manifest forgets, or that were pruned from the local database, stay out.
    """

    names: tuple[str, ...]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class PutSegment:
    """Make a segment of these entries and put it where it isn't yet: gives its name."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Fold a month's objects into a new snapshot, whose name nothing ever had: gives a `Folded`.

    Objects that can't be used are left out and named; one with a newer schema stops it. Entries
    that the manifest forgets stay out. With no entry left, nothing is put.

    Parameters
    ----------
    month
        Which.
    names
        The snapshot to begin with, if any, and segments.
    folded
        Segments that this snapshot has already, and that may still be there.
    manifest
        It tells what is forgotten.
    """

    month: str
    names: tuple[str, ...]
    folded: frozenset[str]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Swap:
    """Replace the manifest that has this ETag (None: there is none): gives True, or False."""

    manifest: Manifest
    etag: str | None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete objects, also where one is gone already: gives None."""

    names: tuple[str, ...]


Step = (
    ReadManifest | Probe | ListObjects | ReadContents | TakeIn | PutSegment | Fold | Swap | Delete
)


# -- what it is told


@dataclass(frozen=True, slots=True)
class Reading:
    """The manifest as it was read, and the ETag that it is replaced by; both None without one."""

    manifest: Manifest | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing: its bytes, and its age in seconds by the server's clock."""

    name: str
    size: int
    age: float


Listing = tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What an object holds: entries, and in a snapshot the segments that were folded into it."""

    entries: tuple[Entry, ...]
    folded: frozenset[str] = frozenset()


#: Of each object that was asked for: what it holds, or why that can't be said.
Found = dict[str, Contents | Missing]


@dataclass(frozen=True, slots=True)
class Folded:
    """A new snapshot (None where nothing was left), what it holds, and what could not be used."""

    snapshot: Snapshot | None
    contents: Contents
    unusable: tuple[tuple[str, Missing], ...] = ()
