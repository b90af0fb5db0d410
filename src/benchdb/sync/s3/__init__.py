"""A bucket as a remote: the only home of botocore, which is what boto3 works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchdb.errors import UserError

if TYPE_CHECKING:
    from benchdb.sync.objects import Objects


def open_bucket(
    bucket: str, prefix: str, *, endpoint_url: str | None, profile: str | None
) -> Objects:
    """Return what is under a prefix in a bucket: see `benchdb.sync.objects.open_remote`."""
    try:
        from benchdb.sync.s3.bucket import Bucket
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "botocore":
            raise
        raise UserError("S3 needs botocore: run `pip install 'benchdb[s3]'`") from None
    return Bucket(bucket, prefix, endpoint_url=endpoint_url, profile=profile)
