"""The manifest: the one object of a history that is replaced."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from benchdb.errors import DamagedHistory, NewerHistory
from benchdb.sync.protocol.names import is_snapshot, segment_name, snapshot_month

#: A client refuses a manifest with a greater one: what it says may mean something else by then.
FORMAT: Final = 1

#: What numbers are below, so that a damaged one isn't carried on.
_MOST: Final = 2**62

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A fold of a month's segments.

    Parameters
    ----------
    name
        Of the object; it has the SHA-256 of its bytes in it.
    schema
        The revision of the schema that it is in.
    size
        Bytes.
    entries
        How many sessions and annotations it holds.
    """

    name: str
    schema: str
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month's snapshot, and the ones before it, the newest first."""

    current: Snapshot
    before: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a history consists of, beside the segments that no snapshot has yet.

    Parameters
    ----------
    generation
        Grows by one with every replacement.
    writer
        Of this replacement: a random word, by which its writer knows it again.
    months
        By name, as ``2026-11``.
    horizon
        Entries that began before are forgotten; None where there is none.
    tombstones
        Uids of sessions that were erased.
    doomed
        Objects that may be deleted, and will be.
    born
        The writer of the first one: another history at the same place has another.
    """

    generation: int = 0
    writer: str = ""
    months: dict[str, Month] = field(default_factory=dict)
    horizon: str | None = None
    tombstones: frozenset[str] = frozenset()
    doomed: frozenset[str] = frozenset()
    born: str = ""

    def forgets(self, uid: str, started: str) -> bool:
        """Tell whether an entry was erased, or began before the horizon."""
        return uid in self.tombstones or (self.horizon is not None and started < self.horizon)

    def snapshots(self) -> frozenset[str]:
        """Return the names of all snapshots that it lists."""
        return frozenset(
            one.name for month in self.months.values() for one in (month.current, *month.before)
        )

    def next(self, writer: str, **changes: Any) -> Manifest:
        """Return the manifest that replaces this one."""
        born = self.born or writer
        return replace(self, generation=self.generation + 1, writer=writer, born=born, **changes)

    def to_json(self) -> bytes:
        """Return it as it is stored."""
        content = {
            "format": FORMAT,
            "generation": self.generation,
            "writer": self.writer,
            "born": self.born,
            "months": {
                name: {
                    "current": _fields(month.current),
                    "before": [_fields(one) for one in month.before],
                }
                for name, month in sorted(self.months.items())
            },
            "horizon": self.horizon,
            "tombstones": sorted(self.tombstones),
            "doomed": sorted(self.doomed),
        }
        return json.dumps(content, indent=1).encode() + b"\n"


def from_json(stored: bytes) -> Manifest:
    """Return a manifest from what is stored.

    Raises
    ------
    DamagedHistory
        If it makes no sense.
    NewerHistory
        If a newer benchdb made it.
    """
    try:
        content = json.loads(stored)
        if content["format"] > FORMAT:
            raise NewerHistory(
                "the history was written by a newer benchdb: install the newest release"
            )
        return Manifest(
            generation=_number(content["generation"]),
            writer=str(content["writer"]),
            born=str(content["born"]),
            months={
                name: Month(
                    _snapshot(month["current"], name),
                    tuple(_snapshot(one, name) for one in month["before"]),
                )
                for name, month in content["months"].items()
            },
            horizon=None if content["horizon"] is None else _instant(content["horizon"]),
            tombstones=frozenset(map(str, content["tombstones"])),
            doomed=frozenset(map(_doomed, content["doomed"])),
        )
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise DamagedHistory(
            f"manifest.json of the history is damaged ({type(error).__name__}: {error}): "
            "put an earlier version of it back, or else move it away, run `benchdb push --all` "
            "from who has the sessions, `benchdb compact` a day later, and erase again what was "
            "erased"
        ) from error


def _fields(one: Snapshot) -> dict[str, Any]:
    return {"name": one.name, "schema": one.schema, "size": one.size, "entries": one.entries}


def _doomed(name: object) -> str:
    """Return the name of an object that may be deleted: one of ours, whatever the manifest says."""
    if not isinstance(name, str) or not (is_snapshot(name) or segment_name(name)):
        raise ValueError(f"{name!r} is none of benchdb's objects")
    return name


def _snapshot(content: dict[str, Any], month: str) -> Snapshot:
    name = str(content["name"])
    if snapshot_month(name) != month:
        raise ValueError(f"{name!r} is no snapshot of {month}")
    return Snapshot(
        name, str(content["schema"]), _number(content["size"]), _number(content["entries"])
    )


def _number(content: object) -> int:
    """Return a number that databases can hold."""
    if not isinstance(content, int) or not 0 <= content < _MOST:
        raise ValueError(f"{content!r} is no number of anything")
    return content


def _instant(content: object) -> str:
    """Return an instant in the form that entries have, with which it is compared."""
    if not isinstance(content, str) or _INSTANT.fullmatch(content) is None:
        raise ValueError(f"{content!r} is no instant")
    return content
