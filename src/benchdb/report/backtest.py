"""What a gate would have said of a history, as tables and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchdb.metrics import counts_outcomes
from benchdb.report import text
from benchdb.report.gate import effect_of, levels, verdict_content
from benchdb.report.table import Cell, Column, Table

if TYPE_CHECKING:
    from benchdb.verdicts import Alarm, Backtest

#: Rows that are shown unless all are asked for.
_MOST_ROWS: Final = 50


def backtest_tables(found: Backtest, *, verbose: bool = False) -> list[Table]:
    """Return what to show of a backtest: the newest alarms first.

    Parameters
    ----------
    found
        The alarms.
    verbose
        Whether to show all of them.
    """
    sessions = text.counted(found.sessions, "session")
    series = text.counted(found.series, "series", "series")
    alarms = text.counted(len(found.alarms), "regression")
    heading = f"{found.failing:,} of {sessions} would have failed, for {alarms}"
    said = (
        f"as if each session of the trunk had been judged when it was the newest, "
        f"with up to {series}; {found.fail_on} regressions fail"
    )
    newest = found.alarms[::-1]
    shown = newest if verbose else newest[:_MOST_ROWS]
    columns = (
        Column("test", code=True, above=True),
        Column("metric", code=True, above=True),
        Column("failed (UTC)"),
        Column("session", code=True, rank=3),
        Column("certainty", rank=1),
        Column("effect (95 % interval)", right=True),
        Column("since (UTC)", rank=2),
        Column("delay", right=True),
        Column("stayed", right=True),
        Column("seen later", right=True, optional=True),
    )
    remarks = []
    if len(newest) > len(shown):
        remarks.append(f"{len(newest) - len(shown):,} earlier ones: --verbose shows them all")
    remarks.append(
        "delay: how many sessions it took until it was raised; stayed: for how many it was listed, "
        "as long as its level lasts, at most 150 (of failures 40)"
    )
    if any(one.also for one in shown):
        remarks.append("seen later: how many tests moved too, and were seen to only later")
    remarks.append(
        f"by chance about {found.false_alarms * found.sessions:.2g} of these sessions may fail "
        f"at most; what people acknowledged isn't heeded here"
    )
    if found.unmatched:
        remarks.append(text.unmatched_line(", ".join(found.unmatched)))
    rows = tuple(_row(one) for one in shown)
    return [Table(columns if rows else (), rows, heading, said, tuple(remarks))]


def _row(one: Alarm) -> tuple[str | Cell, ...]:
    said = one.verdict
    if counts_outcomes(said.key.metric):
        before, after = levels(said)
        effect = f"{before} to {after}"
    else:
        effect = effect_of(said)
    still = ", lasts" if one.lasts else ""
    return (
        said.key.case.id,
        said.key.metric.name,
        text.minute(one.session.started),
        text.short(one.session.uid),
        Cell(str(said.certainty), "bad"),
        effect,
        text.minute(said.since.started) if said.since else "",
        f"{said.points:,}",
        f"{one.stayed:,}{still}",
        f"{len(one.also):,}" if one.also else "",
    )


def backtest_content(found: Backtest) -> dict[str, Any]:
    """Return the content of ``benchdb/backtest/1``; alarms are made as they are written."""
    return {
        "sessions": found.sessions,
        "failing": found.failing,
        "series": found.series,
        "fail_on": found.fail_on,
        "false_alarms": found.false_alarms,
        "unmatched": list(found.unmatched),
        "alarms": (
            {
                "session": one.session.uid,
                "started": one.session.started,
                "delay": one.verdict.points,
                "stayed": one.stayed,
                "lasts": one.lasts,
                "also": [case.id for case in one.also],
                **verdict_content(one.verdict, fails=True),
            }
            for one in found.alarms
        ),
    }
