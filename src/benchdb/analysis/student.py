"""Student's t distribution, as far as tests and intervals need it.

Both functions take one number: they are called once or twice for each change point.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

#: Where the continued fraction has converged, and how many terms it may take.
_PRECISION, _TERMS = 1e-12, 300

#: The most turns of Newton's method: half a degree of freedom and p = 1e-6 take 50.
_TURNS = 200


@functools.lru_cache(maxsize=2**14)  # of many boundaries few change when one is dropped
def two_sided_p(t: float, freedom: float) -> float:
    """Return the chance of a larger ``|t|``.

    Parameters
    ----------
    t
        The statistic.
    freedom
        Degrees of freedom, above 0; they needn't be whole.

    Returns
    -------
    float
        From 0 to 1.

    Notes
    -----
    ``I_x(f/2, 1/2)`` at ``x = f / (f + t^2)``: Abramowitz and Stegun, Handbook of Mathematical
    Functions, 26.7.1 and 26.5.8.
    """
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


@functools.lru_cache(maxsize=4096)
def two_sided_quantile(p: float, freedom: float) -> float:
    """Return the t that is exceeded by ``|t|`` with chance `p`.

    Parameters
    ----------
    p
        Above 0, at most 1: 0.05 for an interval of 95 %.
    freedom
        Degrees of freedom, above 0.
    """
    # Newton's method from below: the chance falls ever slower as t grows, so no step is too long.
    log = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    front = math.exp(log) / math.sqrt(freedom * math.pi)
    t = NormalDist().inv_cdf(1 - p / 2)
    for _ in range(_TURNS):
        density = front * math.exp(-(freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (two_sided_p(t, freedom) - p) / (2 * density)
        t += step
        if step < t * 1e-10:
            break
    return t


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):  # where the fraction converges fast
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + term * d
            c = 1.0 + term / c
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return value
