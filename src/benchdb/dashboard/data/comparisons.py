"""What the pages that compare are given: `data/compare/….js` and `data/releases.js`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.dashboard.data.events import CommitRange


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides compared, the first one the baseline: series that both have.

    The other way round every ratio 1 + effect is its inverse, low is made of high, and the levels
    change places.

    Parameters
    ----------
    baseline, contender
        Keys of the sides.
    differences
        What is not the same on the two sides, beside the subjects: kind, name, before, after.
    ranges
        The commits between them.
    series
        Numbers in the table.
    against
        Those of the baseline, where conditions are on trial: two machines, two sizes of a cluster.
        Empty where they are all the same.
    chance
        Rows whose interval leaves out 0 though so many were compared that chance may do it: as
        `benchdb compare` has it, they are undecided.
    effect, low, high
        With the 95 % interval; None for an end that is not known.
    size
        The difference in standard deviations.
    before, after
        The two levels.
    more
        For each of `ladder` about how many more sessions of each side would put the interval wholly
        beyond the tolerance, or wholly within it; 0 where it is so, -1 where a thousand would not.
    ladder
        Tolerances.
    alone
        How many series of each side have no values on the other.
    overall
        Of each metric: its number, and the geometric mean of all its series with the interval.
    """

    baseline: str
    contender: str
    differences: list[list[str]]
    ranges: list[CommitRange]
    series: list[int]
    against: list[int]
    chance: list[int]
    effect: list[float | None]
    low: list[float | None]
    high: list[float | None]
    size: list[float | None]
    before: list[float]
    after: list[float]
    ladder: list[float]
    more: list[list[int]]
    alone: list[int]
    overall: list[list[float | None]]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Each release against the one before it, module by module.

    Parameters
    ----------
    tolerance
        An interval counts where all of it is beyond.
    columns
        Pairs of keys of sides: baseline and contender.
    modules
        Paths of files of tests; the first row is the whole suite, with an empty path.
    metrics
        By metric.
    """

    tolerance: float
    columns: list[list[str]]
    modules: list[str]
    metrics: list[HeatMetric]


@dataclass(frozen=True, slots=True)
class HeatMetric:
    """Of one metric: the effect and the counts, by module and column; None where nothing ran."""

    metric: int
    effect: list[list[float | None]]
    worse: list[list[int]]
    better: list[list[int]]
