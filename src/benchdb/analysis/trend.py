"""Telling steps from drift: a slow change passes for a flight of steps.

Models with a smooth trend below the steps are compared with the steps alone. The one that explains
the series at the least cost wins, and the steps that it needs are the ones that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.segmentation import loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.noise import Floats

#: What a step and a degree of the trend cost, in units of log-likelihood.
_STEP, _DEGREE = 6.0, 4.0

#: The highest degree of the trend.
_MOST_DEGREES: Final = 5

#: Below so many points a trend can't be told from steps.
_LEAST_POINTS: Final = 20

#: Points further than so many standard deviations from a model count little when it is fitted.
_OUTSIDE, _WEIGHT_OUTSIDE = 3.0, 0.001

_TURNS: Final = 4

#: Added to the squares of the columns, so that there is always one solution.
_RIDGE: Final = 1e-9


def steps_beside_trend(
    values: Floats, times: Floats, scale: float, boundaries: Sequence[int], remembered: float
) -> tuple[list[int], int]:
    """Return the steps that a series has beside a smooth trend.

    Parameters
    ----------
    values, times, scale
        One series, when its points were taken, ascending and not all at once, and its noise.
    boundaries
        The candidates, ascending.
    remembered
        The memory of the noise, by which its deviations tell less.

    Returns
    -------
    list of int
        Some of the candidates; all where there is no trend.
    int
        The degree of the trend; 0 where there is none.
    """
    if not boundaries or len(values) < _LEAST_POINTS:
        return list(boundaries), 0
    worth = (1 - remembered) / (1 + remembered)
    points = np.arange(len(values))
    columns = [(points >= cut).astype(float) for cut in boundaries]
    place = 2 * (times - times[0]) / (times[-1] - times[0]) - 1
    level = np.ones((len(values), 1))
    _, cost, flat = _fit(np.column_stack([level, *columns]), values / scale, np.ones(len(values)))
    best = cost * worth + _STEP * len(boundaries)
    kept, chosen = list(boundaries), 0
    for degree in range(1, _MOST_DEGREES + 1):
        trend = np.polynomial.legendre.legvander(place, degree)
        left = list(range(len(boundaries)))
        weights = flat
        while True:
            design = np.column_stack([trend, *(columns[at] for at in left)])
            strengths, cost, weights = _fit(design, values / scale, weights)
            total = cost * worth + _STEP * len(left) + _DEGREE * degree
            if total < best:
                best, kept, chosen = total, [boundaries[at] for at in left], degree
            if not left:
                break
            del left[int(strengths[degree + 1 :].argmin())]
    return kept, chosen


def _fit(design: Floats, values: Floats, weights: Floats) -> tuple[Floats, float, Floats]:
    """Fit a linear model that doesn't heed what lies far outside.

    Returns
    -------
    array
        The strength of each column: its coefficient without sign over its standard error.
    float
        The bounded loss of all points.
    array
        The weights of the points.
    """
    ridge = np.diag(np.full(design.shape[1], _RIDGE))
    for _ in range(_TURNS):
        weighted = design * weights[:, None]
        inverse = np.linalg.inv(weighted.T @ weighted + ridge)
        coefficients = inverse @ (weighted.T @ (values * weights))
        deviations = values - design @ coefficients
        new = np.where(np.abs(deviations) < _OUTSIDE, 1.0, _WEIGHT_OUTSIDE)
        if (new == weights).all():
            break
        weights = new
    errors = np.sqrt(np.maximum(np.diag(inverse), 1e-12))
    return np.abs(coefficients) / errors, float(loss(deviations).sum()), weights
