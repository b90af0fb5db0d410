"""The finding for programs, mail and feed readers: JSON, CSV, Markdown and Atom."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from benchdb.findings import State
from benchdb.records import Verdict
from benchdb.report import schemas
from benchdb.report.changes import drift_content, drifts_table
from benchdb.report.events import moved_by, suspect
from benchdb.report.markdown import as_markdown
from benchdb.report.series import key_content
from benchdb.report.table import Column, Medium, Table
from benchdb.report.text import counted, minute
from benchdb.report.units import with_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.dashboard.data import Summary
    from benchdb.dashboard.series import Recent
    from benchdb.dashboard.survey import Survey
    from benchdb.findings import Drift, Event, Moved

#: Rows of the plain table and of Markdown; a program has them all.
MOST_ROWS: Final = 50

#: Failing cases that are named beneath.
_MOST_FAILING: Final = 10

#: Entries of the feed, the newest.
_MOST_ENTRIES: Final = 50

#: What XML can't hold (XML 1.0, 2.2).
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Changed:
    """A series that changed lately.

    Parameters
    ----------
    since
        The number of the first session behind the change.
    """

    moved: Moved
    event: Event
    since: int


class Finding:
    """What all summaries tell.

    Parameters
    ----------
    title
        The project.
    headline
        Of all metrics.
    failing
        Ids of the cases that came to harm in one of their newest sessions.
    """

    def __init__(
        self,
        survey: Survey,
        recent: Recent,
        *,
        title: str,
        headline: str,
        summaries: Sequence[Summary],
        failing: Sequence[str],
    ) -> None:
        self.survey = survey
        self.title = title
        self.headline = headline
        self.summaries = summaries
        self.failing = list(failing)
        events = survey.events()
        #: In the order of events, which are ranked, and in each those that moved most first.
        order = {
            id(moved): at
            for at, moved in enumerate(moved for event in events for moved in event.moved)
        }
        self.changed = [
            Changed(moved, events[event], since) for moved, since, event in recent.found.values()
        ]
        self.changed.sort(key=lambda one: order[id(one.moved)])
        #: Ranked by size.
        self.drifts = list(survey.drifts().values())

    @property
    def ranked(self) -> list[Changed]:
        """Return what changed and nobody settled: the worse first, then the better."""
        order: dict[Verdict | None, int] = {Verdict.REGRESSED: 0, Verdict.IMPROVED: 1}
        some = [one for one in self.changed if one.event.state is State.OPEN]
        return sorted(some, key=lambda one: order.get(one.moved.verdict, 2))

    @property
    def newest(self) -> datetime | None:
        """When the newest session started."""
        return max((one.started for one in self.survey.sessions), default=None)


def summary_json(finding: Finding) -> bytes:
    """Return ``benchdb/dashboard/1``."""
    survey = finding.survey
    content: dict[str, Any] = {
        "headline": finding.headline,
        "newest": finding.newest,
        "sessions": len(survey.sessions),
        "window": survey.window,
        "metrics": [
            {
                "metric": metric.name,
                "unit": metric.unit,
                "headline": one.headline,
                "regressed": one.regressed,
                "improved": one.improved,
                "suite": one.suite,
                "suite_low": one.suite_low,
                "suite_high": one.suite_high,
                "noise": one.noise,
            }
            for one in finding.summaries
            for metric in (survey.metrics[one.metric],)
        ],
        "changes": [_change(one) for one in finding.changed],
        "drifts": [drift_content(one) for one in finding.drifts],
        "events": [
            {
                "id": one.id,
                "verdict": one.verdict,
                "state": one.state,
                "cause": one.cause,
                "suspect": suspect(one),
                "back": one.back,
                "since": one.first_after.uid,
                "started": one.first_after.started,
                "tests": len(one.moved_cases),
                "series": len(one.moved),
            }
            for one in survey.events()
        ],
        "failing": finding.failing,
        "conflicts": list(survey.changes.conflicts),
    }
    return schemas.document(schemas.DASHBOARD, finding.title, content, named="project").encode(
        "ascii"
    )


def _change(one: Changed) -> dict[str, Any]:
    moved = one.moved
    return {
        **key_content(moved.key),
        "verdict": moved.verdict,
        "effect": moved.effect,
        "low": moved.low,
        "high": moved.high,
        "before": moved.before,
        "after": moved.after,
        "since": moved.first_after.uid,
        "event": one.event.id,
        "state": one.event.state,
    }


_CSV: Final = (
    "verdict",
    "case",
    "metric",
    "unit",
    "effect",
    "low",
    "high",
    "before",
    "after",
    "since",
    "started",
    "event",
    "state",
    "kind",
)


def summary_csv(finding: Finding) -> bytes:
    """Return a row for each series that changed lately, and for each that drifts.

    No cell is a formula to a spreadsheet. What drifts began at no session, and is in no event.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for one in finding.changed:
        first = one.moved.first_after
        started = f"{first.started:%Y-%m-%dT%H:%M:%SZ}"
        event = one.event
        writer.writerow(
            [*_measured(one.moved), first.uid, started, event.id, event.state.value, "step"]
        )
    for drift in finding.drifts:
        writer.writerow([*_measured(drift), "", "", "", "", "drift"])
    return out.getvalue().encode("utf-8", "backslashreplace")


def _measured(one: Moved | Drift) -> list[str]:
    """Return the cells that a step and a drift have in common."""
    key = one.key
    numbers = (one.effect, one.low, one.high, one.before, one.after)
    return [
        str(one.verdict or ""),
        _cell(key.case.id),
        _cell(key.metric.name),
        _cell(key.metric.unit),
        *(f"{value:.6g}" for value in numbers),
    ]


def _cell(said: str) -> str:
    return f"'{said}" if said[:1] in ("=", "+", "-", "@", "\t", "\r") else said


def plain_tables(finding: Finding) -> list[Table]:
    """Return what changed lately, and what changes slowly if anything does."""
    tables = [change_table(finding)]
    if finding.drifts:
        tables.append(drifts_table(finding.drifts, MOST_ROWS, "summary.json has all"))
    return tables


def change_table(finding: Finding, most: int = MOST_ROWS) -> Table:
    """Return the plain table: what got worse first."""
    rows = []
    ranked = finding.ranked
    for one in ranked[:most]:
        moved = one.moved
        unit = moved.key.metric.unit
        rows.append(
            (
                moved.key.case.id,
                moved.key.metric.name,
                "changed" if moved.verdict is None else str(moved.verdict),
                moved_by(moved),
                with_unit(moved.before, unit),
                with_unit(moved.after, unit),
                minute(moved.first_after.started),
                suspect(one.event),
            )
        )
    columns = (
        Column("test", code=True),
        Column("metric", code=True),
        Column("verdict"),
        Column("effect (95 % interval)", right=True),
        Column("before", right=True),
        Column("after", right=True),
        Column("since (UTC)"),
        Column("suspect"),
    )
    more = len(ranked) - most
    remarks = [f"{more:,} more: summary.csv has all"] if more > 0 else []
    if finding.failing:
        named = ", ".join(finding.failing[:_MOST_FAILING])
        more = len(finding.failing) - _MOST_FAILING
        others = f" and {more:,} more" if more > 0 else ""
        remarks.append(f"failed or lost in one of the newest sessions: {named}{others}")
    return Table(columns, tuple(rows), remarks=tuple(remarks))


def summary_markdown(finding: Finding) -> bytes:
    """Return the tables as GitHub's Markdown."""
    from dataclasses import replace

    changes, *drifts = plain_tables(finding)
    changes = replace(changes, heading=finding.title, subheading=finding.headline)
    return as_markdown([changes, *drifts], Medium(None, encoding="utf-8")).encode(
        "utf-8", "backslashreplace"
    )


def feed(finding: Finding) -> bytes:
    """Return the events as Atom (RFC 4287), whose ids stay as those of the events."""
    survey = finding.survey
    project = _urn(finding.title)
    newest = finding.newest or datetime.fromtimestamp(0, UTC)
    ranked = sorted(survey.events(), key=lambda one: one.first_after.started, reverse=True)
    entries = [_entry(one, project) for one in ranked[:_MOST_ENTRIES]]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<id>urn:benchdb:{project}</id>\n"
        f"<title>{_xml(finding.title)}: benchmarks</title>\n"
        f"<subtitle>{_xml(finding.headline)}</subtitle>\n"
        f"<updated>{newest:%Y-%m-%dT%H:%M:%SZ}</updated>\n"
        '<link rel="alternate" type="text/html" href="index.html"/>\n'
        '<link rel="self" type="application/atom+xml" href="feed.xml"/>\n'
        "<author><name>benchdb</name></author>\n"
        f"{''.join(entries)}</feed>\n"
    ).encode("utf-8", "backslashreplace")


def _entry(one: Event, project: str) -> str:
    worst = one.moved[0]
    more = len(one.moved) - 1
    title = (
        f"{str(one.verdict or 'changed').capitalize()}: {worst.key.case.id} "
        f"{worst.key.metric.name} {moved_by(worst, interval=False)}"
        + (f" and {counted(more, 'more series', 'more series')}" if more else "")
    )
    said = (
        f"Suspect: {suspect(one)}. First session with it: {minute(one.first_after.started)} (UTC)."
    )
    when = max([one.first_after.started, *([one.saying.made] if one.saying is not None else [])])
    return (
        "<entry>\n"
        f"<id>urn:benchdb:{project}:event:{_urn(one.id)}</id>\n"
        f"<title>{_xml(title)}</title>\n"
        f"<updated>{when:%Y-%m-%dT%H:%M:%SZ}</updated>\n"
        f'<link rel="alternate" type="text/html" href="{_test_page(worst.key.case.id)}"/>\n'
        f"<summary>{_xml(said)}</summary>\n"
        "</entry>\n"
    )


def _test_page(case: str) -> str:
    return f"index.html#/test?id={_urn(case)}"


def _urn(said: str) -> str:
    from urllib.parse import quote

    return quote(said, safe="", errors="replace")


def _xml(said: str) -> str:
    return escape(_NO_XML.sub("\ufffd", said))
