"""Effects for people: by how much something changed, as measured, with its interval."""

from __future__ import annotations

import math
from typing import Final

from benchdb.report.units import scale_of

#: From here on an effect is told by the ratio of the two levels.
_AS_RATIO: Final = 9.0


def effect_text(
    effect: float,
    low: float | None = None,
    high: float | None = None,
    *,
    before: float = math.nan,
    unit: str = "1",
) -> str:
    """Return an effect, and the interval that it lies in: ``+8.1 % (+7.2 to +9.0 %)``.

    Parameters
    ----------
    effect
        New / old - 1; infinite where the old level was 0.
    low, high
        The bounds of its 95 % interval; None, or equal to it, where there is none.
    before, unit
        The old level and its unit. Where that is below 0 the difference is told: a share of such a
        level reads as if it went to 0, or the other way.
    """
    if not math.isfinite(effect):
        return "from 0"
    if before < 0:
        scale = scale_of([effect * before or before], unit)

        def number(value: float) -> str:
            shown = scale.number(abs(value * before))
            return ("-" if value < 0 else "+" if value > 0 else "") + shown

        of_it = scale.unit
    else:

        def number(value: float) -> str:
            return _number(value, effect)

        of_it = "times" if effect >= _AS_RATIO else "%"
    said = f"{number(effect)} {of_it}".strip()
    if low is None or high is None or low == high:
        return said
    if not (math.isfinite(low) and math.isfinite(high)):
        return said
    return f"{said} ({number(low)} to {f'{number(high)} {of_it}'.strip()})"


def size_text(effect: float) -> str:
    """Return the size of an effect above 0 that was not measured: ``5.4 %``, ``120 times``."""
    if effect >= _AS_RATIO:
        return f"{_two_digits(effect + 1)} times"
    return f"{_two_digits(100 * effect)} %"


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def _number(value: float, like: float) -> str:
    """Return an effect without its unit, in as many digits as suit `like`."""
    if like >= _AS_RATIO:
        return f"{max(value + 1, 0):.3g}"
    percent = 100 * value
    size = abs(100 * like)
    decimals = 0 if size >= 100 else 1 if size >= 1 else 2
    shown = f"{percent:+.{decimals}f}"
    return shown.lstrip("+-") if float(shown) == 0 else shown
