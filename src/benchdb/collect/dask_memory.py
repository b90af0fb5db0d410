"""Memory of a Dask cluster: average and peak as sampled, and the exact peak of each worker.

Each worker samples its own process, as heartbeats come too seldom. A transient may still pass
between two samples, or while its task holds the GIL. The exact peak of each worker process, which
Linux keeps, misses nothing, but peaks of several workers are not of one moment. Hence both are
recorded, under names of their own.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from benchdb.collect import dask_timelines
from benchdb.collect.clock import Clock
from benchdb.collect.dask_timelines import Timeline, combined, shift
from benchdb.collect.dask_window import ServerFunctions, Window, WorkersWindow
from benchdb.collect.process_memory import identity_function, peak_functions

if TYPE_CHECKING:
    from distributed import Client

    from benchdb.collect.readings import Readings


def worker_functions() -> ServerFunctions:
    """Return functions that begin and end the exact peak and the samples of a worker's memory."""
    begin_peak, _, end_peak, life_peak = peak_functions()
    start, stop = dask_timelines.worker_functions()
    interval, most = dask_timelines.INTERVAL, dask_timelines.MOST
    identity = identity_function()

    def begin(window: str, dask_worker: Any) -> tuple[tuple[str, int], bool, float]:
        """Return which process this is, if its peak was set back, and seconds since the epoch."""
        return identity(), begin_peak(window), start(window, interval, most, dask_worker)

    def end(
        window: str, seconds: float, dask_worker: Any
    ) -> tuple[int | None, tuple[array[float], array[float]] | None]:
        """Return the peak in bytes, and times and sizes of the samples, as far as known."""
        import time

        import psutil

        peak = end_peak(window)
        if peak is None and time.time() - psutil.Process().create_time() < seconds:
            peak = life_peak()  # the process came inside the block: its life is its part of it
        return peak, stop(window)

    return ServerFunctions(begin, end)


class _MemoryWindow(WorkersWindow):
    what = "memory of the cluster"
    kind = "memory"
    of_workers = "worker_peak_memory"
    of_worker = staticmethod(worker_functions)

    async def begin(self) -> None:
        """Set the peaks of the workers back, and begin to sample."""
        from distributed.protocol import pickle

        dumps: Any = pickle.dumps

        client: Any = self.client
        stop, window = dask_timelines.worker_functions().stop, self.name
        functions = dask_timelines.scheduler_functions()
        # The scheduler first: should the rest fail, it lets the workers stop when the client goes.
        asked = Clock.now().timestamp()
        there = await client.run_on_scheduler(
            functions.begin, window, client.id, dumps(lambda: stop(window))
        )
        answered = Clock.now().timestamp()
        self._shift = shift(there, asked, answered)
        given = await self.begin_on_workers()
        self._from = Clock.now().timestamp()
        self._unreset = {address for address, (_, reset, _) in given.items() if not reset}
        self._shared = identity_function()() in (process for process, _, _ in given.values())
        self._shifts = {
            address: shift(there, answered, self._from) for address, (_, _, there) in given.items()
        }

    async def finish(self) -> None:
        """Take the peaks and the samples of the workers, and what the scheduler heard of others."""
        client: Any = self.client
        to = Clock.now().timestamp()
        given = await self.end_on_workers()
        recorded = {address: samples for address, (_, samples) in given.items() if samples}
        end = dask_timelines.scheduler_functions().end
        heard = await client.run_on_scheduler(end, self.name, set(recorded))
        timelines = [
            Timeline(_moved(times, self._shifts.get(address, 0.0)), sizes)
            for address, (times, sizes) in recorded.items()
        ]
        timelines += [
            Timeline(_moved(times, self._shift), sizes, from_begin=False, to_end=stays)
            for times, sizes, stays in heard
        ]
        average, peak = combined(timelines, self._from, max(to, self._from))
        self.blocks.average("average_memory", average, to - self._from, whole=True)
        self.blocks.maximum("peak_memory", round(peak))
        peaks = [peak for peak, _ in given.values() if peak is not None]
        if peaks:
            self.blocks.maximum_metric("worker_peak_memory", max(peaks))
        if self._shared:
            self.readings.note(
                "average_memory, peak_memory and worker_peak_memory are of this whole process: the"
                " workers of a LocalCluster with processes=False run in it"
            )
        if self._unreset:
            self.readings.note(
                "worker_peak_memory not measured on every worker: only Linux can set the peak of"
                " a process back"
            )


def _moved(times: array[float], seconds: float) -> array[float]:
    return array("d", (time + seconds for time in times)) if seconds else times


def measure_memory(client: Client, readings: Readings) -> Window:
    """Measure the memory of a cluster inside a ``with`` or ``async with`` block.

    Sets two columns: ``average_memory``, over time, and ``peak_memory``, the highest moment, of the
    summed resident memory of all worker processes, as each samples itself every 50 ms (less often
    in blocks above 100 s). Workers that came or left inside the block are in by their heartbeats.
    Records the metric ``worker_peak_memory``: the exact peak of the hungriest worker process, where
    workers run on Linux, with those that came inside the block and without those that left. All
    are in bytes.

    Where workers are threads of this process, its memory is what is measured, once.
    """
    return _MemoryWindow(client, readings)
