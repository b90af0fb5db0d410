"""Columns of numbers as JSON takes them: short, and None for what is no number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Significant digits of what is measured.
_DIGITS: Final = 5

#: Powers of ten that floats hold exactly.
_EXACT: Final = 22

#: Whole numbers up to here are written without a point.
_WHOLE: Final = 1e15


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values rounded to five significant digits: so that Python writes them so.

    A whole number of five digits, times or by an exact power of ten, is the float that is nearest
    to its decimals; beyond such powers a value stays as it is.
    """
    sizes = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.floor(np.log10(sizes))
    power = np.where(np.isfinite(power), _DIGITS - 1 - power, 0.0)
    fit = np.abs(power) <= _EXACT
    factor = 10.0 ** np.where(fit, np.abs(power), 0.0)
    up = power >= 0
    whole = np.rint(np.where(up, values * factor, values / factor))
    made = np.where(up, whole / factor, whole * factor)
    found: NDArray[np.float64] = np.where(fit & np.isfinite(values), made, values)
    return found


def listed(values: NDArray[np.float64]) -> list[float]:
    """Return finite numbers, already rounded, as JSON is shortest."""
    if len(values) and (values == np.rint(values)).all() and np.abs(values).max() < _WHOLE:
        return values.astype(np.int64).tolist()  # type: ignore[no-any-return]
    return values.tolist()  # type: ignore[no-any-return]


def column(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers, rounded, and None for what isn't finite."""
    finite = np.isfinite(values)
    found: list[float | None] = rounded(np.where(finite, values, 0.0)).tolist()
    if not finite.all():
        for at in np.flatnonzero(~finite).tolist():
            found[at] = None
    return found


def finite(value: float) -> float | None:
    """Return one number, rounded; None for what isn't finite."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def bounded(value: float, most: float = 1e9) -> float:
    """Return one number, rounded, where there must be one: what is infinite is very large."""
    if math.isnan(value):
        return 0.0
    return float(f"{min(max(value, -most), most):.{_DIGITS}g}")
