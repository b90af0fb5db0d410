"""How hard a scheduler works, and how long event loops of scheduler and workers stood still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchdb.collect.dask_leftovers import ServerFunctions
from benchdb.collect.dask_window import ServersWindow, Window
from benchdb.collect.process_memory import identity_function, peak_functions

if TYPE_CHECKING:
    from distributed import Client

    from benchdb.collect.readings import Readings


def tick_functions() -> ServerFunctions:
    """Return functions that begin and end the longest tick of a server's event loop.

    ``digests_max`` keeps the longest tick of a whole life, which dashboards may show. So a window
    sets it to zero, noting first how high it stood for all other windows and for the end, when the
    larger of the two is put back.
    """
    name = "tick-duration"

    def tick_now(server: Any) -> float:
        # The tick that is under way: without this, time before the block would count in it.
        measure = getattr(server, "_measure_tick", None)
        if measure is not None:
            measure()
        return float(server.digests_max.get(name, 0.0))

    def begin(window: str, dask_worker: Any) -> None:
        """Note the longest tick so far for the other windows, and begin anew."""
        windows = vars(dask_worker).setdefault("_benchdb_ticks", {})
        longest = tick_now(dask_worker)
        windows.setdefault("life", 0.0)
        for other in windows:
            windows[other] = max(windows[other], longest)
        windows[window] = 0.0
        dask_worker.digests_max[name] = 0.0

    def end(window: str, dask_worker: Any) -> float:
        """Return the longest tick of the window in seconds."""
        windows = vars(dask_worker).get("_benchdb_ticks", {})
        longest = tick_now(dask_worker)
        if window not in windows:  # a server that came inside the block: all its life
            return float(max(windows.get("life", 0.0), longest))
        result: float = max(windows.pop(window), longest)
        if set(windows) == {"life"}:
            dask_worker.digests_max[name] = max(windows.pop("life"), longest)
        return result

    return ServerFunctions(begin, end)


def work_functions() -> ServerFunctions:
    """Return functions that begin and end a window on a scheduler; both run on its loop thread."""
    begin_tick, end_tick, _ = tick_functions()
    begin_peak, _, end_peak, _ = peak_functions()
    identity = identity_function()

    def begin(window: str, dask_scheduler: Any) -> tuple[tuple[str, int], tuple[float, float, int]]:
        """Return which process this is, and what `end` wants.

        That is the thread's CPU seconds, the clock, and how often the monitor has sampled.
        """
        import time

        begin_tick(window, dask_scheduler)
        begin_peak(f"{window}-scheduler")
        before = time.thread_time(), time.perf_counter(), dask_scheduler.monitor.count
        return identity(), before

    def end(
        window: str, cpu: float, wall: float, count: int, dask_scheduler: Any
    ) -> tuple[float, float, int, float]:
        """Return CPU and wall seconds, the peak of memory in bytes, and the longest tick."""
        import time

        import psutil

        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        memory = end_peak(f"{window}-scheduler")
        if memory is None:  # no Linux: what the scheduler's own monitor saw
            sampled = dask_scheduler.monitor.range_query(count).get("memory", [])
            memory = max(*sampled, psutil.Process().memory_info().rss, 0)
        return cpu, wall, int(memory), end_tick(window, dask_scheduler)

    return ServerFunctions(begin, end)


class _SchedulerWindow(ServersWindow):
    what = "work of the scheduler"
    kind = "scheduler"
    of_workers = "worker_max_tick"
    of_worker = staticmethod(tick_functions)
    of_scheduler = staticmethod(work_functions)
    nothing = (0.0, 0.0, 0)

    async def begin(self) -> None:
        """Begin to watch the ticks of all processes, and note what the scheduler has used."""
        await self.begin_on_workers()
        process, self._before = await self.begin_on_scheduler()
        self._shared = process == identity_function()()

    async def finish(self) -> None:
        """Take the scheduler's CPU, memory and ticks, and the workers' ticks."""
        cpu, wall, memory, tick = await self.end_on_scheduler(*self._before)
        self.blocks.average("scheduler_cpu_avg", cpu / wall if wall else 0.0, wall)
        self.blocks.maximum("scheduler_memory_max", memory)
        self.blocks.maximum("scheduler_max_tick", tick)
        if self._shared:
            self.readings.note(
                "scheduler_cpu_avg and scheduler_memory_max include this process: the scheduler of"
                " a LocalCluster runs in it"
            )
        ticks = await self.end_on_workers()
        if ticks:
            self.blocks.maximum("worker_max_tick", max(ticks.values()))


def measure_scheduler(client: Client, readings: Readings) -> Window:
    """Measure the scheduler's work inside a ``with`` or ``async with`` block.

    Sets four columns: ``scheduler_cpu_avg``, CPU time of the thread of the scheduler's event loop
    over wall time (a ratio; 1 is a loop that never rests); ``scheduler_memory_max``, the highest
    resident memory of its process in bytes, exact on Linux, else as it samples itself;
    ``scheduler_max_tick`` and ``worker_max_tick``, the longest time in seconds between two turns of
    the event loop of the scheduler, and of the worker that stood still longest (with those that
    came inside the block and without those that left). A turn takes
    ``distributed.admin.tick.interval`` (20 ms) where nothing holds it up.

    In a `distributed.LocalCluster` the client's and the scheduler's loops are one thread of this
    process, and CPU and memory are theirs together.
    """
    return _SchedulerWindow(client, readings)
