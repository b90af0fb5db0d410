"""Processes that are killed at any step: forks of one that has paid for their imports."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import IO, TYPE_CHECKING

from recorded import environ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FORKING = """
import json, os, sys
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        sys.stdout = sys.stderr
        sys.exit(act(*json.loads(line)))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@contextlib.contextmanager
def mortals(script: str, folder: Path) -> Iterator[Callable[..., int]]:
    """Give a function that calls a script's `act` in a process, and returns its exit code.

    Parameters
    ----------
    script
        Imports what it needs, starts no thread, and defines `act`, which may kill its process.
    folder
        Where to run it; what it says is written beside, into ``said``.
    """
    with (folder / "said").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", script + _FORKING],
            cwd=folder,
            env=environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin: IO[str] = process.stdin
        stdout: IO[str] = process.stdout

        def call(*arguments: object) -> int:
            print(json.dumps(arguments, default=str), file=stdin, flush=True)
            code = stdout.readline()
            assert code, (folder / "said").read_text("utf-8")
            return int(code)

        yield call
