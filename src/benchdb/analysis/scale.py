"""How the values of a series are compared: as logarithms, or in units of their typical size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from benchdb.analysis.noise import Floats

#: Values further from 0 count as this, so that two have a mean.
_LARGEST: Final = 1e307

#: Heights are held within this, so that their fourth powers are finite.
HIGHEST: Final = 1e30


def one_row(values: ArrayLike) -> Floats:
    """Return a user's values as one row of numbers.

    Raises
    ------
    ValueError
        For other shapes, and for infinite values: which run is meant is not for us to say.
    """
    if isinstance(values, np.ma.MaskedArray):  # what is masked is missing
        values = np.ma.filled(values.astype(float), np.nan)
    given = np.asarray(values, dtype=float)
    if given.ndim != 1:
        raise ValueError(f"values must be one row of numbers, not of shape {given.shape}")
    if np.isinf(given).any():
        raise ValueError("values must be finite, or NaN where one is missing")
    bounded: Floats = np.clip(given, -_LARGEST, _LARGEST)
    return bounded


class Scale(NamedTuple):
    """How values are compared: as logarithms, or in units of their typical size.

    Parameters
    ----------
    unit
        The typical size of values that aren't all positive; None for logarithms.
    """

    unit: float | None

    @classmethod
    def of(cls, values: Floats) -> Scale:
        """Choose the scale for values, none of them missing."""
        if len(values) == 0 or values.min() > 0:
            return cls(None)
        sizes = np.abs(values[values != 0])
        return cls(float(np.median(sizes)) if len(sizes) else 1.0)

    def heights(self, values: Floats) -> Floats:
        """Return values as they are compared."""
        if self.unit is None:
            return np.log(values)
        with np.errstate(over="ignore"):
            heights: Floats = np.clip(values / self.unit, -HIGHEST, HIGHEST)
        return heights

    def level(self, height: float) -> float:
        """Return the value of a height."""
        if self.unit is not None:
            return height * self.unit
        return math.exp(min(height, 709.0))

    def effect(self, before: float, difference: float) -> float:
        """Return new / old - 1 of a difference of heights."""
        if self.unit is None:
            return math.expm1(difference) if difference < 709 else math.inf
        if before == 0:
            return math.copysign(math.inf, difference) if difference else 0.0
        return difference / abs(before)

    def relative(self, spread: float, height: float) -> float:
        """Return a spread of heights as a share of the level that it is around."""
        if self.unit is None:
            return spread
        return abs(spread / height) if height else (math.inf if spread else 0.0)
