"""Events of a history, as tables and as JSON."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from benchdb.findings import Cause, Differs, State
from benchdb.metrics import counts_outcomes
from benchdb.report import text
from benchdb.report.commits import commit_lines, git_log
from benchdb.report.effects import effect_text, size_text
from benchdb.report.series import described, key_content
from benchdb.report.sessions import conflict_line, subjects_content
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.findings import Changes, Difference, Drift, Event, Moved, Saying, Watched
    from benchdb.records import Verdict
    from benchdb.series import StoredSession

#: Rows, packages and events that are shown unless all are asked for.
_MOST_ROWS, _MOST_PACKAGES, _MOST_EVENTS = 10, 8, 10

#: Drawing a table of many more takes longer than finding what is in it.
_MOST_WATCHED: Final = 500

_STYLES: Final = {"REGRESSED": "bad", "IMPROVED": "good"}

#: What people read for the states.
_STATES: Final = {
    State.OPEN: "open",
    State.EXPECTED: "expected",
    State.NOISE: "noise",
    State.FIXED: "fixed",
    State.WONT_FIX: "won't fix",
}


def changes_tables(
    changes: Changes, shown: Sequence[Event], trunk: Sequence[str], *, verbose: bool = False
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
    verbose
        Whether to show everything, and what each series can tell from noise.
    """
    most = len(shown) if verbose else _MOST_EVENTS
    tables = []
    if len(shown) > 1:
        tables.append(_overview(shown))
    tables += [_event_table(one, verbose=verbose) for one in shown[:most]]
    if len(shown) > most:
        left = text.counted(len(shown) - most, "more event")
        tables.append(Table((), (), remarks=(f"{left} in the first table: --verbose has all",)))
    if changes.drifts:
        tables.append(_drifts_table(changes.drifts, verbose=verbose))
    if verbose:
        tables.append(_watched_table(changes.watched))
    tables.append(Table((), (), remarks=tuple(_remarks(changes, shown, trunk))))
    return tables


def _overview(events: Sequence[Event]) -> Table:
    rows = []
    for one in events:
        worst = one.moved[0]
        verdict = _verdict(one.verdict)
        rows.append(
            (
                one.id,
                Cell(verdict, _STYLES.get(verdict, "")),
                text.minute(one.first_after.started),
                f"{len(one.moved_cases):,} of {one.cases:,}",
                worst.key.metric.name,
                effect_text(worst.effect),
                _suspect(one),
                _STATES[one.state] + (", went back" if one.back else ""),
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


def _event_table(event: Event, *, verbose: bool) -> Table:
    most = len(event.moved) if verbose else _MOST_ROWS
    several = len({one.key.conditions for one in event.moved}) > 1
    rows = [_moved_row(one, several=several) for one in event.moved[:most]]
    columns = (
        Column("test", code=True, above=True),
        Column("metric", code=True),
        Column("verdict"),
        Column("effect (95 % interval)", right=True),
        Column("before", right=True, rank=1),
        Column("after", right=True, rank=1),
        Column("conditions", optional=True, rank=2, fold=True),
    )
    tests = f"{len(event.moved_cases):,} of {text.counted(event.cases, 'test')}"
    series = f"{len(event.moved):,} of {event.series:,} series"
    state = "" if event.state is State.OPEN else f" · {_STATES[event.state]}"
    heading = f"event {event.id}: {_verdict(event.verdict)} in {tests}{state}"
    subheading = (
        f"{series} · last good session {text.minute(event.last_before.started)}, "
        f"first with it {text.minute(event.first_after.started)} (UTC) · "
        f"suspect: {_suspect(event)}"
    )
    return Table(
        columns, tuple(rows), heading, subheading, tuple(_event_lines(event, most, verbose=verbose))
    )


def _moved_row(one: Moved, *, several: bool) -> tuple[str | Cell, ...]:
    scale = scale_of([one.before, one.after], one.key.metric.unit)
    verdict = _verdict(one.verdict)
    return (
        one.key.case.id,
        one.key.metric.name,
        Cell(verdict, _STYLES.get(verdict, "")),
        effect_text(one.effect, one.low, one.high),
        scale.text(one.before),
        scale.text(one.after),
        described(one.key.conditions, named=True) if several else "",
    )


def _event_lines(event: Event, most: int, *, verbose: bool) -> Iterator[str]:
    """Yield what to know of an event beneath its rows: what differs there, what to do next."""
    if len(event.moved) > most:
        yield f"{len(event.moved) - most:,} more series: --verbose has all"
    if event.back:
        yield "all of it went back to the old level since"
    if event.controls:
        yield f"control tests moved too: {_names([one.id for one in event.controls], verbose)}"
    yield from commit_lines(event.commits)
    if not event.commits:
        yield "the commits of all subjects are the same on both sides"
    for kind, title in _KINDS.items():
        some = [one for one in event.differences if one.kind is kind]
        if some:
            yield f"{title}: {_names([_difference(one) for one in some], verbose)}"
    if (event.earliest, event.latest) != (event.last_before, event.first_after):
        yield (
            f"the noise allows a place anywhere from {text.minute(event.earliest.started)} "
            f"to {text.minute(event.latest.started)} (UTC)"
        )
    if event.saying is not None:
        yield said(event.saying)


def said(saying: Saying) -> str:
    """Return what somebody said of an event in one line."""
    who = f" by {saying.author}" if saying.author else ""
    commit = f" by commit {saying.commit}" if saying.commit else ""
    why = f": {saying.text}" if saying.text else ""
    return f"{_STATES[saying.state]}{commit}, said{who} at {text.minute(saying.made)} (UTC){why}"


_KINDS: Final = {
    Differs.PACKAGE: "packages that changed there",
    Differs.MACHINE: "the machine changed there",
    Differs.CLUSTER: "the cluster changed there",
    Differs.PLATFORM: "the platform changed there",
    Differs.LOAD: "the load changed there",
}


def _names(every: Sequence[str], verbose: bool) -> str:
    most = len(every) if verbose else _MOST_PACKAGES
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")


def _difference(one: Difference) -> str:
    before, after = (", ".join(side) or "none" for side in (one.before, one.after))
    return f"{one.name} {before} to {after}"


def _suspect(event: Event) -> str:
    """Return in a few words what is to be suspected."""
    if event.cause is Cause.ENVIRONMENT:
        why = "a control test moved too" if event.controls else "the machine changed"
        return f"the environment, as {why}"
    if event.cause is Cause.CODE:
        return " and ".join(str(one.subject) for one in event.commits)
    if event.cause is Cause.PACKAGES:
        return "packages, as no commit differs"
    if event.cause is Cause.PLATFORM:
        return "the platform, as only that changed"
    return "nothing that is known to differ"


def _verdict(verdict: Verdict | None) -> str:
    return "changed" if verdict is None else str(verdict)


def _drifts_table(drifts: Sequence[Drift], *, verbose: bool) -> Table:
    most = len(drifts) if verbose else _MOST_ROWS
    rows = []
    for one in drifts[:most]:
        scale = scale_of([one.before, one.after], one.key.metric.unit)
        verdict = _verdict(one.verdict)
        rows.append(
            (
                one.key.case.id,
                one.key.metric.name,
                Cell(verdict, _STYLES.get(verdict, "")),
                effect_text(one.effect, one.low, one.high),
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
        remarks=(f"{more:,} more: --verbose has all",) if more > 0 else (),
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


def _remarks(changes: Changes, shown: Sequence[Event], trunk: Sequence[str]) -> Iterator[str]:
    """Yield what to know of the whole."""
    series = text.counted(len(changes.watched), "series", "series")
    cases = text.counted(len({one.key.case for one in changes.watched}), "test")
    sessions = text.counted(changes.sessions, "session")
    searched = f"searched {series} of {cases} over {sessions}"
    if not changes.events and not changes.drifts:
        yield f"no change: {searched}"
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
    hidden = len(changes.events) - len(shown)
    if hidden:
        yield f"{text.counted(hidden, 'other event')}: --closed shows those that people settled"
    if changes.fallback:
        branches = " or ".join(trunk) or "a branch in [tool.benchdb] trunk"
        whose = text.counted(len(changes.fallback), "test")
        yield f"no clean session on {branches} yet for {whose}: every session is used there"
    if changes.conflicts:
        yield conflict_line(changes.conflicts)
    waiting = [one for one in shown if one.state is State.OPEN]
    if waiting:
        yield f"if it is meant to be so: `benchdb ack {waiting[0].id} --expected -m WHY`"


def changes_content(changes: Changes, shown: Sequence[Event]) -> dict[str, Any]:
    """Return the content of ``benchdb/changes/1``; items are made as they are written."""
    return {
        "sessions": changes.sessions,
        "family": changes.family,
        "fdr": changes.rate,
        "events": (event_content(one) for one in shown),
        "drifts": (_drift_content(one) for one in changes.drifts),
        "series": (_watched_content(one) for one in changes.watched),
        "fallback": [one.id for one in changes.fallback],
        "conflicts": list(changes.conflicts),
    }


def event_content(event: Event) -> dict[str, Any]:
    """Return an event as JSON documents have it."""
    return {
        "id": event.id,
        "state": event.state,
        "verdict": event.verdict,
        "cause": event.cause,
        "back": event.back,
        "tests_moved": len(event.moved_cases),
        "tests": event.cases,
        "series_moved": len(event.moved),
        "series": event.series,
        "last_before": _session(event.last_before),
        "first_after": _session(event.first_after),
        "earliest": _session(event.earliest),
        "latest": _session(event.latest),
        "commits": [{**asdict(one), "command": git_log(one)} for one in event.commits],
        "differences": [asdict(one) for one in event.differences],
        "controls": [one.id for one in event.controls],
        "moved": [
            {
                **key_content(one.key),
                "effect": one.effect,
                "low": one.low,
                "high": one.high,
                "before": one.before,
                "after": one.after,
                "noise": one.noise,
                "p": one.p,
                "verdict": one.verdict,
                "back": one.back,
                "last_before": one.last_before.uid,
                "first_after": one.first_after.uid,
            }
            for one in event.moved
        ],
        "saying": event.saying and saying_content(event.saying),
    }


def saying_content(saying: Saying) -> dict[str, Any]:
    """Return what somebody said of an event as JSON documents have it."""
    return asdict(saying)


def _session(session: StoredSession) -> dict[str, Any]:
    return {
        "session": session.uid,
        "place": session.place,
        "started": session.started,
        "subjects": subjects_content(session.subjects),
    }


def _drift_content(one: Drift) -> dict[str, Any]:
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
