"""Memory of this process and its children.

Linux keeps the peak of a process (``VmHWM``) and sets it back when 5 is written to its
``clear_refs``, so there the peak is exact; elsewhere it can't be set back, and the highest sample
stands for it. Resident memory is summed over processes: pages that they share count in each.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchdb.collect.blocks import THIS_PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchdb.collect.readings import Readings

#: Seconds between two samples.
INTERVAL: Final = 0.05

# Listing the children reads the whole process table: at most a twentieth of the time goes to it.
_SHARE: Final = 20

_KIND: Final = "memory"
_TEST: Final = "test"


def identity_function() -> Callable[[], tuple[str, int]]:
    """Return a function that names the process it runs in, made as `peak_functions` are."""

    def identity() -> tuple[str, int]:
        import os
        import socket

        return socket.gethostname(), os.getpid()

    return identity


class PeakFunctions(NamedTuple):
    """Functions over the exact peak of the process that they run in, by a window's name.

    `life` returns the peak since the process started, or since the last window began.
    """

    begin: Callable[[str], bool]
    read: Callable[[str], int | None]
    end: Callable[[str], int | None]
    life: Callable[[], int | None]


def peak_functions() -> PeakFunctions:
    """Return functions that measure the exact peak of a process.

    They are made here, and import what they use themselves, so that cloudpickle sends them to a
    Dask worker by value: benchdb needn't be installed there.

    All windows of a process share one high-water mark, which any of them sets back. So each notes
    first, for all others, how high it stood. The windows are kept in ``sys``, the one place that
    is the same for functions that came by import and functions that came by pickle.
    """
    attribute = "_benchdb_peak_windows"

    def high_water() -> int:
        with open("/proc/self/status", "rb") as file:
            status = file.read()
        at = status.index(b"VmHWM:") + 6
        return int(status[at : status.index(b"kB", at)]) * 1024

    def begin(window: str) -> bool:
        """Set the mark back; False where that can't be done."""
        import sys

        windows = vars(sys).setdefault(attribute, {})
        others = [other for other in windows if other != window]
        try:
            if others:
                mark = high_water()
                for other in others:
                    windows[other] = max(windows[other], mark)
            with open("/proc/self/clear_refs", "wb", buffering=0) as file:
                file.write(b"5")
        except (OSError, ValueError):
            windows.pop(window, None)
            return False
        windows[window] = 0
        return True

    def read(window: str) -> int | None:
        """Return the peak so far in bytes, None where it is unknown."""
        import sys

        seen: int | None = vars(sys).get(attribute, {}).get(window)
        if seen is None:
            return None
        try:
            return max(seen, high_water())
        except (OSError, ValueError):
            return None

    def end(window: str) -> int | None:
        """Forget the window; return its peak in bytes, None where it is unknown."""
        import sys

        peak = read(window)
        vars(sys).get(attribute, {}).pop(window, None)
        return peak

    def life() -> int | None:
        try:
            return high_water()
        except (OSError, ValueError):
            return None

    return PeakFunctions(begin, read, end, life)


_begin, _read, _end, _ = peak_functions()


def reset_peak() -> bool:
    """Begin to measure this process's peak memory anew; False where that can't be done.

    Takes some 15 us, and disturbs no other measurement that is under way.
    """
    return _begin(_TEST)


def peak() -> int | None:
    """Return this process's peak resident memory since `reset_peak` in bytes.

    None where it could not be set back: the peak of a whole life says nothing about a test. Takes
    some 30 us.
    """
    return _read(_TEST)


class _Sampler:
    """A thread that samples the memory of this process and its children from begin to end."""

    def __init__(self, interval: float) -> None:
        import psutil

        self.peak = 0
        self.least_of_children: int | None = None
        self.average = 0.0
        self.seconds = 0.0
        self._errors = (psutil.Error, OSError)
        self._process = psutil.Process()
        self._interval = interval
        self._integral = 0.0
        self._last = (0.0, 0)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="benchdb-memory", daemon=True)

    def begin(self) -> None:
        """Take the first sample, and more in a thread."""
        self._last = (time.perf_counter(), self._sample())
        self._started = self._last[0]
        self._thread.start()

    def end(self) -> None:
        """Take the last sample; average and peak are known then."""
        self._done.set()
        self._thread.join()
        self._advance()
        self.seconds = self._last[0] - self._started
        self.average = self._integral / self.seconds if self.seconds else float(self._last[1])

    def _run(self) -> None:
        pause = self._interval
        while not self._done.wait(pause):
            before = time.thread_time()
            self._advance()
            pause = max(self._interval, _SHARE * (time.thread_time() - before))

    def _advance(self) -> None:
        (before, earlier), memory = self._last, self._sample()
        now = time.perf_counter()
        self._integral += (now - before) * (earlier + memory) / 2
        self._last = (now, memory)

    def _sample(self) -> int:
        memory = self._resident(self._process)
        try:
            children = self._process.children(recursive=True)
        except self._errors:
            children = []
        theirs = sum(map(self._resident, children))
        if self.least_of_children is None or theirs < self.least_of_children:
            self.least_of_children = theirs
        memory += theirs
        self.peak = max(self.peak, memory)
        return memory

    def _resident(self, process: Any) -> int:
        try:
            return int(process.memory_info().rss)
        except self._errors:  # it ended between the listing and the look
            return 0


@contextmanager
def measure_process_memory(readings: Readings, *, interval: float = INTERVAL) -> Iterator[None]:
    """Measure the memory of this process and its children inside the block.

    Sets ``average_memory``, the average over time of their summed resident memory, and
    ``peak_memory``, the highest sampled sum, or this process's own exact peak with the least that
    its children were seen to hold, where that is higher (Linux). Both are in bytes. A child's exact
    peak is not seen: a transient in a child that is shorter than `interval` may be missed.

    Parameters
    ----------
    readings
        Where the columns are set; what fails is a note there and never an error.
    interval
        Seconds between samples; longer where one sample is dear.
    """
    blocks = readings.blocks
    if not blocks.enter(_KIND, THIS_PROCESS):
        yield  # the block around this one measures it
        return
    window = f"block-{id(readings)}"
    sampler = None
    try:
        _begin(window)
        begun = _Sampler(interval)
        begun.begin()  # last: nothing after it may fail and leave its thread
        sampler = begun
    except Exception as error:
        readings.note(f"memory of the process was not measured: {error!r}")
    try:
        yield
    finally:
        exact = _end(window)
        blocks.leave(_KIND, THIS_PROCESS)
        if sampler is not None:
            sampler.end()
            blocks.average("average_memory", sampler.average, sampler.seconds, whole=True)
            # Whenever the process stood at its own peak, its children held no less than that.
            own = exact + (sampler.least_of_children or 0) if exact else 0
            blocks.maximum("peak_memory", max(sampler.peak, own))
