"""Whether a user may look after a remote: put objects there, and delete them.

Who may only read, or only push, must not fetch all of a history to find that out at the end. A file
remembers the answer for a day; a server, which several users share, does not.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.errors import NoAccess
from benchdb.store.cache import cached, keep
from benchdb.store.opening import connected
from benchdb.sync.probe import PROBES

if TYPE_CHECKING:
    from benchdb.config import Location
    from benchdb.sync.objects import Objects

#: Seconds for which an answer holds.
_HOLDS: Final = 86400.0

_YES: Final = b"yes"
_NO: Final = b"no"


def may_maintain(objects: Objects, path: Location) -> bool:
    """Tell whether this user may put objects into a remote and delete them.

    Parameters
    ----------
    objects
        The remote.
    path
        The local database, which remembers the answer.
    """
    known = _remembered(objects, path)
    if known is None:
        known = _tried(objects)
        _remember(objects, path, is_allowed=known)
    return known


def note_refusal(objects: Objects, path: Location) -> None:
    """Note that this user may not, as it turned out."""
    _remember(objects, path, is_allowed=False)


def _tried(objects: Objects) -> bool:
    name = f"{PROBES}{uuid.uuid4().hex}"
    try:
        objects.delete([name])  # to begin with: who may not would leave what was put
        objects.put_new(name, uuid.uuid4().bytes)
        objects.delete([name])
    except NoAccess:
        return False
    return True


def _name(objects: Objects) -> str:
    return f"may maintain {objects.address}"


def _remembered(objects: Objects, path: Location) -> bool | None:
    """Return the answer that still holds; None where there is none."""
    if not isinstance(path, Path):
        return None
    name = _name(objects)
    with (
        contextlib.suppress(sqlite3.Error, OSError, ValueError),  # it is only asked again
        connected(path) as connection,
    ):
        if content := cached(connection, [name]).get(name):
            answer, when = content.split()
            if abs(time.time() - float(when)) < _HOLDS:
                return answer == _YES
    return None


def _remember(objects: Objects, path: Location, *, is_allowed: bool) -> None:
    if isinstance(path, Path):
        answer = _YES if is_allowed else _NO
        keep(path, {_name(objects): b"%s %d" % (answer, time.time())})
