"""How many benchmarked tests ran beside each other, under pytest-xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Neighbours:
    """The intervals of the tests that may still overlap with one that runs.

    Instants are the workers' own, as reports of two workers may arrive in another order than the
    tests ran in.
    """

    def __init__(self) -> None:
        self._open: dict[int, datetime] = {}
        self._ended: list[tuple[datetime, datetime]] = []

    def begin(self, ordinal: int, start: datetime) -> None:
        """A test starts."""
        self._open[ordinal] = start

    def cancel(self, ordinal: int) -> None:
        """It is no benchmarked test."""
        self._open.pop(ordinal, None)

    def end(self, ordinal: int, start: datetime | None, end: datetime) -> int:
        """A test ends; return the most others that ran at one instant of its time.

        Parameters
        ----------
        start
            Its start by its worker's clock; None where it is only known when it was heard of.
        """
        heard = self._open.pop(ordinal, end)
        begun = heard if start is None else start
        changes: list[tuple[datetime, int]] = []
        for other_start, other_end in self._ended:
            if other_start < end and other_end > begun:
                changes += [(max(other_start, begun), 1), (other_end, -1)]
        changes += [(max(other, begun), 1) for other in self._open.values() if other < end]
        self._ended.append((begun, end))
        oldest = min(self._open.values(), default=None)
        self._ended = [one for one in self._ended if oldest is not None and one[1] > oldest]
        most = level = 0
        for _, change in sorted(changes):  # at one instant, those that end come first
            level += change
            most = max(most, level)
        return most
