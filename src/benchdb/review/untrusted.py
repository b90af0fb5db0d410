"""What may be taken in of a file that somebody else made: a pull request from a fork records it.

Series stand on trunk sessions, and whoever writes a file says of which branch its sessions are. So
only those count as a contender's that say so; none that would stand on the trunk, none that would
put a session that is here in doubt, and nothing that people are said to have decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.review.series import is_trunk
from benchdb.store.queries import stored_sessions

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchdb.config import Settings
    from benchdb.store.connection import Connection


#: What follows reads lists of uids: none may hold a line's end, or look like an option.
_UID: Final = re.compile(r"[0-9A-Za-z][\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Untrusted:
    """What of an untrusted file may be merged.

    Parameters
    ----------
    keys
        Of the sessions that may: (uid, digest).
    trunk
        Uids of those that may not, as they say that they are of the trunk.
    doubtful
        Uids of those that may not, as another form of them is here.
    odd
        Uids that no session gets.
    """

    keys: frozenset[tuple[str, str]]
    trunk: tuple[str, ...]
    doubtful: tuple[str, ...]
    odd: tuple[str, ...]


def sifted(
    source: Connection, held: Collection[tuple[str, str | None]], settings: Settings
) -> Untrusted:
    """Return what may be merged of an untrusted file.

    Parameters
    ----------
    source
        On that file, at the newest schema.
    held
        The sessions of the database that receives: (uid, digest), no digest while one is recorded.
    settings
        They name the trunk.
    """
    there: dict[str, set[str | None]] = {}
    for uid, digest in held:
        there.setdefault(uid, set()).add(digest)
    keys: set[tuple[str, str]] = set()
    trunk: list[str] = []
    doubtful: list[str] = []
    odd: list[str] = []
    for one in stored_sessions(source, hidden=True):
        if not _UID.fullmatch(one.uid):
            odd.append(one.uid)
        elif is_trunk(one, settings.trunk):
            trunk.append(one.uid)
        elif one.conflict or one.digest not in there.get(one.uid, {one.digest}):
            doubtful.append(one.uid)
        elif one.digest is not None:
            keys.add((one.uid, one.digest))
    return Untrusted(frozenset(keys), tuple(trunk), tuple(dict.fromkeys(doubtful)), tuple(odd))
