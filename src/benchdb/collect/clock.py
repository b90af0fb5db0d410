"""Clocks that stay true, and the stopwatch behind ``benchmark_time``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.collect.readings import Readings


class Clock:
    """The clocks as they are, whatever a test does to them.

    freezegun and its like replace the functions in the modules that hold them; those that a class
    holds they leave alone.
    """

    wall = staticmethod(time.perf_counter)
    cpu = staticmethod(time.process_time)
    _instant = staticmethod(datetime.now)
    _utc = UTC

    @classmethod
    def now(cls) -> datetime:
        """Return the instant, in UTC."""
        return cls._instant(cls._utc)


class Stopwatch:
    """Times blocks: ``with stopwatch:`` is a round, ``with stopwatch("load"):`` a named part.

    A block that raises records its time too. Blocks may be nested, and be ``async with`` blocks.

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
        self._starts.append(Clock.wall())
        return self

    def __exit__(self, *exception: object) -> None:
        elapsed = Clock.wall() - self._starts.pop()
        self._readings.record(self._metric, elapsed, "s")

    async def __aenter__(self) -> Stopwatch:
        return self.__enter__()

    async def __aexit__(self, *exception: object) -> None:
        self.__exit__(*exception)
