"""What all Dask meters share: a window over a block of code, on the scheduler and all workers."""

from __future__ import annotations

import asyncio
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from benchdb.collect.dask_leftovers import (
    ServerFunctions,
    for_good,
    unless_ended,
    watched,
    when_lost,
)
from benchdb.questions import (
    Answers,
    ask_workers,
    brief,
    named,
    tell_scheduler,
    tell_workers,
    worker_addresses,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
    from types import TracebackType

    from distributed import Client

    from benchdb.collect.blocks import Blocks
    from benchdb.collect.readings import Readings

#: Seconds that one worker has for an answer. Each is asked separately: a frozen one holds up none.
WORKER_DEADLINE = 10.0

#: Seconds that the start or the end of a window may take in all.
DEADLINE = 30.0

#: The same when the user interrupted the block: who presses Ctrl-C wants to get out.
HURRIED_DEADLINE = 3.0

#: Seconds between two looks at whether the client still has its scheduler.
_GLANCE: Final = 0.1

#: Seconds between two looks of the scheduler at a window: half of the fastest heartbeat.
GLANCE: Final = 0.25


def no_client(client: object) -> str:
    """Return why this is no client, empty where it is one: a wrong call must not fail a test."""
    if hasattr(client, "run_on_scheduler"):
        return ""
    hint = ": write Client(cluster)" if hasattr(client, "scheduler_address") else ""
    return f"{type(client).__name__} is no distributed.Client{hint}"


class Window(ABC):
    """A measurement of a cluster between the start and the end of a block.

    ``with`` is for a synchronous client, ``async with`` for either. The block's own exception is
    always what is seen; what the window can't do becomes a note. Several windows of one kind in
    a test are read as one longer window, see `benchdb.collect.blocks`.

    Parameters
    ----------
    client
        A client that is connected.
    readings
        Where the values go.
    """

    #: What is measured, as a note names it.
    what: ClassVar[str]

    #: Windows of one kind inside each other count once.
    kind: str

    def __init__(self, client: Client, readings: Readings) -> None:
        self.client = client
        self.readings = readings
        self.name = uuid.uuid4().hex
        self._asynchronous = bool(getattr(client, "asynchronous", False))
        self._measuring = False
        self._entered = self._scheduler = ""
        self._worker_seconds = WORKER_DEADLINE

    @property
    def blocks(self) -> Blocks:
        """Where this window's values meet those of earlier ones in the same test."""
        return self.readings.blocks

    @abstractmethod
    async def begin(self) -> None:
        """Start to measure."""

    @abstractmethod
    async def finish(self) -> None:
        """Measure, and write the values into the readings."""

    async def give_up(self) -> None:  # noqa: B027 - of most windows nothing remains
        """Leave nothing of a begin that failed, and wait for nobody."""

    async def ask(
        self, function: Callable[..., Any], *args: object, workers: Iterable[str]
    ) -> Answers:
        """Run a function on workers, but on none that has just been silent to another window."""
        silent, now = self.blocks.silent, time.monotonic()
        asked = set(workers)
        known = {
            address: why
            for address, (since, why) in silent.items()
            if address in asked and now - since < self._worker_seconds
        }
        answers = await ask_workers(
            self.client,
            function,
            *args,
            workers=asked.difference(known),
            seconds=self._worker_seconds,
        )
        now = time.monotonic()
        silent.update((address, (now, answers.missing[address])) for address in answers.silent)
        return answers._replace(missing=answers.missing | known)

    def note(self, why: str) -> None:
        """Say that something was not measured."""
        self.readings.note(f"{self.what} not measured: {why}")

    def note_missing(self, missing: Mapping[str, str], consequence: str) -> None:
        """Say which workers did not answer."""
        if missing:
            self.readings.note(f"{self.what}: {consequence}: {named(missing)}")

    def note_left(self, workers: Collection[str], consequence: str) -> None:
        """Say how many workers can't be asked any more; their addresses tell nobody anything."""
        if workers:
            many = f"{len(workers)} workers" if len(workers) > 1 else "a worker"
            self.readings.note(f"{self.what}: {consequence} {many} that left inside the block")

    def __enter__(self) -> Self:
        if self._asynchronous:
            self.note("an asynchronous client needs `async with`")
        elif self._may_begin():
            self._measuring = self._take(self.begin, DEADLINE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._may_finish():
            self._take(self.finish, _deadline(error))

    async def __aenter__(self) -> Self:
        if not self._asynchronous:
            return self.__enter__()
        if self._may_begin():
            self._measuring = await self._take_async(self.begin, DEADLINE)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._asynchronous:
            self.__exit__(kind, error, traceback)
        elif self._may_finish():
            await self._take_async(self.finish, _deadline(error))

    def _may_begin(self) -> bool:
        if why := no_client(self.client):
            self.note(why)
            return False
        if self.client.status != "running":
            self.note(f"the client is {self.client.status}")
            return False
        scheduler = self.client.scheduler
        self._scheduler = str(scheduler.address) if scheduler is not None else ""
        self._entered = self._scheduler
        if self.blocks.enter(self.kind, self._entered):
            return True
        self._entered = ""
        return False

    def _may_finish(self) -> bool:
        if self._entered:
            self.blocks.leave(self.kind, self._entered)
            self._entered = ""
        measuring, self._measuring = self._measuring, False
        if measuring and self.client.status != "running":
            self.note(self._gone())
            return False
        return measuring

    def _gone(self) -> str:
        what = "lost its scheduler" if self.client.status == "connecting" else "was closed"
        return f"the client {what} inside the block"

    def _take(self, step: Callable[[], Awaitable[None]], seconds: float) -> bool:
        """Take a step, and leave nothing if it fails or is interrupted; tell whether it didn't."""
        client, done = _untyped(self.client), False
        seconds = self._patience(seconds)
        try:
            client.sync(self._watched, step, callback_timeout=seconds)
            done = True
        except Exception as error:
            self._failed(error, seconds)
        finally:
            if not done:
                with suppress(Exception):
                    client.sync(self.give_up, callback_timeout=HURRIED_DEADLINE)
        return done

    async def _take_async(self, step: Callable[[], Awaitable[None]], seconds: float) -> bool:
        done = False
        seconds = self._patience(seconds)
        try:
            await asyncio.wait_for(self._watched(step), seconds)
            done = True
        except Exception as error:
            self._failed(error, seconds)
        finally:
            if not done:
                with suppress(Exception):
                    await self.give_up()
        return done

    def _patience(self, seconds: float) -> float:
        """Return how long a step may take: not long if the scheduler has just been silent."""
        since, _ = self.blocks.silent.get(self._scheduler, (-DEADLINE, ""))
        if time.monotonic() - since < DEADLINE:
            seconds = min(seconds, HURRIED_DEADLINE)
        # Less than a step has: so the silence of a worker is never the scheduler's.
        self._worker_seconds = min(WORKER_DEADLINE, seconds / 3)
        return seconds

    async def _watched(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step unless the client loses its scheduler, which would hold it up for long."""
        task = asyncio.ensure_future(step())
        try:
            while not task.done() and self.client.status == "running":
                await asyncio.wait({task}, timeout=_GLANCE)
            if not task.done():
                raise ConnectionError(self._gone())
            task.result()
        finally:
            task.cancel()

    def _failed(self, error: Exception, seconds: float) -> None:
        if isinstance(error, TimeoutError):
            self.blocks.silent[self._scheduler] = time.monotonic(), ""
            self.note(f"the scheduler did not answer in {seconds:g} s")
        elif self.client.status != "running":
            self.note(self._gone())
        else:
            self.note(brief(error))


def _deadline(error: BaseException | None) -> float:
    """Return the seconds for the end of a window whose block ended with an error, or None."""
    # Not every other BaseException: pytest's own, which skip and fail a test, are of those, too.
    in_a_hurry = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
    return HURRIED_DEADLINE if isinstance(error, in_a_hurry) else DEADLINE


def _untyped(client: Any) -> Any:
    return client


class ServersWindow(Window):
    """A window in which the scheduler and every worker begin and end something too.

    Workers that come inside the block are only asked to end; those that leave can't be asked. Those
    that are silent are told to end, too, for when they hear again.
    """

    #: What a worker that is missing is missing in, as a note names it.
    of_workers: ClassVar[str]

    #: Run on each worker, with a window's name.
    of_worker: ClassVar[Callable[[], ServerFunctions]]

    #: The same of the scheduler. Where the client is lost, it is ended with `nothing`.
    of_scheduler: ClassVar[Callable[[], ServerFunctions]]
    nothing: ClassVar[tuple[Any, ...]]

    def __init__(self, client: Client, readings: Readings) -> None:
        super().__init__(client, readings)
        self._asked: list[str] = []

    async def begin_on_workers(self) -> dict[str, Any]:
        """Let the window begin on all workers; return their answers by address."""
        self._asked = await worker_addresses(self.client)
        begin = unless_ended(type(self).of_worker().begin)
        answers = await self.ask(begin, self.name, (), workers=self._asked)
        self._silent = answers.missing
        self._begun = frozenset(answers.given)
        return answers.given

    async def end_on_workers(self) -> dict[str, Any]:
        """Let the window end on the workers that there are now; return their answers by address.

        Those that were silent at the begin are not waited for again.
        """
        present = await worker_addresses(self.client)
        asked = [address for address in present if address not in self._silent]
        end = type(self).of_worker().end
        answers = await self.ask(end, self.name, workers=asked)
        self._end_unheard(address for address in present if address not in answers.given)
        self.note_missing(
            self._silent | answers.missing, f"{self.of_workers} is without these workers"
        )
        self.note_left(self._begun.difference(present), f"{self.of_workers} is without")
        return answers.given

    async def begin_on_scheduler(self) -> Any:
        """Let the window begin on the scheduler; return its answer."""
        client: Any = self.client
        functions = watched(type(self).of_scheduler(), GLANCE)
        lost = when_lost(self.name, type(self).of_worker().end)
        given = client.id, self.nothing, lost
        return await client.run_on_scheduler(unless_ended(functions.begin), self.name, given)

    async def end_on_scheduler(self, *given: object) -> Any:
        """Let the window end on the scheduler; return its answer."""
        client: Any = self.client
        end = watched(type(self).of_scheduler(), GLANCE).end
        return await client.run_on_scheduler(end, self.name, given)

    async def give_up(self) -> None:
        """Let the window end wherever it may have begun."""
        self._end_unheard(self._asked)
        end = for_good(watched(type(self).of_scheduler(), GLANCE).end)
        tell_scheduler(self.client, end, self.name, (self.nothing,))

    def _end_unheard(self, workers: Iterable[str]) -> None:
        """Let the window end on workers that may begin it yet, or have it ended already."""
        end = for_good(type(self).of_worker().end)
        tell_workers(self.client, end, self.name, (), workers=workers)
