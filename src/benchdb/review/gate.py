"""The gate: which session is judged, against which part of the trunk, and what is said of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.errors import UserError
from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.report.text import short
from benchdb.review.absent import Absent, absent
from benchdb.review.acknowledged import Acknowledged
from benchdb.review.chosen import base_of, choose
from benchdb.review.elsewhere import lines_elsewhere
from benchdb.review.environments import other_environments
from benchdb.review.expecting import LAST
from benchdb.review.history import read_history
from benchdb.review.lines import Line, is_judged, judged_count, verdicts_of
from benchdb.review.renaming import mixed
from benchdb.review.series import case_series, is_trunk
from benchdb.review.unmatched import unmatched
from benchdb.series import conflicts_among
from benchdb.store.cases import ran_cases
from benchdb.store.queries import stored_sessions
from benchdb.store.sayings import stored_sayings
from benchdb.verdicts import Gate, SeriesVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.config import Settings
    from benchdb.review.chosen import Base, Chosen
    from benchdb.series import SeriesKey, StoredSession
    from benchdb.store.connection import Connection
    from benchdb.verdicts import Certainty

#: With fewer points among the last sessions, more are looked for further back.
_FEW: Final = 30


class _Read(NamedTuple):
    """What was read of the sessions that are judged, and of those just before.

    Parameters
    ----------
    lines
        The series that have a point in what is judged.
    infinite
        Those to judge of which such a point is infinite.
    measured
        The names of the metrics that were measured in what is judged.
    keys
        All series that were read.
    absent
        What is lacking.
    """

    lines: list[Line]
    infinite: tuple[SeriesKey, ...]
    measured: set[str]
    keys: list[SeriesKey]
    absent: Absent


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
    unmatched: tuple[str, ...]
    absent: Absent

    def verdicts(self, connection: Connection, settings: Settings) -> list[SeriesVerdict]:
        """Judge all of it, the worst first."""
        numbers = {one.row: number for number, one in enumerate(self.base.sessions)}
        if not self.trunk:  # what is said of changes behind the trunk's newest session holds here
            numbers.update(dict.fromkeys((one.row for one in self.chosen.sessions), len(numbers)))
        found = verdicts_of(self.lines, settings, self.limit, self.said, numbers)
        alarms = [one for one in found if one.alarms and not counts_outcomes(one.key.metric)]
        if self.trunk and alarms:
            judged, base = self.chosen.sessions, self.base.sessions
            elsewhere = [
                _from_accepted(one, self.said, base)
                for one in lines_elsewhere(connection, settings, base, judged, alarms)
            ]
            if elsewhere:
                found = verdicts_of(
                    self.lines, settings, self.limit, self.said, numbers, elsewhere=elsewhere
                )
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
    lacking = ready.absent
    fail_on: Certainty = "confirmed" if ready.trunk else "suspect"
    if settings.fail_on is not None:
        fail_on = "suspect" if settings.fail_on == "suspect" else "confirmed"
    return Gate(
        sessions=ready.chosen.sessions,
        chosen=ready.chosen.why,
        trunk=ready.trunk,
        base=ready.base.said,
        verdicts=tuple(ready.verdicts(connection, settings)),
        missing=lacking.missing,
        deselected=lacking.deselected,
        skipped=lacking.skipped,
        no_value=lacking.no_value,
        other_environments=other_environments(ready.chosen.sessions, ready.base.sessions),
        mixed=_mixed(connection, settings, ready.chosen.sessions),
        fail_on=fail_on,
        limit=ready.limit,
        false_alarms=settings.false_alarms,
        conflicts=ready.conflicts,
        infinite=ready.infinite,
        unmatched=ready.unmatched,
        head=ready.chosen.head,
        base_sessions=len(ready.base.sessions),
        named=tuple(given),
    )


def _mixed(
    connection: Connection, settings: Settings, sessions: Sequence[StoredSession]
) -> tuple[tuple[str, str], ...]:
    """Return the renamed tests that a session ran by both names."""
    if not settings.renamed:
        return ()
    found: dict[tuple[str, str], None] = {}
    for session in sessions:
        cases = [case for _, case, _ in ran_cases(connection, [session.row])]
        found.update(dict.fromkeys(mixed(cases, settings.renamed)))
    return tuple(found)


def prepare(connection: Connection, settings: Settings, given: Sequence[str] = ()) -> Ready:
    """Read all that a session is judged by, as `judge` takes it."""
    every = stored_sessions(connection)
    chosen = choose(connection, settings, every, given)
    trunk = all(is_trunk(one, settings.trunk) for one in chosen.sessions)
    base = base_of(settings, every, chosen.sessions, trunk=trunk)
    found = _read(connection, settings, chosen.sessions, base.sessions, trunk=trunk)
    lines = found.lines
    _check(found, settings, chosen.sessions)
    said = Acknowledged(stored_sayings(connection), base.sessions, settings.renamed, settings.root)
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
        infinite=found.infinite,
        unmatched=unmatched(connection, settings, found.keys),
        absent=found.absent,
    )


def _check(found: _Read, settings: Settings, sessions: Sequence[StoredSession]) -> None:
    """Refuse to judge where there is nothing to: silence would be taken for a yes.

    What becomes of test runs is always there. It is enough where nothing was measured, as all of
    them failed, or where some did.
    """
    named = " and ".join(short(one.uid) for one in sessions[:3])
    if not found.lines:
        raise UserError(
            f"nothing of session {named} can be judged: it has no test run that ended "
            "(`benchdb show` lists sessions)"
        )
    if not found.absent.ran:
        raise UserError(
            f"nothing of session {named} can be judged: all of its tests were skipped "
            "(`benchdb show` lists sessions)"
        )
    if not found.measured or any(_tells(one) for one in found.lines):
        return
    if found.infinite:
        reason = "all of its values are infinite: record others, or take other metrics"
    else:
        judged = ", ".join(repr(one) for one in settings.metrics) or "nothing"
        reason = (
            f"it measured {', '.join(sorted(found.measured))}, and [tool.benchdb] metrics asks "
            f"for {judged}"
        )
    raise UserError(f"nothing of session {named} can be judged: {reason}")


def _tells(line: Line) -> bool:
    """Tell whether a series measures something, or test runs of what is judged came to harm."""
    new = [value for _, value, _ in line.new] or line.values[-1:].tolist()
    return not counts_outcomes(line.key.metric) or any(new)


def _read(
    connection: Connection,
    settings: Settings,
    judged: Sequence[StoredSession],
    base: Sequence[StoredSession],
    *,
    trunk: bool,
) -> _Read:
    """Read what is judged, and as little as is needed of what was before."""
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
    every = (*history.series, *history.infinite)
    here = [one.key for one in every if mine[one.at].any()]
    infinite = [one.key for one in history.infinite if mine[one.at].any()]
    return _Read(
        lines,
        tuple(one for one in infinite if is_judged(one, settings)),
        {one.metric.name for one in here if not counts_outcomes(one.metric)},
        [one.key for one in every],
        absent(connection, settings, history, judged, like),
    )


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
