"""Dask's own performance report, as a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from benchdb.collect.dask_window import Window

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from distributed import Client

    from benchdb.collect.readings import Readings


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
        with self.client.as_current():
            await self._report.__aenter__()

    async def finish(self) -> None:
        """Draw it and write the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.client.as_current():
            await self._report.__aexit__(None, None, None, code=self._code)
        self.written = True


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
