"""Memory of processes over time: recorded in the workers, put together here.

Heartbeats tell a scheduler of a worker's memory twice a second at best, and not of one moment:
what one worker has freed still counts while another's new memory counts already. So each worker's
process samples itself, and the scheduler's record of heartbeats stands in for those that can't be
asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    #: Times and sizes of a process, and whether it is there at the end.
    _Heard: TypeAlias = list[tuple[array[float], array[float], bool]]

#: Seconds between two samples of a worker's process: 20 us of CPU time each.
INTERVAL: Final = 0.05

#: Seconds between two looks of the scheduler at the heartbeats: half of the fastest.
GLANCE: Final = 0.25

# Seconds in which a process comes or leaves, for arithmetic.
_EDGE: Final = 1e-6

#: Samples that one timeline keeps. With more every second one goes, and they come half as often.
MOST: Final = 2048


class Timeline(NamedTuple):
    """The memory of a process: seconds since the epoch, and bytes at each of them.

    Before its first sample there was no process unless `from_begin`, and after its last one none
    unless `to_end`.
    """

    times: array[float]
    sizes: array[float]
    from_begin: bool = True
    to_end: bool = True


class _WorkerFunctions(NamedTuple):
    start: Callable[..., float]
    stop: Callable[..., tuple[array[float], array[float]] | None]


def worker_functions() -> _WorkerFunctions:
    """Return functions that start and stop the recording of the process that a worker runs in.

    Workers in one process share a recording: the first that stops it gets it. It ends by itself
    when all workers that started it are closed.
    """
    attribute = "_benchdb_memory_timelines"

    def start(window: str, interval: float, most: int, dask_worker: Any) -> float:
        """Take a sample now and more in a thread; return the time in seconds since the epoch."""
        import sys
        import threading
        import time
        from array import array

        import psutil

        recordings = vars(sys).setdefault(attribute, {})
        epoch, begun = time.time(), time.perf_counter()
        if window in recordings:
            recordings[window]["workers"].append(dask_worker)
            return epoch
        process = psutil.Process()
        done = threading.Event()
        workers = [dask_worker]
        times, sizes = array("d"), array("d")

        def sample() -> None:
            sizes.append(process.memory_info().rss)
            times.append(epoch + time.perf_counter() - begun)

        def run() -> None:
            pause = interval
            while not done.wait(pause):
                sample()
                if len(times) > most:
                    del times[1::2], sizes[1::2]
                    pause *= 2
                if all(worker.status.name == "closed" for worker in workers):
                    recordings.pop(window, None)
                    return

        def stop() -> tuple[array[float], array[float]]:
            done.set()
            thread.join()
            sample()
            return times, sizes

        sample()
        thread = threading.Thread(target=run, name="benchdb-memory", daemon=True)
        thread.start()
        recordings[window] = {"workers": workers, "stop": stop}
        return epoch

    def stop(window: str) -> tuple[array[float], array[float]] | None:
        """Take the last sample; return times and sizes, None where another worker did."""
        import sys

        recording = vars(sys).get(attribute, {}).pop(window, None)
        return None if recording is None else recording["stop"]()

    return _WorkerFunctions(start, stop)


def heartbeats_function() -> Callable[..., tuple[Callable[[], None], Callable[..., _Heard]]]:
    """Return a function that makes a scheduler's record of what its workers' heartbeats tell."""

    def heartbeats(
        dask_scheduler: Any, most: int, now: Callable[[], float]
    ) -> tuple[Callable[[], None], Callable[..., _Heard]]:
        """Return a function that looks at all workers, and one that returns what it saw."""
        from array import array

        records: dict[object, dict[str, Any]] = {}

        def add(record: dict[str, Any], size: float) -> None:
            times, sizes = record["times"], record["sizes"]
            times.append(now())
            sizes.append(size)
            if len(times) > most:
                del times[1:-1:2], sizes[1:-1:2]

        def look() -> None:
            present = set()
            for address, worker in dask_scheduler.workers.items():
                process = (worker.host, worker.pid) if worker.pid else address
                present.add(process)
                if process not in records:
                    series = {"times": array("d"), "sizes": array("d")}
                    records[process] = {"addresses": set(), "heard": -1.0, **series}
                record, heard = records[process], worker.metrics.get("time", 0.0)
                record["addresses"].add(address)
                if heard > record["heard"]:
                    record["heard"] = heard
                    add(record, worker.metrics.get("memory", 0))
            for process, record in records.items():
                if process not in present and record["sizes"][-1]:
                    add(record, 0)

        def seen(measured: set[str]) -> _Heard:
            return [
                (record["times"], record["sizes"], bool(record["sizes"][-1]))
                for record in records.values()
                if not record["addresses"] & measured
            ]

        return look, seen

    return heartbeats


class _SchedulerFunctions(NamedTuple):
    begin: Callable[..., float]
    end: Callable[..., _Heard]


def scheduler_functions() -> _SchedulerFunctions:
    """Return functions that begin and end a scheduler's record of its workers' heartbeats."""
    heartbeats = heartbeats_function()
    glance, most = GLANCE, MOST

    def begin(window: str, client_id: str, stop: bytes, dask_scheduler: Any) -> float:
        """Note what heartbeats tell; return the time in seconds since the epoch.

        Where the client is lost, `stop`, a pickled function, is run on all workers.
        """
        import time

        from tornado.ioloop import PeriodicCallback

        epoch, begun = time.time(), time.perf_counter()
        look, seen = heartbeats(dask_scheduler, most, lambda: epoch + time.perf_counter() - begun)

        def end(measured: set[str]) -> _Heard:
            callback.stop()
            dask_scheduler.periodic_callbacks.pop(name, None)
            look()
            return seen(measured)

        async def let_workers_stop() -> None:
            message = {"op": "run", "function": stop, "wait": True}
            await dask_scheduler.broadcast(msg=message, on_error="ignore")

        def tick() -> None:
            if client_id in dask_scheduler.clients:
                look()
            else:  # its test is gone, and won't ask any more
                end(set())
                dask_scheduler.loop.add_callback(let_workers_stop)

        name = f"benchdb-memory-{window}"
        callback: Any = PeriodicCallback(tick, glance * 1000)
        callback.benchdb_end = end
        dask_scheduler.periodic_callbacks[name] = callback
        callback.start()
        look()
        return epoch

    def end(window: str, measured: set[str], dask_scheduler: Any) -> _Heard:
        """Return times, sizes, and whether it is there, of each process not `measured` itself.

        Parameters
        ----------
        measured
            Addresses of workers whose processes have recorded themselves.
        """
        result: _Heard = dask_scheduler.periodic_callbacks[f"benchdb-memory-{window}"].benchdb_end(
            measured
        )
        return result

    return _SchedulerFunctions(begin, end)


def shift(there: float, asked: float, answered: float) -> float:
    """Return what must be added to another machine's clock to make it ours, in seconds.

    `there` was read between `asked` and `answered`, which are ours: it isn't touched if it may
    be right.
    """
    return min(max(there, asked), answered) - there


def combined(timelines: Iterable[Timeline], begin: float, end: float) -> tuple[float, float]:
    """Return the average and the highest sum of several timelines, in bytes.

    Between two samples memory is taken to change evenly.

    Parameters
    ----------
    timelines
        Of processes, each once.
    begin, end
        Of what is asked for, in seconds since the epoch.
    """
    import numpy as np

    given = [_with_edges(one) for one in timelines if one.times]
    moments = np.unique(np.concatenate([[begin, end], *(times for times, _ in given)]))
    moments = moments[(moments >= begin) & (moments <= end)]
    if len(moments) > 4 * MOST:
        moments = np.append(moments[:: -(-len(moments) // (4 * MOST))], end)
    total = np.zeros(len(moments))
    for times, sizes in given:
        total += np.interp(moments, times, sizes)
    seconds = end - begin
    if seconds <= 0:
        return float(total[-1]), float(total.max())
    integral = float((np.diff(moments) * (total[1:] + total[:-1]) / 2).sum())
    return integral / seconds, float(total.max())


def _with_edges(one: Timeline) -> tuple[list[float], list[float]]:
    """Return times and sizes, with nothing next to where a process came or left."""
    times, sizes = list(one.times), list(one.sizes)
    if not one.from_begin:
        times, sizes = [times[0] - _EDGE, *times], [0.0, *sizes]
    if not one.to_end:
        times, sizes = [*times, times[-1] + _EDGE], [*sizes, 0.0]
    return times, sizes
