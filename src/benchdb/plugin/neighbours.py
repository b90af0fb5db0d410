"""How many benchmarked tests ran beside each other, under pytest-xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Neighbours:
    """The most others that ran at one instant of each test's time.

    While tests run it is counted from what has been heard of them. Reports of two workers may
    arrive in another order than the tests ran in, so it is settled by the workers' own instants
    when all is over.
    """

    def __init__(self) -> None:
        self._beside: dict[int, int] = {}
        self._running: dict[int, datetime] = {}
        self._intervals: dict[int, tuple[datetime, datetime]] = {}

    def begin(self, ordinal: int, start: datetime) -> None:
        """A test starts."""
        self._running[ordinal] = start
        for one in self._running:
            self._beside[one] = max(self._beside.get(one, 0), len(self._running) - 1)

    def cancel(self, ordinal: int) -> None:
        """It is no benchmarked test."""
        self._running.pop(ordinal, None)
        self._beside.pop(ordinal, None)

    def end(self, ordinal: int, start: datetime | None, end: datetime) -> int:
        """A test ends; return how many ran beside it, as far as is known now.

        Parameters
        ----------
        start
            Its start by its worker's clock; None where it is only known when it was heard of.
        """
        heard = self._running.pop(ordinal, end)
        self._intervals[ordinal] = (heard if start is None else start, end)
        return self._beside.setdefault(ordinal, 0)

    def settle(self) -> dict[int, int]:
        """Return what `end` would have returned, had it known all, of those where it differs."""
        settled = self._by_instants()
        differing = {
            ordinal: beside
            for ordinal, beside in settled.items()
            if beside != self._beside.get(ordinal)
        }
        self._beside.update(differing)
        return differing

    def _by_instants(self) -> dict[int, int]:
        lasting = {one: times for one, times in self._intervals.items() if times[0] < times[1]}
        # At one instant, those that end come first: a worker's next test isn't beside its last.
        changes = [(end, 0, ordinal) for ordinal, (_, end) in lasting.items()]
        changes += [(start, 1, ordinal) for ordinal, (start, _) in lasting.items()]
        running: set[int] = set()
        most = dict.fromkeys(lasting, 0)
        for _, starts, ordinal in sorted(changes):
            if not starts:
                running.discard(ordinal)
                continue
            running.add(ordinal)
            for one in running:
                most[one] = max(most[one], len(running) - 1)
        return most
