"""How carefully a search looks, and what it can see then."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple

from benchdb.analysis.steps import Demands, inflation
from benchdb.analysis.student import two_sided_quantile

Sensitivity = Literal["report", "suspect", "confirmed"]


class Rules(NamedTuple):
    """How one sensitivity looks: the penalty of a change is ``fixed + log n + falling / n``."""

    fixed: float
    falling: float
    while_fitting: Demands
    at_last: Demands
    last: int | None = None
    recent: int | None = None


RULES: Final[dict[str, Rules]] = {
    "report": Rules(
        fixed=3.0,
        falling=12.0,
        while_fitting=Demands(1e-4, 0.01, 1.4, 1e-6, 0.5, 2),
        at_last=Demands(1e-4, 0.01, 1.4, 1e-6, 0.5, 2),
    ),
    "suspect": Rules(
        fixed=3.0,
        falling=24.0,
        while_fitting=Demands(1e-3, 0.01, 1.4, 1e-6, 0.9, 2),
        at_last=Demands(1e-3, 0.02, 1.6, 1e-6, 1.2, 2),
        last=150,
        recent=40,
    ),
    "confirmed": Rules(
        fixed=4.0,
        falling=36.0,
        while_fitting=Demands(3e-4, 0.01, 1.4, 1e-7, 0.9, 2),
        at_last=Demands(3e-4, 0.02, 1.8, 1e-7, 1.4, 3),
        last=150,
        recent=40,
    ),
}


def noise_floor(points: int, scale: float, remembered: float) -> float:
    """Return the smallest slowdown that the gate would see after a last segment of some points."""
    demands, runs = RULES["confirmed"].at_last, 5
    error = scale * inflation(remembered) * math.sqrt(1 / points + 1 / runs)
    sure = two_sided_quantile(demands.p, points + runs) * error
    power = 0.84 * scale * math.sqrt(1 / runs)  # four cases of five
    return max(demands.effect, math.expm1(min(max(demands.size * scale, sure) + power, 700.0)))
