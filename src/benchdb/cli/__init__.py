"""The ``benchdb`` command: one file per verb, loaded when it is called.

Exit codes: 0; 2 for a wrong call or a failure, with one line that says what to do next; 130 after
Ctrl-C. Anything but a `UserError` is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments
        What was typed after ``benchdb``; by default that of this process.
    """
    from benchdb.cli.program import run

    code = run(arguments)
    if arguments is None and "rattler" in sys.modules:
        # Its threads may still be letting go of Python, which crashes where that ends meanwhile.
        # All that was written is flushed, and this process has nothing else to do.
        os._exit(code)
    return code
