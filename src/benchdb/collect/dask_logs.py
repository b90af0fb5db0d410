"""What a cluster's scheduler, nannies and workers logged, each asked with a deadline of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchdb.collect.dask_window import WORKER_DEADLINE, no_client
from benchdb.questions import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

#: The newest lines of each that are kept.
_LINES: Final = 10_000

#: Seconds in which the scheduler must say who its workers are.
_DEADLINE: Final = 30.0


def cluster_logs(client: Client, *, deadline: float = WORKER_DEADLINE) -> dict[str, str]:
    """Return the logs of a cluster by who wrote them; who doesn't answer has that for a log.

    Parameters
    ----------
    client
        A client that is connected, and not asynchronous.
    deadline
        Seconds that each of them has to send its own; all are asked at once. Who the workers are
        the scheduler must say within 30 seconds.

    Returns
    -------
    dict
        ``scheduler``, ``worker ADDRESS`` and, where it has one, ``nanny ADDRESS``, each with its
        lines, the oldest first; ``workers`` where nobody says who they are. Distributed keeps
        some 10,000 of them for each process.
    """
    if why := no_client(client):
        return {"scheduler": why}
    untyped: Any = client
    try:
        found: dict[str, str] = untyped.sync(
            _asked, client, deadline, callback_timeout=_DEADLINE + 2 * deadline
        )
    except Exception as error:
        return {"scheduler": f"not to be had: {brief(error)}"}
    return found


async def _asked(client: Any, deadline: float) -> dict[str, str]:
    async def one(ask: Callable[[], Any], seconds: float) -> Any:
        try:
            return await asyncio.wait_for(ask(), seconds)
        except TimeoutError:
            return f"no answer in {seconds:g} s"
        except Exception as error:
            return f"not to be had: {brief(error)}"

    async def of_one(address: str, nanny: bool) -> str:
        ask = partial(client.run, _of_worker(), workers=[address], nanny=nanny)
        answer = await one(ask, deadline)
        return answer if isinstance(answer, str) else str(next(iter(answer.values())))

    async def of_workers() -> dict[str, str]:
        workers = await one(partial(client.run_on_scheduler, _nannies()), _DEADLINE)
        if isinstance(workers, str):
            return {"workers": f"who they are: {workers}"}
        names = {
            f"{'nanny' if nanny else 'worker'} {address}": of_one(address, nanny)
            for address, has_nanny in workers.items()
            for nanny in ((False, True) if has_nanny else (False,))
        }
        return dict(zip(names, await asyncio.gather(*names.values()), strict=True))

    scheduler, workers = await asyncio.gather(
        one(partial(client.run_on_scheduler, _of_scheduler()), deadline), of_workers()
    )
    return {"scheduler": scheduler, **workers}


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
