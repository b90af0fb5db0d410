"""Tests that run elsewhere: in workers of pytest-xdist and in forked children, told by reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.plugin.neighbours import Neighbours
from benchdb.plugin.running import now
from benchdb.plugin.wire import from_wire

if TYPE_CHECKING:
    from benchdb.plugin.controller import Controller
    from benchdb.records import ClosedTestRun
    from benchdb.store.recording import Recording

#: A worker (None: a child of this process) and the node id of the test it runs.
_Place = tuple[Any, str]


class RemoteTests:
    """Follows tests by their reports.

    A test's start doesn't say on which worker: its row waits for the report that does. What the
    observer of the worker measured comes with the last report, see `benchdb.plugin.observer`.
    """

    def __init__(self, controller: Controller, recording: Recording) -> None:
        self._controller = controller
        self._recording = recording
        self._neighbours = Neighbours()
        self._unplaced: dict[str, list[int]] = {}
        self._placed: dict[_Place, int] = {}
        self._closed: set[tuple[_Place, int, int]] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Open the row of a test that starts somewhere."""
        self._open(nodeid, now(), attempt=1)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Advance or close the row that a report is about."""
        place = (getattr(report, "node", None), report.nodeid)
        sent = getattr(report, "benchdb", None)
        if report.when not in ("setup", "call", "teardown"):
            self._lose(place)  # pytest-xdist's report of a worker that died
        elif sent is not None and "closed" in sent:
            self._take(place, from_wire(sent["closed"]), report)
        elif (ordinal := self._place(place)) is not None:
            self._follow(place, ordinal, report, sent)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Whatever a worker that died was running is lost."""
        for place in [place for place in self._placed if place[0] is node]:
            if error:
                self._lose(place)

    def pytest_sessionfinish(self) -> None:
        """Correct how many ran beside a test, now that all instants are known."""
        for ordinal, beside in self._neighbours.settle().items():
            self._recording.correct_beside(ordinal, beside)

    def _open(self, nodeid: str, start: datetime, attempt: int) -> None:
        ordinal = self._controller.open_row(nodeid, start, attempt)
        self._unplaced.setdefault(nodeid, []).append(ordinal)
        self._neighbours.begin(ordinal, start)

    def _place(self, place: _Place) -> int | None:
        """Return the row that a worker's test is recorded in."""
        if place not in self._placed and self._unplaced.get(place[1]):
            self._placed[place] = self._unplaced[place[1]].pop(0)
        return self._placed.get(place)

    def _follow(self, place: _Place, ordinal: int, report: pytest.TestReport, sent: Any) -> None:
        """Note what a report says of a row that stays open."""
        if (sent is not None and not sent["asked"]) or report.when == "teardown":
            # It asks for nothing; by its teardown it asked for nothing later either.
            self._recording.remove(ordinal)
            self._placed.pop(place, None)
            self._neighbours.cancel(ordinal)
            return
        if sent is not None:
            self._recording.identify(ordinal, sent["attempt"], sent["round"], sent["version"])
        stop = getattr(report, "stop", None)
        since = datetime.fromtimestamp(stop, UTC) if stop else now()
        self._recording.advance(ordinal, report.when, report.outcome, since)

    def _take(self, place: _Place, run: ClosedTestRun, report: pytest.TestReport) -> None:
        """Close a row from what its worker sent; each of its reports may carry the same."""
        key = (place, run.round, run.attempt)
        if key not in self._closed:
            self._closed.add(key)
            ordinal = self._place(place)
            if ordinal is None:
                ordinal = self._controller.open_row(
                    place[1], run.start, run.attempt, run.round, run.version
                )
                self._neighbours.begin(ordinal, run.start)
            beside = self._neighbours.end(ordinal, run.start, run.end)
            self._controller.close_row(place[1], ordinal, run, beside)
            self._placed.pop(place, None)
        if report.outcome == "rerun":  # type: ignore[comparison-overlap]
            # By pytest-rerunfailures: its next attempt has no start of its own.
            self._open(place[1], run.end, run.attempt + 1)

    def _lose(self, place: _Place) -> None:
        ordinal = self._place(place)
        if ordinal is not None:
            beside = self._neighbours.end(ordinal, None, now())
            self._controller.lose_row(place[1], ordinal, beside)
            self._placed.pop(place, None)
