"""Regressions that were taken for one cause, until more points told their places apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.review.causes import AS_MUCH, begin_together, overlap, size
from benchdb.review.judged import SAME_PLACE
from benchdb.review.places import at_one_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchdb.review.judged import Judged
    from benchdb.review.lines import Line
    from benchdb.series import StoredSession
    from benchdb.verdicts import SeriesVerdict


def raised_when_apart(
    verdicts: Sequence[SeriesVerdict],
    lines: Sequence[Line],
    judge: Callable[[Sequence[Line]], list[Judged]],
) -> list[SeriesVerdict]:
    """Raise regressions that never failed, as they seemed to have a known cause until now.

    Parameters
    ----------
    verdicts, lines
        Of one session of the trunk: what is said of series, and these. There may be more verdicts
        than series.
    judge
        Judges series anew.
    """
    found = list(verdicts)
    known = [
        number
        for number, one in enumerate(verdicts[: len(lines)])
        if one.verdict is Verdict.REGRESSED
        and one.certainty == "confirmed"
        and one.raised is not None
        and not one.control
        and not counts_outcomes(one.key.metric)
    ]
    for number in known:
        others = [
            lines[other]
            for other in known
            if _begins_beside(verdicts[number], verdicts[other], lines[number])
        ]
        if not others:
            continue
        # What else moved there tells where that was, too.
        near = [
            line
            for said, line in zip(verdicts, lines, strict=False)
            if said.certainty == "confirmed"
            and line is not lines[number]
            and all(line is not one for one in others)
            and _begins_near(verdicts[number], said, lines[number])
        ]
        if _seemed_one(lines[number], others, near, verdicts[number], judge):
            found[number] = replace(verdicts[number], raised=None)
    return found


def _begins_beside(one: SeriesVerdict, other: SeriesVerdict, line: Line) -> bool:
    """Tell whether a regression begins close to one that was raised before, and not with it."""
    if one.raised is None or other.raised is None:
        return False
    return (
        other.raised.order < one.raised.order
        and _begins_near(one, other, line)
        and not begin_together(one, other)
        and size(one.effect) <= AS_MUCH * size(other.effect)
    )


def _begins_near(one: SeriesVerdict, other: SeriesVerdict, line: Line) -> bool:
    """Tell whether two changes begin within a few points of a series."""
    if one.since is None or other.since is None:
        return False
    first, last = sorted((one.since.order, other.since.order))
    return sum(first < session.order <= last for session in line.at) <= SAME_PLACE


def _seemed_one(
    line: Line,
    others: Sequence[Line],
    near: Sequence[Line],
    verdict: SeriesVerdict,
    judge: Callable[[Sequence[Line]], list[Judged]],
) -> bool:
    """Tell whether a regression seemed to begin with others at each session since it was raised."""
    assert verdict.raised is not None
    for session in line.at[:-1]:
        if session.order < verdict.raised.order:
            continue
        then = [_up_to(one, session) for one in (line, *others, *near)]
        judged = at_one_place([one.at for one in then], [one.values for one in then], judge(then))
        mine, *places = [
            _place(one, said) for one, said in zip(then[: 1 + len(others)], judged, strict=False)
        ]
        if mine is not None and not any(one is not None and overlap(*mine, *one) for one in places):
            return False
    return True


def _up_to(line: Line, session: StoredSession) -> Line:
    """Return a series as it was after a session."""
    points = sum(one.order <= session.order for one in line.at)
    return line._replace(at=line.at[:points], values=line.values[:points], runs=line.runs[:points])


def _place(line: Line, judged: Judged) -> tuple[StoredSession, StoredSession] | None:
    """Return between which sessions a confirmed regression began; None where it is none."""
    if judged.verdict is not Verdict.REGRESSED or judged.certainty != "confirmed":
        return None
    return line.at[judged.begins - 1], line.at[judged.begins]
