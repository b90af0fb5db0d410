"""Whether the place that keeps a history keeps its word on conditional writes.

Some servers answer 200 to a write whose condition doesn't hold, and carry it out; of two jobs that
push at once, one would lose its manifest. What counts here is what is there afterwards, not what
the server said: an answer may be lost, or come from a proxy.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from typing import TYPE_CHECKING, Final

from benchdb.errors import UnfitServer, UnusableHistory

if TYPE_CHECKING:
    from benchdb.sync.objects import Objects

#: The objects that probes make and delete begin so.
PROBES: Final = "probe-"

_PROBE: Final = re.compile(PROBES + "[0-9a-f]{32}")

#: Seconds after which nobody is probing any more.
_GRACE: Final = 86400.0


def is_probe(name: str) -> bool:
    """Tell whether an object is named as one that a probe makes."""
    return _PROBE.fullmatch(name) is not None


def sweep_probes(objects: Objects) -> None:
    """Delete what probes left: who was cut off, or may not delete, leaves its object."""
    objects.delete(
        [one.name for one in objects.list(PROBES) if is_probe(one.name) and one.age > _GRACE]
    )


def probe(objects: Objects) -> None:
    """Find out whether a place writes only under the conditions that it is told.

    Raises
    ------
    UnfitServer
        If it writes all the same, or not even where the condition holds, or knows no conditions.
    """
    name = f"{PROBES}{uuid.uuid4().hex}"
    try:
        _try(objects, name)
    finally:
        with contextlib.suppress(UnusableHistory):  # not in the place of what was found
            objects.delete([name])


def _try(objects: Objects, name: str) -> None:
    first, second, third, fourth = (uuid.uuid4().bytes for _ in range(4))
    objects.put_new(name, first)
    objects.put_new(name, second)
    had = objects.read(name)
    if had is None or had.body != first:
        raise _unfit(objects, "If-None-Match: *")
    objects.replace(name, third, had.etag)
    _demand(objects, name, third)
    objects.replace(name, fourth, had.etag)
    _demand(objects, name, third)


def _demand(objects: Objects, name: str, body: bytes) -> None:
    now = objects.read(name)
    if now is None or now.body != body:
        raise _unfit(objects, "If-Match")


def _unfit(objects: Objects, condition: str) -> UnfitServer:
    return UnfitServer(
        f"the server of {objects.url} doesn't obey {condition}, so jobs that push at once would "
        "lose each other's results: keep the history in AWS S3, MinIO, Ceph or a folder"
    )
