"""The names of a history's objects, and what they tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from benchdb.records import ANNOTATION

MANIFEST: Final = "manifest.json"
SEGMENTS: Final = "sessions/"
SNAPSHOTS: Final = "snapshots/"

_SEGMENT: Final = re.compile(
    r"sessions/(?P<month>[0-9]{4}-[0-9]{2})/(?P<uid>[0-9a-zA-Z._-]{1,100}?)"
    r"-(?P<digest>[0-9a-f]{64}|"
    + ANNOTATION
    + r")-(?P<count>[1-9][0-9]{0,5})-(?P<sha256>[0-9a-f]{64})\.db\.zst"
)
_SNAPSHOT: Final = re.compile(
    r"snapshots/(?P<month>[0-9]{4}-[0-9]{2})/(?P<sha256>[0-9a-f]{64})\.db\.zst"
)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One thing that a history holds: a session in one form, or an annotation.

    Parameters
    ----------
    started
        When it began, in UTC, as the database holds it (it sorts as time does).
    uid
        The session's, or the annotation's key.
    digest
        The session's, or `ANNOTATION`.
    """

    started: str
    uid: str
    digest: str

    @property
    def month(self) -> str:
        """The month that it is kept under: ``2026-11``."""
        return self.started[:7]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from any other."""
        return self.uid, self.digest


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What the name of a segment tells.

    Parameters
    ----------
    month
        Of everything in it.
    uid, digest
        Of the first entry in it.
    count
        How many entries it has.
    sha256
        Of the object's bytes.
    """

    month: str
    uid: str
    digest: str
    count: int
    sha256: str

    @property
    def key(self) -> tuple[str, str]:
        """Of the first entry."""
        return self.uid, self.digest

    def __str__(self) -> str:
        first = f"{self.uid}-{self.digest}"
        return f"{SEGMENTS}{self.month}/{first}-{self.count}-{self.sha256}.db.zst"


def segment_name(name: str) -> SegmentName | None:
    """Return what the name of an object tells, None where it is no segment's."""
    found = _SEGMENT.fullmatch(name)
    if found is None:
        return None
    month, uid, digest, count, sha256 = found.group("month", "uid", "digest", "count", "sha256")
    return SegmentName(month, uid, digest, int(count), sha256)


def snapshot_name(month: str, sha256: str) -> str:
    """Return the name of a snapshot."""
    return f"{SNAPSHOTS}{month}/{sha256}.db.zst"


def snapshot_month(name: str) -> str | None:
    """Return the month of a snapshot, None where an object is not named as one."""
    found = _SNAPSHOT.fullmatch(name)
    return found and found.group("month")


def is_snapshot(name: str) -> bool:
    """Tell whether an object is named as a snapshot."""
    return _SNAPSHOT.fullmatch(name) is not None


def checksum_of(name: str) -> str:
    """Return the SHA-256 that a segment or snapshot must have, by its name."""
    return name.rpartition("/")[2].removesuffix(".db.zst")[-64:]
