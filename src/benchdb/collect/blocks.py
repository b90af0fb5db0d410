"""Several blocks of one kind in one test are read as one longer block.

What a meter adds up is added, maxima are kept, averages are weighted by the blocks' time. A block
inside another of the same kind on the same subject is part of the outer one and counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchdb.collect.readings import Readings


#: The subject of blocks that measure the process which runs the test.
THIS_PROCESS: Final = "this process"


#: By kind, what averages and maxima of two clusters at once say nothing of.
_OF_ONE: Final = {"memory": "memory", "scheduler": "the schedulers' work"}


class Blocks:
    """What the blocks of one test have seen so far, written into its readings' columns."""

    __slots__ = ("_averages", "_maxima", "_met", "_open", "_sums", "readings", "silent")

    def __init__(self, readings: Readings) -> None:
        self.readings = readings
        self._open: set[tuple[str, str]] = set()
        self._met: set[tuple[str, bool]] = set()
        self._sums: dict[str, float] = {}
        self._maxima: dict[str, float] = {}
        self._averages: dict[str, tuple[float, float]] = {}
        #: Addresses that did not answer a window: since when, by the monotonic clock, and why.
        self.silent: dict[str, tuple[float, str]] = {}

    def enter(self, kind: str, subject: str) -> bool:
        """Return False if a block of this kind on this subject is open already."""
        if (kind, subject) in self._open:
            return False
        beside = {subject, *(other for of, other in self._open if of == kind)} - {THIS_PROCESS}
        if kind in _OF_ONE and len(beside) > 1:
            self.readings.note(
                f"{_OF_ONE[kind]} of two clusters was measured at the same time, and is no sum:"
                " measure each in a block of its own"
            )
        self._open.add((kind, subject))
        self._met.add((kind, subject == THIS_PROCESS))
        if {(kind, True), (kind, False)} <= self._met:
            self.readings.note(
                f"{kind} of {THIS_PROCESS} and of a cluster were measured in one test, and are read"
                " as one: measure each in a test of its own"
            )
        return True

    def leave(self, kind: str, subject: str) -> None:
        """Close what `enter` opened."""
        self._open.discard((kind, subject))

    def add(self, column: str, value: float) -> None:
        """Set a column to the sum over the blocks."""
        self._sums[column] = total = self._sums.get(column, 0.0) + value
        self.readings.set(column, total)

    def maximum(self, column: str, value: float) -> None:
        """Set a column to the largest value of the blocks."""
        self._maxima[column] = largest = max(self._maxima.get(column, value), value)
        self.readings.set(column, largest)

    def maximum_metric(self, name: str, value: float) -> None:
        """Record a metric that is no column, as the largest value of the blocks."""
        self._maxima[name] = largest = max(self._maxima.get(name, value), value)
        self.readings.rounds[name, None, None] = [largest]

    def average(self, column: str, value: float, seconds: float, *, whole: bool = False) -> None:
        """Set a column to the blocks' average, weighted by their time; `whole` rounds it."""
        integral, time = self._averages.get(column, (0.0, 0.0))
        # A block too short for the clock still has its say.
        weight = max(seconds, 1e-9)
        integral, time = integral + value * weight, time + weight
        self._averages[column] = (integral, time)
        self.readings.set(column, round(integral / time) if whole else integral / time)
