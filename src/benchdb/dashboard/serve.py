"""A built site on this machine alone, by the standard library's server."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from benchdb.dashboard.page import POLICY

if TYPE_CHECKING:
    from pathlib import Path

_ADDRESS: Final = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    """Gives files of the folder to who asks for this machine by a name of its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)

    def send_head(self) -> Any:
        """Refuse pages of other sites that found a way to this address, and lists of folders."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (_ADDRESS, "localhost"):
            self.send_error(421, "ask for 127.0.0.1")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> Any:
        """List nothing."""
        self.send_error(404)

    def end_headers(self) -> None:
        """Let nothing be kept: the next build may be another."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.path.split("?")[0] in ("/", "/index.html"):
            self.send_header("Content-Security-Policy", f"{POLICY}; frame-ancestors 'none'")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of each file."""


class Serving:
    """A server that is running, on a free port; to be stopped."""

    def __init__(self, folder: Path, *, single: bool) -> None:
        handler = partial(_Single if single else _Handler, directory=str(folder))
        self._server = ThreadingHTTPServer((_ADDRESS, 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://{_ADDRESS}:{self._server.server_port}/"

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _Single(_Handler):
    """Gives a page that holds its own policy: its scripts are in it."""

    def send_header(self, keyword: str, value: str) -> None:
        """Leave out the policy of pages whose scripts are files."""
        if keyword != "Content-Security-Policy":
            super().send_header(keyword, value)
