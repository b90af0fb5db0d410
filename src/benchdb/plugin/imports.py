"""Loading the recorder without the tests feeling it in their garbage collections."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def out_of_sight() -> Iterator[None]:
    """Keep what is loaded inside the block out of every later garbage collection.

    SQLAlchemy's modules are kept until the end, so a collector looks through them in vain: it would
    make a full collection four times as long, in the middle of somebody's benchmark. It is stopped
    while they load, and then told to leave alone what there is. That must be before tests are
    collected: what they import stays its business.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if hasattr(gc, "freeze"):  # PyPy has none
            gc.freeze()
        if was_enabled:
            gc.enable()
