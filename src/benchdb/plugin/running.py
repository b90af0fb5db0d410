"""The running test as the side that executes it sees it: its readings, its outcomes, its row."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchdb.collect.clock import Clock, Stopwatch
from benchdb.collect.readings import Readings
from benchdb.collect.redaction import redact
from benchdb.metrics import ARTIFACT_COLUMNS
from benchdb.records import Artifact, ClosedTestRun
from benchdb.store.values import said, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from benchdb.plugin.artifacts import ArtifactFolder
    from benchdb.plugin.meters import Meters

_UNSET = object()


class RunningTest:
    """One attempt of a test, from its setup to its teardown.

    Attributes
    ----------
    asked
        Whether it asked for anything of benchdb: only then has it a row.
    times_call
        Whether the call phase as a whole is timed.
    call_duration
        How long it took, in seconds; holds where no block was timed.
    phase_start
        When the phase began that it is in.
    outcomes
        By phase, as the reports said.
    reports
        Of its phases, where another process writes its row.
    ordinal
        Of its row, where this process writes it; None where the row is not open.
    on_late_ask
        Who is told when it asks for a row that it has not.
    """

    def __init__(
        self, item: pytest.Item, *, asked: bool, attempt: int, round: int, artifacts: ArtifactFolder
    ) -> None:
        self.item = item
        self.asked = asked
        self.attempt = attempt
        self.round = round
        self.times_call = False
        self.call_duration: float | None = None
        self.start = self.phase_start = Clock.now()
        self.readings = Readings()
        self.outcomes: dict[str, str] = {}
        self.ordinal: int | None = None
        self.reports: dict[str, pytest.TestReport] = {}
        self.artifacts = artifacts
        self.on_late_ask: Callable[[RunningTest], None] | None = None
        self._untouched: dict[str, object] = {}
        self._has_failed = False

    def ended(self, phase: str, outcome: str) -> None:
        """Note a phase's outcome; a subtest is another call, and fails its test."""
        self._has_failed |= phase == "call" and outcome == "failed"
        failed = phase == "call" and outcome == "passed" and self._has_failed
        self.outcomes[phase] = "failed" if failed else outcome

    def ask(self) -> None:
        """Have a row from here on; a test that hadn't may ask as late as in its call."""
        if not self.asked:
            self.asked = True
            if self.on_late_ask is not None:
                self.on_late_ask(self)

    @cached_property
    def version(self) -> str | None:
        """From ``@pytest.mark.benchmark_version``."""
        mark = self.item.get_closest_marker("benchmark_version")
        if mark is None:
            return None
        values = [*mark.args, *mark.kwargs.values()]
        return said(values[0]) if values else None

    @cached_property
    def stopwatch(self) -> Stopwatch:
        """What the fixture ``benchmark_time`` gives."""
        return Stopwatch(self.readings)

    @cached_property
    def meters(self) -> Meters:
        """What the fixtures about clusters give."""
        from benchdb.plugin.meters import meters_of

        return meters_of(self)

    @cached_property
    def test_run(self) -> Any:
        """The ORM object of this test; bound to no session, so nothing is flushed from it."""
        from benchdb.plugin.names import names_of
        from benchdb.store.models import TestRun

        name, originalname, path = names_of(self.item.nodeid, self.item.config)
        row = TestRun(
            name=name,
            originalname=originalname,
            path=path,
            version=self.version,
            attempt=self.attempt,
            round=self.round,
            start=self.start,
            state="open",
        )
        row.__dict__["_running"] = self
        self._untouched = dict(row.__dict__)
        return row

    def record(
        self, name: str, value: Any, unit: str | None = None, direction: str | None = None
    ) -> None:
        """Record a value of any metric; what is no number is said in the summary."""
        from benchdb.records import Direction

        name, unit = said(name), None if unit is None else said(unit)
        direction = None if direction is None else said(direction)
        if direction is not None and direction not in tuple(Direction):
            ways = " or ".join(Direction)
            self.readings.note(
                f"{self.item.nodeid}: direction {direction!r} of {name} is not {ways}"
            )
            direction = None
        try:
            number = float(value)
        except Exception:  # an object of the user's may raise anything
            self.readings.note(
                f"{self.item.nodeid}: {name} was not recorded: {shown(value)} is no number"
            )
            return
        self.readings.record(name, number, unit, direction)

    def attach(self, kind: str, path_or_url: Any) -> None:
        """Attach a file, which is copied to the artifacts at once, or a URL."""
        kind, given = said(kind), said(path_or_url)
        if "://" in given:
            given = redact(given)
            artifact = Artifact(kind, given, url=given)
        else:
            try:
                artifact = self.artifacts.keep(self.item.nodeid, kind, given)
            except (OSError, ValueError) as error:
                self._not_attached(given or "''", error)
                return
        self._attached(kind, artifact)

    def keep(self, kind: str, path: Path) -> None:
        """Attach a file that lies in the artifacts already."""
        try:
            self._attached(kind, self.artifacts.described(kind, path))
        except OSError as error:
            self._not_attached(path.name, error)

    def _not_attached(self, given: str, error: Exception) -> None:
        why: object = error
        if isinstance(error, OSError) and error.strerror:
            other = str(error.filename or "")
            why = error.strerror if other in ("", given) else f"{error.strerror}: {other}"
        self.readings.note(f"{self.item.nodeid}: {given} was not attached: {why}")

    def _attached(self, kind: str, artifact: Artifact) -> None:
        self.readings.attach(artifact)
        if kind in ARTIFACT_COLUMNS:
            self.readings.set(ARTIFACT_COLUMNS[kind], artifact.url)

    def closed(self) -> ClosedTestRun:
        """Return all that is known when the teardown is over."""
        readings = self.readings
        columns, measurements = readings.results()
        if self.call_duration is not None:
            columns.setdefault("duration", self.call_duration)
        unknown = self._take_attributes(columns)
        for name, value in columns.items():
            if name.endswith("_url") and isinstance(value, str):
                columns[name] = redact(value)
        return ClosedTestRun(
            setup_outcome=self.outcomes.get("setup"),
            call_outcome=self.outcomes.get("call"),
            teardown_outcome=self.outcomes.get("teardown"),
            start=self.start,
            end=Clock.now(),
            version=self.version,
            attempt=self.attempt,
            round=self.round,
            columns=columns,
            measurements=tuple(measurements),
            artifacts=tuple(readings.artifacts),
            cluster=readings.cluster,
            unknown=tuple(unknown),
            notes=tuple(readings.notes),
        )

    def _take_attributes(self, columns: dict[str, object]) -> list[str]:
        """Move what was set on the ORM object into `columns`; return the names that are none."""
        row = self.__dict__.get("test_run")
        if row is None:
            return []
        known = row.__table__.columns.keys()
        unknown = []
        for name, value in row.__dict__.items():
            if name.startswith("_") or self._untouched.get(name, _UNSET) is value:
                continue
            if name in known:
                columns[name] = value
            else:
                unknown.append(name)
        return unknown
