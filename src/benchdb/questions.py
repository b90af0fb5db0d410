"""Questions to the workers of a Dask cluster, each with a deadline of its own.

Functions that run on a scheduler or a worker are made inside a factory function and import what
they need themselves, so that cloudpickle sends them by value: benchdb needn't be installed
there. What they close over must be plain too, as an instance of our classes goes by reference.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchdb.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from distributed import Client

_MOST_NAMED: Final = 3

#: Questions whose answers nobody waits for; the loop itself would forget them.
_UNHEARD: Final[set[asyncio.Future[Any]]] = set()


class Answers(NamedTuple):
    """What workers said, by address, why the others said nothing, and who of these was silent."""

    given: dict[str, Any]
    missing: dict[str, str]
    silent: frozenset[str]


async def ask_workers(
    client: Client,
    function: Callable[..., Any],
    *args: object,
    workers: Iterable[str],
    seconds: float,
) -> Answers:
    """Run a function on each of the workers, each with a deadline of its own, in seconds.

    `distributed.Client.run` over several workers waits for the slowest without limit.
    """
    silent = set()

    async def ask(address: str) -> tuple[str, Any, str]:
        question: Any = client.run(function, *args, workers=[address])
        try:
            answers = await asyncio.wait_for(question, seconds)
            return address, answers[address], ""
        except TimeoutError:
            silent.add(address)
            return address, None, f"no answer in {seconds:g} s"
        except Exception as error:
            return address, None, brief(error)

    given, missing = {}, {}
    for address, answer, trouble in await asyncio.gather(*map(ask, workers)):
        if trouble:
            missing[address] = trouble
        else:
            given[address] = answer
    return Answers(given, missing, frozenset(silent))


def tell_workers(
    client: Client, function: Callable[..., Any], *args: object, workers: Iterable[str]
) -> None:
    """Have each of the workers run a function when it can, and wait for none of them."""
    untyped: Any = client
    for address in workers:
        _tell(untyped.run(function, *args, workers=[address]))


def tell_scheduler(client: Client, function: Callable[..., Any], *args: object) -> None:
    """Have the scheduler run a function when it can, and don't wait for it."""
    untyped: Any = client
    _tell(untyped.run_on_scheduler(function, *args))


def _tell(question: Awaitable[Any]) -> None:
    telling = asyncio.ensure_future(question)
    _UNHEARD.add(telling)
    telling.add_done_callback(_heard)


def _heard(told: asyncio.Future[Any]) -> None:
    _UNHEARD.discard(told)
    if not told.cancelled():
        told.exception()  # taken, so that nothing is said of it


async def worker_addresses(client: Client) -> list[str]:
    """Return the addresses of all workers; `Client.scheduler_info` may leave some out."""
    untyped: Any = client
    return list(await untyped.run_on_scheduler(_worker_addresses()))


def _worker_addresses() -> Callable[..., list[str]]:
    def addresses(dask_scheduler: Any) -> list[str]:
        return list(dask_scheduler.workers)

    return addresses


def brief(error: BaseException) -> str:
    """Return an error as a part of one line."""
    text, kind = one_line(error), type(error).__name__
    return kind if text == kind else f"{kind}: {text}"


def named(missing: Mapping[str, str]) -> str:
    """Return workers and what is wrong with each, as a part of one line."""
    listed = [f"{address} ({why})" for address, why in list(missing.items())[:_MOST_NAMED]]
    more = len(missing) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more > 0 else "")
