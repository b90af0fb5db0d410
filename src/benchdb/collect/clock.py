"""The stopwatch behind ``benchmark_time``: monotonic `time.perf_counter`, one round a block."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.collect.readings import Readings


class Stopwatch:
    """Times blocks: ``with stopwatch:`` is a round, ``with stopwatch("load"):`` a named part.

    A block that raises records its time too. Blocks may be nested.

    Parameters
    ----------
    readings
        Where the rounds go, in seconds.
    metric
        Their name.
    """

    __slots__ = ("_metric", "_readings", "_starts")

    def __init__(self, readings: Readings, metric: str = "duration") -> None:
        self._readings = readings
        self._metric = metric
        self._starts: list[float] = []

    def __call__(self, name: str) -> Stopwatch:
        """Return a stopwatch for a named part, the metric ``duration.NAME``."""
        return Stopwatch(self._readings, f"{self._metric}.{name}")

    def __enter__(self) -> Stopwatch:
        self._starts.append(perf_counter())
        return self

    def __exit__(self, *exception: object) -> None:
        elapsed = perf_counter() - self._starts.pop()
        self._readings.record(self._metric, elapsed, "s")
