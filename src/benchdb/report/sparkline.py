"""A row of numbers as a line of characters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from benchdb.series import median

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII: Final = "_.:-=+*#"

#: What stands for a point without a value.
GAP: Final = " "


def sparkline(values: Sequence[float | None], *, width: int = 40, ascii_only: bool = False) -> str:
    """Return a character for every value, the lowest to the highest.

    Parameters
    ----------
    values
        In order; None and what is not finite leaves a gap.
    width
        The most characters; of more values, neighbours share one, by their median.
    ascii_only
        Whether to draw with ASCII characters.

    Notes
    -----
    Values that differ by less than 1 % in all are drawn level in the middle: noise is no mountain.
    """
    points = _shared([_finite(value) for value in values], width)
    seen = [value for value in points if value is not None]
    if not seen:
        return GAP * len(points)
    levels = _ASCII if ascii_only else _BLOCKS
    low, high = min(seen), max(seen)
    spread = high - low
    top = len(levels) - 1
    if spread <= 0.01 * max(abs(low), abs(high)):
        return "".join(GAP if value is None else levels[top // 2] for value in points)
    return "".join(
        GAP if value is None else levels[round((value - low) / spread * top)] for value in points
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _shared(values: list[float | None], width: int) -> list[float | None]:
    count = len(values)
    if count <= width:
        return values
    bins = [values[index * count // width : (index + 1) * count // width] for index in range(width)]
    medians: list[float | None] = []
    for some in bins:
        seen = [value for value in some if value is not None]
        medians.append(median(seen) if seen else None)
    return medians
