"""What a gate says in lines: the outcome, what it lacks, how sure it is."""

from __future__ import annotations

import statistics
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

from benchdb.findings import series_text
from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.report import text
from benchdb.report.effects import size_text
from benchdb.report.sessions import SHORT_FINGERPRINT, conflict_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.verdicts import Gate, SeriesVerdict

#: Names that are listed in a line, reasons that are counted, and environments, a line each.
_MOST_NAMED: Final = 5
_MOST_REASONS: Final = 3
_MOST_ENVIRONMENTS: Final = 3

#: What shows nothing below ten times as much has too few points yet, and a number of it misleads.
_BLIND: Final = 9.0


def headline(gate: Gate) -> str:
    """Return the outcome in one line, with what makes it worth less."""
    return "; ".join([_outcome(gate), *_reservations(gate)])


def _reservations(gate: Gate) -> Iterator[str]:
    newest = gate.sessions[0]
    if any(one.state == "lost" for one in gate.sessions):
        yield "but the session was LOST: its process was killed before its end"
    if not gate.base_sessions:
        yield "but no session of the trunk is here to judge by"
    if gate.missing:
        yield f"{text.counted(len(gate.missing), 'case')} missing"
    if gate.skipped:
        yield f"{text.counted(len(gate.skipped), 'case')} skipped that ran before"
    if gate.no_value:
        yield f"{series_counted(len(gate.no_value))} without a value"
    if gate.other_environments:
        sessions = text.counted(sum(one.sessions for one in gate.other_environments), "session")
        yield f"but the environment is new: {sessions} of the trunk ran in others"
    if gate.head is not None:
        yield (
            f"but HEAD, {gate.head[:10]}, was not recorded: this is the session of "
            f"{text.minute(newest.started)} (UTC)"
        )


def _outcome(gate: Gate) -> str:
    failing = gate.failing
    if failing:
        tests = text.counted(len({one.key.case for one in failing}), "test")
        kinds = Counter(str(one.certainty) for one in failing)
        how = " and ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        return f"REGRESSED: {tests} ({how} of {series_counted(len(gate.verdicts))} judged)"
    judged = series_counted(len(gate.verdicts))
    if gate.undecided:
        why = _whys(gate.verdicts)
        return f"UNDECIDED: nothing can be said yet of any of {judged} ({why})"
    others = not_failing(gate)
    counted = [f"{count:,} {kind}" for kind, count in others.items() if count]
    counted += [
        f"{len(found):,} {verdict}"
        for verdict in Verdict
        if verdict is not Verdict.REGRESSED and (found := gate.of(verdict))
    ]
    # A suspect is a new regression, too, only not sure enough to fail. Tests may fail, though.
    if others["suspect"]:
        return f"no regression fails the build: {', '.join(counted)} in {judged}"
    return f"no new regression in {judged}: {', '.join(counted)}"


def not_failing(gate: Gate) -> dict[str, int]:
    """Return how many regressions don't fail: by why that is so."""
    failing = {id(one) for one in gate.failing}
    kinds = Counter(
        "known" if one.raised else "control" if one.control else "suspect"
        for one in gate.of(Verdict.REGRESSED)
        if id(one) not in failing
    )
    return {kind: kinds[kind] for kind in ("suspect", "known", "control")}


def _whys(some: Sequence[SeriesVerdict]) -> str:
    """Return why series are undecided, the commonest reasons first, with their numbers."""
    whys = Counter(one.why for one in some)
    most = whys.most_common(_MOST_REASONS)
    more = len(some) - sum(count for _, count in most)
    said = [f"{count:,} {why}" for why, count in most] + ([f"{more:,} more"] if more else [])
    return ", ".join(said)


def series_counted(count: int) -> str:
    """Return how many series there are."""
    return text.counted(count, "series", "series")


def missing_lines(gate: Gate, *, verbose: bool = False) -> Iterator[str]:
    """Yield what isn't judged: what the session lacks, what is infinite, what settings misname."""
    if gate.missing:
        named = _named([one.id for one in gate.missing], verbose=verbose)
        cases = text.counted(len(gate.missing), "case")
        yield f"missing: {cases} of the trunk's last sessions did not run: {named}"
    if gate.deselected:
        cases = text.counted(gate.deselected, "more case")
        yield f"{cases} of the trunk's last sessions did not run, as the call selected others"
    if gate.skipped:
        named = _named([one.id for one in gate.skipped], verbose=verbose)
        cases = text.counted(len(gate.skipped), "case")
        yield f"now skipped: {cases} that the trunk's last sessions ran: {named}"
    for metric, some in groupby(gate.no_value, key=lambda one: one.metric.name):
        cases_of_it = [one.case.id for one in some]
        named = _named(cases_of_it, verbose=verbose)
        count = series_counted(len(cases_of_it))
        yield f"no value: {count} of {metric}, which the trunk's last sessions measured: {named}"
    if gate.infinite:
        named = _named([series_text(one) for one in gate.infinite], verbose=verbose)
        yield f"not judged, as it is infinite: {named}"
    if gate.other_environments:
        yield from _environment_lines(gate, verbose=verbose)
    if gate.mixed:
        named = _named([f"{one} is now {new}" for one, new in gate.mixed], verbose=verbose)
        yield f"mixed in one series, as both ran: {named} by [tool.benchdb] renamed"
    if gate.unmatched:
        yield text.unmatched_line(_named(gate.unmatched, verbose=verbose))


def _environment_lines(gate: Gate, *, verbose: bool) -> Iterator[str]:
    """Yield where the trunk ran before, and what is another there."""
    environment = gate.sessions[0].environment
    fingerprint = "unknown" if environment is None else environment.fingerprint[:SHORT_FINGERPRINT]
    yield (
        f"environment {fingerprint} has no past of its own yet, too few sessions: "
        "what other machines measured tells nothing of it"
    )
    most = len(gate.other_environments) if verbose else _MOST_ENVIRONMENTS
    for one in gate.other_environments[:most]:
        differ = ", ".join(
            f"{name} {there or 'unknown'}, here {here or 'unknown'}"
            for name, there, here in one.differences
        )
        name = one.environment.fingerprint[:SHORT_FINGERPRINT]
        sessions = text.counted(one.sessions, "session")
        yield f"{sessions} of the trunk ran in environment {name}: {differ}"
    if len(gate.other_environments) > most:
        yield f"{len(gate.other_environments) - most:,} more environments: --verbose has them all"


def _named(names: Sequence[str], *, verbose: bool) -> str:
    """Return names in a line, the first of them if they are many."""
    most = len(names) if verbose else _MOST_NAMED
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def certainty_lines(gate: Gate) -> Iterator[text.Line]:
    """Yield how sure all this is."""
    sensible = [
        one
        for one in gate.verdicts
        if not counts_outcomes(one.key.metric) and one.past and one.baseline != 0
    ]
    seeing = [one for one in sensible if one.smallest < _BLIND]
    finite = sorted(one.smallest for one in seeing)
    if finite:
        worst = max(seeing, key=lambda one: one.smallest)
        least, most = size_text(finite[0]), size_text(finite[-1])
        line = (
            "smallest slowdown that five sessions would show: "
            f"{size_text(statistics.median(finite))} in the middle series"
        )
        if least != most:
            line += f", {least} to {most} ({worst.key.case.id} {worst.key.metric.name})"
        yield line
    if blind := len(sensible) - len(seeing):
        yield f"{series_counted(blind)} with too few points to show any slowdown below tenfold"
    undecided = gate.of(Verdict.UNDECIDED)
    if undecided and not gate.undecided:
        yield f"{series_counted(len(undecided))} UNDECIDED: {_whys(undecided)}"
    yield (
        f"at most {100 * gate.false_alarms:.3g} of 100 sessions fail by chance, whatever the "
        f"number of series: each alarms by chance once in {1 / gate.limit:,.0f} sessions"
    )
    if gate.conflicts:
        yield conflict_line(gate.conflicts)
