"""Panics of rattler, which is written in Rust: one error, not pages of backtrace."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How a panic of a thread is told of in an error.
_OF_THREAD: Final = re.compile(r'task \d+ panicked with message "(.*)"', re.DOTALL)


class Panic(Exception):
    """The library gave up, where it should have raised an error."""


@contextlib.contextmanager
def tamed() -> Iterator[None]:
    """Raise `Panic` for a panic within, and keep what is written of an error off the terminal.

    It is written to the file of the standard error, past Python; of what succeeds it is shown.
    """
    with tempfile.TemporaryFile() as written, _standard_error_into(written.fileno()) as shown:
        try:
            yield
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # no `Exception`, and it has no module
                raise Panic(str(error)) from None
            raise
        written.seek(0)
        os.write(shown, written.read())


@contextlib.contextmanager
def _standard_error_into(descriptor: int) -> Iterator[int]:
    """Turn the standard error into a file; yield where it went before."""
    if sys.stderr is not None:
        sys.stderr.flush()
    before = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield before
    finally:
        os.dup2(before, 2)
        os.close(before)


def said(error: BaseException) -> str:
    """Return in a line what an error of rattler says."""
    text = str(error)
    found = _OF_THREAD.fullmatch(text)
    return " ".join((found[1] if found else text).split())
