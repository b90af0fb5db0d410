"""``@pytest.mark.benchmark_exclusive`` under pytest-xdist: a token that workers share, or one has.

Whoever asks takes the next number and locks a file of that number. A test waits for the numbers
before it: a shared one for those that are exclusive, an exclusive one for all. So they go in order
of asking, and the system frees a number when its worker dies.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.errors import reason
from benchdb.locks import ProcessLock, is_locked, patiently
from benchdb.plugin.observer import NOTES, is_benchmarked
from benchdb.plugin.start import WORKER_INPUT

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchdb.plugin.start import Bench

#: Seconds between two looks whether a file is free.
_LOOK_EVERY = 0.005


class ExclusiveTokens:
    """Holds a token around each benchmarked test, where any test of the session is exclusive.

    An exclusive test takes it whether it is benchmarked or not.

    It is taken before everything else of a test, so that waiting is in no measurement and in no
    time-out, once for all its attempts.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._folder: Path | None = None
        self._depth = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """See whether any test is exclusive; every worker collects the same."""
        if any(is_exclusive(item) for item in session.items):
            told = session.config.workerinput[WORKER_INPUT]  # type: ignore[attr-defined]
            self._folder = Path(told["folder"])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Hold the token while the test runs."""
        takes_part = is_exclusive(item) or is_benchmarked(item, self._bench)
        if self._folder is None or self._depth or not takes_part:
            return (yield)
        self._depth += 1
        token = _take_or_note(self._folder, item)
        try:
            return (yield)
        finally:
            self._depth -= 1
            if token is not None:
                token.release()


def is_exclusive(item: pytest.Item) -> bool:
    """Tell whether a test wants to run alone."""
    return item.get_closest_marker("benchmark_exclusive") is not None


def _take_or_note(folder: Path, item: pytest.Item) -> ProcessLock | None:
    """Take the token; a test that can't have it runs without, and the summary says so."""
    try:
        return take(folder, exclusive=is_exclusive(item))
    except (OSError, ValueError) as error:
        why = reason(error)
        note = f"benchmark_exclusive was not heeded by every test: no token in {folder}: {why}"
        item.stash.setdefault(NOTES, []).append(note)
        return None


def take(folder: Path, *, exclusive: bool) -> ProcessLock:
    """Take the token, shared or alone; waits for it in order of asking.

    Raises
    ------
    OSError, ValueError
        If the folder can't be used for it.
    """
    order = patiently(folder / "order.lock")
    try:
        before = _numbers(folder)
        number = before[-1][0] + 1 if before else 1
        mine = ProcessLock(folder / f"{number}.{'exclusive' if exclusive else 'shared'}")
    finally:
        order.release(remove=False)
    try:
        for _, other in before:
            while (exclusive or other.suffix == ".exclusive") and is_locked(other):
                time.sleep(_LOOK_EVERY)
    except BaseException:
        mine.release()
        raise
    return mine


def _numbers(folder: Path) -> list[tuple[int, Path]]:
    """Return the numbers that are out, with their files; those of dead workers are taken back."""
    found = []
    for path in (*folder.glob("*.shared"), *folder.glob("*.exclusive")):
        if is_locked(path):
            found.append((int(path.stem), path))
        else:
            path.unlink(missing_ok=True)
    return sorted(found)
