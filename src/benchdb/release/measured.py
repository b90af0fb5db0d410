"""What the recorded sessions say of a contender: against the last release, and what is open."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from benchdb.errors import UserError
from benchdb.findings import State
from benchdb.metrics import counts_outcomes
from benchdb.recipes import Finding
from benchdb.records import Verdict
from benchdb.release.conda.specs import in_order, is_below, is_prerelease
from benchdb.release.deciding import Deciding
from benchdb.report.effects import effect_text
from benchdb.report.events import suspect
from benchdb.report.text import counted, short
from benchdb.report.units import scale_of
from benchdb.review.comparison import compare_sides
from benchdb.review.events import find_changes
from benchdb.review.one_side import became
from benchdb.review.sides import Sides

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from benchdb.comparisons import (
        ComparedCase,
        ComparedOutcome,
        NotCompared,
        Side,
        SidesCompared,
    )
    from benchdb.config import Settings
    from benchdb.findings import Event
    from benchdb.recipes import Recipe
    from benchdb.release.issues import Known
    from benchdb.review.one_side import Became, Outcome
    from benchdb.store.connection import Connection

#: The share of false events that is allowed for, as `benchdb changes` does.
_RATE: Final = 0.05

#: A regression that a release must be able to exclude, and what looks like one, as shares.
_LARGE: Final = 0.1
_SUSPECT: Final = 0.05

#: Regressions and events that have a line each.
_MOST: Final = 10


def measured(
    connection: Connection,
    settings: Settings,
    recipe: Recipe,
    against: str | None,
    known: Known,
    *,
    first: bool = False,
    branches: Collection[str] = (),
    ran: Collection[str] | None = None,
) -> tuple[str, list[Finding], SidesCompared | None]:
    """Hold a runtime that is to be released against the last release.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    recipe
        Of the contender, whose rows have its version in ``coiled_runtime_version``.
    against
        The runtime to compare with; by default the newest release before it that was recorded.
    known
        Its waivers say which tests' regressions somebody takes the blame for.
    first
        Whether there is no earlier release to compare with.
    branches, ran
        As `benchdb.release.deciding.Deciding` takes them.

    Returns
    -------
    The runtime that it was compared with, what was found, and the comparison.
    """
    version = recipe.version
    deciding = Deciding(connection, settings, recipe, branches=branches, ran=ran)
    sides = Sides(connection, settings, deciding.sessions)
    runtimes = sides.runtimes()
    found: list[Finding] = []
    if version not in runtimes:
        of_trunk = " on the trunk" if deciding.has_others_of(version) else ""
        said = (
            f"no session{of_trunk} ran in runtime {version}: "
            f"record one with COILED_RUNTIME_VERSION={version}"
        )
        found.append(Finding("no", "measured", said))
    last = None if first else against or last_release(runtimes, version)
    if first:
        if not found:
            side = sides.side(_named(version))
            found += _of_first(became(connection, settings, side), side, known, version)
        earlier = last_release(runtimes, version)
        said = f"{earlier} was recorded: leave --first-release out, to compare with it"
        if earlier is None:
            found.append(Finding("note", "last release", "none: this is the first one"))
        else:
            found.append(Finding("no", "last release", said))
    elif last is None:
        said = (
            "no session ran in an earlier release: name what to compare with by --against, "
            "or say --first-release"
        )
        found.append(Finding("no", "last release", said))
    compared = None
    if last is not None and not found:
        try:
            one, two = sides.pair(_named(last), _named(version))
            compared = compare_sides(connection, settings, one, two)
            alone = became(connection, settings, two).outcomes
        except UserError as error:
            found.append(Finding("no", "last release", str(error)))
        else:
            found += _of_comparison(compared, alone, version, known)
    found += deciding.left_out()
    baseline = compared.baseline if compared is not None else None
    return last or "", [*found, *_open_events(connection, settings, baseline)], compared


def last_release(runtimes: Sequence[str], version: str) -> str | None:
    """Return the newest release among the names of runtimes that is older than a version."""
    releases = [one for one in runtimes if one[:1].isdecimal() and not is_prerelease(one)]
    older = [one for one in in_order(releases) if is_below(one, version)]
    return older[-1] if older else None


def _named(runtime: str) -> str:
    """Return how `benchdb compare` is told of a runtime."""
    return f"runtime:{runtime}"


def _of_first(of: Became, side: Side, known: Known, version: str) -> Iterator[Finding]:
    """Say what failed in a release that nothing came before, and what passed."""
    failing = [one for one in of.outcomes if one.happened]
    yield from _limited(_of_new(one, known, version) for one in failing)
    sessions = counted(len(side.sessions), "session")
    if not of.passed:
        yield Finding("no", "measured", f"no test passed in {sessions}: that is no data")
    else:
        said = f"{counted(len(of.passed), 'test')} passed in {sessions}"
        yield Finding("ok", "measured", said)


def _of_new(one: Outcome, known: Known, version: str) -> Finding:
    """Say how often a test failed that nothing can be said of before."""
    said = (
        f"{one.case.id} {one.metric.name} in {one.happened:,} of {counted(one.ran, 'session')}, "
        "not run before"
    )
    return _waived("fails", one.case.id, said, version, known)


def _of_comparison(
    compared: SidesCompared, alone: Sequence[Outcome], version: str, known: Known
) -> Iterator[Finding]:
    regressed = [one for one in compared.cases if one.verdict is Verdict.REGRESSED]
    yield from _limited(_of_case(one, version, known) for one in regressed)
    failing = [one for one in compared.outcomes if _is_more(one)]
    for outcome in failing:
        said = (
            f"{outcome.case.id} {outcome.metric.name} in {outcome.contender:,} of "
            f"{counted(outcome.contender_sessions, 'session')}, before in "
            f"{outcome.baseline:,} of {outcome.baseline_sessions:,}"
        )
        yield _waived("fails", outcome.case.id, said, version, known)
    before = {(one.case, one.metric) for one in compared.outcomes}
    new = [one for one in alone if one.happened and (one.case, one.metric) not in before]
    yield from _limited(_of_new(one, known, version) for one in new)
    missing = sorted(
        {
            one.case.id
            for one in compared.not_compared
            if one.metric is None and one.side == "baseline"
        }
    )
    for case in missing:
        said = f"{case} has no value of the contender: it didn't run, or never passed"
        yield _waived("not run", case, said, version, known)
    timed = [one for one in compared.cases if not counts_outcomes(one.metric)]
    undecided = [one for one in timed if one.verdict is Verdict.UNDECIDED]
    suspects = [one for one in undecided if _is_suspect(one)]
    yield from _limited(_of_case(one, version, known, "may regress") for one in suspects)
    yield _decided(timed, len(compared.contender.sessions))
    yield from _limited(_of_not_compared(compared.not_compared))
    if not (regressed or failing or new or suspects):
        improved = sum(one.verdict is Verdict.IMPROVED for one in timed)
        said = f"nothing regressed against {compared.baseline.meaning}, {improved:,} improved"
        yield Finding("ok", "last release", said)


def _of_not_compared(left: Sequence[NotCompared]) -> Iterator[Finding]:
    """Say what both runtimes ran and can't be held against each other."""
    why: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in left:
        if one.metric is not None and one.side != "contender":
            why[one.case.id, one.reason].append(one.metric.name)
    for (case, reason), metrics in sorted(why.items()):
        yield Finding("note", "not compared", f"{case} {', '.join(metrics)}: {reason}")


def _decided(timed: Sequence[ComparedCase], sessions: int) -> Finding:
    """Say of how many series a large regression can be excluded: where of none, that is no data."""
    judged = [one for one in timed if one.metric.direction is not None]
    excluded = [one for one in judged if _worse(one, one.low, one.high) < _LARGE]
    said = (
        f"{counted(sessions, 'session')} can exclude a regression of {_LARGE:.0%} in "
        f"{len(excluded):,} of {counted(len(judged), 'series', 'series')}"
    )
    if not excluded:
        more = [one.more_runs for one in judged if one.more_runs]
        about = f", about {min(more):,} more" if more else ""
        return Finding("no", "measured", f"{said}: record more{about}")
    return Finding("ok" if len(excluded) == len(judged) else "note", "measured", said)


def _is_suspect(one: ComparedCase) -> bool:
    """Tell whether what can't be decided looks like a regression."""
    if one.metric.direction is None:
        return False
    may_be_large = _worse(one, one.low, one.high) >= _LARGE
    looks_so = _worse(one, one.effect, one.effect) >= _SUSPECT
    return may_be_large and looks_so


def _worse(one: ComparedCase, low: float, high: float) -> float:
    """Return how much worse the contender may be, as a share, between two effects."""
    return high if one.metric.direction == "LOWER_IS_BETTER" else -low


def _is_more(one: ComparedOutcome) -> bool:
    now, before = one.contender * one.baseline_sessions, one.baseline * one.contender_sessions
    return now > before


def _of_case(one: ComparedCase, version: str, known: Known, what: str = "regressed") -> Finding:
    scale = scale_of([one.baseline, one.contender], one.metric.unit)
    effect = effect_text(one.effect, one.low, one.high, before=one.baseline, unit=one.metric.unit)
    levels = f"{scale.text(one.baseline)} to {scale.text(one.contender)}"
    said = f"{one.case.id}: {one.metric.name} {effect}, {levels}"
    return _waived(what, one.case.id, said, version, known)


def _waived(what: str, test: str, said: str, version: str, known: Known) -> Finding:
    by = known.waiver_of_test(test, version)
    if by is None:
        return Finding("no", what, said)
    return Finding("note", what, f"{said}; waived by {by.who}: {by.reason}")


def _limited(findings: Iterator[Finding]) -> Iterator[Finding]:
    every = list(findings)
    yield from every[:_MOST]
    more = every[_MOST:]
    if more:
        said = f"{counted(len(more), 'more row')}, see below"
        yield Finding(
            "no" if any(one.grade == "no" for one in more) else "note", more[0].what, said
        )


def _open_events(
    connection: Connection, settings: Settings, baseline: Side | None
) -> Iterator[Finding]:
    """Yield the regressions that nobody has settled: a no if they began after the last release."""
    try:
        changes = find_changes(connection, settings, rate=_RATE)
    except UserError as error:
        yield Finding("note", "events", str(error))
        return
    regressed = [
        one
        for one in changes.events
        if one.state is State.OPEN and one.verdict is Verdict.REGRESSED and not one.back
    ]
    shipped = max((one.order for one in baseline.sessions), default=None) if baseline else None
    since = [one for one in regressed if shipped is None or one.first_after.order > shipped]
    yield from _limited(_of_event(one) for one in since)
    if earlier := len(regressed) - len(since):
        said = f"{counted(earlier, 'open regression')} were in the last release already"
        yield Finding("note", "open events", said)
    if not regressed:
        yield Finding("ok", "open events", "no regression is open")


def _of_event(event: Event) -> Finding:
    (first, *others) = event.moved
    effect = effect_text(
        first.effect, first.low, first.high, before=first.before, unit=first.key.metric.unit
    )
    more = f" and {counted(len(others), 'more series', 'more series')}" if others else ""
    said = (
        f"{event.id}: {first.key.case.id} {first.key.metric.name} {effect}{more}, since session "
        f"{short(event.first_after.uid)}, to be suspected: {suspect(event)}; "
        f"`benchdb ack {event.id}` settles it"
    )
    return Finding("no", "open event", said)
