"""Who may only read a history, or only push to it, with the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fault_proxy import answering
from store_samples import execute, query
from test_sync_command import Files, ok, sessions

from benchdb.sync.objects import open_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from fault_proxy import Exchange, FaultProxy
    from recorded import Ran
    from servers import S3Server

pytestmark = pytest.mark.usefixtures("aws", "impatient")

READING = frozenset({"GET", "HEAD"})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.settings("compact_above = 1")
    return made


@pytest.fixture
def crowded(files: Files, moto: S3Server) -> str:
    """A bucket with a folded month and more segments than there should be."""
    location = f"s3://{moto.bucket()}/a"
    for number in range(3):
        files.record("writer", f"session-{number}", day=number)
        given = ("--db", files.file("writer"), "--endpoint-url", moto.url)
        ok(files("push", location, *given))
        if number == 0:
            ok(files("compact", location, "--grace", "0", *given))
    open_remote(location, endpoint_url=moto.url).delete(["benchmark.db"])
    return location


def allowing(methods: Collection[str]) -> Callable[[Exchange], None]:
    """Return what a server does that allows these alone."""

    def answer(exchange: Exchange) -> None:
        # Several objects are deleted by a POST.
        if exchange.command in methods:
            exchange.send(exchange.forwarded())
        else:
            answering(403, "AccessDenied")(exchange)

    return answer


def run(files: Files, verb: str, location: str, proxy: FaultProxy) -> Ran:
    proxy.requests.clear()
    return files(verb, location, "--db", files.file("b"), "--endpoint-url", proxy.url)


def test_a_pull_of_nothing_new_costs_a_reader_of_a_crowded_history_little(
    files: Files, crowded: str, proxy: FaultProxy
) -> None:
    proxy.fail_always(allowing(READING))
    ok(run(files, "pull", crowded, proxy))
    assert len(sessions(files.file("b"))) == 3
    for _ in range(2):
        assert ok(run(files, "pull", crowded, proxy)).startswith("nothing to pull")
        assert [method for method, _ in proxy.requests] == ["GET", "GET"]
    # A day later it is asked again, by one request.
    execute(files.file("b"), "update local_cache set content = cast('no 1000' as blob)")
    ok(run(files, "pull", crowded, proxy))
    assert [method for method, _ in proxy.requests] == ["GET", "GET", "DELETE"]
    ok(run(files, "pull", crowded, proxy))
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("methods", [READING, READING | {"PUT"}], ids=["read", "push"])
def test_who_may_not_compact_synchronises_all_the_same(
    methods: Collection[str], files: Files, crowded: str, proxy: FaultProxy, moto: S3Server
) -> None:
    proxy.fail_always(allowing(methods))
    ok(run(files, "sync", crowded, proxy))
    ok(run(files, "sync", crowded, proxy))
    assert len(proxy.requests) <= 4
    if "PUT" in methods:
        files.record("b", "session-7", day=7)
        assert "pushed 1 session" in ok(run(files, "sync", crowded, proxy))
    left = files("db", "info", crowded, "--endpoint-url", moto.url, "--format", "json")
    assert left.json["foreign"] == []


def test_a_permission_that_was_taken_away_is_noticed(
    files: Files, crowded: str, proxy: FaultProxy
) -> None:
    proxy.fail_always(allowing(READING))
    ok(run(files, "pull", crowded, proxy))
    change = "update local_cache set content = cast(replace(content, 'no', 'yes') as blob)"
    execute(files.file("b"), change)
    assert query(
        files.file("b"), "select content from local_cache where cast(content as text) like 'yes%'"
    )
    ok(run(files, "sync", crowded, proxy))
    ok(run(files, "pull", crowded, proxy))
    assert len(proxy.requests) == 2


def test_who_may_write_compacts_a_crowded_history(
    files: Files, crowded: str, proxy: FaultProxy
) -> None:
    said = ok(run(files, "sync", crowded, proxy))
    assert "folded" in said
    assert "published benchmark.db" in said
