"""A progress bar for long work, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from benchdb.store.progress import untold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.store.progress import Progress


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give what draws progress on standard error; it is gone when the work is done."""
    if not sys.stderr.isatty():
        yield untold
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def draw(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield draw
