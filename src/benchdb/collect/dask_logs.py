"""What a cluster's scheduler, nannies and workers logged, each asked with a deadline of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from benchdb.collect.dask_window import WORKER_DEADLINE, brief, no_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

#: The newest lines of each that are kept.
_LINES: Final = 10_000

#: Seconds in which the scheduler must say who its workers are, and what it logged.
_DEADLINE: Final = 30.0


def cluster_logs(client: Client, *, deadline: float = WORKER_DEADLINE) -> dict[str, str]:
    """Return the logs of a cluster by who wrote them; who doesn't answer has that for a log.

    Parameters
    ----------
    client
        A client that is connected, and not asynchronous.
    deadline
        Seconds that each worker, and each nanny, has for its answer. All are asked at once.

    Returns
    -------
    dict
        ``scheduler``, ``worker ADDRESS`` and, where it has one, ``nanny ADDRESS``, each with its
        lines, the oldest first. Distributed keeps some 10,000 of them for each process.
    """
    if why := no_client(client):
        return {"scheduler": why}
    untyped: Any = client
    try:
        found: dict[str, str] = untyped.sync(
            _asked, client, deadline, callback_timeout=2 * _DEADLINE + deadline
        )
    except Exception as error:
        return {"scheduler": f"not to be had: {brief(error)}"}
    return found


async def _asked(client: Any, deadline: float) -> dict[str, str]:
    async def one(name: str, question: Any, seconds: float) -> tuple[str, str]:
        try:
            answer = await asyncio.wait_for(question, seconds)
            return name, answer if isinstance(answer, str) else next(iter(answer.values()))
        except TimeoutError:
            return name, f"no answer in {seconds:g} s"
        except Exception as error:
            return name, f"not to be had: {brief(error)}"

    scheduler = one("scheduler", client.run_on_scheduler(_of_scheduler()), _DEADLINE)
    workers = await asyncio.wait_for(client.run_on_scheduler(_nannies()), _DEADLINE)
    questions = [scheduler]
    for address, has_nanny in workers.items():
        for name, nanny in (("worker", False), ("nanny", True))[: 1 + has_nanny]:
            asked = client.run(_of_worker(), workers=[address], nanny=nanny)
            questions.append(one(f"{name} {address}", asked, deadline))
    return dict(await asyncio.gather(*questions))


# Made inside of functions so that they travel by value: benchdb needn't be installed there.


def _nannies() -> Callable[..., dict[str, bool]]:
    def nannies(dask_scheduler: Any) -> dict[str, bool]:
        return {address: bool(one.nanny) for address, one in dask_scheduler.workers.items()}

    return nannies


def _of_scheduler() -> Callable[..., str]:
    most = _LINES

    def lines(dask_scheduler: Any) -> str:
        return "\n".join(line for _, line in reversed(dask_scheduler.get_logs(n=most)))

    return lines


def _of_worker() -> Callable[..., str]:
    most = _LINES

    def lines(dask_worker: Any) -> str:
        return "\n".join(line for _, line in reversed(dask_worker.get_logs(n=most)))

    return lines
