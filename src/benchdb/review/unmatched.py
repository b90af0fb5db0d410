"""Patterns of the settings that fit nothing: mistyped, most likely, and silently without effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchdb.globs import matches
from benchdb.metrics import OUTCOME_METRICS
from benchdb.review.cases import cases_among
from benchdb.review.renaming import current
from benchdb.store.cases import stored_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from benchdb.config import Settings
    from benchdb.series import Case, SeriesKey
    from benchdb.store.connection import Connection


def unmatched(
    connection: Connection, settings: Settings, keys: Collection[SeriesKey]
) -> tuple[str, ...]:
    """Return the patterns that fit nothing, each behind the name of its setting.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They have the patterns: of metrics, tolerances and controls.
    keys
        Series of the newest sessions: what they measured is what may be meant by a metric. Tests
        are also looked for among all that were ever recorded.
    """
    near = sorted({one.case for one in keys})
    known = _known(connection, settings)
    metrics = {one.metric.name for one in keys} | {one.name for one in OUTCOME_METRICS}
    patterns = tuple(_unmatched(settings, metrics, near, known))
    return patterns + _unmatched_controls(settings, near, known)


def unmatched_controls(
    connection: Connection, settings: Settings, cases: Sequence[Case]
) -> tuple[str, ...]:
    """Return the patterns of control tests that fit nothing, each behind the setting's name.

    Parameters
    ----------
    cases
        Those of a history: looked through before all that were ever recorded.
    """
    return _unmatched_controls(settings, cases, _known(connection, settings))


def _known(connection: Connection, settings: Settings) -> Callable[[], Sequence[Case]]:
    """Return what looks up all cases, once and only when asked: that takes time."""
    every: list[Case] = []

    def known() -> Sequence[Case]:
        if not every:
            every.extend(current(one, settings.renamed) for one in stored_cases(connection))
        return every

    return known


def _unmatched_controls(
    settings: Settings, near: Sequence[Case], known: Callable[[], Sequence[Case]]
) -> tuple[str, ...]:
    return tuple(
        f"controls {given!r}"
        for given in settings.controls
        if not cases_among(given, near) and not cases_among(given, known())
    )


def _unmatched(
    settings: Settings,
    metrics: Collection[str],
    near: Sequence[Case],
    known: Callable[[], Sequence[Case]],
) -> Iterator[str]:
    def has_metric(pattern: str) -> bool:
        return any(matches(pattern, one) for one in metrics)

    def has_test(pattern: str) -> bool:
        def fits(some: Sequence[Case]) -> bool:
            return any(matches(pattern, one.id) for one in some)

        return fits(near) or fits(known())

    for pattern in settings.metrics:
        if not has_metric(pattern):
            yield f"metrics {pattern!r}"
    for pattern, _ in settings.tolerance:
        test, at, metric = pattern.rpartition(" @ ")
        if not has_test(test if at else pattern) or (at and not has_metric(metric)):
            yield f"tolerance {pattern!r}"
