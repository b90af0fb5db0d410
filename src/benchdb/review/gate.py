"""The gate: which session is judged, against which part of the trunk, and what is said of it."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.errors import UserError
from benchdb.globs import matches
from benchdb.metrics import FAILED, counts_outcomes
from benchdb.records import Verdict
from benchdb.report.text import short
from benchdb.review.acknowledged import Acknowledged
from benchdb.review.cases import cases_among
from benchdb.review.chosen import base_of, choose
from benchdb.review.differences import commit_ranges
from benchdb.review.history import read_history
from benchdb.review.judging import LAST, Rule, judge_contenders, judge_newest
from benchdb.review.outcomes import judge_outcomes, usual_rate
from benchdb.review.selection import selected
from benchdb.review.series import case_series, is_trunk
from benchdb.store.queries import stored_sessions
from benchdb.store.sayings import stored_sayings
from benchdb.verdicts import Gate, SeriesVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.review.judging import Judged
    from benchdb.series import Case, SeriesKey, StoredSession
    from benchdb.store.connection import Connection
    from benchdb.verdicts import Certainty

#: With fewer points among the last sessions, more are looked for further back.
_FEW: Final = 30

#: A control that moved tells of a machine that differs by up to so many times as much.
_AS_CONTROL: Final = 2.0

#: The chance that any control seems to move although nothing did.
_CONTROL_P: Final = 0.01


class Line(NamedTuple):
    """A series as the gate sees it: points of the trunk, and the ones that are judged.

    Parameters
    ----------
    at, values, runs
        Of the trunk, as in `benchdb.review.history.HistorySeries`; where a session of the trunk is
        judged, with its point at the end.
    new
        Of a contender: session, value and number of test runs of each point. Empty for the trunk.
    accepted
        How many points stand before the level that somebody accepted as the baseline.
    """

    key: SeriesKey
    at: Sequence[StoredSession]
    values: NDArray[np.float64]
    runs: NDArray[np.int64]
    new: list[tuple[StoredSession, float, int]]
    accepted: int = 0


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
    every = stored_sessions(connection)
    chosen = choose(connection, settings, every, given)
    trunk = all(is_trunk(one, settings.trunk) for one in chosen.sessions)
    base = base_of(settings, every, chosen.sessions, trunk=trunk)
    lines = _read(connection, settings, chosen.sessions, base.sessions, trunk=trunk)
    if not lines:
        named = " and ".join(short(one.uid) for one in chosen.sessions[:3])
        raise UserError(
            f"nothing of session {named} can be judged: it has no test run that ended, or none of "
            f"the metrics {', '.join(settings.metrics)} (`benchdb show` lists sessions)"
        )
    said = Acknowledged(stored_sayings(connection), base.sessions)
    lines = [_from_accepted(one, said, base.sessions) for one in lines]
    count = judged_count(lines)
    limit = settings.false_alarms / count
    verdicts = _with_controls(_verdicts(lines, settings, limit, said, base.sessions), settings)
    missing, deselected = _missing(connection, settings, chosen.sessions, base.sessions)
    fail_on: Certainty = "confirmed" if trunk else "suspect"
    if settings.fail_on is not None:
        fail_on = "suspect" if settings.fail_on == "suspect" else "confirmed"
    return Gate(
        sessions=chosen.sessions,
        chosen=chosen.why,
        trunk=trunk,
        base=base.said,
        verdicts=tuple(sorted(verdicts, key=_rank)),
        missing=missing,
        deselected=deselected,
        fail_on=fail_on,
        limit=limit,
        false_alarms=settings.false_alarms,
        conflicts=tuple(sorted({one.uid for one in every if one.conflict})),
    )


def judged_count(lines: Sequence[Line]) -> int:
    """Return how many series share the budget of false alarms.

    What becomes of a test's runs counts once: as `failed`.
    """
    shared = [one for one in lines if not counts_outcomes(one.key.metric) or _is_failed(one.key)]
    return max(len(shared), 1)


def _is_failed(key: SeriesKey) -> bool:
    return (key.metric.name, key.metric.unit) == (FAILED.name, FAILED.unit)


def _read(
    connection: Connection,
    settings: Settings,
    judged: Sequence[StoredSession],
    base: Sequence[StoredSession],
    *,
    trunk: bool,
) -> list[Line]:
    """Return the series that have a point in what is judged, from as little as is needed."""
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
        if not new.any() or not _is_judged(one.key, settings):
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
    return lines


def _is_judged(key: SeriesKey, settings: Settings) -> bool:
    """Tell whether a series is of a metric to judge; what becomes of test runs always is."""
    return counts_outcomes(key.metric) or any(
        matches(pattern, key.metric.name) for pattern in settings.metrics
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
        series.key: [point for point in series.points if point.session.row in usable]
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


def _verdicts(
    lines: Sequence[Line],
    settings: Settings,
    limit: float,
    said: Acknowledged,
    base: Sequence[StoredSession],
) -> list[SeriesVerdict]:
    """Judge every series."""
    numbers = {one.row: number for number, one in enumerate(base)}
    measured = [one for one in lines if not counts_outcomes(one.key.metric)]
    made = []
    for line, judged in zip(measured, judge_lines(measured, settings, limit), strict=True):
        made.append(_verdict(line, judged, settings, said, numbers))
    by_metric: dict[str, list[Line]] = defaultdict(list)
    for one in lines:
        if counts_outcomes(one.key.metric):
            by_metric[one.key.metric.name].append(one)
    for some in by_metric.values():
        usual = usual_rate((one.values, one.runs) for one in some)
        for line in some:
            new = [(value, runs) for _, value, runs in line.new]
            judged = judge_outcomes(line.values, line.runs, new, usual, limit)
            if _is_failed(line.key) or judged.verdict is not Verdict.UNCHANGED:
                made.append(_verdict(line, judged, settings, said, numbers))
    return made


def judge_lines(lines: Sequence[Line], settings: Settings, limit: float) -> list[Judged]:
    """Judge series that measure something."""
    rules = [
        Rule(
            limit,
            settings.tolerance_of(one.key.case.id, one.key.metric.name),
            one.key.metric.direction,
        )
        for one in lines
    ]
    accepted = [one.accepted for one in lines]
    if any(one.new for one in lines):
        new = [np.array([value for _, value, _ in one.new]) for one in lines]
        return judge_contenders([one.values for one in lines], new, rules, accepted)
    return judge_newest([one.values for one in lines], rules, accepted)


def _verdict(
    line: Line,
    judged: Judged,
    settings: Settings,
    said: Acknowledged,
    numbers: dict[int, int],
) -> SeriesVerdict:
    moved = judged.certainty is not None
    n = len(line.at)
    before = line.at[min(judged.begins, n) - 1] if moved and judged.begins else None
    since = None
    if moved:
        since = line.at[judged.begins] if judged.begins < n else line.new[0][0]
    raised = line.at[judged.raised - 1] if moved and judged.raised < n else None
    verdict, why = judged.verdict, judged.why
    certainty = judged.certainty
    if moved and since is not None and since.row in numbers:
        direction = "up" if judged.effect > 0 else "down"
        saying = said.of_change(line.key, direction, numbers[since.row])
        if saying is not None:
            verdict, certainty = Verdict.UNDECIDED, None
            why = f"acknowledged as {saying.state}"
    return SeriesVerdict(
        key=line.key,
        verdict=verdict,
        certainty=certainty,
        effect=judged.effect,
        low=judged.low,
        high=judged.high,
        p=judged.p,
        baseline=judged.level,
        value=judged.value,
        points=judged.points,
        past=judged.past,
        before=before,
        since=since,
        raised=raised,
        commits=commit_ranges(before, since) if before and since else (),
        tolerance=settings.tolerance_of(line.key.case.id, line.key.metric.name),
        smallest=judged.smallest,
        why=why,
    )


def _with_controls(verdicts: Sequence[SeriesVerdict], settings: Settings) -> list[SeriesVerdict]:
    """Take back what a test does that a control did, too: that was the machine."""
    cases = sorted({one.key.case for one in verdicts})
    controls = {case for given in settings.controls for case in cases_among(given, cases)}
    if not controls:
        return list(verdicts)
    marked = [replace(one, control=one.key.case in controls) for one in verdicts]
    measured = [
        one for one in marked if one.control and not counts_outcomes(one.key.metric) and one.past
    ]
    moved = [
        one
        for one in measured
        if one.p <= _CONTROL_P / len(measured) and abs(one.effect) > one.tolerance
    ]
    return [_beside(one, moved) for one in marked]


def _beside(one: SeriesVerdict, moved: Sequence[SeriesVerdict]) -> SeriesVerdict:
    if one.control or one.certainty is None or counts_outcomes(one.key.metric):
        return one
    for control in moved:
        same = (
            control.key.metric.name == one.key.metric.name
            and control.key.conditions.environment == one.key.conditions.environment
            and (control.effect > 0) == (one.effect > 0)
        )
        if same and abs(math.log1p(one.effect)) <= _AS_CONTROL * abs(math.log1p(control.effect)):
            why = f"the control test {control.key.case.id} moved, too"
            return replace(one, verdict=Verdict.UNDECIDED, certainty=None, why=why)
    return one


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
    history = read_history(connection, settings, sessions=rows, every_session=True)
    return {one.key.case for one in history.series}


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
