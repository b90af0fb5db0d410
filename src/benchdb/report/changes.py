"""Events of a history, as tables and as JSON."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, Final

from benchdb.findings import State
from benchdb.metrics import counts_outcomes
from benchdb.report import text
from benchdb.report.effects import size_text
from benchdb.report.events import (
    MOST_ROWS,
    event_content,
    event_table,
    moved_by,
    suspect,
    verdict_cell,
)
from benchdb.report.sayings import STATES
from benchdb.report.series import described, key_content
from benchdb.report.sessions import conflict_line
from benchdb.report.table import Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from benchdb.findings import Changes, Drift, Event, Watched

#: Events that are shown unless all are asked for.
_MOST_EVENTS: Final = 10

#: Of fewer sessions even a large change is listed some sessions after the gate has raised it.
_FEW: Final = 20

#: Drawing a table of many more takes longer than finding what is in it.
_MOST_WATCHED: Final = 500


def changes_tables(
    changes: Changes,
    shown: Sequence[Event],
    trunk: Sequence[str],
    *,
    whole: Changes | None = None,
    since: datetime | None = None,
    verbose: bool = False,
    place: str = "",
) -> list[Table]:
    """Return what to show of the changes of a history.

    Parameters
    ----------
    changes
        All of them.
    shown
        The events to show.
    trunk
        Names of the branches that series stand on.
    whole
        All changes of the history, where these are some.
    since
        What began before it is not shown.
    verbose
        Whether to show everything, and what each series can tell from noise.
    place
        What names the database in commands, from `benchdb.report.text.database`.
    """
    most = len(shown) if verbose else _MOST_EVENTS
    tables = []
    hidden = list(_hidden_lines(changes, shown, since))
    if len(shown) > 1:
        tables.append(_overview(shown))
    elif hidden and not shown:
        count = text.counted(len(changes.events), "event")
        tables.append(Table((), (), f"nothing to show of {count}"))
    tables += [event_table(one, verbose=verbose) for one in shown[:most]]
    if len(shown) > most:
        left = text.counted(len(shown) - most, "more event")
        tables.append(Table((), (), remarks=(f"{left} in the first table: --verbose has all",)))
    if changes.drifts:
        tables.append(drifts_table(changes.drifts, None if verbose else MOST_ROWS))
    if verbose:
        tables.append(_watched_table(changes.watched))
    tables.append(
        Table((), (), remarks=(*_remarks(changes, whole or changes, shown, trunk, place), *hidden))
    )
    return tables


def _overview(events: Sequence[Event]) -> Table:
    rows = []
    for one in events:
        worst = one.moved[0]
        rows.append(
            (
                one.id,
                verdict_cell(one.verdict),
                text.minute(one.first_after.started),
                f"{len(one.moved_cases):,} of {one.cases:,}",
                worst.key.metric.name,
                moved_by(worst, interval=False),
                suspect(one),
                STATES[one.state] + (", went back" if one.back else ""),
            )
        )
    columns = (
        Column("event", code=True),
        Column("verdict"),
        Column("since (UTC)"),
        Column("tests", right=True, rank=1),
        Column("most in", code=True, rank=3),
        Column("effect", right=True),
        Column("suspect", rank=2, fold=True),
        Column("state", rank=4),
    )
    return Table(columns, tuple(rows), text.counted(len(events), "event"))


def drifts_table(
    drifts: Sequence[Drift], most: int | None, whole: str = "--verbose has all"
) -> Table:
    """Return the slow changes.

    Parameters
    ----------
    most
        How many to show; all if None.
    whole
        Where all are.
    """
    most = len(drifts) if most is None else most
    rows = []
    for one in drifts[:most]:
        scale = scale_of([one.before, one.after], one.key.metric.unit)
        rows.append(
            (
                one.key.case.id,
                one.key.metric.name,
                verdict_cell(one.verdict),
                moved_by(one),
                scale.text(one.before),
                scale.text(one.after),
            )
        )
    columns = (
        Column("test", code=True, above=True),
        Column("metric", code=True),
        Column("verdict"),
        Column("effect (95 % interval)", right=True),
        Column("earlier half", right=True, rank=1),
        Column("later half", right=True, rank=1),
    )
    more = len(drifts) - most
    return Table(
        columns,
        tuple(rows),
        f"{text.counted(len(drifts), 'drift')}: slow changes without a moment",
        remarks=(f"{more:,} more: {whole}",) if more > 0 else (),
    )


def _watched_table(watched: Sequence[Watched]) -> Table:
    """Return what series can tell from noise, those that tell least first."""
    every = sorted(_measuring(watched), key=lambda one: -one.floor)
    more = len(every) - _MOST_WATCHED
    rows = [
        (
            one.key.case.id,
            one.key.metric.name,
            described(one.key.conditions, named=True),
            f"{one.points:,}",
            f"{100 * one.noise:.2g} %",
            _floor(one.floor),
        )
        for one in every[:_MOST_WATCHED]
    ]
    columns = (
        Column("test", code=True, above=True),
        Column("metric", code=True),
        Column("conditions", optional=True, rank=3, fold=True),
        Column("points", right=True, rank=1),
        Column("noise", right=True, rank=2),
        Column("smallest slowdown", right=True),
    )
    return Table(
        columns,
        tuple(rows),
        "what each series can tell from noise",
        remarks=(f"{more:,} more: --format json has all",) if more > 0 else (),
    )


def _measuring(watched: Sequence[Watched]) -> list[Watched]:
    """Return the series that measure: those that count outcomes have no slowdown."""
    return [one for one in watched if not counts_outcomes(one.key.metric)]


def _floor(floor: float) -> str:
    return size_text(floor) if math.isfinite(floor) else "none yet"


def _remarks(
    changes: Changes, whole: Changes, shown: Sequence[Event], trunk: Sequence[str], place: str
) -> Iterator[text.Line]:
    """Yield what to know of the whole."""
    series = text.counted(len(whole.watched), "series", "series")
    cases = text.counted(len({one.key.case for one in whole.watched}), "test")
    sessions = text.counted(changes.sessions, "session")
    searched = f"searched {series} of {cases} over {sessions}"
    if not changes.events and not changes.drifts:
        some = f" in {len(changes.watched):,} of them" if whole is not changes else ""
        yield f"no change{some}: {searched}"
        if 0 < changes.sessions < _FEW:
            yield (
                f"{sessions} are few to list a change: it takes about 10 before it and 4 with it; ",
                text.Command(f"benchdb gate{place}"),
                " raises it sooner",
            )
    else:
        yield (
            f"{searched}; of such events about {100 * changes.rate:.2g} % are false (--fdr sets it)"
        )
    measuring = _measuring(changes.watched)
    floors = [one.floor for one in measuring if math.isfinite(one.floor)]
    if floors:
        ordered = sorted(floors)
        yield (
            f"smallest slowdown that can be told from noise: {_floor(statistics.median(floors))} "
            f"in the middle series, {_floor(ordered[0])} to {_floor(ordered[-1])}"
        )
    young = len(measuring) - len(floors)
    if young:
        yield f"{text.counted(young, 'series', 'series')} with too few points to tell anything yet"
    if changes.fallback:
        branches = " or ".join(trunk) or "a branch in [tool.benchdb] trunk"
        whose = text.counted(len(changes.fallback), "test")
        yield f"no clean session on {branches} yet for {whose}: every session is used there"
    if changes.conflicts:
        yield conflict_line(changes.conflicts)
    if changes.unmatched:
        yield text.unmatched_line(", ".join(changes.unmatched))
    waiting = [one for one in shown if one.state is State.OPEN]
    if waiting:
        command = text.Command(f"benchdb ack {waiting[0].id} --expected -m WHY{place}")
        yield "if it is meant to be so: ", command


def _hidden_lines(
    changes: Changes, shown: Sequence[Event], since: datetime | None
) -> Iterator[str]:
    """Yield how many events are not shown, and why."""
    ids = {one.id for one in shown}
    hidden = [one for one in changes.events if one.id not in ids]
    earlier = [one for one in hidden if since is not None and one.first_after.place < since]
    if earlier:
        yield f"{text.counted(len(earlier), 'event')} began before {text.minute(since)} (UTC)"
    if settled := len(hidden) - len(earlier):
        yield f"{text.counted(settled, 'event')} settled by people: --closed shows them, too"


def changes_content(changes: Changes, shown: Sequence[Event]) -> dict[str, Any]:
    """Return the content of ``benchdb/changes/1``; items are made as they are written."""
    return {
        "sessions": changes.sessions,
        "family": changes.family,
        "fdr": changes.rate,
        "events": (event_content(one) for one in shown),
        "drifts": (drift_content(one) for one in changes.drifts),
        "series": (_watched_content(one) for one in changes.watched),
        "fallback": [one.id for one in changes.fallback],
        "conflicts": list(changes.conflicts),
        "unmatched": list(changes.unmatched),
    }


def drift_content(one: Drift) -> dict[str, Any]:
    """Return a slow change as JSON has it."""
    return {
        **key_content(one.key),
        "effect": one.effect,
        "low": one.low,
        "high": one.high,
        "before": one.before,
        "after": one.after,
        "p": one.p,
        "verdict": one.verdict,
        "first": one.first.uid,
        "last": one.last.uid,
    }


def _watched_content(one: Watched) -> dict[str, Any]:
    return {
        **key_content(one.key),
        "points": one.points,
        "noise": one.noise,
        "noise_floor": one.floor,
        "trunk": one.trunk,
    }
