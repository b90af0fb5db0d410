"""What the search for change points gives: frozen records of plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["step", "drift"]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of a series' level.

    Parameters
    ----------
    index
        The first point of the new level, counted from 0 with missing points; of a drift the middle
        of the series.
    kind
        "step", or "drift" for a slow change without a moment.
    effect
        New level / old level - 1; infinite where the old level was 0.
    low, high
        The bounds of the effect's 95 % interval; equal to it where nothing strays.
    before, after
        The two levels, in the unit of the values.
    noise
        The standard deviation of the values around their levels, relative to them.
    p
        The chance that a series of as many points without any change shows something as convincing
        at some place: the search over the places is taken into account.
    """

    index: int
    kind: Kind
    effect: float
    low: float
    high: float
    before: float
    after: float
    noise: float
    p: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a series with one level.

    Parameters
    ----------
    start, stop
        The first point and the one behind the last, counted from 0 with missing points.
    level
        In the unit of the values: the median of the logarithms where all values are positive.
    spread
        The standard deviation around the level, relative to it, spikes drawn in.
    points
        How many values it has that aren't missing.
    """

    start: int
    stop: int
    level: float
    spread: float
    points: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a series leads one to expect of its next points; plain numbers, to be kept.

    Parameters
    ----------
    height
        The level of the last segment as values are compared: a logarithm, or in units of `unit`.
    unit
        The typical size of values that aren't all positive; None for logarithms.
    spread
        The standard deviation of values around their level, in the same measure.
    memory
        The correlation of a point's deviation with the one before it.
    highest, lowest
        The largest tenth of the deviations to either side, outmost first; 20 at most.
    points
        How many points the last segment has, or is worth.
    past
        How many points all segments have.
    freedom
        Degrees of freedom of the spread.
    """

    height: float
    unit: float | None
    spread: float
    memory: float
    highest: tuple[float, ...]
    lowest: tuple[float, ...]
    points: float
    past: int
    freedom: int


@dataclass(frozen=True)
class ChangePoints(Sequence[ChangePoint]):
    """The steps of one series in their order, and what else is known of it.

    Parameters
    ----------
    steps
        The changes at a moment; iterating gives these.
    drift
        The slow change of the series, if it has one.
    candidates
        Boundaries that were weighed and found too weak, too small or part of the drift, ascending.
        Where several series are judged as one family (Benjamini-Hochberg), these and the steps are
        its members; a series that has neither is a member with p = 1.
    segments
        The stretches between the steps. Of the gate's sensitivities they begin where these look.
    noise
        The standard deviation of the values around their levels, relative to them.
    noise_floor
        The noise floor: the smallest slowdown (as an effect, above 0) that this series can tell
        from its noise. A step so large is "confirmed" within five runs in about four of five
        cases; fewer where the series drifts. Infinite where there are too few points.
    points
        How many values there were that were not missing (of the gate's sensitivities: the recent).
    baseline
        What the last segment leads one to expect of new points, for `judge_points`; None without
        any point.
    """

    steps: tuple[ChangePoint, ...]
    drift: ChangePoint | None
    candidates: tuple[ChangePoint, ...]
    segments: tuple[Segment, ...]
    noise: float
    noise_floor: float
    points: int
    baseline: Baseline | None

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, at: int) -> ChangePoint: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ChangePoint, ...]: ...
    def __getitem__(self, at: int | slice) -> ChangePoint | tuple[ChangePoint, ...]:
        return self.steps[at]

    def __iter__(self) -> Iterator[ChangePoint]:
        return iter(self.steps)
