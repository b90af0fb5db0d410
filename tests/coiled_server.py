"""A stand-in for Coiled's server: ``python coiled_server.py``, which prints its port.

It answers as its client expects: software environments are built when they are looked at, and
behind all clusters is one Dask scheduler of this process. ``/NAME/…`` in place of ``/…`` answers
wrongly: see `WRONG`. ``/asked`` tells what it was asked.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "abc-0123456789"
WORKSPACE = "team"
BUILD_ERROR = "nothing provides numpy 99"

#: Servers that aren't well, by what they answer: a status, and anything that is no JSON as HTML.
WRONG: dict[str, tuple[int, Any]] = {
    "rejecting": (401, {"detail": "Invalid token."}),
    "forbidding": (403, {"detail": "no"}),
    "overloaded": (503, "<h1>Service Unavailable</h1>"),
    "portal": (200, "<h1>Welcome to the hotel's network</h1>"),
    "other": (200, {"hello": "world"}),
    "list": (200, [1, 2]),
    "absent": (404, "<h1>Not Found</h1>"),
    "broken": (500, {"message": "it\nbroke"}),
    "old": (426, {"message": "please upgrade your client"}),
}


class Coiled:
    """What the server knows: of one workspace."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.software: dict[str, dict[str, Any]] = {}
        self.clusters: dict[int, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self._dask: Any = None
        self._security: Any = None

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Return a status and a JSON value."""
        match method, path.strip("/").split("/")[1:]:
            case "GET", ["v2", "user", "me"]:
                return 200, {"username": "someone", "default_account": {"slug": WORKSPACE}}
            case "GET", ["v2", "user", "me", "memberships"]:
                account = {"slug": WORKSPACE, "name": "Team"}
                return 200, [{"account": account, "is_admin": False, "is_default_account": True}]
            case "GET", ["v2", "user", "workspace", _, "dask-config-overrides"]:
                return 200, {}
            case "GET", ["v1", _, "backend_options"]:
                return 200, {"backend": "vm_aws", "options": {}}
            case "POST", ["v2", "interactions", "interaction"]:
                return 200, {}
            case _, ["v2", "software-environment", "approximate-packages"]:
                return 200, [_approximated(package) for package in body["packages"]]
            case "GET", ["v2", "packages"]:
                return 200, []
            case _, ["v2", "software-environment", "account", _, *rest]:
                return self._software(method, rest, body)
            case _, ["v2", "clusters", "account", _, *rest]:
                return self._clusters(method, rest, body)
            case "POST", ["v2", "clusters", "id", _, "event"]:
                return 200, {}
            case "GET", ["v2", "workers", "account", _, "cluster", number]:
                workers = self._details(int(number))["workers"]
                return 200, workers if query["offset"] == "0" else []
        return 404, {"detail": f"no answer to {method} {path}"}

    def _software(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        match method, rest:
            case "POST", []:
                number = next(self.numbers)
                state = {"id": number, "state": "queued", "reason": ""}
                spec = {"id": number, "latest_build": state, "body": body}
                alias = {"id": number, "name": body["name"] or f"package-sync-{number}"}
                self.software[alias["name"]] = alias | {"updated": "today", "latest_spec": spec}
                return 200, self.software[alias["name"]]
            case "GET", ["build", "logs", number]:
                line = {"eventId": "1", "message": f"solving {number}"}
                return 200, {"events": [line], "nextToken": "1"}
            case "GET", ["build", number]:
                alias = next(one for one in self.software.values() if one["id"] == int(number))
                build, packages = alias["latest_spec"]["latest_build"], alias["latest_spec"]["body"]
                hopeless = "99" in json.dumps(packages.get("raw_conda"))
                build["state"], build["reason"] = (
                    ("error", BUILD_ERROR) if hopeless else ("built", "")
                )
                return 200, build
            case "GET", ["alias"]:
                return 200, {"items": list(self.software.values()), "count": len(self.software)}
            case "DELETE", ["alias", "name", name]:
                found = self.software.pop(name, None)
                return (200, {}) if found else (404, {"detail": "none"})
        return 404, {"detail": "no such software environment"}

    def _clusters(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        match method, rest:
            case "POST", []:
                if body["tags"].get("quota"):
                    return 403, {"message": "You have reached\nyour quota", "code": "QUOTA"}
                if self._dask is not None:  # what a cluster of before called itself
                    self._dask.task_metadata.pop("cluster-manager-info", None)
                number = len(self.clusters) + 17
                self.clusters[number] = body | {"state": "ready"}
                return 200, {"id": number, "existing": False}
            case "GET", ["name", name]:
                for number, cluster in self.clusters.items():
                    if cluster["name"] == name and cluster["state"] == "ready":
                        return 200, {"id": number}
                return 404, {"detail": "none"}
            case "GET", ["id", number]:
                return 200, self._details(int(number))
            case "GET", ["id", number, "state"]:
                return 200, {"state": self.clusters[int(number)]["state"]}
            case "GET", ["id", number, "states"]:
                return 200, {}
            case "DELETE", ["id", number]:
                if self.clusters[int(number)]["tags"].get("immortal"):
                    return 500, {"message": "it lives"}
                self.clusters[int(number)]["state"] = "stopped"
                return 200, {}
        return 404, {"detail": "no such cluster"}

    def _details(self, number: int) -> dict[str, Any]:
        asked = self.clusters[number]
        broken = bool(asked["tags"].get("no_workers"))
        state = {"state": "started", "reason": "", "updated": "2026-01-01T00:00:00+00:00"}
        errored = state | {"state": "error", "reason": "out of capacity"}
        made = {"created": state["updated"], "id": 1}
        instance = made | {"name": "i", "current_state": state | {"state": "ready"}}
        address = self._address()
        instance |= {"public_ip_address": address.hostname, "private_ip_address": address.hostname}
        process = made | {"current_state": state, "instance": instance}
        workers = [
            process | {"name": f"w{one}", "current_state": errored if broken else state}
            for one in range(asked["workers"])
        ]
        return made | {
            "id": number,
            "name": asked["name"],
            "desired_workers": asked["workers"],
            "current_state": state | {"state": "error" if broken else "ready"},
            "scheduler": process | {"name": "s", "dashboard_address": "http://127.0.0.1:1/status"},
            "workers": workers,
            "scheduler_port": address.port,
            "cluster_options": {
                "tls_cert": self._security.tls_scheduler_cert,
                "tls_key": self._security.tls_scheduler_key,
                "region_name": "eu-north-1",
            },
            "cluster_infra": {"give_scheduler_public_ip": True},
        }

    def _address(self) -> Any:
        """Return where the scheduler listens that stands for all clusters' schedulers."""
        if self._dask is None:
            self._dask, self._security = _start_dask()
        return urlsplit(self._dask.address)


def _start_dask() -> tuple[Any, Any]:
    """Start a scheduler and a worker on the loopback, and return it and its certificates."""
    from distributed import Scheduler, Worker
    from distributed.security import Security

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    security = Security.temporary()
    where = {"host": "127.0.0.1", "protocol": "tls", "security": security}
    schedulers: Queue[Any] = Queue()

    async def run() -> None:
        scheduler = await Scheduler(**where, port=0, dashboard=False)
        for name in ("coiled_set_keepalive", "coiled_unset_env_vars"):
            scheduler.handlers[name] = _take
        await Worker(scheduler.address, **where, nthreads=2, dashboard=False)
        schedulers.put(scheduler)
        await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=[run()], daemon=True).start()
    return schedulers.get(timeout=60), security


async def _take(**given: Any) -> None:
    """Take what Coiled's schedulers are told."""


def _approximated(package: dict[str, Any]) -> dict[str, Any]:
    return {
        **dict.fromkeys(("note", "error", "channel_url")),
        "name": package["name"],
        "conda_name": package["conda_name"],
        "specifier": f"=={package['version']}",
        "client_version": package["version"],
        "include": True,
    }


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for `Coiled`."""

    coiled = Coiled()
    lock = threading.Lock()
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        url = urlsplit(self.path)
        mode = url.path.split("/")[1]
        if mode == "silent":
            threading.Event().wait()
        if mode == "asked":
            status, said = 200, self.coiled.asked
        elif mode in WRONG:
            status, said = WRONG[mode]
        else:
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            with self.lock:
                authorized = self.headers.get("Authorization") == f"ApiToken {TOKEN}"
                entry = {"method": self.command, "path": url.path, "query": query, "body": body}
                self.coiled.asked.append(entry)
                try:
                    status, said = self.coiled.answer(self.command, url.path, query, body)
                except Exception as error:
                    status, said = 500, {"message": f"the stand-in fails: {error!r}"}
                if not authorized:
                    status, said = 401, {"detail": "Invalid token."}
        html = isinstance(said, str)
        data = said.encode() if html else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if html else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815 - as the base class looks for them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)  # noqa: T201 - who started it reads that
    server.serve_forever()


if __name__ == "__main__":
    main()
