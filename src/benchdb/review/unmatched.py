"""Patterns of the settings that fit nothing: mistyped, most likely, and silently without effect."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from benchdb.globs import matches
from benchdb.metrics import OUTCOME_METRICS
from benchdb.review.cases import cases_among
from benchdb.review.renaming import current, unused
from benchdb.store.cases import stored_cases

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
        They have the patterns: of metrics, tolerances and controls; and the former names of tests.
    keys
        Series of the newest sessions: what they measured is what may be meant by a metric. Tests
        are also looked for among all that were ever recorded.
    """
    near = sorted({one.case for one in keys})
    recorded = _Recorded(connection, settings)
    metrics = {one.metric.name for one in keys} | {one.name for one in OUTCOME_METRICS}
    patterns = tuple(_unmatched(settings, metrics, near, recorded))
    return patterns + _unmatched_tests(settings, near, recorded)


def unmatched_tests(
    connection: Connection, settings: Settings, cases: Sequence[Case]
) -> tuple[str, ...]:
    """Return the control tests and the former names that fit nothing, as `unmatched` does.

    Parameters
    ----------
    cases
        Those of a history: looked through before all that were ever recorded.
    """
    return _unmatched_tests(settings, cases, _Recorded(connection, settings))


class _Recorded:
    """All cases, looked up once and only when asked: that takes time."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._renamed = settings.renamed

    @cached_property
    def cases(self) -> Sequence[Case]:
        """By the names that they were recorded by."""
        return stored_cases(self._connection)

    @cached_property
    def current(self) -> Sequence[Case]:
        """By the names that they have now."""
        return [current(one, self._renamed) for one in self.cases]


def _unmatched_tests(
    settings: Settings, near: Sequence[Case], recorded: _Recorded
) -> tuple[str, ...]:
    controls = [
        f"controls {given!r}"
        for given in settings.controls
        if not cases_among(given, near) and not cases_among(given, recorded.current)
    ]
    names = unused(recorded.cases, settings.renamed) if settings.renamed else []
    return (*controls, *(f"renamed {name!r}" for name in names))


def _unmatched(
    settings: Settings,
    metrics: Collection[str],
    near: Sequence[Case],
    recorded: _Recorded,
) -> Iterator[str]:
    def has_metric(pattern: str) -> bool:
        return any(matches(pattern, one) for one in metrics)

    def has_test(pattern: str) -> bool:
        def fits(some: Sequence[Case]) -> bool:
            return any(matches(pattern, one.id) for one in some)

        return fits(near) or fits(recorded.current)

    for pattern in settings.metrics:
        if not has_metric(pattern):
            yield f"metrics {pattern!r}"
    for pattern, _ in settings.tolerance:
        test, at, metric = pattern.rpartition(" @ ")
        if not has_test(test if at else pattern) or (at and not has_metric(metric)):
            yield f"tolerance {pattern!r}"
