"""``@pytest.mark.benchmark_exclusive`` under pytest-xdist: a token that workers share, or one has.

Whoever asks takes the next number and locks a file of that number. A test waits for the numbers
before it: a shared one for those that are exclusive, an exclusive one for all. So they go in order
of asking, and the system frees a number when its worker dies.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.plugin.observer import is_benchmarked
from benchdb.store.locks import ProcessLock, is_locked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from benchdb.plugin.start import Bench

#: Seconds between two looks whether a file is free.
_PATIENCE = 0.005

_HELD_BY_ANOTHER = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


def tokens_folder(uid: str) -> Path:
    """Return the folder that the workers of a session share."""
    return Path(tempfile.gettempdir()) / f"benchdb-{uid}"


def discard_tokens(uid: str) -> None:
    """Remove that folder, when the session's workers are gone."""
    shutil.rmtree(tokens_folder(uid), ignore_errors=True)


class ExclusiveTokens:
    """Holds a token around each benchmarked test, where any test of the session is exclusive.

    It is taken before everything else of a test, so that waiting is in no measurement and in no
    time-out, once for all its attempts.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._folder = tokens_folder(bench.uid)
        self._needed = False
        self._depth = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """See whether any test is exclusive; every worker collects the same."""
        self._needed = any(is_exclusive(item) for item in session.items)
        if self._needed:
            self._folder.mkdir(exist_ok=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Hold the token while the test runs."""
        if not self._needed or self._depth or not is_benchmarked(item, self._bench):
            return (yield)
        self._depth += 1
        try:
            with held(self._folder, exclusive=is_exclusive(item)):
                return (yield)
        finally:
            self._depth -= 1


def is_exclusive(item: pytest.Item) -> bool:
    """Tell whether a test wants to run alone."""
    return item.get_closest_marker("benchmark_exclusive") is not None


@contextlib.contextmanager
def held(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the token, shared or alone; waits for it in order of asking."""
    order = _patiently(folder / "order.lock")
    try:
        before = _numbers(folder)
        number = before[-1][0] + 1 if before else 1
        mine = ProcessLock(folder / f"{number}.{'exclusive' if exclusive else 'shared'}")
    finally:
        order.release(remove=False)
    try:
        for _, other in before:
            while (exclusive or other.suffix == ".exclusive") and is_locked(other):
                time.sleep(_PATIENCE)
        yield
    finally:
        mine.release()


def _patiently(path: Path) -> ProcessLock:
    """Take a lock that others hold for a moment only."""
    while True:
        try:
            return ProcessLock(path)
        except OSError as error:
            if error.errno not in _HELD_BY_ANOTHER:
                raise
        time.sleep(_PATIENCE)


def _numbers(folder: Path) -> list[tuple[int, Path]]:
    """Return the numbers that are out, with their files; those of dead workers are taken back."""
    found = []
    for path in (*folder.glob("*.shared"), *folder.glob("*.exclusive")):
        if is_locked(path):
            found.append((int(path.stem), path))
        else:
            path.unlink(missing_ok=True)
    return sorted(found)
