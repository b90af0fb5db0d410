"""What a verdict is made of: points, segments, what was expected, and the limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from benchdb.analysis.prediction import smallest_effect
from benchdb.analysis.scale import Scale
from benchdb.errors import UserError
from benchdb.metrics import counts_outcomes
from benchdb.records import worse_way
from benchdb.review.cases import matching_cases
from benchdb.review.expecting import expected
from benchdb.review.gate import prepare
from benchdb.review.judged import LOOKS, ONE_LOOK, RUNS
from benchdb.review.outcomes import rate_expected, usual_rate
from benchdb.review.renaming import current
from benchdb.verdicts import Explained, Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.analysis.results import Baseline
    from benchdb.config import Settings
    from benchdb.review.gate import Ready
    from benchdb.review.lines import Line
    from benchdb.store.connection import Connection
    from benchdb.verdicts import SeriesVerdict

#: Points that are shown.
_SHOWN: Final = 20


def explain(
    connection: Connection,
    settings: Settings,
    case: str,
    given: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> list[Explained]:
    """Return what the verdicts on a case are made of.

    Parameters
    ----------
    connection, settings, given
        As `benchdb.review.gate.judge` takes them.
    case
        A name or a pattern, as `benchdb.review.cases.matching_cases` takes it.
    metrics
        Names of metrics to keep; all by default.

    Raises
    ------
    UserError
        If the case isn't in what is judged, or has none of the metrics.
    """
    cases = {current(one, settings.renamed) for one in matching_cases(connection, [case])}
    ready = prepare(connection, settings, given)
    found = [one for one in ready.verdicts(connection, settings) if one.key.case in cases]
    if not found:
        raise UserError(
            f"no verdict on {case!r} here: the session that is judged doesn't have it, or none of "
            "the metrics; name another session, as `benchdb explain CASE session:UID`"
        )
    known = sorted({one.key.metric.name for one in found})
    if metrics:
        found = [one for one in found if one.key.metric.name in metrics]
    if not found:
        raise UserError(f"no metric {metrics[0]!r} was judged here: use one of {', '.join(known)}")
    lines = {one.key: one for one in ready.lines}
    return [_explained(one, lines[one.key], ready, settings) for one in found]


def _explained(verdict: SeriesVerdict, line: Line, ready: Ready, settings: Settings) -> Explained:
    points = [*zip(line.at, line.values.tolist(), strict=True)]
    points += [(session, value) for session, value, _ in line.new]
    contender = bool(line.new)
    judged = len(line.new) or 1
    if counts_outcomes(line.key.metric):
        like = [one for one in ready.lines if one.key.metric == line.key.metric]
        usual = usual_rate((one.values, one.runs) for one in like)
        new = [(value, runs) for _, value, runs in line.new]
        rate = rate_expected(line.values, line.runs, new, usual, ready.limit)
        stretches, baseline = [], None
    else:
        rate = None
        if not contender and verdict.certainty and verdict.since is not None:
            # What came before the change is the past of all that came since.
            past_points = [one.row for one in line.at].index(verdict.since.row)
            judged = len(line.at) - past_points
        else:
            past_points = len(line.at) - (0 if contender else 1)
        changes, baseline = expected(line.values[:past_points], line.accepted)
        before = past_points - (changes.segments[-1].stop if changes.segments else 0)
        stretches = [
            Stretch(
                line.at[before + one.start],
                line.at[before + one.stop - 1],
                one.points,
                one.level,
                one.spread,
            )
            for one in changes.segments
        ]
    return Explained(
        verdict=verdict,
        points=tuple(points[-_SHOWN:]),
        judged=judged,
        stretches=tuple(stretches),
        limit=ready.limit,
        family=ready.family,
        false_alarms=settings.false_alarms,
        usual=rate,
        **_numbers(verdict, baseline, ready.limit),
    )


def _numbers(verdict: SeriesVerdict, baseline: Baseline | None, limit: float) -> dict[str, float]:
    """Return what the past leads one to expect, in numbers."""
    if baseline is None:
        names = ("level", "spread", "memory", "worth", "tail", "one", "five")
        return dict.fromkeys(names, math.nan)
    way = worse_way(verdict.key.metric.direction)
    scale = Scale(baseline.unit)
    outmost = baseline.highest if way > 0 else baseline.lowest
    return {
        "level": scale.level(baseline.height),
        "spread": scale.relative(baseline.spread, baseline.height),
        "memory": baseline.memory,
        "worth": baseline.points,
        "tail": scale.relative(abs(outmost[0]), baseline.height) if outmost else math.nan,
        "one": abs(smallest_effect(baseline, limit / ONE_LOOK, 1, way)),
        "five": abs(smallest_effect(baseline, limit / LOOKS, RUNS, way)),
    }
