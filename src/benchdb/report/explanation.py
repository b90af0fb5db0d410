"""What a verdict is made of, as tables and as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from benchdb.metrics import counts_outcomes
from benchdb.report import text
from benchdb.report.gate import effect_of, verdict_content
from benchdb.report.series import described
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.verdicts import Explained


def explanation_tables(every: Sequence[Explained], preferred: tuple[str, ...] = ()) -> list[Table]:
    """Return what to show of verdicts and what they are made of.

    Parameters
    ----------
    every
        The verdicts.
    preferred
        Names of the subjects that stand for a revision, the first first.
    """
    return [table for one in every for table in _tables(one, preferred)]


def _tables(one: Explained, preferred: tuple[str, ...]) -> Iterator[Table]:
    verdict = one.verdict
    scale = scale_of([value for _, value in one.points], verdict.key.metric.unit)
    name = f"{verdict.key.case.id} {verdict.key.metric.name}"
    sure = f" ({verdict.certainty or verdict.why})" if verdict.certainty or verdict.why else ""
    values = tuple(value for _, value in one.points)
    yield Table(
        (Column("trend"), Column("sessions", right=True)),
        ((Cell(values=values), f"{len(values):,}"),),
        f"{name}: {verdict.verdict}{sure}",
        described(verdict.key.conditions),
        tuple(_lines(one)),
    )
    if one.stretches:
        yield Table(
            (
                Column("from (UTC)"),
                Column("to (UTC)"),
                Column("sessions", right=True),
                Column("level", right=True),
                Column("spread", right=True),
            ),
            tuple(
                (
                    text.minute(each.first.started),
                    text.minute(each.last.started),
                    f"{each.points:,}",
                    scale.text(each.level),
                    f"{100 * each.spread:.2g} %" if math.isfinite(each.spread) else "",
                )
                for each in one.stretches
            ),
            "segments of the past",
        )
    rows = []
    for number, (session, value) in enumerate(reversed(one.points)):
        main = text.main_subject(session.subjects, session.branch, preferred)
        judged = "judged" if number < one.judged else ""
        rows.append(
            (
                text.minute(session.started),
                text.short(session.uid),
                text.revision(main),
                scale.text(value),
                judged,
            )
        )
    columns = (
        Column("started (UTC)"),
        Column("session", code=True),
        Column("revision", optional=True),
        Column(verdict.key.metric.name, right=True),
        Column("", optional=True),
    )
    yield Table(columns, tuple(rows), "newest sessions")


def _lines(one: Explained) -> Iterator[str]:
    """Yield the numbers of a verdict, and by which formulas they are made."""
    verdict = one.verdict
    yield (
        f"limit: p of at most {one.limit:.2g} = false_alarms {one.false_alarms:g} / {one.family:,} "
        f"series that are judged"
    )
    if counts_outcomes(verdict.key.metric):
        if one.usual is not None:
            yield (
                f"expected: {100 * one.usual:.3g} % of test runs, as this test did before: where "
                "little is known of it, as the whole suite does, with the weight of 20 test runs"
            )
        now = "" if math.isnan(verdict.value) else f"{100 * verdict.value:.3g} % of test runs now"
        yield f"{now}: p = {verdict.p:.2g}, by the binomial distribution"
        return
    scale = scale_of([one.level, verdict.value], verdict.key.metric.unit)
    if not math.isnan(one.level):
        expected = (
            f"expected: {scale.text(one.level)}, the median of the last segment, known as from "
            f"{one.worth:.3g} sessions"
        )
        if math.isfinite(one.spread):  # of a level of 0 there are no shares
            expected += (
                f"; sessions stray by {100 * one.spread:.2g} % (standard deviation, from "
                f"{verdict.past:,} sessions), the farthest by {100 * one.tail:.2g} %"
            )
        yield f"{expected}; neighbours correlate by {one.memory:.2f}"
    if not math.isnan(verdict.effect):
        sessions = text.counted(verdict.points, "session")
        yield (
            f"found: {effect_of(verdict)} in {sessions}, "
            f"p = {verdict.p:.2g} (two-sided): Student's t of their mean against the segment "
            "before, and how likely it is that most of them stray so far"
        )
    yield f"tolerance: {100 * verdict.tolerance:.3g} %"
    if not math.isnan(one.one):
        yield (
            f"smallest slowdown that shows in four of five cases: {_share(one.one)} in one session "
            f"(limit / 2.5), {_share(one.five)} in five (limit / 5, as a change may begin anywhere)"
        )


def _share(effect: float) -> str:
    return f"{100 * effect:.2g} %" if math.isfinite(effect) else "none"


def explanation_content(every: Sequence[Explained]) -> dict[str, Any]:
    """Return the content of ``benchdb/explanation/1``."""
    return {
        "series": [
            {
                **verdict_content(one.verdict),
                "values": [
                    {"session": session.uid, "value": value} for session, value in one.points
                ],
                "judged": one.judged,
                "segments": [
                    {
                        "first": each.first.uid,
                        "last": each.last.uid,
                        "points": each.points,
                        "level": each.level,
                        "spread": each.spread,
                    }
                    for each in one.stretches
                ],
                "limit": one.limit,
                "family": one.family,
                "false_alarms": one.false_alarms,
                "level": one.level,
                "spread": one.spread,
                "memory": one.memory,
                "worth": one.worth,
                "tail": one.tail,
                "smallest_one": one.one,
                "smallest_five": one.five,
                "usual": one.usual,
            }
            for one in every
        ]
    }
