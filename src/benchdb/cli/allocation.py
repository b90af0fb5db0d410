"""How this process comes by its memory."""

from __future__ import annotations

import contextlib
import sys
from typing import Final

#: glibc's parameters (mallopt(3)), each a number of bytes: from what size on memory is taken from
#: the system and given back for each array; how much may lie unused before some is given back; how
#: much is taken beyond what was asked for.
_PARAMETERS: Final = {-3: 32 << 20, -1: 128 << 20, -2: 16 << 20}


def keep_freed_memory() -> None:
    """Have memory that arrays free be used for the next ones.

    glibc gives large blocks back to the system at once, and each new one costs a page fault for
    every 4 KiB. An analysis of many series frees and takes the same half a megabyte all the time:
    half of its time went there. Only for a process of our own; elsewhere than on Linux with glibc
    nothing happens.
    """
    if sys.platform != "linux":
        return
    import ctypes  # numpy imports it, too

    with contextlib.suppress(OSError, AttributeError):  # other libraries have no such thing
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, size in _PARAMETERS.items():
            mallopt(parameter, size)
