"""Memory of processes over time: recorded in the workers, put together here.

Heartbeats tell a scheduler of a worker's memory twice a second at best, and not of one moment:
what one worker has freed still counts while another's new memory counts already. So each worker's
process samples itself, and the scheduler's record of heartbeats stands in for those that can't be
asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchdb.collect.dask_leftovers import ServerFunctions

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    #: Times and sizes of a process, and whether it is there at the end.
    _Heard: TypeAlias = list[tuple[array[float], array[float], bool]]

#: Seconds between two samples of a worker's process: 20 us of CPU time each.
INTERVAL: Final = 0.05

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


def recording_functions() -> ServerFunctions:
    """Return functions that begin and end the recording of the process that a worker runs in.

    Workers in one process share a recording: the first that ends it gets it. It ends by itself
    when all workers that began it are closed.
    """
    attribute = "_benchdb_memory_timelines"
    interval, most = INTERVAL, MOST

    def begin(window: str, dask_worker: Any) -> float:
        """Take a sample now and more in a thread; return the time in seconds since the epoch."""
        import sys
        import threading
        import time
        from array import array

        import psutil

        recordings = vars(sys).setdefault(attribute, {})
        epoch, since = time.time(), time.perf_counter()
        if window in recordings:
            recordings[window]["workers"].append(dask_worker)
            return epoch
        process = psutil.Process()
        done = threading.Event()
        workers = [dask_worker]
        times, sizes = array("d"), array("d")

        def sample() -> None:
            sizes.append(process.memory_info().rss)
            times.append(epoch + time.perf_counter() - since)

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

        def end() -> tuple[array[float], array[float]]:
            done.set()
            thread.join()
            sample()
            return times, sizes

        sample()
        thread = threading.Thread(target=run, name="benchdb-memory", daemon=True)
        thread.start()
        recordings[window] = {"workers": workers, "end": end}
        return epoch

    def end(window: str) -> tuple[array[float], array[float]] | None:
        """Take the last sample; return times and sizes, None where another worker did."""
        import sys

        recording = vars(sys).get(attribute, {}).pop(window, None)
        return None if recording is None else recording["end"]()

    return ServerFunctions(begin, end)


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


def listening_functions() -> ServerFunctions:
    """Return functions that begin and end a scheduler's record of its workers' heartbeats."""
    heartbeats = heartbeats_function()
    most = MOST
    attribute = "_benchdb_heartbeats"

    def begin(window: str, dask_scheduler: Any) -> float:
        """Return the time in seconds since the epoch."""
        import time

        epoch, since = time.time(), time.perf_counter()
        look, seen = heartbeats(dask_scheduler, most, lambda: epoch + time.perf_counter() - since)
        vars(dask_scheduler).setdefault(attribute, {})[window] = look, seen
        look()
        return epoch

    def glance(window: str, dask_scheduler: Any) -> None:
        look, _ = vars(dask_scheduler)[attribute][window]
        look()

    def end(window: str, measured: set[str], dask_scheduler: Any) -> _Heard:
        """Return times, sizes, and whether it is there, of each process not `measured` itself.

        Parameters
        ----------
        measured
            Addresses of workers whose processes have recorded themselves.
        """
        record = vars(dask_scheduler).get(attribute, {}).pop(window, None)
        if record is None:
            return []
        look, seen = record
        look()
        result: _Heard = seen(measured)
        return result

    return ServerFunctions(begin, end, glance)


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

    # At each sample of a timeline its slope changes, and so the sum's does: every moment is looked
    # at, in time that grows with the number of samples alone.
    at, changes, first = [np.array([0.0, end - begin])], [np.zeros(2)], 0.0
    for one in timelines:
        if one.times:
            times, sizes = _with_edges(one)
            slopes = np.diff(sizes) / np.diff(times)
            at.append(times - begin)
            changes.append(np.diff(slopes, prepend=0.0, append=0.0))
            first += float(sizes[0])
    moments = np.concatenate(at)
    order = np.argsort(moments, kind="stable")
    moments, slope = moments[order], np.cumsum(np.concatenate(changes)[order])
    steps = np.diff(moments)
    total = first + np.concatenate([[0.0], np.cumsum(slope[:-1] * steps)])
    inside = (moments >= 0) & (moments <= end - begin)
    moments, total = moments[inside], total[inside]
    highest = float(total.max())
    seconds = end - begin
    if seconds <= 0:
        return float(total[-1]), highest
    integral = float((np.diff(moments) * (total[1:] + total[:-1]) / 2).sum())
    return integral / seconds, highest


def _with_edges(one: Timeline) -> tuple[Any, Any]:
    """Return times, each later than the one before, and sizes.

    There is nothing next to where a process came or left.
    """
    import numpy as np

    times, sizes = np.array(one.times), np.array(one.sizes)
    later = np.diff(times, prepend=-np.inf) > 0
    times, sizes = times[later], sizes[later]
    if not one.from_begin:
        times, sizes = np.append(times[0] - _EDGE, times), np.append(0.0, sizes)
    if not one.to_end:
        times, sizes = np.append(times, times[-1] + _EDGE), np.append(sizes, 0.0)
    return times, sizes
