"""What a gate says, as tables and as JSON."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from benchdb.findings import series_text
from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.report import text
from benchdb.report.commits import commit_lines, commit_text, git_log
from benchdb.report.effects import effect_text
from benchdb.report.headline import (
    certainty_lines,
    headline,
    missing_lines,
    not_failing,
    series_counted,
)
from benchdb.report.series import described, key_content
from benchdb.report.sessions import subjects_content
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.findings import CommitRange
    from benchdb.series import StoredSession
    from benchdb.verdicts import Gate, SeriesVerdict

#: Rows of a table that are shown unless all are asked for.
_MOST_ROWS: Final = 20

#: Places of a history that are listed beneath a table.
_MOST_RANGES: Final = 5

#: What was accepted of a contender holds for what the trunk does from here on for so long.
_MERGED_WITHIN: Final = timedelta(days=30)

#: Tests in a command to paste.
_MOST_TESTS: Final = 20

_STYLES: Final = {Verdict.REGRESSED: "bad", Verdict.IMPROVED: "good"}


def gate_tables(
    gate: Gate, preferred: tuple[str, ...] = (), *, verbose: bool = False, place: str = ""
) -> list[Table]:
    """Return what to show of a gate, the most important first.

    Parameters
    ----------
    gate
        What was said.
    preferred
        Names of the subjects that stand for a revision, the first first.
    verbose
        Whether to show every row, also what is unchanged.
    place
        What names the database in commands, from `benchdb.report.text.database`.
    """
    failing = gate.failing
    fails = {id(one) for one in failing}
    other = [one for one in gate.of(Verdict.REGRESSED) if id(one) not in fails]
    known = [one for one in other if one.raised is not None]
    suspects = [one for one in other if one.raised is None]
    undecided = gate.of(Verdict.UNDECIDED)
    tables = [Table((), (), headline(gate), _judged_line(gate, preferred))]
    for some, heading in (
        (failing, "what fails"),
        (suspects, "regressions that don't fail"),
        (known, "regressions that are known and last"),
        (gate.of(Verdict.IMPROVED), "improved"),
        (undecided if verbose else [one for one in undecided if _is_notable(one)], "undecided"),
        (gate.of(Verdict.UNCHANGED) if verbose else [], "unchanged"),
    ):
        if some:
            # "what to do next" has what changed of those that fail.
            tables.append(_table(some, heading, verbose=verbose, ranges=some is not failing))
    if failing:
        tables.append(Table((), (), "what to do next", remarks=tuple(_next_lines(gate, place))))
    remarks = [*missing_lines(gate, verbose=verbose), *certainty_lines(gate)]
    return [*tables, Table((), (), remarks=tuple(remarks))]


def _is_notable(one: SeriesVerdict) -> bool:
    """Tell whether somebody should look at an undecided series."""
    return one.p < 0.01 and bool(one.past)


def _judged_line(gate: Gate, preferred: tuple[str, ...]) -> str:
    """Return which sessions were judged against what."""
    (first, *others) = gate.sessions
    main = text.main_subject(first.subjects, first.branch, preferred)
    at = f" at {text.revision(main)}" if main is not None else ""
    branch = f" on {first.branch}" if first.branch else ""
    more = f" and {len(others):,} more" if others else ""
    kind = "trunk" if gate.trunk else "contender"
    return (
        f"session {text.short(first.uid)}{more}{at}{branch}, {text.minute(first.started)} (UTC): "
        f"{gate.chosen}; {kind}, against {gate.base}"
    )


def _table(some: Sequence[SeriesVerdict], heading: str, *, verbose: bool, ranges: bool) -> Table:
    several = len({one.key.conditions for one in some}) > 1
    shown = some if verbose else some[:_MOST_ROWS]
    rows = [_row(one, several=several) for one in shown]
    columns = (
        Column("test", code=True, above=True),
        Column("metric", code=True, above=True),
        Column("conditions", optional=True, above=True),
        Column("verdict"),
        Column("effect (95 % interval)", right=True),
        Column("before", right=True, rank=1),
        Column("after", right=True, rank=1),
        Column("since (UTC)", optional=True, rank=2),
        Column("raised (UTC)", optional=True, rank=3),
    )
    more = len(some) - len(shown)
    return Table(
        columns,
        tuple(rows),
        f"{heading}: {series_counted(len(some))}",
        remarks=(
            *((f"{more:,} more: --verbose shows them all",) if more else ()),
            *(_range_lines(some) if ranges else ()),
            *_unfixed_lines(some),
        ),
    )


def _range_lines(some: Sequence[SeriesVerdict]) -> Iterator[text.Line]:
    """Yield what lies between both levels, and of which tests."""
    tests: dict[CommitRange, dict[str, None]] = {}
    for one in some:
        for each in one.commits:
            tests.setdefault(each, {})[one.key.case.id] = None
    for each, (first, *more) in list(tests.items())[:_MOST_RANGES]:
        others = f" and {text.counted(len(more), 'more test')}" if more else ""
        yield from commit_lines([each], f"{first}{others}, what changed: ")
    if len(tests) > _MOST_RANGES:
        yield f"{len(tests) - _MOST_RANGES:,} more places: --format json has them all"


def _unfixed_lines(some: Sequence[SeriesVerdict]) -> Iterator[str]:
    """Yield what was said to be fixed and lasts."""
    tests: dict[str, dict[str, None]] = {}
    for one in some:
        if one.fixed_by is not None:
            tests.setdefault(one.fixed_by, {})[one.key.case.id] = None
    for commit, (first, *more) in list(tests.items())[:_MOST_RANGES]:
        others = f" and {text.counted(len(more), 'more test')}" if more else ""
        yield f"{first}{others}: said to be fixed by {commit_text(commit) or commit}, but lasts"


def _row(one: SeriesVerdict, *, several: bool) -> tuple[str | Cell, ...]:
    verdict = f"{one.verdict} ({_certainty(one)})" if one.certainty or one.why else one.verdict
    before, after = levels(one)
    counted = counts_outcomes(one.key.metric)
    effect = "" if math.isnan(one.effect) else effect_of(one)
    since = one.since if one.certainty else None
    return (
        one.key.case.id,
        one.key.metric.name,
        described(one.key.conditions, named=True) if several else "",
        Cell(str(verdict), _STYLES.get(one.verdict, "")),
        "" if counted else effect,
        before,
        after,
        text.minute(since.started) if since else "",
        text.minute(one.raised.started) if one.raised else "",
    )


def _certainty(one: SeriesVerdict) -> str:
    if one.certainty is None:
        return one.why
    control = "control, " if one.control else ""
    return f"{control}{one.certainty}, {text.counted(one.points, 'session')}"


def effect_of(one: SeriesVerdict) -> str:
    """Return by how much a series changed, for people."""
    unit = one.key.metric.unit
    return effect_text(one.effect, one.low, one.high, before=one.baseline, unit=unit)


def levels(one: SeriesVerdict) -> tuple[str, str]:
    """Return the old level and the new one, for people."""
    if counts_outcomes(one.key.metric):
        shares = (one.baseline, one.value)
        said = ["" if math.isnan(share) else f"{100 * share:.3g} % of runs" for share in shares]
        return said[0], said[1]
    scale = scale_of([one.baseline, one.value], one.key.metric.unit)
    return (
        "" if math.isnan(one.baseline) else scale.text(one.baseline),
        "" if math.isnan(one.value) else scale.text(one.value),
    )


def _next_lines(gate: Gate, place: str) -> Iterator[text.Line]:
    """Yield commands to paste: what changed, run these tests again, find the commit."""
    failing = gate.failing
    ranges = dict.fromkeys(each for one in failing for each in one.commits)
    yield from commit_lines(list(ranges), "what changed: ")
    yield from _same_commit_lines(failing, place)
    tests = list(dict.fromkeys(one.key.case.id for one in failing))
    named = " ".join(shlex.quote(test) for test in tests[:_MOST_TESTS])
    more = f" (and {len(tests) - _MOST_TESTS:,} more)" if len(tests) > _MOST_TESTS else ""
    again = text.Command(f"pytest --benchmark --benchmark-repeat 5 {named}")
    yield "run just these again: ", again, more
    for one in ranges:
        good, bad = commit_text(one.good), commit_text(one.bad)
        if good and bad:
            yield from _bisect_lines(good, bad, failing, shlex.quote(tests[0]))
            break
    asked = " ".join(shlex.quote(one) for one in (tests[0], *gate.named))
    yield "see why: ", text.Command(f"benchdb explain {asked}{place}")
    if gate.trunk:
        events = dict.fromkeys(text.short(one.since.uid) for one in failing if one.since)
        for event in list(events)[:_MOST_RANGES]:
            command = text.Command(f"benchdb ack {event} --expected -m WHY{place}")
            yield "if it is meant to be so: ", command
        if len(events) > _MOST_RANGES:
            every = text.Command(f"benchdb changes{place}")
            yield f"{len(events) - _MOST_RANGES:,} more events: ", every, " lists them"
    else:
        accept = text.Command(f"{_accepting(gate)}{place}")
        yield "if it is meant to be so, here and on the trunk: ", accept


def _same_commit_lines(failing: Sequence[SeriesVerdict], place: str) -> Iterator[text.Line]:
    """Yield how to see what changed where no commit did: packages, the platform, files."""
    sides = dict.fromkeys(
        (one.before, one.since)
        for one in failing
        if one.before is not None and one.since is not None and not one.commits
    )
    for before, since in list(sides)[:_MOST_RANGES]:
        named = " ".join(f"session:{text.short(one.uid)}" for one in (before, since))
        files = ", though files were changed" if since.dirty and not before.dirty else ""
        compare = text.Command(f"benchdb compare {named}{place}")
        yield f"what changed: no commit{files}; ", compare, " lists what else differs"


def _accepting(gate: Gate) -> str:
    """Return the command that accepts what a contender does, also once the trunk has it."""
    named = list(dict.fromkeys(shlex.quote(series_text(one.key)) for one in gate.failing))
    before = min(
        (one.before for one in gate.failing if one.before is not None), key=lambda one: one.order
    )
    goods = [commit_text(one.commit) for one in before.subjects if one.committed == before.place]
    after = next((one for one in goods if one), f"{before.place:%Y-%m-%dT%H:%M:%S}")
    until = gate.sessions[0].started + _MERGED_WITHIN
    ways = {"up" if one.effect > 0 else "down" for one in gate.failing}
    way = f" --direction {ways.pop()}" if len(ways) == 1 else ""
    return (
        f"benchdb annotate series {' '.join(named)} --after {after} --until {until:%Y-%m-%d}{way} "
        "--expected"
    )


def _bisect_lines(
    good: str, bad: str, failing: Sequence[SeriesVerdict], test: str
) -> Iterator[text.Line]:
    yield "find the commit: ", text.Command(f"git bisect start {bad} {good}")
    if all(counts_outcomes(one.key.metric) for one in failing):
        yield "then ", text.Command(f"git bisect run python -m pytest -x {test}")
        return
    measured = "pytest --benchmark --benchmark-db bisect.db --benchmark-repeat 5"
    yield (
        "then at each step ",
        text.Command(f"{measured} {test}"),
        ", ",
        text.Command(f"benchdb show {test} --all --db bisect.db"),
        " and ",
        text.Command("git bisect good"),
        " or ",
        text.Command("git bisect bad"),
    )


def gate_content(gate: Gate, code: int) -> dict[str, Any]:
    """Return the content of ``benchdb/gate/1``; items are made as they are written."""
    failing = {id(one) for one in gate.failing}
    return {
        "headline": headline(gate),
        "exit_code": code,
        "sessions": [_session(one) for one in gate.sessions],
        "chosen": gate.chosen,
        "trunk": gate.trunk,
        "base": gate.base,
        "base_sessions": gate.base_sessions,
        "fail_on": gate.fail_on,
        "false_alarms": gate.false_alarms,
        "limit": gate.limit,
        "counts": {str(verdict): len(gate.of(verdict)) for verdict in Verdict},
        "not_failing": not_failing(gate),
        "verdicts": (verdict_content(one, fails=id(one) in failing) for one in gate.verdicts),
        "missing": [one.id for one in gate.missing],
        "deselected": gate.deselected,
        "skipped": [one.id for one in gate.skipped],
        "no_value": [series_text(one) for one in gate.no_value],
        "infinite": [series_text(one) for one in gate.infinite],
        "other_environments": [
            {
                "environment": one.environment.fingerprint,
                "sessions": one.sessions,
                "differences": [
                    {"name": name, "there": there, "here": here}
                    for name, there, here in one.differences
                ],
            }
            for one in gate.other_environments
        ],
        "mixed": [{"former": former, "now": now} for former, now in gate.mixed],
        "head": gate.head,
        "unmatched": list(gate.unmatched),
        "conflicts": list(gate.conflicts),
    }


def _session(session: StoredSession) -> dict[str, Any]:
    return {
        "session": session.uid,
        "started": session.started,
        "branch": session.branch,
        "dirty": session.dirty,
        "state": session.state,
        "subjects": subjects_content(session.subjects),
    }


def verdict_content(one: SeriesVerdict, *, fails: bool | None = None) -> dict[str, Any]:
    """Return a verdict as JSON documents have it."""
    return {
        **key_content(one.key),
        "verdict": one.verdict,
        "certainty": one.certainty,
        **({} if fails is None else {"fails": fails}),
        "effect": one.effect,
        "low": one.low,
        "high": one.high,
        "p": one.p,
        "before": one.baseline,
        "after": one.value,
        "points": one.points,
        "past": one.past,
        "last_before": one.before and one.before.uid,
        "first_after": one.since and one.since.uid,
        "raised": one.raised and one.raised.uid,
        "commits": [{**asdict(each), "command": git_log(each)} for each in one.commits],
        "tolerance": one.tolerance,
        "smallest": one.smallest,
        "control": one.control,
        "why": one.why or None,
        "fixed_by": one.fixed_by,
    }
