"""What is said where a remote can't be used: one line, and what to do next."""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
import subprocess
import sys
import threading
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from fault_proxy import answering
from servers import KEY, SECRET, free_port

from benchdb.errors import (
    NoAccess,
    UnfitServer,
    UnreachableHistory,
    UnusableHistory,
    UserError,
    WrongSetting,
)
from benchdb.sync.objects import open_remote
from benchdb.sync.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fault_proxy import Exchange, FaultProxy
    from servers import S3Server

pytestmark = pytest.mark.usefixtures("aws", "impatient")


def said_of(location: str, kind: type[UserError], **options: str) -> str:
    """Return what is said when a manifest is read."""
    with pytest.raises(kind) as raised:
        open_remote(location, **options).read("manifest.json")
    line = str(raised.value)
    assert "\n" not in line
    assert ":" in line
    assert SECRET not in line
    return line


# -- the location


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("", "no name"),
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("gs://bucket/prefix", "gs://"),
        ("postgresql://host/db", "postgresql://"),
        ("s3://Not_A_Bucket!/x", "can't be the name of a bucket"),
    ],
)
def test_a_location_that_makes_no_sense_is_named(location: str, said: str):
    assert said in said_of(location, WrongSetting)


def test_a_folder_has_no_endpoint(tmp_path: Path):
    assert "folder" in said_of(str(tmp_path), WrongSetting, endpoint_url="http://x")


def test_an_endpoint_that_is_no_url_is_named():
    assert "https://host:port" in said_of("s3://bench", WrongSetting, endpoint_url="localhost:1")


@pytest.mark.parametrize("prefix", ["", "/", "/a", "/a/", "//a//", "/a b/ü"])
def test_slashes_around_a_prefix_make_no_difference(moto: S3Server, prefix: str):
    bucket = moto.bucket()
    remote = open_remote(f"s3://{bucket}{prefix}", endpoint_url=moto.url)
    remote.put_new("manifest.json", b"1")
    assert [one.name for one in remote.list("")] == ["manifest.json"]
    listed = moto.client().list_objects_v2(Bucket=bucket)["Contents"]
    wanted = f"{prefix.strip('/')}/manifest.json".lstrip("/")
    assert [one["Key"] for one in listed] == [wanted]
    assert remote.url == f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")


def test_other_objects_in_a_bucket_are_left_alone(moto: S3Server):
    bucket = moto.bucket()
    remote = open_remote(f"s3://{bucket}/a", endpoint_url=moto.url)
    client = moto.client()
    for key in ("ab/manifest.json", "manifest.json", "a", "a/"):
        client.put_object(Bucket=bucket, Key=key, Body=b"other")
    assert list(remote.list("")) == []
    assert remote.read("manifest.json") is None
    remote.delete(["manifest.json"])
    assert len(client.list_objects_v2(Bucket=bucket)["Contents"]) == 4


# -- AWS's settings


def test_a_profile_and_the_endpoint_of_the_environment_are_obeyed(
    aws: pytest.MonkeyPatch, moto: S3Server, tmp_path: Path
):
    remote = f"s3://{moto.bucket()}/a"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        aws.delenv(name)
    credentials = f"[bench]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n"
    (tmp_path / "aws-credentials").write_text(credentials)
    aws.setenv("AWS_ENDPOINT_URL_S3", moto.url)
    assert open_remote(remote, profile="bench").put_new("x", b"1")
    aws.setenv("AWS_PROFILE", "bench")
    assert open_remote(remote).etag("x")
    assert "no profile 'typo'" in said_of(remote, WrongSetting, profile="typo")


def test_half_a_key_is_named(aws: pytest.MonkeyPatch):
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    assert "incomplete" in said_of("s3://bench/a", NoAccess)


def test_a_bucket_that_everybody_may_read_needs_no_credentials(
    aws: pytest.MonkeyPatch, moto: S3Server
):
    location = f"s3://{moto.bucket()}/a"
    bucket = location.split("/")[2]
    open_remote(location, endpoint_url=moto.url).put_new("manifest.json", b"1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws.delenv(name)
    assert "no AWS credentials were found" in said_of(location, NoAccess, endpoint_url=moto.url)
    moto.client().put_object_acl(Bucket=bucket, Key="a/manifest.json", ACL="public-read")
    reader = open_remote(location, endpoint_url=moto.url)
    assert reader.read("manifest.json")


class _Silent:
    """A server that takes connections and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self.socket.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for one in self.connections:
            one.close()


@pytest.fixture
def silent() -> Iterator[_Silent]:
    made = _Silent()
    yield made
    made.close()


def test_the_metadata_service_is_not_waited_for_longer_than_a_second(
    aws: pytest.MonkeyPatch, moto: S3Server, silent: _Silent
):
    from botocore.utils import InstanceMetadataFetcher

    location = f"s3://{moto.bucket()}/a"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        aws.delenv(name)
    aws.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url)
    timeouts: list[float] = []
    started = InstanceMetadataFetcher.__init__

    def start(self, *args: Any, **options: Any) -> None:
        started(self, *args, **options)
        timeouts.append(self._timeout)

    aws.setattr(InstanceMetadataFetcher, "__init__", start)
    assert open_remote(location, endpoint_url=moto.url).read("manifest.json") is None
    assert silent.connections
    assert max(timeouts) * len(silent.connections) <= 1


# -- the server


def test_a_bucket_that_is_not_there_is_named(moto: S3Server):
    said = said_of("s3://no-such-bucket/a", UnusableHistory, endpoint_url=moto.url)
    assert "no bucket 'no-such-bucket'" in said
    with pytest.raises(UnusableHistory, match="no bucket"):
        list(open_remote("s3://no-such-bucket/a", endpoint_url=moto.url).list(""))
    with pytest.raises(UnusableHistory, match="no bucket"):
        open_remote("s3://no-such-bucket/a", endpoint_url=moto.url).put_new("a", b"")


@pytest.mark.long
def test_credentials_that_a_server_does_not_know_are_told_apart(
    aws: pytest.MonkeyPatch, radosgw: S3Server
):
    location = f"s3://{radosgw.bucket()}/a"
    aws.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    said = said_of(location, NoAccess, endpoint_url=radosgw.url)
    assert "SignatureDoesNotMatch" in said
    aws.setenv("AWS_ACCESS_KEY_ID", "unknown")
    assert "InvalidAccessKeyId" in said_of(location, NoAccess, endpoint_url=radosgw.url)
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    said = said_of(location, NoAccess, endpoint_url=radosgw.url)
    assert "no AWS credentials were found" in said


def _date(minutes: float) -> str:
    now = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    return format_datetime(now, usegmt=True)


@pytest.mark.parametrize(
    ("way", "kind", "said"),
    [
        (answering(403, "AccessDenied"), NoAccess, "s3:GetObject on a/*"),
        (answering(400, "ExpiredToken"), NoAccess, "have expired"),
        (answering(403, "InvalidAccessKeyId"), NoAccess, "correct the keys"),
        (
            answering(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3"),
            UnusableHistory,
            "AWS_DEFAULT_REGION=eu-west-3",
        ),
        (answering(400, "AuthorizationHeaderMalformed"), UnusableHistory, "another region"),
        (answering(400, "Strange"), UnusableHistory, "Strange: no"),
        (answering(500, "InternalError"), UnreachableHistory, "500 InternalError"),
        (answering(503, "SlowDown"), UnreachableHistory, "503 SlowDown"),
        ("reset", UnreachableHistory, "dropped the connection"),
        ("stalled", UnreachableHistory, "doesn't answer in time"),
    ],
)
def test_what_a_server_refuses_is_one_line(
    proxy: FaultProxy, way: Any, kind: type[UserError], said: str
):
    proxy.fail_always(way)
    assert said in said_of("s3://bench/a", kind, endpoint_url=proxy.url)
    assert len(proxy.requests) <= 10


@pytest.mark.parametrize(
    ("minutes", "said"), [(-30, "3[01] minutes ahead of"), (45, "4[45] minutes behind")]
)
def test_a_clock_that_is_off_is_told(proxy: FaultProxy, minutes: float, said: str):
    def skewed(exchange: Exchange) -> None:
        answering(403, "RequestTimeTooSkewed", Date=_date(minutes))(exchange)

    proxy.fail_always(skewed)
    assert re.search(said, said_of("s3://bench/a", NoAccess, endpoint_url=proxy.url))


def test_a_reader_without_permission_to_write_can_read(proxy: FaultProxy, moto: S3Server):
    location = f"s3://{moto.bucket()}/a"
    open_remote(location, endpoint_url=moto.url).put_new("manifest.json", b"1")

    def read_only(exchange: Exchange) -> None:
        if exchange.command in {"GET", "HEAD"}:
            exchange.send(exchange.forwarded())
        else:
            answering(403, "AccessDenied")(exchange)

    proxy.fail_always(read_only)
    reader = open_remote(location, endpoint_url=proxy.url)
    assert reader.read("manifest.json")
    assert list(reader.list(""))
    for write in (
        lambda: reader.put_new("x", b"1"),
        lambda: reader.replace("x", b"1", None),
        lambda: reader.delete(["x"]),
        lambda: reader.delete(["x", "y"]),
        lambda: probe(reader),
    ):
        with pytest.raises(NoAccess, match="s3:PutObject"):
            write()


def test_objects_that_may_not_be_deleted_are_no_success(proxy: FaultProxy, moto: S3Server):
    body = (
        b"<DeleteResult><Error><Key>a/x</Key><Code>AccessDenied</Code>"
        b"<Message>no</Message></Error></DeleteResult>"
    )

    def denied(exchange: Exchange) -> None:
        from fault_proxy import Answer

        exchange.send(Answer(200, [("Content-Length", str(len(body)))], body))

    proxy.fail_always(denied)
    with pytest.raises(NoAccess, match="s3:DeleteObject"):
        open_remote(f"s3://{moto.bucket()}/a", endpoint_url=proxy.url).delete(["x", "y"])


def test_a_bucket_elsewhere_is_found_where_the_server_says_so(proxy: FaultProxy, moto: S3Server):
    location = f"s3://{moto.bucket()}/a"
    redirect = answering(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3")

    def regional(exchange: Exchange) -> None:
        if "/eu-west-3/" in exchange.headers["Authorization"]:
            exchange.send(exchange.forwarded())
        else:
            redirect(exchange)

    proxy.fail_always(regional)
    remote = open_remote(location, endpoint_url=proxy.url)
    assert remote.put_new("x", b"1")
    assert remote.etag("x")


# -- no server


def test_nobody_at_the_endpoint_is_one_line():
    url = f"http://127.0.0.1:{free_port()}"
    said = said_of("s3://bench/a", UnreachableHistory, endpoint_url=url)
    assert f"nothing listens at {url.removeprefix('http://')}" in said


def test_a_name_that_no_server_has_is_one_line():
    url = f"http://{KEY}:{SECRET}@no-such-server.invalid:9000"
    said = said_of("s3://bench/a", UnreachableHistory, endpoint_url=url)
    assert "no server has the name no-such-server.invalid:9000" in said


def test_a_server_that_says_nothing_is_one_line(silent: _Silent):
    said = said_of("s3://bench/a", UnreachableHistory, endpoint_url=silent.url)
    assert "doesn't answer in time" in said


def test_plain_http_where_tls_was_asked_for_is_one_line(moto: S3Server):
    url = moto.url.replace("http://", "https://")
    assert "http://" in said_of("s3://bench/a", UserError, endpoint_url=url)


def test_a_certificate_that_nobody_vouches_for_is_one_line(tmp_path: Path):
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}"
        assert "AWS_CA_BUNDLE" in said_of("s3://bench/a", UnusableHistory, endpoint_url=url)
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
    return path


def test_what_is_missing_for_s3_is_named():
    script = (
        "import sys; sys.modules['botocore'] = None\n"
        "from benchdb.sync.objects import open_remote\n"
        "from benchdb.errors import UserError\n"
        "try: open_remote('s3://bench/a')\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "pip install 'benchdb[s3]'" in done.stdout


# -- the probe


@pytest.mark.long
@pytest.mark.parametrize("kind", ["moto", "radosgw"])
def test_a_server_that_keeps_its_word_passes_the_probe(request: pytest.FixtureRequest, kind: str):
    server = request.getfixturevalue(kind)
    remote = open_remote(f"s3://{server.bucket()}/a", endpoint_url=server.url)
    probe(remote)
    assert list(remote.list("")) == []


def test_a_server_that_ignores_conditions_is_refused(rclone: S3Server):
    remote = open_remote(f"s3://{rclone.bucket()}/a", endpoint_url=rclone.url)
    with pytest.raises(UnfitServer, match="If-None-Match") as raised:
        probe(remote)
    assert "\n" not in str(raised.value)
    assert list(remote.list("")) == []


def _without(*headers: str) -> Callable[[Exchange], None]:
    def way(exchange: Exchange) -> None:
        for header in headers:
            del exchange.headers[header]
        exchange.send(exchange.forwarded())

    return way


def test_a_server_that_ignores_if_match_is_refused(proxy: FaultProxy, moto: S3Server):
    proxy.fail_always(_without("If-Match"))
    remote = open_remote(f"s3://{moto.bucket()}/a", endpoint_url=proxy.url)
    with pytest.raises(UnfitServer, match="If-Match"):
        probe(remote)
    assert list(remote.list("")) == []


def test_a_server_that_knows_no_conditions_is_refused(proxy: FaultProxy, moto: S3Server):
    def way(exchange: Exchange) -> None:
        if "If-None-Match" in exchange.headers or "If-Match" in exchange.headers:
            answering(501, "NotImplemented")(exchange)
        else:
            exchange.send(exchange.forwarded())

    proxy.fail_always(way)
    remote = open_remote(f"s3://{moto.bucket()}/a", endpoint_url=proxy.url)
    with pytest.raises(UnfitServer, match="knows no conditional writes") as raised:
        probe(remote)
    assert "\n" not in str(raised.value)


def test_a_server_that_deletes_only_one_by_one_will_do(proxy: FaultProxy, moto: S3Server):
    def way(exchange: Exchange) -> None:
        if exchange.command == "POST":
            answering(501, "NotImplemented")(exchange)
        else:
            exchange.send(exchange.forwarded())

    proxy.fail_always(way)
    remote = open_remote(f"s3://{moto.bucket()}/a", endpoint_url=proxy.url)
    for name in ("a", "b", "c"):
        remote.put_new(name, b"1")
    remote.delete(["a", "b", "c"])
    assert list(remote.list("")) == []
