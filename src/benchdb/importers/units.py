"""Metrics that other tools' files name: their units, and which way is better."""

from __future__ import annotations

from typing import Final

from benchdb.errors import UserError
from benchdb.metrics import built_in
from benchdb.records import Direction, Metric

_TIMES: Final = frozenset(
    {*("ns", "us", "µs", "μs", "ms", "s", "sec", "min", "h"), *("second", "seconds", "minutes")}
)
_BYTES: Final = frozenset(
    {"B", "byte", "bytes", *(f"{prefix}{b}" for prefix in "kKMGT" for b in ("B", "iB"))}
)
_WAYS: Final = {
    "lower": Direction.LOWER_IS_BETTER,
    "higher": Direction.HIGHER_IS_BETTER,
    "neither": None,
}


def metric_named(heading: str) -> Metric:
    """Return the metric that a heading names: ``NAME``, ``NAME [UNIT]``, ``NAME [UNIT higher]``.

    Raises
    ------
    UserError
        If the unit or the way makes no sense; it is the middle of a line.
    """
    name, bracket, rest = heading.rpartition("[")
    if not bracket or not rest.endswith("]") or not name.strip():
        known = built_in(heading)
        return Metric(heading, known.unit if known else "1", known.direction if known else None)
    name = name.strip()
    *words, way = rest[:-1].replace(",", ", ").split() or [""]
    if way in _WAYS:
        unit = " ".join(words).removesuffix(",") or "1"
    elif words and words[-1].endswith(","):
        raise UserError(f"{way!r} in {heading!r} is no direction: write lower, higher or neither")
    else:
        unit = rest[:-1].strip() or "1"
    known = built_in(name)
    direction = known.direction if known and known.unit == unit else direction_of(unit)
    return Metric(name, unit, _WAYS.get(way, direction))


def direction_of(unit: str) -> Direction | None:
    """Return which way is better of what is measured in a unit, where that is plain.

    Times and bytes are better when they are lower, and what is done in a time when it is more.
    """
    of, _, per = unit.partition("/")
    if per in _TIMES or unit == "Hz":
        return None if of in _TIMES else Direction.HIGHER_IS_BETTER
    return Direction.LOWER_IS_BETTER if of in _TIMES or of in _BYTES else None
