"""What botocore's failures mean: that something may pass, or a line for the user."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import botocore.exceptions as boto

from benchdb.errors import (
    BenchdbError,
    NoAccess,
    UnfitServer,
    UnreachableHistory,
    UnusableHistory,
    WrongSetting,
)
from benchdb.sync.patience import Passing


class Absent(Exception):
    """There is no such object."""


class Unmet(Exception):
    """The condition of a write doesn't hold."""


class NoSuchRange(Exception):
    """An object has no bytes there."""


#: Errors that may be gone the next time; beside these, all with a status of 5xx but 501.
_PASSING_CODES: Final = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "XAmzContentSHA256Mismatch",
    }
)
_PASSING_STATUSES: Final = frozenset({408, 409, 425, 429})

_STALE: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN: Final = frozenset(
    {
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_SKEWED: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_ELSEWHERE: Final = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
)

_SIGN_IN: Final = "set AWS_PROFILE, or run `aws configure` or `aws sso login`"


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests go, for what users are told.

    Parameters
    ----------
    url
        The remote, as users write it.
    bucket, prefix
        Its parts.
    host
        The server.
    is_anonymous
        No credentials were found.
    """

    url: str
    bucket: str
    prefix: str
    host: str
    is_anonymous: bool

    def exception(self, error: Exception, expected: tuple[type[Exception], ...]) -> Exception:
        """Return what to raise for what botocore raised; `expected` can't be but what it is."""
        if isinstance(error, BenchdbError):
            return error
        if isinstance(error, boto.ClientError):
            said = self._answered(error)
            if not isinstance(said, Absent | Unmet | NoSuchRange) or isinstance(said, expected):
                return said
            if isinstance(said, Absent):
                return UnusableHistory(
                    f"{self.host} answers 404, as if it were no S3 server: correct the endpoint"
                )
            return Passing(f"{self.host} speaks of a condition that there is none of")
        return self._unanswered(error) or self.setting(error)

    def unreachable(self, failure: Passing) -> UnreachableHistory:
        """Return what to raise when a passing failure did not pass."""
        return UnreachableHistory(
            f"{self.url} can't be reached: {failure.reason}: "
            "check network and endpoint, then try again"
        )

    def setting(self, error: Exception) -> UnusableHistory | WrongSetting:
        """Return what to raise for settings of AWS's that can't be used."""
        match error:
            case boto.NoCredentialsError():
                return NoAccess(f"no AWS credentials were found for {self.url}: {_SIGN_IN}")
            case (
                boto.SSOError()
                | boto.TokenRetrievalError()
                | boto.CredentialRetrievalError()
                | boto.LoginError()
            ):
                return NoAccess(
                    f"AWS credentials for {self.url} can't be had ({_line(error)}): {_SIGN_IN}"
                )
            case boto.PartialCredentialsError():
                return NoAccess(
                    f"the AWS credentials for {self.url} are incomplete ({_line(error)}): "
                    "set both the key's id and its secret"
                )
            case boto.ProfileNotFound():
                return WrongSetting(
                    f"AWS's settings have no profile {error.kwargs.get('profile')!r}: "
                    "correct --profile or AWS_PROFILE, or run `aws configure`"
                )
            case boto.ParamValidationError():
                return WrongSetting(f"{self.bucket!r} can't be the name of a bucket: correct it")
        return WrongSetting(
            f"{self.url} can't be used with AWS's settings ({_line(error)}): correct them"
        )

    def failed(self, error: dict[str, str]) -> Exception:
        """Return what to raise for one of many objects that a request was about."""
        code = error.get("Code", "")
        if code in _PASSING_CODES:
            return Passing(f"{self.host} answers {code}")
        status = 403 if code == "AccessDenied" else 400
        return self._refused(status, code, {"Error": error}, {})

    def _answered(self, error: boto.ClientError) -> Exception:
        answer: dict[str, Any] = error.response
        meta = answer.get("ResponseMetadata", {})
        status = int(meta.get("HTTPStatusCode", 0))
        code = str(answer.get("Error", {}).get("Code", ""))
        if code == "NoSuchBucket":
            return UnusableHistory(
                f"there is no bucket {self.bucket!r} at {self.host}: "
                "make it, or correct its name, the endpoint or the profile"
            )
        if status == 412 or code == "PreconditionFailed":
            return Unmet()
        if status == 404:
            return Absent()
        if status == 416:
            return NoSuchRange()
        if status == 501 or code == "NotImplemented":
            return UnfitServer(
                f"{self.host} knows no conditional writes (501), so jobs that push at once would "
                "lose each other's results: keep the history in AWS S3, MinIO, Ceph or a folder"
            )
        if code in _PASSING_CODES or status in _PASSING_STATUSES or status >= 500:
            return Passing(f"{self.host} answers {status} {code}".rstrip())
        return self._refused(status, code, answer, meta.get("HTTPHeaders", {}))

    def _refused(
        self, status: int, code: str, answer: dict[str, Any], headers: dict[str, str]
    ) -> UnusableHistory:
        region = headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region")
        if code in _STALE:
            return NoAccess(
                f"the AWS credentials for {self.url} have expired: renew them, or {_SIGN_IN}"
            )
        if code in _UNKNOWN:
            return NoAccess(
                f"{self.host} doesn't accept these AWS credentials ({code}): "
                "correct the keys, the profile or the endpoint"
            )
        if code in _SKEWED:
            return NoAccess(
                f"this machine's clock is {_skew(headers.get('date'))} that of {self.host}: "
                "set it right"
            )
        if code in _ELSEWHERE or status in {301, 307}:
            known = f"set AWS_DEFAULT_REGION={region}" if region else "set AWS_DEFAULT_REGION"
            return UnusableHistory(f"the bucket {self.bucket!r} is in another region: {known}")
        if status in {401, 403}:
            if self.is_anonymous:
                return NoAccess(f"no AWS credentials were found for {self.url}: {_SIGN_IN}")
            objects = f"{self.prefix}/*" if self.prefix else "all objects"
            return NoAccess(
                f"access to {self.url} was denied: ask for s3:ListBucket, and s3:GetObject on "
                f"{objects}; to push for s3:PutObject, too; to begin a history or to compact it "
                "for s3:DeleteObject, too"
            )
        message = " ".join(str(answer.get("Error", {}).get("Message", "")).split())[:200]
        return UnusableHistory(
            f"{self.host} refused a request for {self.url} ({status} {code}: {message}): "
            "look up there what that means"
        )

    def _unanswered(self, error: Exception) -> Exception | None:
        """Return what to raise where there was no whole answer; None where none was asked for."""
        match error:
            case boto.SSLError() if "CERTIFICATE_VERIFY" in str(error):
                return UnusableHistory(
                    f"the certificate of {self.host} can't be verified: set AWS_CA_BUNDLE to the "
                    "file of its authority, or correct the endpoint"
                )
            case boto.SSLError() if "WRONG_VERSION" in str(error) or "record layer" in str(error):
                return WrongSetting(f"{self.host} speaks no TLS: give its endpoint as http://")
            case boto.ProxyConnectionError():
                return Passing("the proxy that HTTPS_PROXY or HTTP_PROXY names doesn't answer")
            case boto.EndpointConnectionError():
                return Passing(self._no_connection(error))
            case boto.ConnectTimeoutError() | boto.ReadTimeoutError():
                return Passing(f"{self.host} doesn't answer in time")
            case boto.IncompleteReadError() | boto.ResponseStreamingError():
                return Passing(f"{self.host} cut an answer off")
            case boto.HTTPClientError() | boto.ConnectionError():
                return Passing(f"{self.host} dropped the connection")
            case _ if type(error).__name__ == "ResponseParserError":
                return Passing(f"{self.host} sent an answer that makes no sense")
            case RecursionError():  # botocore follows wherever it is sent
                return UnusableHistory(
                    f"{self.host} sends requests elsewhere again and again: "
                    "correct the endpoint or the region"
                )
            case OSError():
                return Passing(f"{self.host} dropped the connection")
        return None

    def _no_connection(self, error: boto.EndpointConnectionError) -> str:
        cause: Any = error.kwargs.get("error")
        for one in (cause, getattr(cause, "__cause__", None), getattr(cause, "__context__", None)):
            if isinstance(one, socket.gaierror) or "resolve" in type(one).__name__.lower():
                return f"no server has the name {self.host}"
            if isinstance(one, ConnectionRefusedError):
                return f"nothing listens at {self.host}"
        return f"there is no way to {self.host}"


def _skew(date: str | None) -> str:
    try:
        seconds = (datetime.now(UTC) - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError):
        return "far off"
    return f"{abs(seconds) / 60:.0f} minutes {'ahead of' if seconds > 0 else 'behind'}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
