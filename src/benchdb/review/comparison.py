"""Two sides of a history compared: per case and metric, and over all cases.

A session is one value of a case: the median over its test runs. Test runs of one session resemble
each other more than those of two, and their spread says nothing of how sessions differ; so they are
values of their own only where both sides have fewer than three sessions, and there is nothing else.
Where one side alone has so few, it borrows the spread of the other.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from benchdb.analysis.comparison import compare
from benchdb.analysis.counts import fisher_p
from benchdb.analysis.family import discoveries
from benchdb.analysis.overall import Compared, overall
from benchdb.comparisons import (
    ComparedCase,
    ComparedOutcome,
    NotCompared,
    OverallEffect,
    SidesCompared,
)
from benchdb.errors import UserError
from benchdb.records import Verdict
from benchdb.review.causes import size
from benchdb.review.differences import commit_ranges, differences
from benchdb.review.halves import Halves, happened
from benchdb.review.history import read_history
from benchdb.review.matching import conditions_in_pairs
from benchdb.review.nearness import nearest
from benchdb.review.renaming import current
from benchdb.review.series import rank
from benchdb.series import SeriesKey
from benchdb.store.circumstances import stored_circumstances

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from benchdb.comparisons import OneSide, Side
    from benchdb.config import Settings
    from benchdb.records import Metric
    from benchdb.review.halves import Half
    from benchdb.review.matching import Pair
    from benchdb.series import Case
    from benchdb.store.connection import Connection

#: Fewer sessions than these on both sides can't tell how sessions differ.
_FEW_SESSIONS: Final = 3

#: The share of findings that may be due to chance.
FALSE_DISCOVERIES: Final = 0.05

#: What the rows of a comparison may be sorted by.
Order = Literal["worst", "effect", "case", "p"]


def compare_sides(
    connection: Connection,
    settings: Settings,
    baseline: Side,
    contender: Side,
    *,
    cases: Collection[Case] | None = None,
    metrics: Sequence[str] = (),
    tolerance: float | None = None,
    order: Order = "worst",
) -> SidesCompared:
    """Compare two sides.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the tags that tell one series from another.
    baseline, contender
        From `benchdb.review.sides.Sides.pair`.
    cases
        Those to compare; all by default.
    metrics
        Names of those to compare; all by default.
    tolerance
        The effect that doesn't matter, as a share; by default what the settings say of each case
        and metric.
    order
        Of the rows: what regressed first, and in it the largest effects; the largest effects; by
        name; the surest first.

    Raises
    ------
    UserError
        If none of `metrics` was measured, or nothing at all.
    """
    rows = [session.row for side in (baseline, contender) for session in side.sessions]
    history = read_history(connection, settings, sessions=rows, every_session=True, each_run=True)
    if cases is not None:
        cases = {current(case, settings.renamed) for case in cases}
    halves = Halves(history, {session.row for session in baseline.sessions}, cases)
    _check(halves, metrics)

    def bearable(case: str, metric: Metric) -> float:
        return settings.tolerance_of(case, metric.name) if tolerance is None else tolerance

    made = _Rows(halves, metrics, bearable)
    circumstances = stored_circumstances(connection, rows)
    one, two = (
        [circumstances[session.row] for session in side.sessions] for side in (baseline, contender)
    )
    last, first = (
        max(side.sessions, key=lambda session: session.order) for side in (baseline, contender)
    )
    return SidesCompared(
        baseline,
        contender,
        differences(one, two),
        commit_ranges(last, first),
        made.overall(),
        tuple(sorted(made.cases, key=_ORDERS[order])),
        tuple(sorted(made.outcomes, key=lambda one: (_WORST[one.verdict], one.p, one.case))),
        tuple(made.not_compared),
        made.left_out,
    )


def _check(halves: Halves, metrics: Sequence[str]) -> None:
    names = halves.metrics()
    if not names:
        raise UserError("none of these cases ran on either side: `benchdb show CASE` says when")
    for name in metrics:
        if name not in names:
            near = ", ".join(nearest(name, names) or names)
            raise UserError(f"no metric {name!r} was measured on these sides: use one of {near}")


_WORST: Final = {
    Verdict.REGRESSED: 0,
    Verdict.IMPROVED: 1,
    Verdict.UNDECIDED: 2,
    Verdict.UNCHANGED: 3,
}


def _size(one: ComparedCase) -> float:
    """Return how large an effect is, a half as large as a doubling."""
    if math.isnan(one.effect):
        return 0.0
    return size(one.effect)


def _named(one: ComparedCase) -> tuple[object, ...]:
    return one.case, *rank(SeriesKey(one.case, one.conditions, one.metric))


_ORDERS: Final[dict[Order, Callable[[ComparedCase], tuple[object, ...]]]] = {
    "worst": lambda one: (_WORST[one.verdict], -_size(one), *_named(one)),
    "effect": lambda one: (-_size(one), *_named(one)),
    "case": _named,
    "p": lambda one: (one.p, *_named(one)),
}


class _Rows:
    """The rows of a comparison."""

    def __init__(
        self,
        halves: Halves,
        metrics: Collection[str],
        tolerance: Callable[[str, Metric], float],
    ) -> None:
        self._halves = halves
        self._metrics = metrics
        self._tolerance = tolerance
        self._ran = halves.ran()
        self._passed = [
            {case for (case, _), sides in halves.measured.items() if sides[number]}
            for number in range(2)
        ]
        self._told: set[tuple[Case, OneSide]] = set()
        self.not_compared: list[NotCompared] = []
        self.left_out = 0
        self._ratios: dict[Metric, list[tuple[Compared, ComparedCase]]] = defaultdict(list)
        cases = list(self._compare())
        outcomes = list(self._count())
        # What is compared with many others is held to the share of findings that are chance's.
        ps = [one.p for one in cases] + [one.p for one in outcomes]
        surely = discoveries(ps, FALSE_DISCOVERIES).tolist()
        self.cases = [
            one if sure or one.alone is Verdict.UNCHANGED else _undecided(one)
            for one, sure in zip(cases, surely, strict=False)
        ]
        self.outcomes = [
            one if sure else replace(one, verdict=Verdict.UNDECIDED)
            for one, sure in zip(outcomes, surely[len(cases) :], strict=True)
        ]
        self._tell_one_sided()

    def _compare(self) -> Iterator[ComparedCase]:
        for (case, metric), (one, two) in self._halves.measured.items():
            if self._metrics and metric.name not in self._metrics:
                continue
            if not one or not two:
                self._tell_missing(case, metric, "contender" if one else "baseline")
                continue
            pairs = conditions_in_pairs(
                {key: half.sessions for key, half in one.items()},
                {key: half.sessions for key, half in two.items()},
            )
            if not pairs:
                other = not {key.version for key in one} & {key.version for key in two}
                reason = "another version of the test" if other else "under other conditions"
                self.not_compared.append(NotCompared(case, metric, "both", reason))
                continue
            self.left_out += len(one) + len(two) - 2 * len(pairs)
            for pair in pairs:
                yield self._row(case, metric, pair, one[pair.baseline], two[pair.contender])

    def _row(self, case: Case, metric: Metric, pair: Pair, one: Half, two: Half) -> ComparedCase:
        """Compare a case by sessions; by its test runs where there are too few of these."""
        few = max(one.sessions, two.sessions) < _FEW_SESSIONS
        of_runs = few and len(one.at) + len(two.at) > one.sessions + two.sessions
        if not of_runs:
            one, two = one.by_session(), two.by_session()
        tolerance = self._tolerance(case.id, metric)
        found = compare(one.values, two.values, direction=metric.direction, tolerance=tolerance)
        row = ComparedCase(
            case=case,
            metric=metric,
            conditions=pair.baseline,
            contender_conditions=pair.contender,
            on_trial=pair.on_trial,
            effect=found.effect,
            low=found.low,
            high=found.high,
            effect_size=found.effect_size,
            p=found.p,
            verdict=found.verdict,
            alone=found.verdict,
            more_runs=found.more_runs,
            baseline=found.baseline,
            contender=found.contender,
            baseline_values=found.baseline_runs,
            contender_values=found.contender_runs,
            of_runs=of_runs,
            tolerance=tolerance,
        )
        if one.values.min() > 0 and two.values.min() > 0:
            values = Compared(found, one.values, two.values, one.at.tolist(), two.at.tolist())
            self._ratios[metric].append((values, row))
        return row

    def _count(self) -> Iterator[ComparedOutcome]:
        for (case, metric), sides in self._halves.counted.items():
            if self._metrics and metric.name not in self._metrics:
                continue
            one, two = (happened(side) for side in sides)
            ran = self._ran[case]
            if not (one or two) or not all(ran):
                continue
            p = fisher_p(one, ran[0], two, ran[1])
            more = two * ran[0] > one * ran[1]
            verdict = Verdict.REGRESSED if more else Verdict.IMPROVED
            if p >= FALSE_DISCOVERIES:
                verdict = Verdict.UNDECIDED
            yield ComparedOutcome(case, metric, one, two, *ran, p, verdict)

    def _tell_missing(self, case: Case, metric: Metric, side: OneSide) -> None:
        """Say why a side has no value of a metric of a case, unless it didn't run the case."""
        lacking = 0 if side == "baseline" else 1
        if not self._ran[case][lacking]:
            return
        infinite = (case, metric) in self._halves.infinite[lacking]
        if infinite or case in self._passed[lacking]:
            reason = f"{'infinite' if infinite else 'not measured'} in the {side}"
            self.not_compared.append(NotCompared(case, metric, _other(side), reason))
        elif (case, side) not in self._told:
            self._told.add((case, side))
            reason = f"never passed in the {side}"
            self.not_compared.append(NotCompared(case, None, _other(side), reason))

    def _tell_one_sided(self) -> None:
        """Say which cases ran on one side alone."""
        for case, ran in self._ran.items():
            for side, sessions in zip(_SIDES, ran, strict=True):
                if not sessions:
                    told = NotCompared(case, None, _other(side), f"not run in the {side}")
                    self.not_compared.append(told)
        self.not_compared.sort(
            key=lambda one: (
                one.metric is not None,
                one.case,
                one.metric.name if one.metric else "",
            )
        )

    def overall(self) -> tuple[OverallEffect, ...]:
        """Return the geometric mean of the ratios of each metric, those of most cases first."""
        verdicts: dict[Metric, dict[Verdict, int]] = defaultdict(lambda: dict.fromkeys(Verdict, 0))
        for row in self.cases:
            verdicts[row.metric][row.verdict] += 1
        made = []
        for metric, ratios in self._ratios.items():
            found = overall(
                [values for values, _ in ratios],
                direction=metric.direction,
                tolerance=self._tolerance("", metric),  # of no case: what holds for all
                by_session=not any(row.of_runs for _, row in ratios),
            )
            made.append(
                OverallEffect(
                    metric,
                    found.cases,
                    found.effect,
                    found.low,
                    found.high,
                    found.p,
                    found.verdict,
                    found.basis == "cases",
                    verdicts[metric],
                )
            )
        return tuple(sorted(made, key=lambda one: (-one.cases, one.metric.name, one.metric.unit)))


_SIDES: Final[tuple[OneSide, OneSide]] = ("baseline", "contender")


def _other(side: OneSide) -> OneSide:
    return "contender" if side == "baseline" else "baseline"


def _undecided(one: ComparedCase) -> ComparedCase:
    return replace(one, verdict=Verdict.UNDECIDED, more_runs=one.more_runs or None)
