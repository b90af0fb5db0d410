"""Writing the rows: the session's one writer, in the only process or pytest-xdist's controller."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.plugin.names import names_of
from benchdb.plugin.neighbours import Neighbours
from benchdb.plugin.running import now
from benchdb.plugin.start import VERSIONS, WORKER_INPUT
from benchdb.plugin.wire import from_wire

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchdb.plugin.running import RunningTest
    from benchdb.plugin.start import Bench
    from benchdb.records import ClosedTestRun
    from benchdb.store.recording import Recording

#: A worker (None: this process) and the node id of the test it runs.
_Place = tuple[Any, str]


class Controller:
    """Opens, advances and closes rows as tests and reports come in."""

    def __init__(self, config: pytest.Config, bench: Bench) -> None:
        self._config = config
        self._bench = bench
        self._recording: Recording | None = None
        self._constant: dict[str, object] = {}
        self._facts: Any = None
        self._neighbours = Neighbours()
        self._problems: dict[str, None] = {}
        self._unknown: dict[str, None] = {}
        self._lost: list[str] = []
        # Under pytest-xdist a test's start doesn't say on which worker: rows wait for the report
        # that does.
        self._unplaced: dict[str, list[int]] = {}
        self._placed: dict[_Place, int] = {}
        self._closed: set[tuple[_Place, int, int]] = set()

    # -- the session

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist which session it belongs to."""
        self._gather()
        node.workerinput[WORKER_INPUT] = {
            "uid": self._bench.uid,
            "database": str(self._bench.database),
            "versions": self._config.stash[VERSIONS],
        }

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Begin the session's row when there are tests to run."""
        go_on = self._config.option.continue_on_collection_errors
        idle = self._config.option.collectonly or (session.testsfailed and not go_on)
        if not idle and (session.items or self._with_workers()):
            self._begin()
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the session's row."""
        if self._recording is None:
            return
        self._recording.finish(now())
        if (
            self._config.option.benchdb_strict
            and session.exitstatus == pytest.ExitCode.OK
            and (self._recording.incomplete or self._recording.aside or self._lost)
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the rows are, what was lost, and how to look at them."""
        if self._recording is None:
            return
        from benchdb.plugin.summary import summary_lines

        notes = [*self._recording.notes, *self._problems]
        lines = summary_lines(self._bench, self._recording, self._lost, list(self._unknown), notes)
        terminalreporter.section("benchdb")
        for line in lines:
            terminalreporter.line(line)

    def _with_workers(self) -> bool:
        return bool(self._config.pluginmanager.hasplugin("dsession"))

    def _gather(self) -> None:
        """Find out what is known of the session, once."""
        if self._facts is None:
            from benchdb.plugin.facts import gather

            self._facts = gather(self._config, self._bench)
            self._config.stash[VERSIONS] = self._facts.versions

    def _begin(self) -> None:
        from benchdb.store.recording import Recording

        self._gather()
        workers = self._config.getoption("tx", None) if self._with_workers() else None
        self._recording = Recording(
            self._bench.database, self._facts.session(len(workers) if workers else None)
        )
        if self._facts.new_scan is not None:
            self._recording.keep_package_scan(*self._facts.new_scan)
        self._constant = self._facts.columns

    # -- tests of this process, told by the observer

    def opened(self, running: RunningTest) -> None:
        """Open the row of a test that starts."""
        if self._recording is not None:
            running.ordinal = self._open(
                running.item.nodeid, running.start, running.attempt, running.round, running.version
            )

    def advanced(self, running: RunningTest, phase: str) -> None:
        """Note that a test comes to its next phase."""
        if running.ordinal and self._recording is not None:
            known = {f"{name}_outcome": outcome for name, outcome in running.outcomes.items()}
            self._recording.advance(running.ordinal, phase, now(), known)

    def removed(self, running: RunningTest) -> None:
        """Take the row back: the test asks for nothing."""
        if running.ordinal and self._recording is not None:
            self._recording.remove(running.ordinal)
        running.ordinal = None

    def closed(self, running: RunningTest) -> None:
        """Close the row with what was measured; a test may ask as late as in its call."""
        if not running.asked or self._recording is None:
            return
        if running.ordinal is None:
            self.opened(running)
        if running.ordinal:
            self._close(running.item.nodeid, running.ordinal, running.closed(), beside=0)

    # -- tests of workers and forked children, told by their reports

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Open the row of a test that starts on some worker."""
        if self._with_workers() and self._recording is not None:
            self._await_place(nodeid, now(), attempt=1)

    def _await_place(self, nodeid: str, start: datetime, attempt: int) -> None:
        ordinal = self._open(nodeid, start, attempt, 1, None)
        self._unplaced.setdefault(nodeid, []).append(ordinal)
        self._neighbours.begin(ordinal, start)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Advance or close the row that a report is about."""
        if self._recording is None:
            return
        place = (getattr(report, "node", None), report.nodeid)
        sent = getattr(report, "benchdb", None)
        if not self._with_workers() and (sent is None or "closed" not in sent):
            return
        if report.when not in ("setup", "call", "teardown"):
            self._lose(place)  # pytest-xdist's report of a worker that died
            return
        if sent is not None and "closed" in sent:
            self._take(place, from_wire(sent["closed"]), report)
            return
        ordinal = self._place(place)
        if ordinal is None:
            return
        if sent is not None and not sent["asked"]:
            self._recording.remove(ordinal)
            self._forget(place, ordinal)
            return
        next_phase = {"setup": "call", "call": "teardown"}.get(report.when)
        if next_phase is None:
            # It asked for nothing when it was set up, and for nothing later.
            self._forget(place, ordinal)
            return
        known: dict[str, object] = {f"{report.when}_outcome": report.outcome}
        if sent is not None:
            known |= {name: sent[name] for name in ("attempt", "round", "version")}
        since = datetime.fromtimestamp(getattr(report, "stop", 0) or now().timestamp(), UTC)
        self._recording.advance(ordinal, next_phase, since, known)

    def _take(self, place: _Place, run: ClosedTestRun, report: pytest.TestReport) -> None:
        """Close a row from what its worker sent; each of its reports may carry the same."""
        key = (place, run.round, run.attempt)
        if key not in self._closed:
            self._closed.add(key)
            ordinal = self._place(place)
            if ordinal is None:
                ordinal = self._open(place[1], run.start, run.attempt, run.round, run.version)
                self._neighbours.begin(ordinal, run.start)
            beside = self._neighbours.end(ordinal, run.start, run.end)
            self._close(place[1], ordinal, run, beside)
            self._placed.pop(place, None)
        if report.outcome == "rerun" and self._with_workers():  # type: ignore[comparison-overlap]
            # Its next attempt has no start of its own.
            self._await_place(place[1], run.end, run.attempt + 1)

    def _place(self, place: _Place) -> int | None:
        """Return the row that a worker's test is recorded in."""
        if place not in self._placed and self._unplaced.get(place[1]):
            self._placed[place] = self._unplaced[place[1]].pop(0)
        return self._placed.get(place)

    def _forget(self, place: _Place, ordinal: int) -> None:
        self._placed.pop(place, None)
        self._neighbours.cancel(ordinal)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Whatever a worker that died was running is lost."""
        for place in [place for place in self._placed if place[0] is node]:
            if error:
                self._lose(place)

    def _lose(self, place: _Place) -> None:
        ordinal = self._place(place)
        if ordinal is None or self._recording is None:
            return
        beside = self._neighbours.end(ordinal, None, now())
        self._recording.abandon(ordinal, "lost", now(), beside)
        self._placed.pop(place, None)
        self._lost.append(place[1])

    # -- rows

    def _open(
        self, nodeid: str, start: datetime, attempt: int, round: int, version: str | None
    ) -> int:
        assert self._recording is not None
        values = {
            **names_of(nodeid, self._config),
            "attempt": attempt,
            "round": round,
            "version": version,
            **self._constant,
        }
        return self._recording.open(start, values)

    def _close(self, nodeid: str, ordinal: int, run: ClosedTestRun, beside: int) -> None:
        assert self._recording is not None
        for problem in self._recording.close(ordinal, run, beside):
            self._problems[f"{nodeid}: {problem}"] = None
        self._problems.update(dict.fromkeys(run.notes))
        self._unknown.update(dict.fromkeys(run.unknown))

    def pytest_unconfigure(self) -> None:
        """Let go of the database, whatever happened."""
        if self._recording is not None:
            with contextlib.suppress(Exception):
                self._recording.let_go()
