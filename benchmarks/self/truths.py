"""Workloads of known truth: what each measured itself, beside what a meter says of it.

Truth is taken where the work is done, by the same clock, so that a busy machine changes both alike.
Read by `accuracy.py`, which shows all, and by benchdb's own tests, which hold it to the tolerances.
Functions that workers run are made inside others, so that they travel by value.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchdb.collect.clock import Stopwatch
from benchdb.collect.dask_memory import measure_memory
from benchdb.collect.dask_scheduler import measure_scheduler
from benchdb.collect.dask_tasks import measure_task_durations
from benchdb.collect.process_memory import measure_process_memory
from benchdb.collect.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

MB = 10**6


@dataclass(frozen=True)
class Found:
    """A measured value beside the true one, in seconds, bytes or a ratio."""

    what: str
    metric: str
    measured: float
    truth: float
    #: How far off it may be, as a fraction of the truth; None where it is only shown.
    tolerance: float | None

    @property
    def error(self) -> float:
        """The difference as a fraction of the truth."""
        return self.measured / self.truth - 1

    @property
    def met(self) -> bool:
        """Whether it is within its tolerance."""
        return self.tolerance is None or abs(self.error) <= self.tolerance


def typical(measure: Callable[[], list[Found]], times: int) -> list[Found]:
    """Measure several times; return of each value the one whose error is the median."""
    rounds = [measure() for _ in range(times)]
    middles = []
    for of_one in zip(*rounds, strict=True):
        middle = median(one.error for one in of_one)
        middles.append(min(of_one, key=lambda one: abs(one.error - middle)))
    return middles


# Time


def time_blocks(seconds: float, times: int) -> list[Found]:
    """Blocks that keep the processor busy."""

    def once() -> list[Found]:
        readings = Readings()
        with Stopwatch(readings):
            begun = time.perf_counter()
            while (busy := time.perf_counter() - begun) < seconds:
                pass
        (measured,) = readings.rounds["duration", "s", None]
        return [Found(f"a block busy for {seconds:g} s", "duration", measured, busy, 0.02)]

    return typical(once, times)


# Memory


def rss_function() -> Callable[[], int]:
    """Return a function that reads the resident memory of its process, in bytes."""

    def rss() -> int:
        import psutil

        return int(psutil.Process().memory_info().rss)

    return rss


def holding_function(size: int, seconds: float, pause: float = 0.0) -> Callable[[], Any]:
    """Return a task that holds memory for some time and then rests.

    It returns the memory of its process before and meanwhile, and when it was asked for, there,
    and let go.
    """
    rss = rss_function()

    def hold() -> tuple[int, int, tuple[float, float, float]]:
        import time

        before, asked = rss(), time.time()
        block = b"x" * size
        there, height = time.time(), rss()
        time.sleep(seconds)
        gone = time.time()
        del block
        time.sleep(pause)
        return before, height, (asked, there, gone)

    return hold


def addresses(client: Client) -> list[str]:
    """Return the addresses of all workers."""
    found: list[str] = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.workers))
    return found


def processes(client: Client) -> dict[str, tuple[int, int]]:
    """Return, by the addresses of the workers, the process of each and its resident memory."""
    rss = rss_function()

    def process() -> tuple[int, int]:
        import os

        return os.getpid(), rss()

    found: dict[str, tuple[int, int]] = client.run(process)
    return found


def resting(client: Client) -> int:
    """Return the memory of all processes of workers but that of the first."""
    found = processes(client)
    first = found[addresses(client)[0]][0]
    return sum(rss for pid, rss in dict(found.values()).items() if pid != first)


def _memory(readings: Readings) -> tuple[float, float, float]:
    (exact,) = readings.rounds["worker_peak_memory", None, None]
    return readings.columns["average_memory"], readings.columns["peak_memory"], exact  # type: ignore[return-value]


def transient(client: Client, size: int = 800 * MB, seconds: float = 0.2) -> list[Found]:
    """One worker allocates much for a short time; the others hold still."""
    first, rest = addresses(client)[0], resting(client)
    readings = Readings()
    with measure_memory(client, readings):
        task = client.submit(holding_function(size, seconds, 0.1), workers=[first], pure=False)
        _, height, _ = task.result()
    _, sampled, exact = _memory(readings)
    what = f"{size // MB} MB for {seconds:g} s"
    return [
        Found(f"{what}, exact peak of the worker", "worker_peak_memory", exact, height, 0.02),
        Found(f"{what}, sampled, all workers", "peak_memory", sampled, height + rest, None),
    ]


def transient_within_a_call(client: Client, size: int = 800 * MB) -> list[Found]:
    """Memory that comes and goes while a single call holds the GIL."""
    first, rest = addresses(client)[0], resting(client)
    rss = rss_function()

    def come_and_go() -> int:
        before = rss()
        (b"x" * size).isdigit()
        return before + size

    readings = Readings()
    with measure_memory(client, readings):
        height = client.submit(come_and_go, workers=[first], pure=False).result()
    _, sampled, exact = _memory(readings)
    what = f"{size // MB} MB within one call"
    return [
        Found(f"{what}, exact peak of the worker", "worker_peak_memory", exact, height, 0.02),
        Found(f"{what}, sampled, all workers", "peak_memory", sampled, height + rest, None),
    ]


def plateau(client: Client, size: int = 400 * MB, seconds: float = 1.5) -> list[Found]:
    """One worker holds memory through a part of the block."""
    first, rest = addresses(client)[0], resting(client)
    readings = Readings()
    with measure_memory(client, readings):
        begun = time.time()
        time.sleep(0.2)
        task = client.submit(holding_function(size, seconds), workers=[first], pure=False)
        before, height, (asked, there, gone) = task.result()
        time.sleep(0.2)
        took = time.time() - begun
    average, _, _ = _memory(readings)
    # While it grows it is half there.
    truth = rest + before + (height - before) * ((there - asked) / 2 + gone - there) / took
    return [Found(f"{size // MB} MB for {seconds:g} s", "average_memory", average, truth, 0.03)]


def in_turn(client: Client, size: int = 300 * MB, seconds: float = 0.3) -> list[Found]:
    """Some workers hold memory, each after another has let go of it."""
    workers = addresses(client)[:4]
    hold = holding_function(size, seconds)
    quiet = sum(dict(processes(client).values()).values())
    readings = Readings()
    rises = []
    with measure_memory(client, readings):
        for worker in workers:
            before, height, _ = client.submit(hold, workers=[worker], pure=False).result()
            rises.append(height - before)
    _, sampled, _ = _memory(readings)
    return [
        Found(
            f"the workers hold {size // MB} MB in turn",
            "peak_memory",
            sampled,
            quiet + max(rises),
            0.05,
        )
    ]


_CHILD = """
import psutil, sys, time
block = b"x" * int(sys.argv[1])
print(psutil.Process().memory_info().rss, flush=True)
input()
"""


def process_and_child(size: int = 300 * MB, seconds: float = 1.0) -> list[Found]:
    """A child of this process holds memory through the block, this one through a half."""
    import psutil

    rest = sum(one.memory_info().rss for one in psutil.Process().children(recursive=True))
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        theirs = rest + int(child.stdout.readline())
        readings = Readings()
        with measure_process_memory(readings):
            begun = time.perf_counter()
            before, height, (asked, there, gone) = holding_function(size, seconds, seconds)()
            took = time.perf_counter() - begun
        child.communicate(b"\n")
    average = theirs + before + (height - before) * ((there - asked) / 2 + gone - there) / took
    of = "this process and a child"
    return [
        Found(of, "average_memory", float(readings.columns["average_memory"]), average, 0.03),  # type: ignore[arg-type]
        Found(of, "peak_memory", float(readings.columns["peak_memory"]), theirs + height, 0.02),  # type: ignore[arg-type]
    ]


# Durations of tasks


def _durations(client: Client, work: Callable[[], Any]) -> tuple[dict[str, Any], Any]:
    readings = Readings()
    with measure_task_durations(client, readings):
        told = work()
    return readings.columns, told


def compute(client: Client) -> list[Found]:
    """Tasks that are busy and that wait, and time themselves."""

    def task(_: object) -> float:
        import time

        begun, end = time.perf_counter(), time.thread_time() + 0.03
        while time.thread_time() < end:
            pass
        time.sleep(0.07)
        return time.perf_counter() - begun

    columns, told = _durations(
        client, lambda: client.gather(client.map(task, range(8), pure=False))
    )
    return [
        Found("8 tasks, busy and waiting", "compute_time", columns["compute_time"], sum(told), 0.1)
    ]


def transfer(client: Client, number: int = 8, size: int = 10 * MB) -> list[Found]:
    """A worker fetches arrays from another; its own clock around each fetch is the truth."""
    first, second, *_ = addresses(client)

    def watch() -> None:
        import time

        import numpy as np  # noqa: F401 - the first array would wait for it
        from distributed import worker as module

        original, seconds = module.get_data_from_worker, []

        async def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return await original(*args, **kwargs)
            finally:
                seconds.append(time.perf_counter() - begun)

        module.get_data_from_worker = timed
        module._truth = original, seconds

    def unwatch(dask_worker: Any) -> tuple[float, int]:
        from distributed import worker as module

        module.get_data_from_worker, seconds = module._truth
        fetched = list(dask_worker.transfer_incoming_log)[-len(seconds) :]
        return sum(seconds), sum(sum(one["keys"].values()) for one in fetched)

    def make(_: object) -> Any:
        import numpy as np

        return np.ones(size, "u1")

    def work() -> Any:
        from distributed import wait

        arrays = client.map(make, range(number), workers=[first], pure=False)
        client.run(watch, workers=[second])
        wait(arrays)
        client.gather(client.map(len, arrays, workers=[second], pure=False))
        return client.run(unwatch, workers=[second])[second]

    # One before: the first of all imports what unpickles arrays, which is no transfer.
    warm = client.submit(make, 0, workers=[first], pure=False)
    client.submit(len, warm, workers=[second], pure=False).result()
    del warm
    columns, (seconds, nbytes) = _durations(client, work)
    assert nbytes >= number * size
    what = f"{number * size // MB} MB from worker to worker"
    return [Found(what, "transfer_time", columns["transfer_time"], seconds, 0.1)]


def spilling(client: Client, number: int = 6, size: int = 30 * MB) -> list[Found]:
    """A worker with no room writes to disk and reads again; its clock around both is the truth."""
    first, *_ = addresses(client)

    def watch(dask_worker: Any) -> None:
        import time

        import zict

        original, seconds = (zict.File.__setitem__, zict.File.__getitem__), []

        def timed(function: Any) -> Any:
            def inner(*args: Any) -> Any:
                begun = time.perf_counter()
                try:
                    return function(*args)
                finally:
                    seconds.append(time.perf_counter() - begun)

            return inner

        zict.File.__setitem__, zict.File.__getitem__ = map(timed, original)
        dask_worker._truth = original, seconds, dask_worker.data.fast.n
        dask_worker.data.fast.n = 2 * size

    def unwatch(dask_worker: Any) -> float:
        import zict

        original, seconds, dask_worker.data.fast.n = dask_worker._truth
        zict.File.__setitem__, zict.File.__getitem__ = original
        return sum(seconds)

    def make(number: int) -> Any:
        import numpy as np

        return np.full(size, number, "u1")

    def work() -> Any:
        client.run(watch, workers=[first])
        arrays = client.map(make, range(number), workers=[first], pure=False)
        client.gather(client.map(len, arrays, workers=[first], pure=False))
        return client.run(unwatch, workers=[first])[first]

    columns, seconds = _durations(client, work)
    what = f"{number * size // MB} MB through room for {2 * size // MB} MB"
    return [Found(what, "disk_spill_time", columns["disk_spill_time"], seconds, 0.1)]


def slow_to_pickle(write: float, read: float) -> type:
    """Return a class whose instances take so long to pickle and to unpickle, and note it."""

    def rebuild() -> object:
        import sys
        import time

        begun = time.perf_counter()
        time.sleep(read)
        vars(sys).setdefault("_truths", []).append(time.perf_counter() - begun)
        return Slow()

    class Slow:
        def __reduce__(self) -> Any:
            import sys
            import time

            begun = time.perf_counter()
            time.sleep(write)
            vars(sys).setdefault("_truths", []).append(time.perf_counter() - begun)
            return rebuild, ()

    return Slow


def serialising(client: Client) -> list[Found]:
    """Objects that take long to pickle and to unpickle go from worker to worker."""
    first, second, *_ = addresses(client)
    slow = slow_to_pickle(0.02, 0.1)

    def taken() -> float:
        import sys

        return sum(vars(sys).pop("_truths", ()))

    def work() -> Any:
        client.run(taken)
        one = client.submit(slow, workers=[first], pure=False)
        client.submit(lambda _: None, one, workers=[second], pure=False).result()
        return client.run(taken)

    columns, told = _durations(client, work)
    what = "an object slow to pickle and to unpickle"
    truth = sum(told.values())
    return [Found(what, "serializing_time", columns["serializing_time"], truth, 0.1)]


# The scheduler


def scheduler_cpu(client: Client, seconds: float = 0.3) -> list[Found]:
    """The scheduler's loop is kept busy; the CPU clock of its thread is the truth."""

    def clocks() -> tuple[float, float]:
        import time

        return time.thread_time(), time.perf_counter()

    def busy() -> None:
        import time

        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    readings = Readings()
    with measure_scheduler(client, readings):
        cpu, wall = client.run_on_scheduler(clocks)
        client.run_on_scheduler(busy)
        time.sleep(seconds)
        cpu_then, wall_then = client.run_on_scheduler(clocks)
    truth = (cpu_then - cpu) / (wall_then - wall)
    measured: Any = readings.columns["scheduler_cpu_avg"]
    return [Found(f"busy for {seconds:g} s, then idle", "scheduler_cpu_avg", measured, truth, 0.1)]


def gap_functions() -> tuple[Callable[[Any], None], Callable[[Any], float]]:
    """Return functions that begin and end a look of their own at the gaps in a loop.

    A scheduler runs them, too: Dask passes it under either name.
    """

    def begin(dask_worker: Any) -> None:
        import time

        from tornado.ioloop import PeriodicCallback

        seen = {"last": time.perf_counter(), "longest": 0.0}

        def look() -> float:
            now = time.perf_counter()
            seen["longest"] = max(seen["longest"], now - seen["last"])
            seen["last"] = now
            return seen["longest"]

        callback = PeriodicCallback(look, 20)
        callback.start()
        dask_worker._truth = callback, look

    def end(dask_worker: Any) -> float:
        callback, look = dask_worker._truth
        callback.stop()
        return float(look())

    return begin, end


def ticks(client: Client, seconds: float = 0.5) -> list[Found]:
    """The loops of the scheduler and of a worker stand still; another clock in them is the truth.

    On a busy machine a loop stands still for longer than it was made to.
    """
    begin, end = gap_functions()

    def stand_still() -> None:
        import time

        time.sleep(seconds)

    readings = Readings()
    client.run_on_scheduler(begin)
    client.run(begin)
    with measure_scheduler(client, readings):
        client.run_on_scheduler(stand_still)
        client.run(stand_still, workers=addresses(client)[:1])
        of_scheduler = client.run_on_scheduler(end)
        of_worker = max(client.run(end).values())
    columns: Any = readings.columns
    what = f"the loop stands still for {seconds:g} s"
    return [
        Found(what, "scheduler_max_tick", columns["scheduler_max_tick"], of_scheduler, 0.1),
        Found(what, "worker_max_tick", columns["worker_max_tick"], of_worker, 0.1),
    ]


#: Workers in one process pass each other the objects themselves.
BETWEEN_PROCESSES: Final = {transfer, serialising}

#: What is tried on every kind of cluster, and how many workers it takes.
ON_ALL: Final = {
    transient: 1,
    plateau: 1,
    in_turn: 1,
    compute: 1,
    transfer: 2,
    spilling: 1,
    serialising: 2,
    scheduler_cpu: 1,
    ticks: 1,
}


def for_cluster(kind: str, workers: int) -> list[Callable[[Client], list[Found]]]:
    """Return what can be tried on a kind of cluster with so many workers."""
    left_out = BETWEEN_PROCESSES if kind == "threads" else set()
    return [work for work, least in ON_ALL.items() if least <= workers and work not in left_out]
