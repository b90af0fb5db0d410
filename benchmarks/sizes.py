"""How large the data of a workload is: fractions of the memory of the cluster it runs on.

Chunks are fractions too, so the number of tasks stays the same on every cluster and a cluster with
twice the memory does twice the work.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client, Scheduler


def cluster_memory(client: Client) -> int:
    """Return the memory limits of all workers together, in bytes; raises what they raise."""
    return sum(memory_limits(client))


def memory_limits(client: Client) -> list[int]:
    """Return the memory limit of each worker, in bytes.

    Raises
    ------
    UserError
        If a worker has none, so that nothing can be sized to it, or if the scheduler doesn't
        answer: one line.
    """
    from benchdb.clusters.workers import ANSWER_TIMEOUT, within
    from benchdb.errors import UserError

    def limits(dask_scheduler: Scheduler) -> list[int]:
        return [worker.memory_limit for worker in dask_scheduler.workers.values()]

    # Not Client.scheduler_info(): some releases of distributed name five workers at most there.
    try:
        found = within(client, ANSWER_TIMEOUT, lambda: client.run_on_scheduler(limits))
    except Exception as error:
        raise UserError(
            f"the scheduler didn't say within {ANSWER_TIMEOUT:g} seconds how much memory its "
            f"workers have ({type(error).__name__}): look at its logs"
        ) from error
    if not found or not all(found):
        raise UserError("every worker needs a memory limit: start the cluster with memory_limit=")
    return list(found)


def deadline(worker_memory: float) -> float:
    """Return the seconds after which a workload counts as stuck: many times what it takes.

    Parameters
    ----------
    worker_memory
        The bytes of a worker that sizes are fractions of: more data for each take longer.
    """
    return 300 * max(1.0, worker_memory / 2**30)


def count(number: int, scale: float) -> int:
    """Return a number of tasks, scaled; at least one."""
    return max(1, round(number * scale))


def square(nbytes: float, chunk_nbytes: float, itemsize: int = 8) -> tuple[int, int]:
    """Return the sides of a square array and of its square chunks.

    Parameters
    ----------
    nbytes, chunk_nbytes
        The sizes aimed at, in bytes. The array has a whole number of equal chunks, at least one;
        it is at most `nbytes` large unless a single chunk is larger.
    itemsize
        Bytes of one element.
    """
    chunk = max(1, math.isqrt(int(chunk_nbytes / itemsize)))
    side = math.isqrt(int(nbytes / itemsize))
    return max(1, side // chunk) * chunk, chunk


def table(nbytes: float, partition_nbytes: float, row_nbytes: float) -> tuple[int, int]:
    """Return the number of partitions of a table and of rows in each of them, at least one.

    Parameters
    ----------
    nbytes, partition_nbytes, row_nbytes
        Sizes in memory, in bytes.
    """
    return max(1, int(nbytes / partition_nbytes)), max(1, int(partition_nbytes / row_nbytes))


def width(nbytes: float, rows: int, itemsize: int = 8) -> int:
    """Return how many columns that many rows have in an array of that many bytes, at least one.

    Parameters
    ----------
    nbytes
        Size of the array, in bytes.
    itemsize
        Bytes of one element.
    """
    return max(1, int(nbytes / itemsize / rows))
