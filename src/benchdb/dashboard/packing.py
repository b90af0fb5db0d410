"""Long columns written short: a browser reads a few long strings sooner than many short ones.

`dashboard/src/packing.ts` is the inverse. A column is written as it is, or as

- ``{"mostly": value, "count": n, "at": [...], "are": [...]}``: one value but at some places;
- ``{"names": [...], "at": [...]}``: few values, by their numbers;
- ``{"steps": [...]}``: whole numbers, each less the one before;
- ``{"lines": "..."}``: strings, one a line.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Columns shorter than this stay as people can read them.
LEAST: Final = 1000

#: "Mostly" is more than this share, and "few values" at most that.
_MOSTLY, _FEW = 0.8, 0.1


def packed(column: Sequence[Any]) -> Any:
    """Return a column, or what it is read from."""
    if len(column) < LEAST:
        return column
    kinds = {type(value) for value in column}
    if kinds == {list}:
        return _mostly(column, []) or column
    counts = Counter(column)
    (common, _), *_ = counts.most_common(1)
    if (found := _mostly(column, common)) is not None:
        return found
    if kinds <= {int}:
        return {"steps": [column[0], *(two - one for one, two in pairwise(column))]}
    if len(counts) <= _FEW * len(column):
        numbers = {value: number for number, value in enumerate(counts)}
        return {"names": list(counts), "at": [numbers[value] for value in column]}
    if kinds == {str} and not any("\n" in value for value in column):
        return {"lines": "\n".join(column)}
    return column


def _mostly(column: Sequence[Any], value: Any) -> dict[str, Any] | None:
    others = [at for at, one in enumerate(column) if one != value]
    if len(others) > (1 - _MOSTLY) * len(column):
        return None
    are = [column[at] for at in others]
    return {"mostly": value, "count": len(column), "at": others, "are": are}
