"""The lines of a text file that another tool wrote, compressed or not, one in memory at a time."""

from __future__ import annotations

import contextlib
import sys
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    import gzip
    from collections.abc import Callable, Iterator
    from pathlib import Path

    #: What bytes are read from.
    _Bytes = IO[bytes] | gzip.GzipFile

_GZIP: Final = b"\x1f\x8b"
_OTHER_UNICODE: Final = (b"\xff\xfe", b"\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"

#: Bytes of a line; longer ones are no table's, and would have to fit into memory.
MOST: Final = 16 * 2**20

#: Lines between two words on how far it is.
_OFTEN: Final = 5000


class UnfitLine(UserError):
    """A line of a file that can't be imported."""


def unfit(name: str, line: int, why: str) -> UnfitLine:
    """Return the error for a line."""
    return UnfitLine(f"{name}, line {line}: {why}; nothing was imported, correct the line")


@contextlib.contextmanager
def lines_of(
    path: Path | None, name: str, progress: Callable[[str, int, int], None]
) -> Iterator[Iterator[str]]:
    """Give the lines of a file, or of the standard input, with their ends.

    Parameters
    ----------
    path
        The file; None is the standard input. What is compressed by gzip is told by its bytes.
    name
        How to call it in messages.
    progress
        Is told what is done, and how many of how many bytes are read.

    Raises
    ------
    UserError
        If it can't be read. The lines raise it, too, for what is no UTF-8.
    """
    try:
        with contextlib.ExitStack() as stack:
            raw: Any = sys.stdin.buffer if path is None else stack.enter_context(path.open("rb"))
            total = 0 if path is None else path.stat().st_size
            start = raw.peek(3)[:3]
            file: _Bytes = raw
            if start.startswith(_GZIP):
                import gzip

                file = stack.enter_context(contextlib.closing(gzip.GzipFile(fileobj=raw)))

            def told() -> None:
                progress(f"reading {name}", 0 if path is None else raw.tell(), total)

            yield _decoded(file, name, told)
    except (EOFError, zlib.error) as error:
        raise UserError(f"{name} is cut off or damaged ({error}): compress it again") from error
    except OSError as error:
        raise UserError(
            f"{name} can't be read ({reason(error)}): check the name and what it is"
        ) from error


def _decoded(file: _Bytes, name: str, told: Callable[[], None]) -> Iterator[str]:
    number = 0
    while line := file.readline(MOST + 1):
        number += 1
        if number == 1:
            if line.startswith(_OTHER_UNICODE):
                raise unfit(name, 1, "this is UTF-16, not UTF-8")
            line = line.removeprefix(_BOM)
        if number % _OFTEN == 1:
            told()
        if len(line) > MOST:
            raise unfit(name, number, f"it is longer than {MOST:,} bytes")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise unfit(name, number, f"this is not UTF-8 ({error.reason})") from None
