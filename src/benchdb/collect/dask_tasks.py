"""Where a cluster's time went: computing, disk, serialising, moving data.

Workers count these by themselves and send what is new with each heartbeat; the scheduler adds it up
in ``cumulative_worker_metrics``, whose difference over the block is read. Two clients that work on
one cluster at the same time see each other's tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchdb.collect.dask_window import Window
from benchdb.questions import worker_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

    from benchdb.collect.readings import Readings


def flush_function() -> Callable[..., Any]:
    """Return a function that makes a worker send its counters now.

    Two heartbeats: when the second is answered, one that was under way before has arrived too.
    A worker would send them by itself after half a second or more, which every test would wait for.
    """

    async def flush(dask_worker: Any) -> None:
        await dask_worker.heartbeat()
        await dask_worker.heartbeat()

    return flush


def totals_function() -> Callable[..., dict[str, float]]:
    """Return a function that sums a scheduler's counters by column, in seconds."""

    def totals(dask_scheduler: Any) -> dict[str, float]:
        serializing = {"serialize", "deserialize", "compress", "decompress"}
        # Waiting for a free thread, and what distributed itself can't tell.
        waiting = {"executor", "other", "offload"}
        sums = dict.fromkeys(
            ("compute_time", "disk_spill_time", "serializing_time", "transfer_time"), 0.0
        )
        for key, value in dask_scheduler.cumulative_worker_metrics.items():
            if not isinstance(key, tuple) or len(key) < 3 or key[-1] != "seconds":
                continue
            context = key[0]
            # ("execute", prefix, label, unit), ("p2p", where, label, unit), (context, label, unit)
            label = key[2] if context in ("execute", "p2p") and len(key) > 3 else key[1]
            if context == "p2p" and str(key[1]).startswith("foreground"):
                continue  # a copy of what stands under "execute"
            if not isinstance(label, str):
                label = ""
            if label.removeprefix("p2p-") in ("disk-read", "disk-write"):
                sums["disk_spill_time"] += value
            elif label in serializing:
                sums["serializing_time"] += value
            elif context == "execute":
                if label not in waiting:
                    sums["compute_time"] += value
            elif (context, label) in (("gather-dep", "network"), ("p2p", "send")):
                sums["transfer_time"] += value
        return sums

    return totals


class _TasksWindow(Window):
    what = "durations of tasks"
    kind = "tasks"

    async def begin(self) -> None:
        self._silent: dict[str, str] = {}
        self._asked: set[str] = set()
        self._before = await self._totals()

    async def finish(self) -> None:
        after = await self._totals()
        for column, value in after.items():
            self.blocks.add(column, max(0.0, value - self._before[column]))
        self.note_missing(self._silent, "they are without the latest of these workers")

    async def _totals(self) -> dict[str, float]:
        client: Any = self.client
        present = await worker_addresses(client)
        self.note_left(self._asked.difference(present), "they may be without the latest of")
        self._asked = {address for address in present if address not in self._silent}
        answers = await self.ask(flush_function(), workers=self._asked)
        self._silent |= answers.missing
        totals: dict[str, float] = await client.run_on_scheduler(totals_function())
        return totals


def measure_task_durations(client: Client, readings: Readings) -> Window:
    """Measure what a cluster's time went into inside a ``with`` or ``async with`` block.

    Sets four columns, in seconds, each a sum over the threads or processes of all workers:

    ``compute_time``
        Inside tasks, on the CPU or waiting there, with what users meter in their tasks, and with
        tasks that failed or were cancelled (of which only the whole time is known). Without
        loading of inputs, and without waiting for a free thread.
    ``disk_spill_time``
        Writing and reading spilled data, wherever a worker does so, and the buffers of shuffles.
    ``serializing_time``
        Serialising, deserialising, compressing and decompressing for disk or network.
    ``transfer_time``
        Fetching data from other workers, as the receiver sees it, and sending the parts of
        shuffles. What a worker sends to clients does not count, nor do transfers that failed.
    """
    return _TasksWindow(client, readings)
