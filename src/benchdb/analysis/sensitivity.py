"""How carefully a search looks, and what it can see then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from benchdb.analysis.steps import Demands, inflation
from benchdb.analysis.student import two_sided_quantile

if TYPE_CHECKING:
    from benchdb.analysis.noise import Floats, Integers

Sensitivity = Literal["report", "suspect", "confirmed"]


class Rules(NamedTuple):
    """How one sensitivity looks.

    Parameters
    ----------
    fixed, falling
        The penalty of a change is ``fixed + log n + falling / n``, in units of log-likelihood.
    bound
        From so many standard deviations on a point costs no more.
    while_fitting, at_last
        What is demanded of a boundary to stay, and of a step to be shown.
    last, recent
        A gate looks at the last points, for changes that began among the recent of them. It takes
        what a straight line explains about as well for drift, and measures steps in the noise of
        the last points where that is larger.
    """

    fixed: float
    falling: float
    bound: float
    while_fitting: Demands
    at_last: Demands
    last: int | None = None
    recent: int | None = None

    def penalties(self, lengths: Integers) -> Floats:
        """Return what a change costs in series of some lengths."""
        costs: Floats = self.fixed + np.log(lengths) + self.falling / lengths
        return costs


#: How much larger than by formula a slowdown must be to be seen in four of five cases.
_OF_SIMULATION: Final = 1.15

RULES: Final[dict[str, Rules]] = {
    "report": Rules(
        fixed=3.0,
        falling=12.0,
        bound=3.0,
        while_fitting=Demands(1e-4, 0.01, 1.4, 1e-6, 0.5, 2, 0.01),
        at_last=Demands(1e-4, 0.01, 1.4, 1e-6, 0.5, 2, 0.01),
    ),
    "suspect": Rules(
        fixed=1.0,
        falling=16.0,
        bound=3.5,
        while_fitting=Demands(1e-3, 0.01, 1.4, 1e-6, 0.9, 2, math.inf),
        at_last=Demands(1e-3, 0.02, 1.6, 1e-6, 1.2, 2, math.inf),
        last=150,
        recent=20,
    ),
    "confirmed": Rules(
        fixed=2.0,
        falling=36.0,
        bound=3.5,
        while_fitting=Demands(4e-4, 0.01, 1.4, 1e-7, 0.9, 2, math.inf),
        at_last=Demands(4e-4, 0.02, 1.6, 1e-7, 1.2, 3, math.inf),
        last=150,
        recent=20,
    ),
}


def noise_floor(points: int, scale: float, remembered: float) -> float:
    """Return the smallest slowdown that the gate would see after a last segment of some points."""
    demands, runs = RULES["confirmed"].at_last, 5
    error = scale * inflation(remembered) * math.sqrt(1 / points + 1 / runs)
    sure = two_sided_quantile(demands.p, points + runs) * error
    power = 0.84 * scale * math.sqrt(1 / runs)  # four cases of five
    seen = _OF_SIMULATION * (max(demands.size * scale, sure) + power)
    return max(demands.effect, math.expm1(min(seen, 700.0)))
