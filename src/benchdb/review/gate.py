"""The gate: which session is judged, against which part of the trunk, and what is said of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.errors import UserError
from benchdb.records import Verdict
from benchdb.report.text import short
from benchdb.review.acknowledged import Acknowledged
from benchdb.review.chosen import base_of, choose
from benchdb.review.expecting import LAST
from benchdb.review.history import read_history
from benchdb.review.lines import Line, is_judged, judged_count, verdicts_of
from benchdb.review.renaming import current
from benchdb.review.selection import selected
from benchdb.review.series import case_series, is_trunk
from benchdb.series import conflicts_among
from benchdb.store.cases import cases_of_sessions
from benchdb.store.queries import stored_sessions
from benchdb.store.sayings import stored_sayings
from benchdb.verdicts import Gate, SeriesVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.config import Settings
    from benchdb.review.chosen import Base, Chosen
    from benchdb.series import Case, SeriesKey, StoredSession
    from benchdb.store.connection import Connection
    from benchdb.verdicts import Certainty

#: With fewer points among the last sessions, more are looked for further back.
_FEW: Final = 30


class Ready(NamedTuple):
    """All that a session is judged by."""

    chosen: Chosen
    trunk: bool
    base: Base
    lines: list[Line]
    said: Acknowledged
    limit: float
    family: int
    conflicts: tuple[str, ...]
    infinite: tuple[SeriesKey, ...]

    def verdicts(self, settings: Settings) -> list[SeriesVerdict]:
        """Judge all of it, the worst first."""
        numbers = {one.row: number for number, one in enumerate(self.base.sessions)}
        found = verdicts_of(self.lines, settings, self.limit, self.said, numbers)
        return sorted(found, key=_rank)


def judge(connection: Connection, settings: Settings, given: Sequence[str] = ()) -> Gate:
    """Judge a session, or those that are named.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the trunk, the metrics, the tolerances, and what fails.
    given
        What names the sessions, as `benchdb.review.sides` takes it; by default the newest that was
        recorded into this database, else those of HEAD's commit.

    Raises
    ------
    UserError
        If there is no such session, or nothing in it can be judged.
    """
    ready = prepare(connection, settings, given)
    missing, deselected = _missing(connection, settings, ready.chosen.sessions, ready.base.sessions)
    fail_on: Certainty = "confirmed" if ready.trunk else "suspect"
    if settings.fail_on is not None:
        fail_on = "suspect" if settings.fail_on == "suspect" else "confirmed"
    return Gate(
        sessions=ready.chosen.sessions,
        chosen=ready.chosen.why,
        trunk=ready.trunk,
        base=ready.base.said,
        verdicts=tuple(ready.verdicts(settings)),
        missing=missing,
        deselected=deselected,
        fail_on=fail_on,
        limit=ready.limit,
        false_alarms=settings.false_alarms,
        conflicts=ready.conflicts,
        infinite=ready.infinite,
    )


def prepare(connection: Connection, settings: Settings, given: Sequence[str] = ()) -> Ready:
    """Read all that a session is judged by, as `judge` takes it."""
    every = stored_sessions(connection)
    chosen = choose(connection, settings, every, given)
    trunk = all(is_trunk(one, settings.trunk) for one in chosen.sessions)
    base = base_of(settings, every, chosen.sessions, trunk=trunk)
    lines, infinite = _read(connection, settings, chosen.sessions, base.sessions, trunk=trunk)
    if not lines:
        named = " and ".join(short(one.uid) for one in chosen.sessions[:3])
        raise UserError(
            f"nothing of session {named} can be judged: it has no test run that ended, or none of "
            f"the metrics {', '.join(settings.metrics)} (`benchdb show` lists sessions)"
        )
    said = Acknowledged(stored_sayings(connection), base.sessions, settings.renamed)
    family = judged_count(lines)
    return Ready(
        chosen=chosen,
        trunk=trunk,
        base=base,
        lines=[_from_accepted(one, said, base.sessions) for one in lines],
        said=said,
        limit=settings.false_alarms / family,
        family=family,
        conflicts=conflicts_among(every),
        infinite=infinite,
    )


def _read(
    connection: Connection,
    settings: Settings,
    judged: Sequence[StoredSession],
    base: Sequence[StoredSession],
    *,
    trunk: bool,
) -> tuple[list[Line], tuple[SeriesKey, ...]]:
    """Return the series that have a point in what is judged, from as little as is needed.

    Also those of which such a point is infinite.
    """
    judged_rows = {one.row for one in judged}
    environments = {one.environment for one in judged}
    like = [one for one in base if one.environment in environments and one.row not in judged_rows]
    near: list[StoredSession] = []
    for environment in environments:
        near += [one for one in like if one.environment == environment][-LAST:]
    rows = judged_rows | {one.row for one in near}
    history = read_history(connection, settings, sessions=rows, every_session=True)
    sessions = history.sessions
    mine = np.array([one.row in judged_rows for one in sessions], dtype=np.bool_)
    lines = []
    for one in history.series:
        new = mine[one.at]
        if not new.any() or not is_judged(one.key, settings):
            continue
        kept = np.ones_like(new) if trunk else ~new
        points = [
            (sessions[at], value, runs)
            for at, value, runs in zip(
                one.at[new].tolist(), one.values[new].tolist(), one.runs[new].tolist(), strict=True
            )
        ]
        lines.append(
            Line(
                one.key,
                [sessions[at] for at in one.at[kept].tolist()],
                one.values[kept],
                one.runs[kept],
                [] if trunk else points,
            )
        )
    if len(like) > len(near):
        lines = _further_back(connection, settings, lines, like, judged_rows, trunk=trunk)
    infinite = [
        one.key for one in history.infinite if mine[one.at].any() and is_judged(one.key, settings)
    ]
    return lines, tuple(infinite)


def _further_back(
    connection: Connection,
    settings: Settings,
    lines: Sequence[Line],
    like: Sequence[StoredSession],
    judged: set[int],
    *,
    trunk: bool,
) -> list[Line]:
    """Look further back for the points of cases that seldom run."""
    few = {one.key.case for one in lines if len(one.values) < _FEW}
    if not few:
        return list(lines)
    usable = {one.row for one in like} | (judged if trunk else set())
    found = {
        series.key: [
            point
            for point in series.points
            if point.session.row in usable and math.isfinite(point.value)
        ]
        for case in case_series(connection, sorted(few), settings, last=LAST)
        for series in case.series
    }
    more = []
    for one in lines:
        points = found.get(one.key, [])
        longer = one._replace(
            at=[point.session for point in points],
            values=np.array([point.value for point in points]),
            runs=np.array([point.runs for point in points], dtype=np.int64),
        )
        more.append(longer if len(points) > len(one.values) else one)
    return more


def _from_accepted(line: Line, said: Acknowledged, base: Sequence[StoredSession]) -> Line:
    """Note where the level begins that somebody accepted."""
    start = said.baseline_start(line.key)
    if not start or start >= len(base):
        return line
    order = base[start].order
    return line._replace(accepted=sum(1 for one in line.at if one.order < order))


def _missing(
    connection: Connection,
    settings: Settings,
    judged: Sequence[StoredSession],
    base: Sequence[StoredSession],
) -> tuple[tuple[Case, ...], int]:
    """Return the cases of the trunk's last session that are absent, and how many weren't meant."""
    rows = {one.row for one in judged}
    environments = {one.environment for one in judged}
    like = [one for one in base if one.row not in rows and one.environment in environments]
    if not like:
        return (), 0
    last = like[-1]
    before, now = (_cases(connection, settings, some) for some in ({last.row}, rows))
    absent = sorted(before - now)
    meant = [one for one in absent if selected(one, [each.command_line for each in judged], last)]
    return tuple(meant), len(absent) - len(meant)


def _cases(connection: Connection, settings: Settings, rows: set[int]) -> set[Case]:
    return {current(one, settings.renamed) for one in cases_of_sessions(connection, rows)}


def _rank(one: SeriesVerdict) -> tuple[object, ...]:
    """Return what verdicts are sorted by: what fails first, the worst of it first."""
    order = {Verdict.REGRESSED: 0, Verdict.UNDECIDED: 2, Verdict.IMPROVED: 1, Verdict.UNCHANGED: 3}
    size = abs(one.effect) if math.isfinite(one.effect) else math.inf
    return (
        order[one.verdict],
        one.raised is not None,
        one.certainty != "confirmed",
        not one.why.startswith("beyond"),
        -size,
        one.key.case,
        one.key.metric.name,
    )
