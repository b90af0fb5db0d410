"""What every place for a history does: a folder, moto's server and Ceph's."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from servers import Place

    from benchdb.sync.objects import Objects


def test_an_object_is_read_as_it_was_put(objects: Objects):
    body = os.urandom(1000)
    assert objects.put_new("sessions/2026-01/a.db.zst", body)

    got = objects.read("sessions/2026-01/a.db.zst")
    assert got is not None
    assert got.body == body
    assert got.etag == objects.etag("sessions/2026-01/a.db.zst") != ""


def test_what_is_not_there_is_no_mistake(objects: Objects, tmp_path: Path):
    assert objects.read("manifest.json") is None
    assert objects.read("manifest.json", 10) is None
    assert objects.etag("manifest.json") is None
    assert not objects.fetch("sessions/x", tmp_path / "x")
    assert list(objects.list("sessions/")) == []
    assert not objects.replace("manifest.json", b"1", "0" * 32)
    objects.delete([])
    objects.delete(["manifest.json"])
    objects.delete(["manifest.json", "sessions/x"])


@pytest.mark.parametrize(
    ("size", "first", "read"), [(1000, 10, 10), (10, 10, 10), (10, 1000, 10), (0, 10, 0)]
)
def test_the_first_bytes_can_be_read(objects: Objects, size: int, first: int, read: int):
    body = os.urandom(size)
    objects.put_new("a", body)
    got = objects.read("a", first)
    assert got is not None
    assert got.body == body[:read]


def test_a_new_object_never_replaces_one(objects: Objects):
    assert objects.put_new("a", b"1")
    assert not objects.put_new("a", b"2")
    got = objects.read("a")
    assert got is not None
    assert got.body == b"1"


def test_only_who_has_seen_an_object_replaces_it(objects: Objects):
    assert objects.replace("manifest.json", b"1", None)
    assert not objects.replace("manifest.json", b"2", None)
    first = objects.etag("manifest.json")
    assert first is not None
    assert objects.replace("manifest.json", b"3", first)
    assert not objects.replace("manifest.json", b"4", first)
    got = objects.read("manifest.json")
    assert got is not None
    assert got.body == b"3"


def test_an_empty_object_is_an_object(objects: Objects, tmp_path: Path):
    assert objects.put_new("a", b"")
    assert not objects.put_new("a", b"1")
    assert objects.fetch("a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b""
    assert [one.size for one in objects.list("")] == [0]


def test_large_objects_go_from_file_to_file(objects: Objects, tmp_path: Path):
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1 << 20) * 20 + b"end")
    assert objects.put_new("benchmark.db", file)
    assert not objects.put_new("benchmark.db", file)
    (tmp_path / "fetched").write_bytes(b"of an earlier, longer attempt" * 10**6)
    assert objects.fetch("benchmark.db", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == file.read_bytes()

    etag = objects.etag("benchmark.db")
    file.write_bytes(b"shorter")
    assert objects.replace("benchmark.db", file, etag)
    file.write_bytes(b"later")
    assert not objects.replace("benchmark.db", file, etag)
    got = objects.read("benchmark.db")
    assert got is not None
    assert got.body == b"shorter"


def test_a_listing_names_what_begins_so_with_size_and_age(objects: Objects):
    for name in ("sessions/2026-01/a", "sessions/2026-02/b", "snapshots/2026-01/c", "sessions-d"):
        objects.put_new(name, name.encode())

    def listed(prefix: str) -> dict[str, int]:
        return {one.name: one.size for one in objects.list(prefix)}

    assert listed("sessions/") == {"sessions/2026-01/a": 18, "sessions/2026-02/b": 18}
    assert listed("sessions/2026-02") == {"sessions/2026-02/b": 18}
    assert listed("sessions") == {
        "sessions/2026-01/a": 18,
        "sessions/2026-02/b": 18,
        "sessions-d": 10,
    }
    assert len(listed("")) == 4
    assert listed("nothing/") == {}
    assert all(0 <= one.age < 300 for one in objects.list(""))


def test_a_long_listing_is_whole(objects: Objects):
    names = {f"sessions/2026-01/{number:05}" for number in range(1001)}
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda name: objects.put_new(name, b"1"), names))
    listed = [one.name for one in objects.list("sessions/")]
    assert len(listed) == 1001
    assert set(listed) == names

    objects.delete(names)
    assert list(objects.list("sessions/")) == []


def test_names_of_others_are_listed_as_they_are(objects: Objects):
    names = {"sessions/2026-01/ü & <x>+%41?.txt", "sessions/with space", "sessions/日本"}
    for name in names:
        assert objects.put_new(name, name.encode())
        got = objects.read(name)
        assert got is not None
        assert got.body == name.encode()
    assert {one.name for one in objects.list("sessions/")} == names
    objects.delete(names)
    assert list(objects.list("")) == []


def test_one_of_many_threads_wins(objects: Objects):
    with ThreadPoolExecutor(16) as pool:
        for turn in range(10):
            name = f"sessions/{turn}"
            # As names tell bytes: without faults there is no doubt about who was first.
            won = list(pool.map(lambda i: objects.put_new(name, f"{i}".encode()), range(16)))  # noqa: B023
            assert won.count(True) == 1
            got = objects.read(name)
            assert got is not None
            assert won[int(got.body)]


def test_of_many_threads_that_replace_each_counts(objects: Objects):
    objects.put_new("manifest.json", b"0 start")

    def add(writer: int) -> None:
        for turn in range(3):
            while True:
                got = objects.read("manifest.json")
                assert got is not None
                count = int(got.body.split()[0]) + 1
                if objects.replace("manifest.json", f"{count} {writer} {turn}".encode(), got.etag):
                    break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    got = objects.read("manifest.json")
    assert got is not None
    assert got.body.split()[0] == b"24"


def _race(place: Place, number: int, barrier, won) -> None:
    objects = place.open()
    objects.read("nothing")
    for turn in range(10):
        barrier.wait(60)
        if objects.put_new(f"new/{turn}", f"{number}".encode()):
            won.put(("new", turn))
        if objects.replace(f"replaced/{turn}", f"{number}".encode(), None):
            won.put(("replaced", turn))


def test_one_of_many_processes_wins(place: Place):
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(4), context.Queue()
    racers = [
        context.Process(target=_race, args=(place, number, barrier, won)) for number in range(4)
    ]
    for racer in racers:
        racer.start()
    winners = sorted(won.get(timeout=60) for _ in range(20))
    for racer in racers:
        racer.join(60)
        assert racer.exitcode == 0
    assert winners == sorted((kind, turn) for kind in ("new", "replaced") for turn in range(10))
    assert won.empty()
