"""Memory of a Dask cluster: average and peak as sampled, and the exact peak of each worker.

Each worker samples its own process, as heartbeats come too seldom. A transient may still pass
between two samples, or while its task holds the GIL. The exact peak of each worker process, which
Linux keeps, misses nothing, but peaks of several workers are not of one moment. Hence both are
recorded, under names of their own.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from benchdb.collect import dask_timelines
from benchdb.collect.clock import Clock
from benchdb.collect.dask_leftovers import ServerFunctions
from benchdb.collect.dask_timelines import Timeline, combined, shift
from benchdb.collect.dask_window import ServersWindow, Window
from benchdb.collect.process_memory import identity_function, peak_functions

if TYPE_CHECKING:
    from distributed import Client

    from benchdb.collect.readings import Readings


class _Ended(NamedTuple):
    """What a worker tells of its memory at the end, by the names of what it sends.

    `peak` is that of the window, None where it didn't begin there or can't be told; `life` that of
    the whole life of the process. Both are in bytes.
    """

    process: tuple[str, int]
    peak: int | None
    life: int | None
    samples: tuple[array[float], array[float]] | None


def memory_functions() -> ServerFunctions:
    """Return functions that begin and end the exact peak and the samples of a worker's memory."""
    begin_peak, _, end_peak, life_peak = peak_functions()
    begin_recording, end_recording, _ = dask_timelines.recording_functions()
    identity = identity_function()

    def begin(window: str, dask_worker: Any) -> tuple[tuple[str, int], bool, float]:
        """Return which process this is, if its peak was set back, and seconds since the epoch."""
        return identity(), begin_peak(window), begin_recording(window, dask_worker)

    def end(
        window: str, dask_worker: Any
    ) -> tuple[tuple[str, int], int | None, int | None, tuple[array[float], array[float]] | None]:
        """Return what `_Ended` has."""
        return identity(), end_peak(window), life_peak(), end_recording(window)

    return ServerFunctions(begin, end)


class _MemoryWindow(ServersWindow):
    what = "memory of the cluster"
    kind = "memory"
    of_workers = "worker_peak_memory"
    of_worker = staticmethod(memory_functions)
    of_scheduler = staticmethod(dask_timelines.listening_functions)
    nothing = (set(),)

    async def begin(self) -> None:
        """Set the peaks of the workers back, and begin to sample."""
        asked = Clock.now().timestamp()
        # The scheduler first: should the rest fail, it ends it on workers when the client goes.
        there = await self.begin_on_scheduler()
        answered = Clock.now().timestamp()
        self._shift = shift(there, asked, answered)
        given = await self.begin_on_workers()
        self._from = Clock.now().timestamp()
        self._unreset = {address for address, (_, reset, _) in given.items() if not reset}
        self._processes = {process for process, _, _ in given.values()}
        self._shifts = {
            address: shift(there, answered, self._from) for address, (_, _, there) in given.items()
        }

    async def finish(self) -> None:
        """Take the peaks and the samples of the workers, and what the scheduler heard of others."""
        to = Clock.now().timestamp()
        given = {address: _Ended(*told) for address, told in (await self.end_on_workers()).items()}
        recorded = {address: one.samples for address, one in given.items() if one.samples}
        heard = await self.end_on_scheduler(set(recorded))
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
        this = identity_function()()
        # The life of a process that came with its worker is its part of the block.
        older = {this, *self._processes}
        peaks = [one.life if one.process not in older else one.peak for one in given.values()]
        if known := [peak for peak in peaks if peak is not None]:
            self.blocks.maximum_metric("worker_peak_memory", max(known))
        if this in self._processes:
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
