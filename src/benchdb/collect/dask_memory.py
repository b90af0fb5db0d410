"""Memory of a Dask cluster: average and peak as sampled, and the exact peak of each worker.

The scheduler hears of a worker's memory by its heartbeats, every half second at best, so a short
transient is missed by any sampling there: 800 MB for 0.2 s were once read as 400. The exact peak of
each worker process, which Linux keeps, misses nothing, but peaks of several workers are not of one
moment. Hence both are recorded, under names of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchdb.collect.dask_window import Window, WorkersWindow
from benchdb.collect.process_memory import peak_functions

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

    from benchdb.collect.readings import Readings

#: Seconds between samples of what the scheduler knows: half of its workers' fastest heartbeat.
INTERVAL: Final = 0.25


class _WorkerFunctions(NamedTuple):
    begin: Callable[..., tuple[bool, tuple[float, int]]]
    end: Callable[..., tuple[int | None, tuple[float, int]]]


def worker_functions() -> _WorkerFunctions:
    """Return functions that begin and end the exact peak on a worker, and read its memory now."""
    begin_peak, _, end_peak, life_peak = peak_functions()

    def memory_now() -> tuple[float, int]:
        """Return the time in seconds since the epoch, and the resident memory in bytes."""
        import time

        import psutil

        return time.time(), int(psutil.Process().memory_info().rss)

    def begin(window: str) -> tuple[bool, tuple[float, int]]:
        """Return whether the peak could be set back, and `memory_now`."""
        return begin_peak(window), memory_now()

    def end(window: str, seconds: float) -> tuple[int | None, tuple[float, int]]:
        """Return the peak in bytes, if it is known, and `memory_now`."""
        import time

        import psutil

        peak = end_peak(window)
        if peak is None and time.time() - psutil.Process().create_time() < seconds:
            peak = life_peak()  # the process came inside the block: its life is its part of it
        return peak, memory_now()

    return _WorkerFunctions(begin, end)


class _SchedulerFunctions(NamedTuple):
    begin: Callable[..., None]
    end: Callable[..., tuple[float, int, float]]


def scheduler_functions() -> _SchedulerFunctions:
    """Return functions that start and stop the sampling on a scheduler.

    `distributed.diagnostics.MemorySampler` takes a worker's last heartbeat for its memory now, so
    its first samples show what was freed before the block, and it counts a process once for each
    worker in it. Here a worker's own sample from the block's start holds until a newer one comes.
    """

    def begin(
        window: str,
        client_id: str,
        known: dict[str, tuple[float, int]],
        interval: float,
        dask_scheduler: Any,
    ) -> None:
        """Sample every `interval` seconds, from what is `known` of the workers now."""
        import time

        from tornado.ioloop import PeriodicCallback

        def total() -> int:
            processes: dict[object, int] = {}
            for address, worker in dask_scheduler.workers.items():
                memory = worker.metrics.get("memory", 0)
                if address in known:
                    read_at, read = known[address]
                    if worker.metrics.get("time", 0) < read_at:
                        memory = read
                process = (worker.host, worker.pid) if worker.pid else address
                processes[process] = max(memory, processes.get(process, 0))
            return sum(processes.values())

        started = time.perf_counter()
        seen: dict[str, Any] = {"last": (started, total()), "integral": 0.0}
        seen["peak"] = seen["last"][1]

        def sample() -> tuple[float, int, float]:
            """Return the average and the peak in bytes so far, and over how many seconds."""
            before, earlier = seen["last"]
            now, memory = time.perf_counter(), total()
            seen["last"] = (now, memory)
            seen["peak"] = max(seen["peak"], memory)
            seen["integral"] += (now - before) * (memory + earlier) / 2
            seconds = now - started
            return seen["integral"] / seconds if seconds else memory, seen["peak"], seconds

        def end(now: dict[str, tuple[float, int]]) -> tuple[float, int, float]:
            callback.stop()
            dask_scheduler.periodic_callbacks.pop(name, None)
            known.update(now)
            return sample()

        def tick() -> None:
            if client_id in dask_scheduler.clients:
                sample()
            else:  # its test is gone, and won't ask any more
                end({})

        name = f"benchdb-memory-{window}"
        callback: Any = PeriodicCallback(tick, interval * 1000)
        callback.benchdb_end = end
        dask_scheduler.periodic_callbacks[name] = callback
        callback.start()

    def end(
        window: str, now: dict[str, tuple[float, int]], dask_scheduler: Any
    ) -> tuple[float, int, float]:
        """Stop sampling; return the average and the peak in bytes, and over how many seconds."""
        result: tuple[float, int, float] = dask_scheduler.periodic_callbacks[
            f"benchdb-memory-{window}"
        ].benchdb_end(now)
        return result

    return _SchedulerFunctions(begin, end)


class _MemoryWindow(WorkersWindow):
    what = "memory of the cluster"
    kind = "memory"
    of_workers = "worker_peak_memory"

    async def begin(self) -> None:
        """Set the peaks of the workers back, and begin to sample on the scheduler."""
        client: Any = self.client
        given = await self.begin_on_workers(worker_functions().begin)
        self._unreset = {address for address, (reset, _) in given.items() if not reset}
        known = {address: sample for address, (_, sample) in given.items()}
        await client.run_on_scheduler(
            scheduler_functions().begin, self.name, client.id, known, INTERVAL
        )

    async def finish(self) -> None:
        """Take the peaks of the workers, and what the scheduler has sampled."""
        client: Any = self.client
        given = await self.end_on_workers(worker_functions().end)
        now = {address: sample for address, (_, sample) in given.items()}
        average, peak, seconds = await client.run_on_scheduler(
            scheduler_functions().end, self.name, now
        )
        self.blocks.average("average_memory", average, seconds, whole=True)
        self.blocks.maximum("peak_memory", peak)
        peaks = [peak for peak, _ in given.values() if peak is not None]
        if peaks:
            self.blocks.maximum_metric("worker_peak_memory", max(peaks))
        if self._unreset:
            self.readings.note(
                "worker_peak_memory not measured on every worker: only Linux can set the peak of"
                " a process back"
            )


def measure_memory(client: Client, readings: Readings) -> Window:
    """Measure the memory of a cluster inside a ``with`` or ``async with`` block.

    Sets two columns: ``average_memory``, over time, and ``peak_memory``, the highest moment, of the
    summed resident memory of all worker processes, as sampled from heartbeats, with each worker's
    own sample at the start and the end. Records the metric ``worker_peak_memory``: the exact peak
    of the hungriest worker process, where workers run on Linux, with those that came inside the
    block and without those that left. All are in bytes.

    Where workers are threads of this process, its memory is what is measured, once.
    """
    return _MemoryWindow(client, readings)
