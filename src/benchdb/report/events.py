"""One event, as a table and as JSON: what moved, what differs there, what to do next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from benchdb.findings import Cause, Differs, State
from benchdb.report import text
from benchdb.report.commits import commit_lines, git_log
from benchdb.report.effects import effect_text
from benchdb.report.sayings import STATES, said, saying_content
from benchdb.report.series import described, key_content
from benchdb.report.sessions import subjects_content
from benchdb.report.table import Cell, Column, Table
from benchdb.report.units import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.findings import Difference, Drift, Event, Moved
    from benchdb.records import Verdict
    from benchdb.series import StoredSession

#: Rows and packages that are shown unless all are asked for.
MOST_ROWS, _MOST_PACKAGES = 10, 8

_STYLES: Final = {"REGRESSED": "bad", "IMPROVED": "good"}


def event_table(event: Event, *, verbose: bool) -> Table:
    """Return an event, with every row or the first."""
    most = len(event.moved) if verbose else MOST_ROWS
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
    state = "" if event.state is State.OPEN else f" · {STATES[event.state]}"
    heading = f"event {event.id}: {_verdict_text(event.verdict)} in {tests}{state}"
    subheading = (
        f"{series} · last good session {text.minute(event.last_before.started)}, "
        f"first with it {text.minute(event.first_after.started)} (UTC) · "
        f"suspect: {suspect(event)}"
    )
    return Table(
        columns, tuple(rows), heading, subheading, tuple(_event_lines(event, most, verbose=verbose))
    )


def _moved_row(one: Moved, *, several: bool) -> tuple[str | Cell, ...]:
    scale = scale_of([one.before, one.after], one.key.metric.unit)
    return (
        one.key.case.id,
        one.key.metric.name,
        verdict_cell(one.verdict),
        moved_by(one),
        scale.text(one.before),
        scale.text(one.after),
        described(one.key.conditions, named=True) if several else "",
    )


def moved_by(one: Moved | Drift, *, interval: bool = True) -> str:
    """Return by how much a series moved, for people."""
    low, high = (one.low, one.high) if interval else (None, None)
    return effect_text(one.effect, low, high, before=one.before, unit=one.key.metric.unit)


def _event_lines(event: Event, most: int, *, verbose: bool) -> Iterator[text.Line]:
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
        yield ("it lasts, though: " if event.lasts else "") + said(event.saying)


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


def suspect(event: Event) -> str:
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


def _verdict_text(verdict: Verdict | None) -> str:
    return "changed" if verdict is None else str(verdict)


def verdict_cell(verdict: Verdict | None) -> Cell:
    """Return a verdict in a table; no way of some metrics is the better one."""
    return Cell(_verdict_text(verdict), _STYLES.get(str(verdict), ""))


def event_content(event: Event) -> dict[str, Any]:
    """Return an event as JSON documents have it."""
    return {
        "id": event.id,
        "state": event.state,
        "verdict": event.verdict,
        "cause": event.cause,
        "back": event.back,
        "lasts": event.lasts,
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


def _session(session: StoredSession) -> dict[str, Any]:
    return {
        "session": session.uid,
        "place": session.place,
        "started": session.started,
        "subjects": subjects_content(session.subjects),
    }
