"""Regressions that have a cause which was raised before: one cause fails once."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.series import StoredSession
    from benchdb.verdicts import SeriesVerdict

#: What one cause does to a test is at most so many times as much as what it is known to do to
#: another: a larger change at the same place may be one of its own.
AS_MUCH: Final = 2.0


def with_known_causes(
    verdicts: Sequence[SeriesVerdict], earlier: Sequence[SeriesVerdict] = ()
) -> list[SeriesVerdict]:
    """Take for known what regressed where another test did that was raised before.

    Noise lets some tests show a change nights after others, and machines take turns.
    `benchdb.review.places` has put what may have begun at one session there.

    Parameters
    ----------
    verdicts
        Of one session.
    earlier
        Of sessions before, in other environments: what regressed there.
    """
    known = [*(one for one in verdicts if one.raised is not None), *earlier]
    causes = KnownCauses([(one, one.raised) for one in known])
    return [
        one
        if not one.alarms or (cause := causes.first(one)) is None
        else replace(one, raised=known[cause].raised)
        for one in verdicts
    ]


class KnownCauses:
    """What regressed and was raised, to look up what has the same cause among thousands.

    Parameters
    ----------
    known
        What is said of each, and with which session it was raised.
    """

    def __init__(self, known: Sequence[tuple[SeriesVerdict, StoredSession | None]]) -> None:
        alike: dict[object, list[int]] = defaultdict(list)
        for number, (one, raised) in enumerate(known):
            places = [each and each.row for each in (one.before, one.since, raised)]
            counts = counts_outcomes(one.key.metric)
            alike[one.verdict, one.certainty, one.control, counts, *places].append(number)
        self._sizes = [size(one.effect) for one, _ in known]
        #: Of those that differ in nothing but size: the largest, and all their numbers.
        self._alike = [
            (*known[max(numbers, key=self._sizes.__getitem__)], numbers)
            for numbers in alike.values()
        ]

    def first(self, one: SeriesVerdict, but: int | None = None) -> int | None:
        """Return the number of the first that has the cause of a regression, but for its own."""
        least = size(one.effect)
        return min(
            (
                number
                for largest, raised, numbers in self._alike
                if of_one_cause(one, largest) and _raised_there(largest, raised)
                for number in islice(
                    (
                        number
                        for number in numbers
                        if number != but and least <= AS_MUCH * self._sizes[number]
                    ),
                    1,
                )
            ),
            default=None,
        )


def _raised_there(known: SeriesVerdict, raised: StoredSession | None) -> bool:
    """Tell whether it was this change that was raised, and no earlier one close to it.

    Two steps of a test that are close are one event. But what another test does at the second may
    have nothing to do with the first. No step is confirmed by its first session.
    """
    if raised is None or known.since is None or known.certainty != "confirmed":
        return True
    return raised.order > known.since.order


def of_one_cause(one: SeriesVerdict, known: SeriesVerdict) -> bool:
    """Tell whether a regression has the cause of another, that is known.

    Parameters
    ----------
    one
        The regression.
    known
        What is known for as sure, of a test on trial.
    """
    return (
        one.verdict is known.verdict is Verdict.REGRESSED
        and not known.control
        and known.certainty in (one.certainty, "confirmed")
        and not any(counts_outcomes(each.key.metric) for each in (one, known))
        and begin_together(one, known)
        and size(one.effect) <= AS_MUCH * size(known.effect)
    )


def begin_together(one: SeriesVerdict, other: SeriesVerdict) -> bool:
    """Tell whether two changes may have begun with one session."""
    if one.before is None or one.since is None or other.before is None or other.since is None:
        return False
    return overlap(one.before, one.since, other.before, other.since)


def overlap(
    before: StoredSession, since: StoredSession, other: StoredSession, its_since: StoredSession
) -> bool:
    """Tell whether two stretches, behind a session up to another one, hold the same session."""
    return max(before.order, other.order) < min(since.order, its_since.order)


def size(effect: float) -> float:
    """Return how large an effect is, whichever way: the logarithm of the ratio."""
    return abs(math.log1p(effect)) if effect > -1 else math.inf
