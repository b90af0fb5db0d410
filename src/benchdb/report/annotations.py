"""What a gate says as workflow commands, which GitHub shows beside the files of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.report import text
from benchdb.report.commits import git_log
from benchdb.report.gate import effect_of, levels
from benchdb.report.headline import headline, missing_lines

if TYPE_CHECKING:
    from benchdb.verdicts import Gate, SeriesVerdict

#: Annotations of one kind that GitHub shows of a step.
_MOST_ANNOTATIONS: Final = 10


def workflow_commands(gate: Gate) -> str:
    """Return workflow commands: GitHub shows them beside the files of the tests."""
    lines = []
    failing = gate.failing
    fails = {id(one) for one in failing}
    other = [one for one in gate.of(Verdict.REGRESSED) if one.alarms and id(one) not in fails]
    lost = any(one.state == "lost" for one in gate.sessions)
    absent = (gate.missing, gate.skipped, gate.no_value)
    named = (gate.infinite, gate.unmatched, gate.mixed, gate.head, gate.other_environments)
    less = (other, gate.undecided, *absent, *named, lost)
    of_all = "error" if failing else "warning" if any(less) else "notice"
    for kind, some in (("error", failing), ("warning", other)):
        room = _MOST_ANNOTATIONS - (kind == of_all)
        shown = some if len(some) <= room else some[: room - 1]
        lines += [_annotation(kind, one) for one in shown]
        if more := len(some) - len(shown):
            lines.append(f"::{kind} title=benchdb::{more:,} more series regressed")
    said = [headline(gate), *missing_lines(gate)]
    lines.append(f"::{of_all} title=benchdb gate::{_data(chr(10).join(said))}")
    return "\n".join(lines) + "\n"


def _annotation(kind: str, one: SeriesVerdict) -> str:
    before, after = levels(one)
    effect = "" if counts_outcomes(one.key.metric) else f"{effect_of(one)}, "
    name = f"{one.key.metric.name} of {one.key.case.id}"
    said = [
        f"{name}: {effect}{before} to {after} ({one.certainty})",
        *(f"what changed: {git_log(each)}" for each in one.commits),
    ]
    file = f"file={_property(one.key.case.path)}," if one.key.case.path else ""
    title = _property(f"{one.key.case.name} REGRESSED")
    return f"::{kind} {file}title={title}::{_data(chr(10).join(said))}"


def _data(said: str) -> str:
    """Return text as the message of a workflow command."""
    lines = "\n".join(text.literal(line) for line in said.split("\n"))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(said: str) -> str:
    """Return text as a property of a workflow command."""
    return _data(said).replace(":", "%3A").replace(",", "%2C")
