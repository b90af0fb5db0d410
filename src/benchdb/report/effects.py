"""Effects for people: by how much something changed, as measured, with its interval."""

from __future__ import annotations

import math
from typing import Final

#: From here on an effect is told by the ratio of the two levels.
_AS_RATIO: Final = 9.0


def effect_text(effect: float, low: float | None = None, high: float | None = None) -> str:
    """Return an effect, and the interval that it lies in: ``+8.1 % (+7.2 to +9.0 %)``.

    Parameters
    ----------
    effect
        New / old - 1; infinite where the old level was 0.
    low, high
        The bounds of its 95 % interval; None, or equal to it, where there is none.
    """
    if not math.isfinite(effect):
        return "from 0"
    said = _with_unit(_number(effect, effect), effect)
    if low is None or high is None or low == high:
        return said
    if not (math.isfinite(low) and math.isfinite(high)):
        return said
    return f"{said} ({_number(low, effect)} to {_with_unit(_number(high, effect), effect)})"


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
    if abs(like) >= _AS_RATIO:
        return f"{max(value + 1, 0):.3g}"
    percent = 100 * value
    size = abs(100 * like)
    decimals = 0 if size >= 100 else 1 if size >= 1 else 2
    shown = f"{percent:+.{decimals}f}"
    return shown.lstrip("+-") if float(shown) == 0 else shown


def _with_unit(number: str, like: float) -> str:
    return f"{number} times" if abs(like) >= _AS_RATIO else f"{number} %"
