"""Writing the rows: the session's one writer, in the only process or pytest-xdist's controller."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.collect.clock import Clock
from benchdb.config import spelled
from benchdb.plugin.backlog import Backlog
from benchdb.plugin.names import names_of
from benchdb.plugin.remote import RemoteTests
from benchdb.plugin.start import VERSIONS, WORKER_INPUT
from benchdb.plugin.whereabouts import WorkersFolder

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime
    from pathlib import Path

    from benchdb.config import Location
    from benchdb.plugin.running import RunningTest
    from benchdb.plugin.start import Bench
    from benchdb.records import ClosedTestRun
    from benchdb.store.recording import Recording


class Controller:
    """Opens, advances and closes rows as tests and reports come in."""

    def __init__(self, config: pytest.Config, bench: Bench) -> None:
        self._config = config
        self._bench = bench
        self._recording: Recording | None = None
        self._facts: Any = None
        self._problems: dict[str, None] = {}
        self._unknown: dict[str, None] = {}
        self._lost: list[str] = []
        self._lost_unseen = False
        self._workers_folder = WorkersFolder(bench.uid)
        self._workers = 0
        self._pid = os.getpid()

    # -- the session

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """Take the number of pytest-xdist's workers."""
        self._workers = len(specs)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist which session it belongs to."""
        self._gather()
        node.workerinput[WORKER_INPUT] = {
            "uid": self._bench.uid,
            "database": spelled(self._bench.database),
            "versions": self._config.stash[VERSIONS],
            "folder": str(self.make_workers_folder()),
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
        self._recording.finish(Clock.now())
        strict = self._config.option.benchdb_strict
        stored = not (self._lost or self._recording.incomplete or self._recording.aside)
        if (
            self._lost_unseen or (strict and not stored)
        ) and session.exitstatus == pytest.ExitCode.OK:
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

    @property
    def recorded_into(self) -> Location | None:
        """What receives the rows; None while nothing is recorded."""
        return None if self._recording is None else self._recording.location

    def make_workers_folder(self) -> Path:
        """Make what processes that run tests write their whereabouts and tokens into."""
        self._workers_folder.make()
        return self._workers_folder.path

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
        self._recording = Recording(
            self._bench.database,
            self._facts.session(self._workers or None),
            self._facts.columns,
            self._bench.folder,
        )
        if self._workers or self._config.pluginmanager.hasplugin("pytest_forked"):
            remote = RemoteTests(
                self,
                self._recording,
                self._workers_folder.path,
                has_workers=bool(self._workers),
                each_runs_all=self._config.getoption("dist", default="") == "each",
                repeat=self._bench.repeat,
                backlog=Backlog(self._config),
            )
            self._config.pluginmanager.register(remote)
        if self._facts.new_scan is not None:
            self._recording.keep_package_scan(*self._facts.new_scan)

    # -- tests of this process, told by the observer

    def opened(self, running: RunningTest) -> None:
        """Open the row of a test that starts."""
        if self._recording is not None:
            running.ordinal = self.open_row(
                running.item.nodeid, running.start, running.attempt, running.round, running.version
            )

    def advanced(self, running: RunningTest, ended: str) -> None:
        """Note that a phase of a test ended and the next one begins."""
        if running.ordinal and self._recording is not None:
            self._recording.advance(
                running.ordinal, ended, running.outcomes[ended], running.phase_start
            )

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
            self.close_row(running.item.nodeid, running.ordinal, running.closed(), beside=0)

    # -- rows

    def open_row(
        self,
        nodeid: str,
        start: datetime,
        attempt: int = 1,
        round: int = 1,
        version: str | None = None,
    ) -> int:
        """Open the row of a test that starts; return its ordinal."""
        assert self._recording is not None
        names = names_of(nodeid, self._config)
        return self._recording.open(start, names, attempt, round, version)

    def close_row(self, nodeid: str, ordinal: int, run: ClosedTestRun, beside: int) -> None:
        """Close a row with all that was measured; what can't be stored is for the summary."""
        assert self._recording is not None
        for problem in self._recording.close(ordinal, run, beside):
            self._problems[f"{nodeid}: {problem}"] = None
        self._problems.update(dict.fromkeys(run.notes))
        self._unknown.update(dict.fromkeys(run.unknown))

    def lose_row(self, nodeid: str, ordinal: int, beside: int, round: int) -> None:
        """End the row of a test whose worker died."""
        assert self._recording is not None
        self._recording.abandon(ordinal, "lost", Clock.now(), beside)
        self._lost.append(nodeid)
        # pytest-xdist fails the test that a worker died in, but doesn't know of further rounds.
        self._lost_unseen |= round > 1

    def pytest_unconfigure(self) -> None:
        """Let go of the database and of the workers' tokens, whatever happened."""
        if os.getpid() == self._pid:
            self._workers_folder.discard()
        if self._recording is not None:
            with contextlib.suppress(Exception):
                self._recording.let_go()
