"""Change points: where the level of a series changed, by how much, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.analysis.noise import noise
from benchdb.analysis.prediction import baseline_of
from benchdb.analysis.prepared import Prepared
from benchdb.analysis.results import ChangePoints
from benchdb.analysis.segmentation import make_exact, segment
from benchdb.analysis.sensitivity import RULES, noise_floor
from benchdb.analysis.steps import confirm, tested
from benchdb.analysis.trend import steps_beside_trend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike

    from benchdb.analysis.sensitivity import Rules, Sensitivity

#: How many series are cut up at once.
_AT_ONCE: Final = 256


def find_change_points(
    values: ArrayLike, times: ArrayLike | None = None, *, sensitivity: Sensitivity = "report"
) -> ChangePoints:
    """Find where the level of a series changed.

    Parameters
    ----------
    values
        The points of a series in their order, in any unit; NaN where one is missing.
    times
        When they were taken, in any unit, none before the one ahead of it: a drift is a trend over
        these. By default it is one over the points.
    sensitivity
        "report" looks at a whole history, to be read. "suspect" and "confirmed" look for changes
        of the last 40 points in the last 150, as a gate does after each run; of these the one
        alarms early, the other rarely falsely.

    Returns
    -------
    ChangePoints
        The steps, and the drift if there is one.

    Raises
    ------
    ValueError
        For values that are no row of numbers, infinite ones, times that aren't as many or go back,
        and an unknown sensitivity.

    Notes
    -----
    The series is cut into segments by dynamic programming with a bounded loss (compare Fearnhead
    and Rigaill, "Changepoint detection in the presence of outliers", JASA 114, 2019), each cut is
    tested by Student's t with the noise's memory taken into account, and a smooth trend is
    preferred to steps where it explains the series as well. Positive values are compared as
    logarithms, so that effects are relative; others in units of their typical size. What can't be
    told from a change that is smaller than 1 % (of the gate's sensitivities: 2 %) is none.
    """
    return find_change_points_many(
        [values], None if times is None else [times], sensitivity=sensitivity
    )[0]


def find_change_points_many(
    series: Iterable[ArrayLike],
    times: Iterable[ArrayLike] | None = None,
    *,
    sensitivity: Sensitivity = "report",
) -> list[ChangePoints]:
    """Find where the levels of many series changed, at less cost than one by one.

    Parameters
    ----------
    series, times
        The values and times of each, as `find_change_points` takes them.
    sensitivity
        As there.

    Returns
    -------
    list of ChangePoints
        What `find_change_points` gives for each.

    Raises
    ------
    ValueError
        As there.
    """
    if sensitivity not in RULES:
        known = ", ".join(RULES)
        raise ValueError(f"sensitivity {sensitivity!r} is unknown: take one of {known}")
    rules = RULES[sensitivity]
    given = list(series)
    when = [None] * len(given) if times is None else list(times)
    if len(when) != len(given):
        raise ValueError(f"there are {len(given)} series, but times for {len(when)}")
    made = [Prepared.of(*one, rules.last) for one in zip(given, when, strict=True)]
    by_length = sorted(range(len(made)), key=lambda at: len(made[at].heights))
    result: list[ChangePoints] = [one.unchanged() for one in made]
    for start in range(0, len(by_length), _AT_ONCE):
        chunk = [at for at in by_length[start : start + _AT_ONCE] if made[at].may_change]
        for at, found in zip(chunk, _found([made[at] for at in chunk], rules), strict=True):
            result[at] = found
    return result


def _found(chunk: Sequence[Prepared], rules: Rules) -> Iterator[ChangePoints]:
    """Find the changes of series of about one length."""
    if not chunk:
        return
    lengths = np.array([len(one.heights) for one in chunk], dtype=np.intp)
    rows = np.full((len(chunk), int(lengths.max())), np.nan)
    for row, one in zip(rows, chunk, strict=True):
        row[: len(one.heights)] = one.heights
    scales = noise(rows, lengths)
    penalties = rules.fixed + np.log(lengths) + rules.falling / lengths
    cuts = segment(rows, lengths, scales, penalties)
    for one, scale, boundaries in zip(chunk, scales.tolist(), cuts, strict=True):
        yield _judged(one, scale, boundaries, rules)


def _judged(one: Prepared, scale: float, boundaries: list[int], rules: Rules) -> ChangePoints:
    heights = one.heights
    exact = make_exact(heights, scale, boundaries)
    steps, dropped, remembered = confirm(heights, scale, exact, rules.while_fitting)
    cuts = [step.cut for step in steps]
    kept, degree = steps_beside_trend(heights, one.times, scale, cuts, remembered)
    drift = None
    if degree:
        ends = tested(heights, scale, [len(heights) // 2], remembered)[0]
        drift = one.change(ends, scale, "drift")
        dropped += [step for step in steps if step.cut not in kept]
        steps = tested(heights, scale, kept, remembered)
    recent = len(heights) - (rules.recent or len(heights))
    held = [step for step in steps if step.cut >= recent and rules.at_last.are_met(step)]
    dropped += [step for step in steps if step.cut >= recent and step not in held]
    return ChangePoints(
        steps=tuple(one.change(step, scale, "step") for step in held),
        drift=drift,
        candidates=tuple(
            one.change(step, scale, "step") for step in sorted(dropped, key=lambda step: step.cut)
        ),
        segments=one.segments([step.cut for step in steps]),
        noise=scale,
        noise_floor=noise_floor(len(heights) - (steps[-1].cut if steps else 0), scale, remembered),
        points=len(heights),
        baseline=baseline_of(
            heights,
            one.scale.unit,
            [0, *(step.cut for step in steps), len(heights)],
            scale,
            remembered,
        ),
    )
