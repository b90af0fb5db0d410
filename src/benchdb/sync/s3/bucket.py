"""What is under a prefix in a bucket, as a remote.

An answer may be lost of a request that was carried out. So whoever is told that a condition doesn't
hold looks at what is there before believing it: it may be what was put just before.
"""

from __future__ import annotations

import contextlib
import time
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb.errors import UnfitServer, UnusableHistory
from benchdb.sync.objects import dated
from benchdb.sync.patience import Attempts, Passing, Patience
from benchdb.sync.s3.download import PROGRESS, Download
from benchdb.sync.s3.failures import Absent, Place, Unmet
from benchdb.sync.s3.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchdb.sync.objects import Got, ObjectFacts

_Answer = TypeVar("_Answer")

#: Names that S3 deletes in one request.
_BATCH: Final = 1000

#: How long to wait for a server, where nothing else is said.
PATIENCE: Final = Patience()


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
        self._patience = patience or PATIENCE
        place = Place(self.url, bucket, prefix, "S3", is_anonymous=False)
        self._requests = Requests(place, endpoint_url, profile, self._patience)
        # HTTP wants an ETag in quotes, and radosgw one without.
        self._quotes = True

    @property
    def address(self) -> str:
        """The URL; elsewhere than at AWS, where a bucket has its name alone, with the server."""
        host = self._requests.connection.place.host
        is_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return self.url if is_aws else f"{self.url} at {host}"

    def exists(self) -> bool:
        """Tell nothing: any request says so where there is no bucket."""
        return True

    def read(self, name: str, first: int | None = None) -> Got | None:
        """Return an object, or its `first` bytes; None where there is none."""
        if first is not None:
            return self._persist(partial(self._requests.read_first, name, first))
        odd: bytes | None = None
        attempts = self._attempts()
        while True:
            got, is_odd = self._persist(partial(self._requests.read, name), attempts)
            if got is None or not is_odd or got.body == odd:
                return got
            # Cut off on the way, or its ETag is none of its bytes: then they come again.
            odd = got.body
            self._wait(attempts, Passing(f"{name} comes with other bytes than its ETag tells"))

    def fetch(self, name: str, to: Path) -> bool:
        """Write an object to a file, and tell whether there is one."""
        attempts = self._attempts()
        with to.open("wb") as file:
            download = Download(partial(self._requests.get, name), self._requests.pieces, file)
            while True:
                began = file.tell()
                try:
                    download.go_on()
                    return True
                except Absent:
                    return False
                except Passing as failure:
                    if file.tell() - began >= PROGRESS:
                        attempts.start_over()
                    self._wait(attempts, failure)

    def etag(self, name: str) -> str | None:
        """Return the ETag of an object; None where there is none."""
        return self._persist(partial(self._requests.etag, name))

    def put_new(self, name: str, body: bytes | Path) -> bool:
        """Put an object where none is, and tell whether none was."""
        attempts = self._attempts()
        is_doubtful = False
        while True:
            try:
                self._requests.put(name, body, IfNoneMatch="*")
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
                self._requests.put(name, body, **_condition(etag, quotes=quotes))
                return True
            except Absent:
                return False
            except Unmet:
                now = self.etag(name)
                if now != etag:
                    return now is not None and self._has(name, body)
                self._quotes = not quotes
                failure = Passing(f"{name} is said to have changed, and has not")
            except Passing as passing:
                failure = passing
            try:
                attempts.wait(failure)
            except Passing:
                # The last word: the failure is reported only where nothing was done.
                with contextlib.suppress(Passing, UnusableHistory):
                    if self._requests.has(name, body):
                        return True
                raise self._unreachable(failure) from failure

    def list(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield all objects whose names begin so."""
        position: dict[str, str] = {}
        last = ""
        wanted = self._requests.key(prefix)
        while True:
            answer = self._persist(partial(self._requests.page, Prefix=wanted, **position))
            now = _date(answer)
            contents = answer.get("Contents", [])
            for one in contents:
                # What some tools put in the place of a folder has no name.
                if name := self._requests.name(one["Key"]):
                    age = now - one["LastModified"].timestamp()
                    yield dated(name, int(one["Size"]), age)
            if not answer.get("IsTruncated"):
                return
            if not contents or contents[-1]["Key"] == last:
                raise UnusableHistory(
                    f"the server of {self.url} lists the same again and again: "
                    "keep the history elsewhere"
                )
            last = contents[-1]["Key"]
            token = answer.get("NextContinuationToken")
            position = {"ContinuationToken": token} if token else {"StartAfter": last}

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone already too."""
        keys = [self._requests.key(name) for name in names]
        for start in range(0, len(keys), _BATCH):
            self._delete(keys[start : start + _BATCH])

    def _delete(self, keys: Sequence[str]) -> None:
        attempts = self._attempts()
        while len(keys) > 1:
            wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            try:
                ask = partial(self._requests.send, "delete_objects", Delete=wanted)
                answer = self._persist(ask, attempts)
            except UnfitServer:  # which deletes only one by one
                break
            errors = [one for one in answer.get("Errors", []) if one.get("Code") != "NoSuchKey"]
            if not errors:
                return
            keys = [one["Key"] for one in errors]
            failure = self._requests.connection.place.failed(errors[0])
            if not isinstance(failure, Passing):
                raise failure
            self._wait(attempts, failure)
        for key in keys:
            with contextlib.suppress(Absent):
                self._persist(partial(self._requests.send, "delete_object", Absent, Key=key))

    def _has(self, name: str, body: bytes | Path) -> bool:
        return self._persist(partial(self._requests.has, name, body))

    def _attempts(self) -> Attempts:
        return Attempts(self._patience, lambda: self._requests.is_known)

    def _persist(self, ask: Callable[[], _Answer], attempts: Attempts | None = None) -> _Answer:
        """Ask until there is an answer; what is asked must do no harm when asked twice."""
        attempts = attempts or self._attempts()
        while True:
            try:
                return ask()
            except Passing as failure:
                self._wait(attempts, failure)

    def _wait(self, attempts: Attempts, failure: Passing) -> None:
        """Wait before another attempt, or tell the user that there were enough."""
        try:
            attempts.wait(failure)
        except Passing:
            raise self._unreachable(failure) from failure

    def _unreachable(self, failure: Passing) -> UnusableHistory:
        return self._requests.connection.place.unreachable(failure)


def _condition(etag: str | None, *, quotes: bool) -> dict[str, str]:
    if etag is None:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": f'"{etag}"' if quotes else etag}


def _date(answer: dict[str, Any]) -> float:
    """Return the server's time, which the ages of its objects are told by."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
