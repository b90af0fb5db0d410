"""What a history asks of the place that it is kept in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchdb.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Got:
    """An object as it was read.

    Parameters
    ----------
    body
        Its bytes.
    etag
        What `Objects.replace` knows this state of it by; empty where only a part was asked for.
    """

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An object in a listing.

    Parameters
    ----------
    name
        Relative to the remote.
    size
        Bytes.
    age
        Seconds since it was written, by the server's clock.
    ahead
        Seconds that its date lies ahead of that clock, which was set right since; its age is 0.
    """

    name: str
    size: int
    age: float
    ahead: float = 0.0


def dated(name: str, size: int, age: float) -> ObjectFacts:
    """Return the facts of an object of this age, which is below 0 for a date that is ahead."""
    return ObjectFacts(name, size, max(0.0, age), max(0.0, -age))


class Objects(Protocol):
    """A place that keeps objects by name.

    Names have slashes in them, and are relative to the remote. What fails for a while (a busy
    server, a dropped connection, a truncated body) is tried again, for a bounded time. May be used
    by several threads. Every method raises `UnusableHistory`, with one line for the user, where the
    place can't be used as it stands.
    """

    #: As users are shown it: without secrets.
    url: str

    @property
    def address(self) -> str:
        """What tells the place from all others, wherever it is named from."""

    def exists(self) -> bool:
        """Tell whether the place is there, where no request would raise because it isn't."""

    def read(self, name: str, first: int | None = None) -> Got | None:
        """Return an object, or its `first` bytes if it has so many; None where there is none."""

    def fetch(self, name: str, to: Path) -> bool:
        """Write an object of any size to a file, and tell whether there is one.

        Raises
        ------
        OSError
            If the file can't be written.
        """

    def etag(self, name: str) -> str | None:
        """Return what `replace` knows the present state by; None where there is no object."""

    def put_new(self, name: str, body: bytes | Path) -> bool:
        """Put an object where none is, and tell whether none was.

        The name must tell the bytes (as one with a checksum does): where the server's answer was
        lost, an object that is there now is taken for this one.
        """

    def replace(self, name: str, body: bytes | Path, etag: str | None) -> bool:
        """Put an object over the one with this ETag (None: where none is), and tell whether it was.

        No two states of an object may have the same bytes: where the server's answer was lost, an
        object with the bytes of `body` is taken for this one.
        """

    def list(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield all objects whose names begin so, in no order."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone already too."""


def open_remote(
    location: str, *, endpoint_url: str | None = None, profile: str | None = None
) -> Objects:
    """Return what is behind the location of a remote; nothing is asked of it yet.

    Parameters
    ----------
    location
        ``s3://bucket/prefix`` or the path of a folder.
    endpoint_url
        Of a server that speaks S3; by default what AWS's settings say.
    profile
        Of AWS's settings; by default what they say.

    Raises
    ------
    WrongSetting
        If it is neither, or AWS's settings make no sense.
    """
    scheme, _, rest = location.partition("://")
    if not rest and not location.strip():
        raise WrongSetting("the remote has no name: give s3://bucket/prefix or a folder")
    if scheme.lower() == "s3":
        bucket, _, prefix = rest.partition("/")
        if not bucket:
            raise WrongSetting(f"{location} names no bucket: give s3://bucket/prefix")
        from benchdb.sync.s3 import open_bucket

        return open_bucket(bucket, prefix, endpoint_url=endpoint_url, profile=profile)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", location):
        raise WrongSetting(
            f"a remote can't begin with {scheme}://: give s3://bucket/prefix or a folder"
        )
    if endpoint_url or profile:
        raise WrongSetting(
            f"{location} is a folder, which has no endpoint or profile: leave these options out, "
            "or give s3://bucket/prefix"
        )
    from benchdb.sync.folder import Folder

    return Folder(Path(location).expanduser())
