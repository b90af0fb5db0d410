"""A bucket as a remote: the only home of boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.sync.objects import Objects


def open_bucket(
    bucket: str, prefix: str, *, endpoint_url: str | None, profile: str | None
) -> Objects:
    """Return what is under a prefix in a bucket."""
    import boto3
    import botocore

    raise NotImplementedError(boto3, botocore)  # the next commit
