"""Requests to S3 that fail once, in every way, and what comes of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from fault_proxy import WAYS, Answer, Exchange, FaultProxy, answering
from servers import IMPATIENT

from benchdb.errors import UnreachableHistory, UnusableHistory
from benchdb.sync.objects import open_remote
from benchdb.sync.probe import probe
from benchdb.sync.s3 import bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import S3Server

    from benchdb.sync.objects import Objects

pytestmark = pytest.mark.usefixtures("aws", "impatient")

BODY = os.urandom(3000)
LARGE = os.urandom(3_000_000)

_serial = count()


_connections: dict[tuple[str, float], Any] = {}


def opened(location: str, endpoint_url: str) -> Any:
    """Open a remote; to make a client takes longer than all that it is asked for here."""
    remote: Any = open_remote(location, endpoint_url=endpoint_url)
    requests = remote._requests
    key = (endpoint_url, bucket.PATIENCE.read)
    requests._connection = _connections.get(key)
    _connections[key] = requests.connection
    return remote


@dataclass
class Bench:
    """A place that is seen twice: through a proxy that fails, and directly."""

    location: str
    tried: Objects
    direct: Objects
    folder: Path

    def body(self, name: str) -> bytes | None:
        got = self.direct.read(name)
        return got and got.body


@pytest.fixture(scope="module")
def shared(moto: S3Server) -> Iterator[tuple[str, FaultProxy]]:
    """A bucket and a proxy."""
    proxy = FaultProxy(moto.url)
    yield moto.bucket(), proxy
    proxy.close()


@pytest.fixture
def proxy(shared: tuple[str, FaultProxy]) -> FaultProxy:
    shared[1].heal()
    return shared[1]


@pytest.fixture
def bench(shared: tuple[str, FaultProxy], moto: S3Server, tmp_path: Path) -> Callable[[], Bench]:
    """Make a place of its own for each turn."""

    def make() -> Bench:
        location = f"s3://{shared[0]}/{next(_serial)}"
        tried, direct = opened(location, shared[1].url), opened(location, moto.url)
        return Bench(location, tried, direct, tmp_path)

    return make


@pytest.fixture
def patient(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine's server take its time, where requests are counted and none waits."""
    monkeypatch.setattr(bucket, "PATIENCE", replace(IMPATIENT, read=30))


# Each prepares its place and returns what is done there, which checks what came of it.


def reading(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", BODY)

    def act() -> None:
        got = at.tried.read("a")
        assert got is not None
        assert got.body == BODY
        assert got.etag == at.direct.etag("a")

    return act


def reading_what_is_not_there(at: Bench) -> Callable[[], Any]:
    def act() -> None:
        assert at.tried.read("a") is None

    return act


def reading_the_first_bytes(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", BODY)

    def act() -> None:
        got = at.tried.read("a", 1000)
        assert got is not None
        assert got.body == BODY[:1000]

    return act


def fetching(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", LARGE)

    def act() -> None:
        assert at.tried.fetch("a", at.folder / "a")
        assert (at.folder / "a").read_bytes() == LARGE

    return act


def listing(at: Bench) -> Callable[[], Any]:
    for name in ("sessions/a", "sessions/b", "c"):
        at.direct.put_new(name, BODY)

    def act() -> None:
        assert [one.name for one in at.tried.list("sessions/")] == ["sessions/a", "sessions/b"]

    return act


def putting_what_is_new(at: Bench) -> Callable[[], Any]:
    def act() -> None:
        assert at.tried.put_new("a", BODY)
        assert at.body("a") == BODY

    return act


def putting_a_file(at: Bench) -> Callable[[], Any]:
    (at.folder / "large").write_bytes(LARGE)

    def act() -> None:
        assert at.tried.put_new("a", at.folder / "large")
        assert at.body("a") == LARGE

    return act


def putting_what_is_there(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", BODY)

    def act() -> None:
        at.tried.put_new("a", b"other")  # whatever it says where an answer was lost
        assert at.body("a") == BODY

    return act


def replacing(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", BODY)
    etag = at.direct.etag("a")

    def act() -> None:
        assert at.tried.replace("a", b"new", etag)
        assert at.body("a") == b"new"

    return act


def replacing_by_a_file(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", BODY)
    etag = at.direct.etag("a")
    (at.folder / "large").write_bytes(LARGE)

    def act() -> None:
        assert at.tried.replace("a", at.folder / "large", etag)
        assert at.body("a") == LARGE

    return act


def replacing_nothing(at: Bench) -> Callable[[], Any]:
    def act() -> None:
        assert at.tried.replace("a", b"new", None)
        assert at.body("a") == b"new"

    return act


def replacing_what_others_replaced(at: Bench) -> Callable[[], Any]:
    at.direct.put_new("a", BODY)
    etag = at.direct.etag("a")
    at.direct.replace("a", b"another's", etag)

    def act() -> None:
        assert not at.tried.replace("a", b"new", etag)
        assert not at.tried.replace("a", b"new", None)
        assert not at.tried.replace("b", b"new", etag)
        assert at.body("a") == b"another's"
        assert at.body("b") is None

    return act


def deleting(at: Bench) -> Callable[[], Any]:
    for name in ("a", "b", "c"):
        at.direct.put_new(name, BODY)

    def act() -> None:
        at.tried.delete(["a", "b", "d"])
        at.tried.delete(["c"])
        assert list(at.direct.list("")) == []

    return act


def probing(at: Bench) -> Callable[[], Any]:
    def act() -> None:
        probe(at.tried)
        assert list(at.direct.list("")) == []

    return act


ACTIONS = [
    reading,
    reading_what_is_not_there,
    reading_the_first_bytes,
    fetching,
    listing,
    putting_what_is_new,
    putting_a_file,
    putting_what_is_there,
    replacing,
    replacing_by_a_file,
    replacing_nothing,
    replacing_what_others_replaced,
    deleting,
    probing,
]


def _each(cases, name):
    return pytest.mark.parametrize(name, cases, ids=lambda one: getattr(one, "__name__", one))


@pytest.mark.long
@_each(list(WAYS), "way")
@_each(ACTIONS, "action")
def test_no_request_that_fails_once_changes_the_outcome(
    request: pytest.FixtureRequest,
    bench: Callable[[], Bench],
    proxy: FaultProxy,
    action: Callable[..., Any],
    way: str,
):
    if way not in {"stalled", "lost by a time-out"}:
        request.getfixturevalue("patient")
    act = action(bench())
    proxy.heal()
    act()
    requests = len(proxy.requests)
    for number in range(1, requests + 1):
        act = action(bench())
        proxy.heal()
        proxy.fail(number, way)
        act()
        assert requests <= len(proxy.requests) <= requests + 6, f"request {number}"


@_each([way for way in WAYS if way != "shortened"], "way")
def test_a_server_that_only_fails_is_given_up(
    monkeypatch: pytest.MonkeyPatch, bench: Callable[[], Bench], proxy: FaultProxy, way: str
):
    at = bench()
    at.direct.put_new("a", BODY)
    # Nothing that is tried from here on would be answered in time.
    monkeypatch.setattr(bucket, "PATIENCE", replace(IMPATIENT, attempts=3, read=0.2))
    at = replace(at, tried=opened(at.location, proxy.url))
    proxy.fail_always(way)

    def put() -> None:
        at.tried.put_new("b", b"1")

    for attempt in (
        lambda: at.tried.read("a"),
        lambda: at.tried.read("a", 10),
        lambda: at.tried.fetch("a", at.folder / "a"),
        put,
        lambda: at.tried.replace("a", b"1", "0" * 32),
        lambda: list(at.tried.list("")),
        lambda: at.tried.delete(["b", "c"]),
    ):
        proxy.requests.clear()
        if way == "truncated" and attempt is put:
            continue  # its status is all that counts
        with pytest.raises(UnreachableHistory, match="try again") as raised:
            attempt()
        assert "\n" not in str(raised.value)
        assert len(proxy.requests) <= 10


def _sign_in_page(exchange: Exchange) -> None:
    body = b"<html><body>Sign in to use this network</body></html>"
    exchange.send(Answer(200, [("Content-Length", str(len(body)))], body))


def _nothing(exchange: Exchange) -> None:
    nothing = hashlib.md5(b"").hexdigest()
    exchange.send(Answer(200, [("ETag", f'"{nothing}"'), ("Content-Length", "0")]))


@_each([_sign_in_page, _nothing], "page")
@_each(
    [
        reading,
        listing,
        putting_what_is_new,
        putting_a_file,
        replacing,
        replacing_by_a_file,
        replacing_nothing,
    ],
    "action",
)
def test_what_another_answers_in_the_servers_place_is_not_believed(
    bench: Callable[[], Bench], proxy: FaultProxy, action: Callable[..., Any], page: Any
):
    act = action(bench())
    proxy.heal()
    proxy.fail(1, page)
    act()


def _trickle(exchange: Exchange) -> None:
    """Send a byte now and then, always in time, until the client has enough of it."""
    answer = exchange.forwarded()
    exchange.send(Answer(answer.status, answer.headers, answer.body), 0)
    with contextlib.suppress(OSError):
        for byte in answer.body:
            exchange.wfile.write(bytes([byte]))
            if select.select([exchange.connection], [], [], 0.05)[0]:
                break


@_each([reading, reading_the_first_bytes, fetching], "action")
def test_an_answer_that_comes_byte_by_byte_is_given_up(
    bench: Callable[[], Bench], proxy: FaultProxy, action: Callable[..., Any]
):
    act = action(bench())
    proxy.heal()
    proxy.fail(1, _trickle)
    act()
    assert len(proxy.requests) > 1


def test_who_is_sent_elsewhere_again_and_again_gives_up(
    bench: Callable[[], Bench], proxy: FaultProxy
):
    at = bench()
    elsewhere = f"{proxy.url}/elsewhere"
    proxy.fail_always(answering(307, "TemporaryRedirect", Location=elsewhere))
    with pytest.raises(UnusableHistory, match="again and again"):
        at.tried.read("a")


@pytest.mark.usefixtures("patient")
def test_an_object_that_is_cut_off_goes_on_where_it_was(
    bench: Callable[[], Bench], proxy: FaultProxy
):
    at = bench()
    at.direct.put_new("a", LARGE)
    for number in (1, 2, 3):
        proxy.fail(number, "truncated")
    assert at.tried.fetch("a", at.folder / "a")
    assert (at.folder / "a").read_bytes() == LARGE
    assert len(proxy.requests) == 4
    assert proxy.bytes["down"] == len(LARGE)


def test_an_object_that_is_replaced_while_it_is_fetched_is_never_mixed(
    bench: Callable[[], Bench], proxy: FaultProxy
):
    at = bench()
    at.direct.put_new("a", LARGE)
    other = os.urandom(len(LARGE))

    def cut_off(exchange) -> None:
        WAYS["truncated"](exchange)
        at.direct.replace("a", other, at.direct.etag("a"))

    proxy.fail(1, cut_off)
    assert at.tried.fetch("a", at.folder / "a")
    assert (at.folder / "a").read_bytes() == other


@pytest.mark.usefixtures("patient")
def test_a_lost_answer_is_known_even_where_the_server_is_gone_afterwards(
    bench: Callable[[], Bench], proxy: FaultProxy
):
    at = bench()
    etag = at.direct.put_new("a", BODY) and at.direct.etag("a")
    proxy.fail(1, "lost by a reset")
    for number in range(2, 9):
        proxy.fail(number, "503")
    assert at.tried.replace("a", b"new", etag)
    assert len(proxy.requests) == 9


def _of_short_pages(way: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    """Let the server give five names at a time, where it gives a thousand otherwise."""

    def shortening(exchange: Exchange) -> None:
        exchange.path += "&max-keys=5"
        way(exchange)

    return shortening


@pytest.mark.usefixtures("patient")
def test_every_page_of_a_long_listing_is_asked_for_again(
    bench: Callable[[], Bench], proxy: FaultProxy
):
    at = bench()
    names = [f"sessions/{number}" for number in range(6)]
    for name in names:
        at.direct.put_new(name, b"")
    proxy.heal()
    proxy.fail_always(_of_short_pages(lambda exchange: exchange.send(exchange.forwarded())))
    for number, way in enumerate(("503", "truncated", "reset", "shortened"), 2):
        proxy.fail(number, _of_short_pages(WAYS[way]))
    assert [one.name for one in at.tried.list("sessions/")] == names
    assert len(proxy.requests) == 6


@pytest.mark.parametrize("seed", range(3))
def test_what_many_write_at_once_is_whole_though_a_tenth_of_all_requests_fails(
    bench: Callable[[], Bench], proxy: FaultProxy, seed: int
):
    at = bench()
    at.direct.put_new("manifest.json", b"[]")
    proxy.fail_at_random(0.1, seed)

    def work(writer: int) -> None:
        mine = opened(at.location, proxy.url)
        for turn in range(5):
            name = f"sessions/{writer}-{turn}"
            assert mine.put_new(name, name.encode())
            while True:
                got = mine.read("manifest.json")
                assert got is not None
                known = json.loads(got.body)
                body = json.dumps(sorted({*known, name})).encode()
                if name in known or mine.replace("manifest.json", body, got.etag):
                    break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    names = sorted(f"sessions/{writer}-{turn}" for writer in range(8) for turn in range(5))
    assert json.loads(at.body("manifest.json") or b"") == names
    assert sorted(one.name for one in at.direct.list("sessions/")) == names
    assert all(at.body(name) == name.encode() for name in names)
