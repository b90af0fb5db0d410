"""Tests that run elsewhere: in workers of pytest-xdist and in forked children, told by reports."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.collect.clock import Clock
from benchdb.plugin.neighbours import Neighbours
from benchdb.plugin.observer import outcome_of
from benchdb.plugin.whereabouts import NO_WORKER, last_words, whereabouts
from benchdb.plugin.wire import from_wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.plugin.backlog import Backlog
    from benchdb.plugin.controller import Controller
    from benchdb.plugin.whereabouts import Whereabouts
    from benchdb.records import ClosedTestRun
    from benchdb.store.recording import Recording

#: A worker (None: a child of this process) and the node id of the test it runs.
_Slot = tuple[Any, str]


class RemoteTests:
    """Follows tests by their reports; without workers, those that fork.

    A test's start doesn't say on which worker: its row waits for the report that does. What the
    observer of the worker measured comes with the last report, see `benchdb.plugin.observer`.

    Parameters
    ----------
    folder
        Where processes that run tests write their whereabouts.
    has_workers
        Whether all tests are elsewhere.
    each_runs_all
        Whether each worker runs every test.
    repeat
        How many rounds each test is to have.
    backlog
        What workers have sent already. What is told without any waiting is one commit: were this
        process killed, it would lose as much as if it had not come to it yet.
    """

    def __init__(
        self,
        controller: Controller,
        recording: Recording,
        folder: Path,
        *,
        has_workers: bool,
        each_runs_all: bool,
        repeat: int,
        backlog: Backlog,
    ) -> None:
        self._controller = controller
        self._recording = recording
        self._folder = folder
        self._has_workers = has_workers
        self._each_runs_all = each_runs_all
        self._repeat = repeat
        self._backlog = backlog
        self._is_elsewhere = has_workers
        self._neighbours = Neighbours()
        self._died = False
        self._mourned: set[Any] = set()
        self._rounds: dict[str, int] = {}
        self._unassigned: dict[str, list[int]] = {}
        self._assigned: dict[_Slot, int] = {}
        self._closed: set[tuple[_Slot, int, int]] = set()
        self._reruns: set[tuple[_Slot, int, int]] = set()
        self._announced: dict[str, list[_Slot]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """See whether a test forks."""
        forks = item.config.getoption("forked", default=False) or item.get_closest_marker("forked")
        self._is_elsewhere = self._has_workers or bool(forks)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Open the row of a test that starts somewhere; a further attempt has one already."""
        if not self._is_elsewhere:
            return
        if self._announced.get(nodeid):
            self._announced[nodeid].pop(0)
            return
        with self._one_commit():
            row = self._open(nodeid, Clock.now(), round=self._rounds.get(nodeid, 0) + 1)
            self._unassigned.setdefault(nodeid, []).append(row)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Advance or close the row that a report is about."""
        if not self._is_elsewhere or hasattr(report, "context"):  # a subtest's: its test goes on
            return
        with self._one_commit():
            self._note(report)

    @contextlib.contextmanager
    def _one_commit(self) -> Iterator[None]:
        """Make one commit of this and of what else has come already."""
        self._recording.hold()
        try:
            yield
        finally:
            self._recording.settle(more=self._backlog.has_more())

    def _note(self, report: pytest.TestReport) -> None:
        slot = (getattr(report, "node", None), report.nodeid)
        sent = getattr(report, "benchdb", None)
        if report.when not in ("setup", "call", "teardown"):
            # Of a forked child that died, or of a worker, of which pytest-xdist told already.
            if slot[0] not in self._mourned:
                self._mourn(*slot, words=(sent or {}).get("last_words"))
        elif sent is not None and "closed" in sent:
            self._take(slot, from_wire(sent["closed"]), report)
        elif (ordinal := self._row_of(slot)) is not None:
            self._follow(slot, ordinal, report, sent)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Whatever a worker that died was running is lost."""
        if not error:
            return
        self._died = True
        with self._one_commit():
            self._mourn(node)

    def pytest_sessionfinish(self) -> None:
        """End what a dead worker left, and correct how many ran beside a test."""
        self._recording.hold()
        if self._died:
            for nodeid in [nodeid for nodeid, rows in self._unassigned.items() for _ in rows]:
                self._lose((None, nodeid))
            self._note_missing_rounds()
        for ordinal, beside in self._neighbours.settle().items():
            self._recording.correct_beside(ordinal, beside)
        self._recording.settle()

    def _note_missing_rounds(self) -> None:
        """Say which tests a dead worker took the further rounds of; pytest-xdist doesn't know."""
        for nodeid, last in sorted(self._rounds.items()):
            if last < self._repeat:
                self._recording.incomplete = True
                self._recording.notes.append(
                    f"{nodeid}: only {last} of {self._repeat} rounds ran, as a worker died"
                )

    def _open(self, nodeid: str, start: datetime, attempt: int = 1, round: int = 1) -> int:
        ordinal = self._controller.open_row(nodeid, start, attempt, round)
        self._neighbours.begin(ordinal, start)
        return ordinal

    def _row_of(self, slot: _Slot) -> int | None:
        """Return the row that a worker's test is recorded in."""
        if slot not in self._assigned and self._unassigned.get(slot[1]):
            self._assigned[slot] = self._unassigned[slot[1]].pop(0)
        return self._assigned.get(slot)

    def _follow(self, slot: _Slot, ordinal: int, report: pytest.TestReport, sent: Any) -> None:
        """Note what a report says of a row that stays open."""
        if (sent is not None and not sent["asked"]) or report.when == "teardown":
            # It asks for nothing; by its teardown it asked for nothing later either.
            self._drop(slot, ordinal)
            return
        if sent is not None:
            self._recording.identify(ordinal, sent["attempt"], sent["round"], sent["version"])
        stop = getattr(report, "stop", None)
        since = datetime.fromtimestamp(stop, UTC) if stop else Clock.now()
        self._recording.advance(ordinal, report.when, outcome_of(report), since)

    def _take(self, slot: _Slot, run: ClosedTestRun, report: pytest.TestReport) -> None:
        """Close a row from what its worker sent; each of its reports may carry the same."""
        key = (slot, run.round, run.attempt)
        if key not in self._closed:
            self._closed.add(key)
            if not self._each_runs_all:  # else each is in a round of its own
                self._rounds[slot[1]] = run.round
            ordinal = self._row_of(slot)
            if ordinal is None:
                ordinal = self._open(slot[1], run.start, run.attempt, run.round)
            beside = self._neighbours.end(ordinal, run.start, run.end)
            self._controller.close_row(slot[1], ordinal, run, beside)
            self._forget(slot)
        # By pytest-rerunfailures: its next attempt is on this worker, and begins now. Some of its
        # releases tell its start, some don't.
        if report.outcome == "rerun" and key not in self._reruns:  # type: ignore[comparison-overlap]
            self._reruns.add(key)
            self._assigned[slot] = self._open(slot[1], run.end, run.attempt + 1, run.round)
            self._announced.setdefault(slot[1], []).append(slot)

    def _forget(self, slot: _Slot) -> None:
        """A row is no longer open; were its start not told, it won't be."""
        self._assigned.pop(slot, None)
        if slot in self._announced.get(slot[1], ()):
            self._announced[slot[1]].remove(slot)

    def _mourn(self, node: Any, nodeid: str | None = None, words: list[Any] | None = None) -> None:
        """Whatever a worker was running, or a forked child with this test, is lost."""
        worker = NO_WORKER if node is None else node.gateway.id
        last = whereabouts(words or last_words(self._folder, worker))
        if last is not None and nodeid in (None, last.nodeid):
            if ((node, last.nodeid), last.round, last.attempt) not in self._closed:
                self._learn(node, last)
        elif nodeid is not None:
            self._lose((node, nodeid))
        if nodeid is None:
            if last is not None:
                self._mourned.add(node)
            for slot in [slot for slot in self._assigned if slot[0] is node]:
                self._lose(slot)

    def _learn(self, node: Any, last: Whereabouts) -> None:
        """Lose the test that a worker or a child was in by its own last words."""
        slot = (node, last.nodeid)
        ordinal = self._row_of(slot)
        if not last.asked:
            self._drop(slot, ordinal)
            return
        if ordinal is None:
            ordinal = self._open(last.nodeid, last.start, last.attempt, last.round)
            self._assigned[slot] = ordinal
        self._recording.identify(ordinal, last.attempt, last.round, last.version, last.start)
        for phase, outcome in last.outcomes.items():
            if phase != "teardown":
                self._recording.advance(ordinal, phase, outcome, last.since)
        self._lose(slot, last.round)

    def _drop(self, slot: _Slot, ordinal: int | None) -> None:
        """Take back the row of a test that asks for nothing."""
        if ordinal is not None:
            self._recording.remove(ordinal)
            self._forget(slot)
            self._neighbours.cancel(ordinal)

    def _lose(self, slot: _Slot, round: int | None = None) -> None:
        ordinal = self._row_of(slot)
        if ordinal is not None:
            beside = self._neighbours.end(ordinal, None, Clock.now())
            round = round or self._rounds.get(slot[1], 0) + 1
            self._controller.lose_row(slot[1], ordinal, beside, round)
            self._forget(slot)
