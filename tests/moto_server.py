"""moto's server, one request at a time: ``python moto_server.py``, which prints its port."""

from __future__ import annotations

import io
import logging
import threading
from typing import TYPE_CHECKING, Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Iterable


class OneAtATime:
    """An application whose requests wait for each other.

    moto looks whether a condition holds and then acts, so of two requests both could win.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # The body comes first: who sends it slowly must not hold up the others.
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return list(self._application(environ, start_response))


def main() -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(server.port, flush=True)  # noqa: T201 - who started it reads that
    server.serve_forever()


if __name__ == "__main__":
    main()
