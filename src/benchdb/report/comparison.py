"""Two sides compared, as tables; `benchdb.report.comparison_content` has them as JSON."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchdb.findings import Differs
from benchdb.records import Verdict
from benchdb.report import text
from benchdb.report.commits import commit_lines
from benchdb.report.effects import effect_text
from benchdb.report.series import described
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.comparisons import (
        ComparedCase,
        ComparedOutcome,
        NotCompared,
        OverallEffect,
        SidesCompared,
    )
    from benchdb.findings import Difference

#: Rows that are shown unless all are asked for; what regressed or improved always is.
_MOST_ROWS: Final = 20

#: Values of a difference that are shown of each side.
_MOST_VALUES: Final = 3

#: A commit in full, and what is shown of it.
_COMMIT: Final = re.compile(r"\b([0-9a-f]{10})[0-9a-f]{30}(?:[0-9a-f]{24})?\b")

_STYLES: Final = {"REGRESSED": "bad", "IMPROVED": "good", "UNCHANGED": "quiet"}
_CHANGED: Final = (Verdict.REGRESSED, Verdict.IMPROVED)


def comparison_tables(
    found: SidesCompared, preferred: tuple[str, ...] = (), *, verbose: bool = False, place: str = ""
) -> list[Table]:
    """Return what to show of a comparison: what differs first, then the whole, then each case.

    Parameters
    ----------
    found
        The comparison.
    preferred
        Names of the subjects that stand for a revision, the first first.
    verbose
        Whether to show every row.
    place
        What names the database in commands, from `benchdb.report.text.database`.
    """
    tables = [
        _sides_table(found, preferred),
        _differences_table(found.differences, verbose=verbose),
        _overall_table(found.overall),
        _cases_table(found.cases, verbose=verbose),
        _outcomes_table(found.outcomes),
        _not_compared_table(found.not_compared, verbose=verbose),
        Table((), (), remarks=tuple(_remarks(found, place))),
    ]
    return [one for one in tables if one.rows or one.remarks]


def changed_tables(found: SidesCompared) -> list[Table]:
    """Return what changed between two sides, and what differs there; nothing where none did."""
    changed = [one for one in found.cases if one.verdict in _CHANGED]
    if not changed:
        return []
    cases = _cases_table(changed, verbose=True)
    heading = f"{found.contender.given} against {found.baseline.given}"
    remarks = tuple(commit_lines(found.commits, "between the sides: "))
    return [
        replace(cases, heading=heading, remarks=remarks),
        _differences_table(found.differences, verbose=False),
    ]


def _sides_table(found: SidesCompared, preferred: tuple[str, ...]) -> Table:
    sides = (found.baseline, found.contender)
    counts = Counter(one.verdict for one in found.cases)
    said = ", ".join(f"{counts[verdict]:,} {verdict.lower()}" for verdict in Verdict)
    rows = []
    for title, side in zip(("baseline", "contender"), sides, strict=True):
        mains = [
            text.revision(text.main_subject(one.subjects, one.branch, preferred))
            for one in side.sessions
        ]
        starts = [text.minute(one.started) for one in (side.sessions[0], side.sessions[-1])]
        rows.append(
            (
                title,
                side.meaning,
                f"{len(side.sessions):,}",
                " to ".join(dict.fromkeys(starts)),
                _values(sorted({one.branch for one in side.sessions if one.branch})),
                _values(list(dict.fromkeys(main for main in mains if main))),
            )
        )
    columns = (
        Column("side"),
        Column("means"),
        Column("sessions", right=True),
        Column("started (UTC)", rank=1),
        Column("branch", optional=True, rank=3, fold=True),
        Column("revision", optional=True, rank=2, fold=True),
    )
    remarks = tuple(
        f"{title}: {note}"
        for title, side in zip(("baseline", "contender"), sides, strict=True)
        for note in side.notes
    )
    heading = f"{sides[1].given} against {sides[0].given}: {said}"
    return Table(columns, tuple(rows), heading, remarks=remarks)


def _differences_table(found: Sequence[Difference], *, verbose: bool) -> Table:
    # Packages last: there may be hundreds, and each of the others says more.
    ordered = sorted(found, key=lambda one: one.kind is Differs.PACKAGE)
    most = len(ordered) if verbose else _MOST_ROWS
    rows = [
        (
            str(one.kind),
            one.name,
            *(_values(_short(side)) or "none" for side in (one.before, one.after)),
        )
        for one in ordered[:most]
    ]
    columns = (Column(""), Column("what differs"), *_sides("", fold=True))
    more = len(ordered) - most
    if not rows:
        return Table((), (), remarks=("nothing else that is known differs between the sides",))
    return Table(
        columns,
        tuple(rows),
        "what differs between the sides",
        remarks=(f"{more:,} more differences: --verbose has all",) if more > 0 else (),
    )


def _short(values: Sequence[str]) -> list[str]:
    """Return values with the commits in them shortened."""
    return [_COMMIT.sub(r"\1", value) for value in values]


def _sides(unit: str, *, right: bool = False, fold: bool = False) -> tuple[Column, Column]:
    end = f" ({unit})" if unit else ""
    return Column(f"baseline{end}", right=right, fold=fold), Column(
        f"contender{end}", right=right, fold=fold
    )


def _overall_table(found: Sequence[OverallEffect]) -> Table:
    rows: list[tuple[str | Cell, ...]] = [
        (
            one.metric.name,
            f"{one.cases:,}",
            _effect(one.effect, one.low, one.high),
            Cell(str(one.verdict), _STYLES.get(one.verdict, "")),
            *(_count(one.verdicts[verdict], verdict) for verdict in Verdict),
        )
        for one in found
    ]
    columns = (
        Column("metric", code=True),
        Column("cases", right=True, rank=2),
        Column("geometric mean (95 % interval)", right=True),
        Column("verdict"),
        *(
            Column(verdict.lower(), right=True, rank=1 if verdict in _CHANGED else 3)
            for verdict in Verdict
        ),
    )
    remarks = []
    if any(one.over_cases and one.cases > 1 for one in found):
        remarks.append(
            "intervals of the means say how cases differ: too few sessions to say how these do"
        )
    return Table(columns, tuple(rows), "over all cases", remarks=tuple(remarks))


def _count(count: int, verdict: Verdict) -> Cell:
    return Cell(f"{count:,}", _STYLES.get(verdict, "") if count else "quiet")


def _cases_table(found: Sequence[ComparedCase], *, verbose: bool) -> Table:
    shown = list(found)
    if not verbose:
        changed = sum(one.verdict in _CHANGED for one in found)
        left = max(0, _MOST_ROWS - changed)
        shown = []
        for one in found:
            if one.verdict in _CHANGED:
                shown.append(one)
            elif left:
                left -= 1
                shown.append(one)
    conditions = {(one.conditions, one.contender_conditions) for one in found}
    rows = [_case_cells(one, several=len(conditions) > 1) for one in shown]
    columns = (
        Column("case", code=True, above=True),
        Column("conditions", optional=True, above=True),
        Column("verdict"),
        Column("metric", code=True),
        Column("effect (95 % interval)", right=True),
        Column("baseline", right=True, rank=1),
        Column("contender", right=True, rank=1),
        Column("values", right=True, rank=2),
        Column("more to decide", right=True, rank=3, optional=True),
    )
    more = len(found) - len(shown)
    said = f"{text.counted(more, 'more row')} unchanged or undecided: --verbose has all"
    return Table(columns, tuple(rows), "by case", remarks=(said,) if more else ())


def _case_cells(one: ComparedCase, *, several: bool) -> tuple[str | Cell, ...]:
    scale = scale_of([one.baseline, one.contender], one.metric.unit)
    return (
        one.case.id,
        _conditions(one) if several else "",
        Cell(str(one.verdict), _STYLES.get(one.verdict, "")),
        one.metric.name,
        _effect(one.effect, one.low, one.high, before=one.baseline, unit=one.metric.unit),
        scale.text(one.baseline),
        scale.text(one.contender),
        f"{one.baseline_values:,} / {one.contender_values:,}" + (" runs" if one.of_runs else ""),
        f"{one.more_runs:,}" if one.more_runs else "",
    )


def _effect(
    effect: float, low: float, high: float, *, before: float = math.nan, unit: str = "1"
) -> str:
    said = effect_text(effect, low, high, before=before, unit=unit)
    return f"{said} (unknown)" if math.isinf(high) and math.isfinite(effect) else said


def _conditions(one: ComparedCase) -> str:
    before = described(one.conditions, named=True)
    if one.conditions == one.contender_conditions:
        return before
    return f"{before} against {described(one.contender_conditions, named=True)}"


def _outcomes_table(found: Sequence[ComparedOutcome]) -> Table:
    rows = [
        (
            one.case.id,
            Cell(str(one.verdict), _STYLES.get(one.verdict, "")),
            one.metric.name,
            f"{one.baseline:,} of {one.baseline_sessions:,}",
            f"{one.contender:,} of {one.contender_sessions:,}",
        )
        for one in found
    ]
    columns = (
        Column("case", code=True, above=True),
        Column("verdict"),
        Column("outcome"),
        *_sides("sessions", right=True),
    )
    return Table(columns, tuple(rows), "what failed or was lost")


def _not_compared_table(found: Sequence[NotCompared], *, verbose: bool) -> Table:
    most = len(found) if verbose else _MOST_ROWS
    rows = [
        (one.case.id, one.metric.name if one.metric else "", one.side, one.reason)
        for one in found[:most]
    ]
    columns = (
        Column("case", code=True, above=True),
        Column("metric", code=True, optional=True),
        Column("only in"),
        Column("why it isn't compared"),
    )
    more = len(found) - most
    return Table(
        columns,
        tuple(rows),
        "on one side only",
        remarks=(f"{more:,} more: --verbose has all",) if more > 0 else (),
    )


def _remarks(found: SidesCompared, place: str) -> Iterator[text.Line]:
    """Yield what to know of the whole, and what to do next."""
    if not found.cases:
        yield "no case was measured on both sides, so nothing is compared"
        return
    rows = text.counted(len(found.cases), "comparison")
    names = dict.fromkeys(name for one in found.cases for name in one.on_trial)
    if names:
        some = sum(bool(one.on_trial) for one in found.cases)
        yield f"{some:,} of {rows} between different conditions: {', '.join(names)}"
    if found.left_out:
        yield (
            f"{found.left_out:,} series left out: no series of the other side has their "
            "environment, cluster and tags"
        )
    of_runs = sum(one.of_runs for one in found.cases)
    if of_runs:
        yield (
            f"{of_runs:,} of {rows} by single test runs, as both sides have fewer than 3 sessions: "
            "they differ less than sessions do, so intervals are too narrow"
        )
    held_back = sum(one.verdict is not one.alone for one in found.cases)
    if held_back:
        yield (
            f"{held_back:,} of {rows} undecided that would be decided alone: "
            "among so many, chance shows as much"
        )
    undecided = [one for one in found.cases if one.verdict is Verdict.UNDECIDED]
    if len(undecided) == len(found.cases) and not any(
        max(one.baseline_values, one.contender_values) > 1 for one in undecided
    ):
        yield (
            "one value a side decides nothing: record more with ",
            text.Command("pytest --benchmark --benchmark-repeat 5"),
        )

    if changed := [one for one in found.cases if one.verdict in _CHANGED]:
        yield from commit_lines(found.commits, "between the sides: ")
        show = text.Command(f"benchdb show {shlex.quote(changed[0].case.id)}{place}")
        yield "next: ", show, " shows the series of the first"


def _values(some: Sequence[str]) -> str:
    more = len(some) - _MOST_VALUES
    return ", ".join(some[:_MOST_VALUES]) + (f" and {more:,} more" if more > 0 else "")
