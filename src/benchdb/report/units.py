"""Numbers for people: in a unit that fits them, the same for a whole column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.series import median

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS: Final = (
    (10_800.0, 3600.0, "h"),
    (300.0, 60.0, "min"),
    (1.0, 1.0, "s"),
    (1e-3, 1e-3, "ms"),
    (1e-6, 1e-6, "µs"),
    (0.0, 1e-9, "ns"),
)
_BYTES: Final = tuple(
    (2.0**power if power else 0.0, 2.0**power, name)
    for power, name in ((50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B"))
)
_SCALES: Final = {"s": _SECONDS, "B": _BYTES}

#: Significant digits of a number in the middle of its column.
_DIGITS: Final = 3
_MOST: Final = 1e9


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one column are written.

    Parameters
    ----------
    factor
        The size of the unit shown, in the unit stored.
    unit
        The unit shown; empty for counts and ratios.
    decimals
        Digits after the point; None where numbers are too large or small for a fixed point.
    """

    factor: float
    unit: str
    decimals: int | None

    def number(self, value: float | None) -> str:
        """Return a number without its unit; nothing for None."""
        if value is None:
            return ""
        scaled = value / self.factor
        if self.decimals is None or not math.isfinite(scaled):
            return f"{scaled:.{_DIGITS}g}"
        return f"{scaled:,.{self.decimals}f}"

    def text(self, value: float | None) -> str:
        """Return a number with its unit."""
        return f"{self.number(value)} {self.unit}".strip() if value is not None else ""

    def title(self, name: str) -> str:
        """Return the title of a column of such numbers."""
        return f"{name} ({self.unit})" if self.unit else name


def scale_of(values: Iterable[float | None], unit: str) -> Scale:
    """Return the scale that fits the middle of these values.

    Parameters
    ----------
    values
        In `unit`; None and what is not finite is passed over.
    unit
        ``"s"``, ``"B"``, ``"1"`` or any word.
    """
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value)]
    middle = median([size for size in sizes if size] or [0.0])
    factor, shown = 1.0, "" if unit == "1" else unit
    for least, size, name in _SCALES.get(unit, ()) if middle else ():
        if middle >= least:
            factor, shown = size, name
            break
    if all(size == int(size) for size in sizes) and factor == 1.0 and max(sizes, default=0) < _MOST:
        return Scale(factor, shown, 0)
    scaled = middle / factor
    if not scaled or not 10.0**-_DIGITS <= scaled < _MOST:
        return Scale(factor, shown, None)
    return Scale(factor, shown, max(0, _DIGITS - 1 - math.floor(math.log10(scaled))))


def with_unit(value: float, unit: str) -> str:
    """Return one number with a unit that fits it."""
    return scale_of([value], unit).text(value)
