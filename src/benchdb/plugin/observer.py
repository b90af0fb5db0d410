"""Watching tests where they run: in the only process, or in each worker of pytest-xdist.

In the only process what is seen is written at once. A worker puts it onto the test's reports, which
pytest-xdist carries to the controller; so does a forked child.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.collect.clock import Clock
from benchdb.plugin.fixtures import ASKING, RUNNING
from benchdb.plugin.running import RunningTest
from benchdb.plugin.start import WORKER_INPUT
from benchdb.plugin.whereabouts import NO_WORKER, Diary, last_words
from benchdb.plugin.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchdb.plugin.controller import Controller
    from benchdb.plugin.start import Bench

#: How often an item was run, with ``--benchmark-repeat``.
ROUND: pytest.StashKey[int] = pytest.StashKey()

#: Lines for the summary from before an item's setup.
NOTES: pytest.StashKey[list[str]] = pytest.StashKey()

_CALL_PHASE = "benchdb-call-phase"


class Observer:
    """Follows each test through its phases.

    Parameters
    ----------
    controller
        Who writes the rows, if that is in this process.
    """

    def __init__(self, config: pytest.Config, bench: Bench, controller: Controller | None) -> None:
        from benchdb.plugin.artifacts import ArtifactFolder

        self._bench = bench
        self._controller = controller
        self._pid = os.getpid()
        self._artifacts = ArtifactFolder(bench.artifacts, bench.database, bench.folder, bench.uid)
        self._diary = _diary(config, controller)
        told = getattr(config, "workerinput", None)
        if told is not None and config.pluginmanager.hasplugin("pytest_forked"):
            folder = Path(told[WORKER_INPUT]["folder"])
            config.pluginmanager.register(ForkedChildren(folder, told["workerid"]))

    @property
    def _writer(self) -> Controller | None:
        return self._controller if os.getpid() == self._pid else None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Load SQLAlchemy before the tests where one of them asks for its row."""
        if any("test_run_benchmark" in getattr(item, "fixturenames", ()) for item in session.items):
            import benchdb.store.models  # noqa: F401

    # Plain hooks where they do: a wrapper costs every test three times as much.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Open the row before anything of the test runs."""
        running = RunningTest(
            item,
            asked=is_benchmarked(item, self._bench),
            attempt=getattr(item, "execution_count", 0) or 1,  # by pytest-rerunfailures
            round=item.stash.get(ROUND, 1),
            artifacts=self._artifacts,
        )
        running.times_call = self._bench.every_test
        for note in item.stash.get(NOTES, ()):
            running.readings.note(note)
        running.on_late_ask = self._asked_late
        item.stash[RUNNING] = running
        self._write_diary(running)
        if (writer := self._writer) is not None:
            writer.opened(running)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """The row is in its call phase."""
        running = item.stash[RUNNING]
        running.phase_start = Clock.now()
        self._write_diary(running)
        if (writer := self._writer) is not None:
            writer.advanced(running, "setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """The row is in its teardown phase."""
        running = item.stash.get(RUNNING, None)
        if running is None:
            return
        running.phase_start = Clock.now()
        self._write_diary(running)
        if (writer := self._writer) is not None:
            writer.advanced(running, "call" if "call" in running.outcomes else "setup")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take the outcome of a phase; after the last one, close the row."""
        report = yield
        running = item.stash.get(RUNNING, None)
        if running is None or call.when not in ("setup", "call", "teardown"):
            return report
        running.ended(call.when, outcome_of(report))
        writer = self._writer
        if writer is None:
            self._put_on(report, running)
        elif call.when == "teardown":
            writer.closed(running)
        elif call.when == "setup" and not running.asked:
            writer.removed(running)
        if call.when == "teardown":
            del item.stash[RUNNING]
        return report

    def _asked_late(self, running: RunningTest) -> None:
        """Open the row of a test that asks while it runs, and has none."""
        self._write_diary(running)
        writer = self._writer
        if writer is not None and running.ordinal is None:
            writer.opened(running)
            for phase in running.outcomes:
                writer.advanced(running, phase)

    def _write_diary(self, running: RunningTest) -> None:
        if self._diary is not None:
            self._diary.write(running)

    def _put_on(self, report: pytest.TestReport, running: RunningTest) -> None:
        running.reports[report.when] = report  # not those of subtests, which are calls, too
        if report.when == "setup":
            report.benchdb = {  # type: ignore[attr-defined]
                "asked": running.asked,
                "attempt": running.attempt,
                "round": running.round,
                "version": running.version,
            }
        elif report.when == "teardown" and running.asked:
            # On all three: pytest-rerunfailures sends a failed attempt's reports only when all
            # phases are over, and then no further than the one that failed.
            closed = to_wire(running.closed())
            for one in running.reports.values():
                one.benchdb = {"asked": True, "closed": closed}  # type: ignore[attr-defined]


def _diary(config: pytest.Config, controller: Controller | None) -> Diary | None:
    """Return what a worker, or the parent of forked children, writes its whereabouts into."""
    told = getattr(config, "workerinput", None)
    if told is not None:
        return Diary(Path(told[WORKER_INPUT]["folder"]), told["workerid"])
    if controller is not None and config.pluginmanager.hasplugin("pytest_forked"):
        return Diary(controller.make_workers_folder(), NO_WORKER)
    return None


def is_benchmarked(item: pytest.Item, bench: Bench) -> bool:
    """Tell whether a test asks for anything of benchdb, itself or through another fixture."""
    return bench.every_test or not ASKING.isdisjoint(getattr(item, "fixturenames", ()))


def outcome_of(report: pytest.TestReport) -> str:
    """Return a phase's outcome, xfailed and xpassed told from skipped and passed."""
    if hasattr(report, "wasxfail"):
        return {"skipped": "xfailed", "passed": "xpassed"}.get(report.outcome, report.outcome)
    return str(report.outcome)


class ForkedChildren:
    """In a worker, puts a dead child's last words onto the report that pytest-forked makes of it.

    When its controller comes to read that report, the worker may be several tests further.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what the child wrote last."""
        if report.when not in ("setup", "call", "teardown"):
            words = last_words(self._folder, self._worker)
            report.benchdb = {"last_words": words}  # type: ignore[attr-defined]


class CallPhase:
    """Times the call phase as a whole, as close around the test as it gets."""

    def __init__(self, *, every_test: bool) -> None:
        self._peaks: tuple[Any, Any] | None = None
        if every_test:
            from benchdb.collect.process_memory import peak, reset_peak

            self._peaks = (reset_peak, peak)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Measure wall time and, with ``--benchmark-auto``, CPU time and peak memory."""
        running = item.stash[RUNNING]
        if not running.times_call:
            return (yield)
        exact = self._peaks is not None and self._peaks[0]()
        cpu = Clock.cpu()
        begun = Clock.wall()
        try:
            return (yield)
        finally:
            elapsed = Clock.wall() - begun
            readings = running.readings
            if self._peaks is not None:
                readings.record("cpu_time", Clock.cpu() - cpu)
                highest = self._peaks[1]() if exact else None
                if highest is not None:
                    readings.record("process_peak_memory", highest)
            running.call_duration = elapsed


def time_call_phase(config: pytest.Config, *, every_test: bool = False) -> None:
    """Have call phases timed from here on; a hook that nobody needs would cost each test."""
    if not config.pluginmanager.hasplugin(_CALL_PHASE):
        config.pluginmanager.register(CallPhase(every_test=every_test), _CALL_PHASE)
