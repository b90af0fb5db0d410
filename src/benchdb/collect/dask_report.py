"""Dask's own performance report, as a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from benchdb.collect.dask_window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from distributed import Client

    from benchdb.collect.readings import Readings


class _StreamFunctions(NamedTuple):
    begin: Callable[..., None]
    end: Callable[..., None]


def stream_functions() -> _StreamFunctions:
    """Return functions that leave a scheduler as it was before it drew a report.

    Drawing makes it keep a stream of all tasks for the rest of its life, which takes time of every
    later test. So who finds no stream is to stop it, unless another report still needs it.
    """
    name, attribute = "task-stream", "_benchdb_streams"

    def begin(window: str, client_id: str, dask_scheduler: Any) -> None:
        streams = vars(dask_scheduler).setdefault(attribute, {})
        if streams or name not in dask_scheduler.plugins:
            for other in [one for one, of in streams.items() if of not in dask_scheduler.clients]:
                del streams[other]  # its client went away inside its block
            streams[window] = client_id

    def end(window: str, dask_scheduler: Any) -> None:
        streams = vars(dask_scheduler).get(attribute, {})
        if streams.pop(window, None) and not streams and name in dask_scheduler.plugins:
            dask_scheduler.remove_plugin(name)

    return _StreamFunctions(begin, end)


class PerformanceReport(Window):
    """A block whose tasks are drawn into an HTML file.

    Attributes
    ----------
    written
        Whether the file is there; known once the block is over.
    """

    what = "Dask's performance report"

    def __init__(self, client: Client, readings: Readings, path: Path) -> None:
        super().__init__(client, readings)
        self.path = path
        self.kind = f"performance report {path}"
        self.written = False
        self._code = ""

    def __enter__(self) -> Self:
        self._code = _calling_code(sys._getframe(1))
        return super().__enter__()

    async def __aenter__(self) -> Self:
        self._code = _calling_code(sys._getframe(1))
        return await super().__aenter__()

    def note(self, why: str) -> None:
        """Say that there is no report."""
        hint = "; it needs bokeh: pip install bokeh" if "'bokeh'" in why else ""
        self.readings.note(f"{self.what} not written: {why}{hint}")

    async def begin(self) -> None:
        """Make the scheduler keep what it will draw."""
        import distributed

        self.written = False
        make: Any = distributed.performance_report
        self._report: Any = make(filename=str(self.path))
        client: Any = self.client
        await client.run_on_scheduler(stream_functions().begin, self.name, client.id)
        with client.as_current():
            await self._report.__aenter__()

    async def finish(self) -> None:
        """Draw it and write the file."""
        client: Any = self.client
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with client.as_current():
                await self._report.__aexit__(None, None, None, code=self._code)
            self.written = True
        finally:
            await client.run_on_scheduler(stream_functions().end, self.name)


def performance_report(client: Client, readings: Readings, path: Path) -> PerformanceReport:
    """Write Dask's HTML report of a ``with`` or ``async with`` block, also of one that raises.

    The scheduler needs bokeh for it. The file is overwritten by a later block with the same `path`;
    the caller attaches it if ``written`` says that it is there.
    """
    return PerformanceReport(client, readings, path)


def _calling_code(frame: FrameType | None) -> str:
    """Return the source of the function that holds the block, which the report shows."""
    import inspect

    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module != "contextlib" and not module.startswith("benchdb."):
            try:
                return inspect.getsource(frame)
            except (OSError, TypeError):
                break
        frame = frame.f_back
    return "<Code not available>"
