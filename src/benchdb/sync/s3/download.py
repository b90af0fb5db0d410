"""An object on its way into a file, which goes on where it was cut off."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from benchdb.sync.patience import Passing
from benchdb.sync.s3.failures import Absent, NoSuchRange
from benchdb.sync.s3.requests import etag_of, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Bytes after which an attempt was worth it, though it failed.
PROGRESS: Final = 1 << 20


class Download:
    """An object on its way into a file.

    Parameters
    ----------
    get
        Asks for the object, or for what an argument ``Range`` says.
    pieces
        Reads a body, piece by piece.
    file
        Empty; after a failure it holds what came of one state of the object.
    """

    def __init__(
        self, get: Callable[..., Any], pieces: Callable[[Any], Iterator[bytes]], file: BinaryIO
    ) -> None:
        self._get = get
        self._pieces = pieces
        self._file = file
        self._etag = ""

    def go_on(self) -> None:
        """Get what the file lacks.

        Raises
        ------
        Absent
            If there is no object.
        Passing
            If not all of it came: to be called again.
        """
        answer = self._ask()
        size = size_of(answer)
        with contextlib.closing(answer["Body"]) as body:
            for piece in self._pieces(body):
                self._file.write(piece)
        if size is not None and self._file.tell() != size:
            raise Passing("an object was cut off")

    def _ask(self) -> Any:
        """Ask for what the file lacks; a file that the answer doesn't go on in is emptied."""
        began = self._file.tell()
        try:
            # From the first byte too: then the answer tells the size, by which a proxy that cuts
            # it off and says nothing of it is found out.
            answer = self._get(Absent, NoSuchRange, Range=f"bytes={began}-")
        except NoSuchRange:
            answer = self._get(Absent)
        is_part = size_of(answer) is not None
        etag = etag_of(answer)
        is_other = etag != self._etag
        self._etag = etag
        if began and (is_other or not is_part):
            self._file.seek(0)
            self._file.truncate()
            if is_part:
                answer["Body"].close()
                raise Passing("an object was replaced while it was read")
        return answer
