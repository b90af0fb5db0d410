"""An HTTP proxy before a server, which fails requests in many ways, each when told to."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import select
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Answer:
    """What a server says."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


def error(status: int, code: str, **headers: str) -> Answer:
    """Return an error as S3 tells it."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    listed = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    return Answer(status, [*listed, *((k.replace("_", "-"), v) for k, v in headers.items())], body)


class Exchange(BaseHTTPRequestHandler):
    """A request and its answer. What is done with them is a function of it: a way to fail."""

    protocol_version = "HTTP/1.1"
    server: _Server
    body: bytes

    def _handle(self) -> None:
        proxy = self.server.proxy
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy.requests.append((self.command, self.path))
        way = proxy.way()
        with contextlib.suppress(ConnectionError):
            way(self)
        proxy.count(up=len(self.body))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def forwarded(self) -> Answer:
        """Return what the server says to it."""
        target = urlsplit(self.server.proxy.target)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "expect"}:
                    connection.putheader(name, value)
            connection.endheaders(self.body)
            answer = connection.getresponse()
            skipped = {"connection", "keep-alive", "transfer-encoding", "content-length"}
            headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in skipped]
            body = answer.read()
            is_head = self.command == "HEAD"
            length = answer.getheader("Content-Length", "0") if is_head else str(len(body))
            return Answer(answer.status, [*headers, ("Content-Length", length)], body)

    def send(self, answer: Answer, first: int | None = None) -> None:
        """Send an answer, or the first bytes of it and then nothing more."""
        head = f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers) + "\r\n"
        body = b"" if self.command == "HEAD" else answer.body
        self.server.proxy.count(down=len(body[:first]))
        if first is None:
            self.wfile.write(head.encode("latin-1") + body)
        else:
            whole = head.encode("latin-1") + body
            self.wfile.write(whole[: len(whole) - len(body) + first])
            self.close_connection = True

    def reset(self) -> None:
        """Drop the connection without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())

    def stall(self) -> None:
        """Say nothing until the client has enough of it."""
        select.select([self.connection], [], [], 30)
        self.close_connection = True


def _truncated(exchange: Exchange) -> None:
    answer = exchange.forwarded()
    if answer.body and exchange.command != "HEAD":
        exchange.send(answer, len(answer.body) // 2)
    else:
        exchange.send(answer, -20)


def _shortened(exchange: Exchange) -> None:
    answer = exchange.forwarded()
    if not answer.body or answer.status >= 300:
        exchange.send(answer)
        return
    body = answer.body[: len(answer.body) // 2]
    headers = [(k, v) for k, v in answer.headers if k != "Content-Length"]
    exchange.send(Answer(answer.status, [*headers, ("Content-Length", str(len(body)))], body))


def _lost(then: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    def way(exchange: Exchange) -> None:
        exchange.forwarded()
        then(exchange)

    return way


def answering(status: int, code: str, **headers: str) -> Callable[[Exchange], None]:
    """Return a way to fail: the server never sees the request."""
    return lambda exchange: exchange.send(error(status, code, **headers))


#: Every way to fail, by name. In the `lost` ones the server has carried the request out.
WAYS: dict[str, Callable[[Exchange], None]] = {
    "reset": Exchange.reset,
    "stalled": Exchange.stall,
    "truncated": _truncated,
    "shortened": _shortened,
    "409": answering(409, "ConditionalRequestConflict"),
    "412": answering(412, "PreconditionFailed"),
    "500": answering(500, "InternalError"),
    "503": answering(503, "SlowDown"),
    "lost by a reset": _lost(Exchange.reset),
    "lost by a time-out": _lost(Exchange.stall),
    "lost by a 500": _lost(answering(500, "InternalError")),
    "lost by a 503": _lost(answering(503, "ServiceUnavailable")),
}


def _pass(exchange: Exchange) -> None:
    exchange.send(exchange.forwarded())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    proxy: FaultProxy

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that went away."""


class FaultProxy:
    """A proxy that passes everything on until it is told to fail.

    Parameters
    ----------
    target
        The URL of the server behind it.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.requests: list[tuple[str, str]] = []
        self.bytes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._planned: dict[int, Callable[[Exchange], None]] = {}
        self._always: Callable[[Exchange], None] = _pass
        self._server = _Server(("127.0.0.1", 0), Exchange)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def fail(self, number: int, way: Callable[[Exchange], None] | str) -> None:
        """Fail one request: number 1 is the next one."""
        with self._lock:
            self._planned[number] = WAYS[way] if isinstance(way, str) else way

    def fail_always(self, way: Callable[[Exchange], None] | str) -> None:
        """Fail every request from now on."""
        self._always = WAYS[way] if isinstance(way, str) else way

    def fail_at_random(self, rate: float, seed: int, ways: Sequence[str] = tuple(WAYS)) -> None:
        """Fail so many of all requests, in any of these ways."""
        dice = random.Random(seed)

        def way(exchange: Exchange) -> None:
            with self._lock:
                chosen = WAYS[dice.choice(ways)] if dice.random() < rate else _pass
            chosen(exchange)

        self._always = way

    def heal(self) -> None:
        """Pass everything on, and count anew."""
        with self._lock:
            self._planned.clear()
            self._always = _pass
            self.requests.clear()
            self.bytes.clear()

    def way(self) -> Callable[[Exchange], None]:
        """Return what to do with the request that has just come."""
        with self._lock:
            self._planned = {number - 1: way for number, way in self._planned.items()}
            return self._planned.pop(0, self._always)

    def count(self, *, up: int = 0, down: int = 0) -> None:
        """Count bytes of bodies."""
        with self._lock:
            self.bytes.update(up=up, down=down)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
