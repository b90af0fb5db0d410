"""What is under a prefix in a bucket.

An answer may be lost of a request that was carried out. So whoever is told that a condition doesn't
hold looks at what is there before believing it: it may be what was put just before.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from benchdb.errors import UnfitServer, UnusableHistory
from benchdb.sync.objects import Got, ObjectFacts
from benchdb.sync.patience import Attempts, Passing, Patience
from benchdb.sync.s3.client import connect
from benchdb.sync.s3.failures import Absent, NoSuchRange, Place, Unmet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchdb.sync.s3.client import Connection

_Answer = TypeVar("_Answer")

#: Bytes that S3 takes in one request.
_LARGEST: Final = 5 * 2**30

#: Names that S3 deletes in one request.
_BATCH: Final = 1000

_PIECE: Final = 1 << 20

#: How long to wait for a server, where nothing else is said.
PATIENCE: Final = Patience()

#: The ETag of most objects; those put in parts or encrypted with a key of KMS's have others.
_MD5: Final = re.compile("[0-9a-f]{32}")


class Bucket:
    """What is under a prefix in a bucket, as a remote: see `Objects`.

    Parameters
    ----------
    bucket, prefix
        Where; slashes around the prefix make no difference.
    endpoint_url, profile
        None for what AWS's settings say.
    patience
        How long to wait for the server.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        endpoint_url: str | None = None,
        profile: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        prefix = prefix.strip("/")
        self.url = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self._prefix = f"{prefix}/" if prefix else ""
        self._patience = patience or PATIENCE
        self._settings = (Place(self.url, bucket, prefix, "S3", False), endpoint_url, profile)
        self._connecting = threading.Lock()
        self._connected: Connection | None = None
        self._is_known = False
        # HTTP wants an ETag in quotes, and radosgw one without.
        self._quotes = True

    def read(self, name: str, first: int | None = None) -> Got | None:
        """Return an object, or its `first` bytes; None where there is none."""
        if first is not None:
            return self._persist(lambda: self._read_first(name, first))
        odd: bytes | None = None
        attempts = self._attempts()
        while True:
            got, is_odd = self._persist(lambda: self._read(name), attempts)
            if got is None or not is_odd or got.body == odd:
                return got
            # Cut off on the way, or its ETag is none of its bytes: then they come again.
            odd = got.body
            self._wait(attempts, Passing(f"{name} comes with other bytes than its ETag tells"))

    def fetch(self, name: str, to: Path) -> bool:
        """Write an object to a file, and tell whether there is one."""
        attempts = self._attempts()
        etag = ""
        with to.open("wb") as file:
            while True:
                began = file.tell()
                try:
                    etag, body = self._open(name, etag, file)
                    with contextlib.closing(body):
                        while piece := self._piece(body):
                            file.write(piece)
                    return True
                except Absent:
                    return False
                except Passing as failure:
                    if file.tell() - began >= _PIECE:
                        attempts.start_over()
                    self._wait(attempts, failure)

    def etag(self, name: str) -> str | None:
        """Return the ETag of an object; None where there is none."""
        try:
            return _etag(self._persist(lambda: self._ask("head_object", Key=self._key(name))))
        except Absent:
            return None

    def put_new(self, name: str, body: bytes | Path) -> bool:
        """Put an object where none is, and tell whether none was."""
        attempts = self._attempts()
        is_doubtful = False
        while True:
            try:
                self._put(name, body, IfNoneMatch="*")
                return True
            except Unmet:
                if self.etag(name) is not None:
                    return is_doubtful
                failure = Passing(f"{name} is said to be there, and is not")
            except Passing as passing:
                is_doubtful = True
                failure = passing
            self._wait(attempts, failure)

    def replace(self, name: str, body: bytes | Path, etag: str | None) -> bool:
        """Put an object over the one with this ETag (None: where none is)."""
        attempts = self._attempts()
        while True:
            quotes = self._quotes
            try:
                self._put(name, body, **_condition(etag, quotes=quotes))
                return True
            except Absent:
                return False
            except Unmet:
                now = self.etag(name)
                if now != etag:
                    return now is not None and self._is_there(name, body, self._attempts())
                self._quotes = not quotes
                failure = Passing(f"{name} is said to have changed, and has not")
            except Passing as passing:
                failure = passing
            try:
                attempts.wait(failure)
            except Passing:
                with contextlib.suppress(UnusableHistory):
                    if self._is_there(name, body, Attempts(Patience(attempts=1), lambda: True)):
                        return True
                raise self._connection.place.unreachable(failure) from None

    def list(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield all objects whose names begin so."""
        position: dict[str, str] = {}
        last = ""
        while True:
            arguments = {"Prefix": self._key(prefix), **position}
            answer = self._persist(lambda: self._ask("list_objects_v2", **arguments))  # noqa: B023
            now = _date(answer)
            contents = answer.get("Contents", [])
            for one in contents:
                name = one["Key"].removeprefix(self._prefix)
                if name:  # what some tools put in the place of a folder has none
                    age = max(0.0, now - one["LastModified"].timestamp())
                    yield ObjectFacts(name, int(one["Size"]), age)
            if not answer.get("IsTruncated"):
                return
            if not contents or contents[-1]["Key"] == last:
                raise UnusableHistory(
                    f"{self._connection.place.host} lists the same again and again: "
                    "keep the history elsewhere"
                )
            last = contents[-1]["Key"]
            token = answer.get("NextContinuationToken")
            position = {"ContinuationToken": token} if token else {"StartAfter": last}

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone already too."""
        keys = [self._key(name) for name in names]
        for start in range(0, len(keys), _BATCH):
            self._delete(keys[start : start + _BATCH])

    # -- one request each

    def _ask(self, operation: str, **arguments: Any) -> Any:
        connection = self._connection
        try:
            answer = getattr(connection.client, operation)(
                Bucket=connection.place.bucket, **arguments
            )
        except Exception as error:
            self._is_known = self._is_known or hasattr(error, "response")
            raise connection.place.exception(error) from error
        self._is_known = True
        return answer

    def _piece(self, body: Any, size: int | None = _PIECE) -> bytes:
        try:
            piece: bytes = body.read(size)
        except Exception as error:
            raise self._connection.place.exception(error) from error
        return piece

    def _read(self, name: str) -> tuple[Got | None, bool]:
        """Return an object, and whether its ETag tells other bytes."""
        try:
            answer = self._ask("get_object", Key=self._key(name))
        except Absent:
            return None, False
        with contextlib.closing(answer["Body"]) as body:
            got = Got(self._piece(body, None), _etag(answer))
        is_told = answer.get("ServerSideEncryption") in {None, "AES256"}
        return got, is_told and _MD5.fullmatch(got.etag) is not None and _md5(got.body) != got.etag

    def _read_first(self, name: str, first: int) -> Got | None:
        try:
            answer = self._ask("get_object", Key=self._key(name), Range=f"bytes=0-{first - 1}")
        except Absent:
            return None
        except NoSuchRange:  # in an object without a byte
            return Got(b"", "")
        with contextlib.closing(answer["Body"]) as body:
            # Who knows no ranges sends all of it.
            size = None if answer["ContentLength"] <= first else first
            return Got(self._piece(body, size), "")

    def _open(self, name: str, etag: str, file: BinaryIO) -> tuple[str, Any]:
        """Ask for what a file lacks of an object; a file that it can't go on in is emptied."""
        began = file.tell()
        more = {"Range": f"bytes={began}-"} if began else {}
        try:
            answer = self._ask("get_object", Key=self._key(name), **more)
        except NoSuchRange:
            answer, etag = self._ask("get_object", Key=self._key(name)), ""
        is_part = "ContentRange" in answer
        if began and not (is_part and _etag(answer) == etag):
            file.seek(0)
            file.truncate()
            if is_part:
                answer["Body"].close()
                raise Passing(f"{name} was replaced while it was read")
        return _etag(answer), answer["Body"]

    def _put(self, name: str, body: bytes | Path, **condition: str) -> None:
        if isinstance(body, bytes):
            self._ask("put_object", Key=self._key(name), Body=body, **condition)
            return
        if body.stat().st_size > _LARGEST:
            raise UnusableHistory(
                f"{body} is too large for {self.url}: S3 takes up to 5 GB at once; make it smaller"
            )
        with body.open("rb") as file:
            self._ask("put_object", Key=self._key(name), Body=file, **condition)

    def _delete(self, keys: Sequence[str]) -> None:
        attempts = self._attempts()
        while len(keys) > 1:
            wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            try:
                answer = self._persist(
                    lambda: self._ask("delete_objects", Delete=wanted),  # noqa: B023
                    attempts,
                )
            except UnfitServer:  # which deletes only one by one
                break
            errors = [one for one in answer.get("Errors", []) if one.get("Code") != "NoSuchKey"]
            if not errors:
                return
            keys = [one["Key"] for one in errors]
            failure = self._connection.place.failed(errors[0])
            if not isinstance(failure, Passing):
                raise failure
            self._wait(attempts, failure)
        for key in keys:
            with contextlib.suppress(Absent):
                self._persist(lambda: self._ask("delete_object", Key=key))  # noqa: B023

    # -- what all share

    @property
    def _connection(self) -> Connection:
        with self._connecting:
            if self._connected is None:
                place, endpoint_url, profile = self._settings
                self._connected = connect(
                    place, endpoint_url=endpoint_url, profile=profile, patience=self._patience
                )
            return self._connected

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _attempts(self) -> Attempts:
        return Attempts(self._patience, lambda: self._is_known)

    def _wait(self, attempts: Attempts, failure: Passing) -> None:
        """Wait before another attempt, or tell the user that there were enough."""
        try:
            attempts.wait(failure)
        except Passing:
            raise self._connection.place.unreachable(failure) from failure

    def _persist(self, ask: Callable[[], _Answer], attempts: Attempts | None = None) -> _Answer:
        """Ask until there is an answer; what is asked must do no harm when asked twice."""
        attempts = attempts or self._attempts()
        while True:
            try:
                return ask()
            except Passing as failure:
                self._wait(attempts, failure)

    def _is_there(self, name: str, body: bytes | Path, attempts: Attempts) -> bool:
        """Tell whether an object has these bytes."""
        if isinstance(body, bytes):
            got, _ = self._persist(lambda: self._read(name), attempts)
            return got is not None and got.body == body
        try:
            answer = self._persist(lambda: self._ask("head_object", Key=self._key(name)), attempts)
        except Absent:
            return False
        with body.open("rb") as file:
            return _etag(answer) == hashlib.file_digest(file, _new_md5).hexdigest()


def _condition(etag: str | None, *, quotes: bool) -> dict[str, str]:
    if etag is None:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": f'"{etag}"' if quotes else etag}


def _etag(answer: dict[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def _new_md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _date(answer: dict[str, Any]) -> float:
    """Return the server's time, which the ages of its objects are told by."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
