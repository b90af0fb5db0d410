"""The fixtures that measure a cluster, or this process where they are given no client."""

from __future__ import annotations

from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    nullcontext,
    suppress,
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchdb.collect.clock import Stopwatch
    from benchdb.collect.readings import Readings
    from benchdb.plugin.running import RunningTest


class Meters:
    """The meters of one running test.

    Each method returns a context manager, for ``with`` or (with an asynchronous client)
    ``async with``. Two of one kind around each other measure once; several blocks add up.

    Parameters
    ----------
    readings
        Where the values go.
    stopwatch
        What times the block of `everything`.
    versions
        Run-time versions of this environment's packages, as `note_cluster` takes them.
    report
        What keeps Dask's performance report, made of a client and the readings.
    """

    def __init__(
        self,
        readings: Readings,
        stopwatch: Stopwatch,
        *,
        versions: Mapping[str, str],
        report: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self.readings = readings
        self.versions = versions
        self._stopwatch = stopwatch
        self._report = report or (lambda *_: nullcontext())
        self._seen: set[str] = set()

    def memory(self, client: Any = None) -> Any:
        """Average and peak memory of a cluster; without a client, of this process."""
        if client is None:
            from benchdb.collect.process_memory import measure_process_memory

            return measure_process_memory(self.readings)
        from benchdb.collect.dask_memory import measure_memory

        return self._with_cluster(client, measure_memory)

    def task_durations(self, client: Any) -> Any:
        """Compute, disk, serialisation and transfer time of the tasks of the block."""
        from benchdb.collect.dask_tasks import measure_task_durations

        return self._with_cluster(client, measure_task_durations)

    def scheduler(self, client: Any) -> Any:
        """CPU and memory of the scheduler, largest ticks of it and the workers."""
        from benchdb.collect.dask_scheduler import measure_scheduler

        return self._with_cluster(client, measure_scheduler)

    def cluster_info(self, cluster: Any) -> Any:
        """Store name, id and details URL of a cluster, and return them."""
        from benchdb.collect.dask_cluster import set_cluster_info

        return set_cluster_info(cluster, self.readings)

    def performance_report(self, client: Any) -> Any:
        """Keep Dask's performance report of the block as an artifact."""
        return self._with_cluster(client, self._report)

    def everything(self, client: Any) -> Any:
        """Memory, task durations, scheduler and time of the block."""
        from benchdb.collect.dask_memory import measure_memory
        from benchdb.collect.dask_scheduler import measure_scheduler
        from benchdb.collect.dask_tasks import measure_task_durations

        # The time innermost: what the meters themselves take is in no measurement.
        return self._with_cluster(
            client, measure_memory, measure_task_durations, measure_scheduler, self._time
        )

    def _time(self, client: Any, _: Any) -> Any:
        return self._stopwatch

    def _with_cluster(self, client: Any, *meters: Callable[[Any, Any], Any]) -> _Block:
        return _Block(self, client, meters)

    def is_new_cluster(self, client: Any) -> bool:
        """Tell whether this test meets a cluster for the first time."""
        key = str(getattr(client, "id", id(client)))
        fresh = key not in self._seen
        self._seen.add(key)
        return fresh


class _Block:
    """A ``with`` or ``async with`` block under several meters, the first of them outermost."""

    def __init__(self, owner: Meters, client: Any, meters: tuple[Any, ...]) -> None:
        self._owner = owner
        self._client = client
        self._meters = meters
        self._stack: Any = None

    def __enter__(self) -> _Block:
        from benchdb.collect.dask_cluster import note_cluster, set_cluster_info

        owner, readings = self._owner, self._owner.readings
        if owner.is_new_cluster(self._client):
            note_cluster(self._client, readings, local_versions=owner.versions)
            set_cluster_info(self._client, readings)
        with ExitStack() as stack:  # closes those that began if a later one is interrupted
            for meter in self._meters:
                stack.enter_context(meter(self._client, readings))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> Any:
        return self._stack.__exit__(*exception)

    async def __aenter__(self) -> _Block:
        from benchdb.collect.dask_cluster import note_cluster_async, set_cluster_info

        owner, readings = self._owner, self._owner.readings
        if owner.is_new_cluster(self._client):
            await note_cluster_async(self._client, readings, local_versions=owner.versions)
            set_cluster_info(self._client, readings)
        async with AsyncExitStack() as stack:
            for meter in self._meters:
                entered = meter(self._client, readings)
                if isinstance(entered, AbstractAsyncContextManager):
                    await stack.enter_async_context(entered)
                else:
                    assert isinstance(entered, AbstractContextManager)
                    stack.enter_context(entered)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._stack.__aexit__(*exception)


class _KeptReport:
    """Dask's performance report of a block, attached to the test run when it is written."""

    def __init__(self, running: RunningTest, client: Any, path: Path) -> None:
        from benchdb.collect.dask_report import performance_report

        self._running = running
        self._report = performance_report(client, running.readings, path)

    def __enter__(self) -> _KeptReport:
        self._report.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        try:
            self._report.__exit__(*exception)
        finally:
            self._keep()

    async def __aenter__(self) -> _KeptReport:
        await self._report.__aenter__()
        return self

    async def __aexit__(self, *exception: Any) -> None:
        try:
            await self._report.__aexit__(*exception)
        finally:
            self._keep()

    def _keep(self) -> None:
        if self._report.written:
            self._running.keep("performance_report", self._report.path)
        else:
            with suppress(OSError):
                self._report.path.unlink()


def meters_of(running: RunningTest) -> Meters:
    """Return the meters of a running test."""
    from benchdb.plugin.start import VERSIONS

    def report(client: Any, readings: Any) -> Any:
        try:
            path = running.artifacts.new_file(running.item.nodeid, "performance-report.html")
        except OSError as error:
            readings.note(f"Dask's performance report not written: {error}")
            return nullcontext()
        return _KeptReport(running, client, path)

    versions = running.item.config.stash.get(VERSIONS, {})
    return Meters(running.readings, running.stopwatch, versions=versions, report=report)
