"""Requests for what is under a prefix in a bucket: each sent once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import threading
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from benchdb.errors import UnusableHistory
from benchdb.sync.objects import Got
from benchdb.sync.patience import Passing
from benchdb.sync.s3.client import connect
from benchdb.sync.s3.failures import Absent, NoSuchRange, Place, Unmet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.sync.patience import Patience
    from benchdb.sync.s3.client import Connection

#: Bytes that S3 takes in one request.
_LARGEST: Final = 5 * 2**30

#: Bytes of a body that are read at once.
_PIECE: Final = 1 << 20
_LEAST_PIECE: Final = 16

#: Bytes a second. What comes more slowly than this is given up.
_SLOWEST: Final = 256

#: The ETag of most objects; those put in parts or encrypted with a key of KMS's have others.
_MD5: Final = re.compile("[0-9a-f]{32}")


class Requests:
    """Requests for what is under a prefix in a bucket.

    Each raises `Passing` for what may be gone the next time, and a `UserError` for what will not.

    Parameters
    ----------
    place
        Where, as far as it is known before there is a client.
    endpoint_url, profile
        None for what AWS's settings say.
    patience
        How long to wait for an answer.
    """

    def __init__(
        self, place: Place, endpoint_url: str | None, profile: str | None, patience: Patience
    ) -> None:
        self._place = place
        self._endpoint_url = endpoint_url
        self._profile = profile
        self._patience = patience
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._connecting = threading.Lock()
        self._connection: Connection | None = None
        #: Whether the server has ever answered.
        self.is_known = False

    @property
    def connection(self) -> Connection:
        """The client, which is made when it is first needed: that may take a while."""
        with self._connecting:
            if self._connection is None:
                self._connection = connect(
                    self._place,
                    endpoint_url=self._endpoint_url,
                    profile=self._profile,
                    patience=self._patience,
                )
            return self._connection

    def key(self, name: str) -> str:
        """Return what the bucket calls an object."""
        return f"{self._prefix}{name}"

    def name(self, key: str) -> str:
        """Return what benchdb calls an object; nothing for the prefix itself."""
        return key.removeprefix(self._prefix)

    def send(self, operation: str, *expected: type[Exception], **arguments: Any) -> Any:
        """Send any request; raises `Absent`, `Unmet` and `NoSuchRange` where expected."""
        connection = self.connection
        try:
            answer = getattr(connection.client, operation)(
                Bucket=connection.place.bucket, **arguments
            )
        except Exception as error:
            self.is_known = self.is_known or isinstance(error, ClientError)
            raise connection.place.exception(error, expected) from error
        self.is_known = True
        return answer

    def get(self, name: str, *expected: type[Exception], **arguments: Any) -> Any:
        """Ask for an object, or for a `Range` of it."""
        return self.send("get_object", *expected, Key=self.key(name), **arguments)

    def pieces(self, body: Any) -> Iterator[bytes]:
        """Read a body, as much at a time as comes in about a second."""
        began = time.monotonic()
        read, size = 0, _LEAST_PIECE
        while piece := self._piece(body, size):
            yield piece
            read += len(piece)
            passed = max(time.monotonic() - began, 1e-6)
            if passed > self._patience.read and read < _SLOWEST * passed:
                # Each byte comes in time, and all of it never would.
                raise Passing(f"{self.connection.place.host} sends next to nothing")
            size = min(_PIECE, max(_LEAST_PIECE, int(read / passed)))

    def _piece(self, body: Any, size: int) -> bytes:
        try:
            piece: bytes = body.read(size)
        except Exception as error:
            raise self.connection.place.exception(error, ()) from error
        return piece

    def _content(self, body: Any, first: int | None = None) -> bytes:
        """Return a body, or its `first` bytes."""
        content = b""
        for piece in self.pieces(body):
            content += piece
            if first is not None and len(content) >= first:
                return content[:first]
        return content

    def page(self, **arguments: str) -> Any:
        """Return a page of a listing."""
        answer = self.send("list_objects_v2", **arguments)
        if "IsTruncated" not in answer:  # any page of a network would seem an empty one
            raise Passing("a listing makes no sense")
        return answer

    def read(self, name: str) -> tuple[Got | None, bool]:
        """Return an object (None: there is none), and whether it may be none of the server's.

        As where its ETag tells other bytes, or something on the way answered in its place.
        """
        try:
            answer = self._whole(name)
        except Absent:
            return None, False
        with contextlib.closing(answer["Body"]) as body:
            got = Got(self._content(body), etag_of(answer))
        size = size_of(answer)
        if size not in {None, len(got.body)}:
            raise Passing(f"{name} was cut off")
        is_other = _tells_bytes(answer, got.etag) and got.etag != _md5(got.body)
        return got, is_other or size is None

    def _whole(self, name: str) -> Any:
        """Ask for an object; the answer tells its size wherever it can.

        From the first byte on: by the size it is found out where a proxy cuts the body off and says
        nothing of it.
        """
        try:
            return self.get(name, Absent, NoSuchRange, Range="bytes=0-")
        except NoSuchRange:  # in an object without a byte
            return self.get(name, Absent)

    def read_first(self, name: str, first: int) -> Got | None:
        """Return the first bytes of an object; None where there is none."""
        try:
            answer = self.get(name, Absent, NoSuchRange, Range=f"bytes=0-{first - 1}")
        except Absent:
            return None
        except NoSuchRange:  # in an object without a byte
            return Got(b"", "")
        with contextlib.closing(answer["Body"]) as body:
            # Who knows no ranges sends all of it.
            whole = size_of(answer)
            got = Got(self._content(body, first if whole is None else None), "")
        if whole is not None and len(got.body) < min(first, whole):
            raise Passing(f"{name} was cut off")
        return got

    def etag(self, name: str) -> str | None:
        """Return the ETag of an object; None where there is none."""
        try:
            return etag_of(self.send("head_object", Absent, Key=self.key(name)))
        except Absent:
            return None

    def put(self, name: str, body: bytes | Path, **condition: str) -> None:
        """Put an object; raises `Unmet`, or with If-Match also `Absent`."""
        expected = (Absent, Unmet) if "IfMatch" in condition else (Unmet,)
        size = len(body) if isinstance(body, bytes) else body.stat().st_size
        if size > _LARGEST:
            raise UnusableHistory(
                f"{body!s} is too large for {self._place.url}: S3 takes 5 GB at once; "
                "make it smaller"
            )
        md5 = _md5(body)
        with BytesIO(body) if isinstance(body, bytes) else body.open("rb") as file:
            answer = self.send(
                "put_object",
                *expected,
                Key=self.key(name),
                Body=file,
                ContentMD5=base64.b64encode(bytes.fromhex(md5)).decode(),
                **condition,
            )
        # A network's sign-in page, too, is answered with 200: was it the server that said so?
        etag = etag_of(answer)
        if not _tells_bytes(answer, etag) or etag == md5:
            return
        try:
            there = self.send("head_object", Absent, Key=self.key(name))
        except Absent:
            there = {}
        if there.get("ContentLength") != size or etag_of(there) not in (etag, md5):
            raise Passing(f"{name} is said to have been taken, and was not")

    def has(self, name: str, body: bytes | Path) -> bool:
        """Tell whether an object has these bytes."""
        if isinstance(body, bytes):
            got, _ = self.read(name)
            return got is not None and got.body == body
        return self.etag(name) == _md5(body)


def size_of(answer: dict[str, Any]) -> int | None:
    """Return the size of an object of which a part was asked for; None where all of it comes."""
    size = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return int(size) if size.isdigit() else None


def etag_of(answer: dict[str, Any]) -> str:
    """Return an object's ETag without its quotes."""
    if "ETag" not in answer:
        raise Passing("the headers of an answer were cut off")
    return str(answer["ETag"]).strip('"')


def _new_md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _md5(body: bytes | Path) -> str:
    if isinstance(body, bytes):
        return hashlib.md5(body, usedforsecurity=False).hexdigest()
    with body.open("rb") as file:
        return hashlib.file_digest(file, _new_md5).hexdigest()


def _tells_bytes(answer: dict[str, Any], etag: str) -> bool:
    """Tell whether an ETag should be the MD5 of an object's bytes."""
    return (
        answer.get("ServerSideEncryption") in {None, "AES256"}
        and "SSECustomerAlgorithm" not in answer
        and _MD5.fullmatch(etag) is not None
    )
