"""Keeps a Python and those that it starts from leaving this machine, opening browsers, asking.

What was tried is written into the file that LEAVING names, and fails.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HERE = ("127.0.0.1", "::1", "localhost", "", None)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    tried: object = None
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        tried = address if isinstance(address, tuple) and address[0] not in _HERE else None
    elif event == "socket.getaddrinfo":
        tried = arguments[0] if arguments[0] not in _HERE else None
    elif event in ("webbrowser.open", "builtins.input"):
        tried = event
    if tried is not None:
        with Path(os.environ["LEAVING"]).open("a") as file:
            file.write(f"{event} {tried}\n")
        raise PermissionError(f"{event} {tried}: a test may not do that")


if "LEAVING" in os.environ:
    sys.addaudithook(_watch)
