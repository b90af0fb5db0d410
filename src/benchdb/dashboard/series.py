"""The table of series: what each has come to, how it changed lately, and its history as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchdb.dashboard.columns import column, finite, listed, rounded
from benchdb.dashboard.data import SeriesTable
from benchdb.records import Verdict

if TYPE_CHECKING:
    from benchdb.dashboard.outcomes import Outcomes
    from benchdb.dashboard.survey import Survey
    from benchdb.findings import Moved

#: The newest sessions in which failures count as present.
_NEWEST: Final = 3

_WIDTH: Final = 60
_HEIGHTS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def verdict_number(verdict: Verdict | None) -> int:
    """Return 1 for worse, -1 for better, 0 else."""
    return {Verdict.REGRESSED: 1, Verdict.IMPROVED: -1}.get(verdict, 0) if verdict else 0


class Recent:
    """The newest change of each series among the recent sessions.

    Parameters
    ----------
    found
        By series the change, the first session behind it, and the number of its event.
    """

    def __init__(self, survey: Survey) -> None:
        self.found: dict[int, tuple[Moved, int, int]] = {}
        for event, one in enumerate(survey.events()):
            for number, moved in survey.moved(one):
                since = survey.numbers[moved.first_after.row]
                before = self.found.get(number)
                if since >= survey.recent and (before is None or since > before[1]):
                    self.found[number] = (moved, since, event)


def series_table(survey: Survey, outcomes: Outcomes, recent: Recent) -> SeriesTable:
    """Return the table of the series that are shown."""
    series = survey.series
    size = len(series)
    effect: list[float | None] = [None] * size
    before, low, high = list(effect), list(effect), list(effect)
    verdict, since, event = [0] * size, [-1] * size, [-1] * size
    for at, (moved, session, number) in recent.found.items():
        before[at], effect[at] = finite(moved.before), finite(moved.effect)
        low[at], high[at] = finite(moved.low), finite(moved.high)
        verdict[at] = verdict_number(moved.verdict)
        since[at], event[at] = session, number
    drift: list[float | None] = [None] * size
    for at, one in survey.drifts().items():
        drift[at] = finite(one.effect)
        if at not in recent.found:
            before[at] = finite(one.before)
    now = survey.segments.last_level
    for at, (_, last) in survey.slopes().items():
        now[at] = last
    failing = _failing(survey, outcomes)
    searched = survey.searched
    return SeriesTable(
        case=[survey.case_numbers[one.key.case] for one in series],
        metric=survey.metric_of.tolist(),
        conditions=list(survey.conditions_of),
        version=[one.key.conditions.version or "" for one in series],
        points=survey.points.lengths.tolist(),
        now=listed(rounded(now)),
        noise=column(searched.noise[survey.shown]),
        floor=column(searched.floor[survey.shown]),
        before=before,
        effect=effect,
        low=low,
        high=high,
        verdict=verdict,
        since=since,
        event=event,
        drift=drift,
        last=[int(one.at[-1]) for one in series],
        failing=failing,
        spark=_sparks(survey),
    )


def _failing(survey: Survey, outcomes: Outcomes) -> list[int]:
    """Return in how many of its newest sessions the case of each series came to harm."""
    under = outcomes.shown_under()
    found: dict[tuple[object, int], int] = {}
    for case, some in outcomes.trunk.items():
        for ran in some:
            harm = int(((ran.failed + ran.lost)[-_NEWEST:] > 0).sum())
            bare = survey.numbered(ran.conditions)
            for number in {bare, under.get((case, bare), bare)}:
                found[case, number] = max(found.get((case, number), 0), harm)
    return [
        found.get((one.key.case, number), 0)
        for one, number in zip(survey.series, survey.conditions_of, strict=True)
    ]


def _sparks(survey: Survey) -> list[str]:
    """Return of each series a line of heights, each the median of neighbouring sessions."""
    points = survey.points
    if not len(points):
        return [""] * len(survey.series)
    used = np.unique(points.at)
    width = min(_WIDTH, len(used))
    place = np.searchsorted(used, points.at) * width // len(used)
    grouped = points.in_groups(points.owner * width + place)
    owner, cell = np.divmod(grouped.groups, width)
    middle = grouped.medians()
    size = len(survey.series)
    lowest, highest = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(lowest, owner, middle)
    np.maximum.at(highest, owner, middle)
    with np.errstate(invalid="ignore", over="ignore"):
        spread = highest / 2 - lowest / 2
        share = (middle / 2 - lowest[owner] / 2) / np.where(spread > 0, spread, 1.0)[owner]
    share = np.where(spread[owner] > 0, share, 0.5)
    heights = np.rint(share * (len(_HEIGHTS) - 1)).astype(np.int64)
    letters = np.frombuffer(_HEIGHTS.encode(), dtype=np.uint8)
    drawn = np.full((size, width), ord(" "), dtype=np.uint8)
    drawn[owner, cell] = letters[heights]
    return [bytes(row).decode() for row in drawn]
