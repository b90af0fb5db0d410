"""The history's protocol: whoever does what at once, and dies wherever, nothing is lost."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from sync_model import Actor, Store, entry, run

from benchdb.sync.protocol.compact import Policy, compact
from benchdb.sync.protocol.names import segment_name
from benchdb.sync.protocol.pull import pull
from benchdb.sync.protocol.push import Offered, push
from benchdb.sync.protocol.steps import Delete, Folded, Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from benchdb.sync.protocol.names import Entry


EAGER = Policy(keep=1, grace=0.0, orphan_grace=5.0)


def pushing(*entries: Entry, fresh: bool = True) -> Generator[Any, Any, Any]:
    return push([Offered(one, 1, fresh) for one in entries], "writer", 2)


def pulling(local: set[Entry]) -> Generator[Any, Any, Any]:
    return pull({one.key for one in local}, set(), set())


@st.composite
def storms(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, int, int]], list[int]]:
    """Return who takes part, who moves how many steps after how many seconds, who dies when.

    Long runs of one between few changes: what breaks a protocol is mostly one change at a bad time.
    """
    kinds = draw(st.lists(st.sampled_from(["push", "pull", "compact"]), min_size=1, max_size=3))
    kinds += ["compact", "compact"]
    who = st.integers(0, len(kinds) - 1)
    moves = draw(
        st.lists(st.tuples(who, st.integers(1, 24), st.sampled_from([0, 1, 10])), max_size=9)
    )
    deaths = [draw(st.sampled_from([99, 99, 99, *range(1, 30)])) for _ in kinds]
    return kinds, moves, deaths


def blow(
    store: Store,
    actors: list[Actor],
    moves: list[tuple[int, int, int]],
    deaths: list[int],
    look: Callable[[int], object] = lambda _: None,
) -> None:
    """Let actors move as drawn, then to their ends or deaths, and `look` after each step."""
    steps = [0] * len(actors)

    def lives(number: int) -> bool:
        return not actors[number].is_done and steps[number] < deaths[number]

    def move(number: int) -> None:
        steps[number] += 1
        actors[number].step(store)
        look(number)

    for number, burst, passed in moves:
        store.now += passed
        for _ in range(burst):
            if lives(number):
                move(number)
    for number in range(len(actors)):
        while lives(number):
            move(number)


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(storms())
def test_nothing_that_was_pushed_is_ever_lost(
    storm: tuple[list[str], list[tuple[int, int, int]], list[int]],
) -> None:
    kinds, moves, deaths = storm
    store = Store()
    early = {entry(90), entry(91), entry(92, month=2)}
    run(pushing(*early), store)
    run(compact(EAGER, "early"), store)
    run(pushing(entry(80), entry(81, month=2)), store)
    certain = early | {entry(80), entry(81, month=2)}
    actors = []
    for number, kind in enumerate(kinds):
        if kind == "push":
            mine = {entry(number), entry(number + 20), entry(number, month=2), entry(90)}
            actors.append(Actor(pushing(*mine, fresh=False), mine))
        elif kind == "pull":
            mine = {entry(91)}
            actors.append(Actor(pulling(mine), mine))
        else:
            actors.append(Actor(compact(EAGER, f"writer-{number}")))

    def look(number: int) -> None:
        actor = actors[number]
        if actor.is_done and kinds[number] == "push":
            certain.update(actor.local)
        if actor.is_done and kinds[number] == "pull":
            assert actor.result.unusable == {}
        assert certain <= store.held()

    blow(store, actors, moves, deaths, look)
    # Whatever was left half done, the next ones clear up.
    store.now += 100
    run(compact(EAGER, "last"), store)
    store.now += 100
    run(compact(EAGER, "very last"), store)
    assert certain <= store.held()
    local: set[Entry] = set()
    run(pulling(local), store, local)
    assert local == store.held()
    assert not [name for name in store.objects if segment_name(name)]
    assert store.manifest is not None
    assert set(store.objects) == store.manifest.snapshots()
    assert store.manifest.doomed == frozenset()


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(["put back", "deleted"]),
    st.lists(st.sampled_from(["push", "compact", "wait"]), max_size=6),
    st.lists(st.sampled_from(["push", "compact", "wait"]), max_size=4),
)
def test_a_manifest_that_is_put_back_or_deleted_loses_nothing(
    what: str, before: list[str], after: list[str]
) -> None:
    store = Store()
    pushed: set[Entry] = set()

    def do(action: str) -> None:
        if action == "push":
            new = {entry(len(pushed)), entry(len(pushed) + 1, month=2)}
            pushed.update(new)
            run(pushing(*new), store)
        elif action == "compact":
            run(compact(EAGER, f"writer-{store.etag}"), store)
        else:
            store.now += 10

    do("push")
    do("compact")
    earlier = store.manifest
    for action in before:
        do(action)
    store.manifest = earlier if what == "put back" else None
    store.etag += 1
    for action in after:
        do(action)
    for _ in range(2):
        store.now += 100
        run(compact(EAGER, "last"), store)
    assert store.held() == pushed
    assert store.manifest is not None
    assert set(store.objects) == store.manifest.snapshots()


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 24), st.sampled_from([0, 1, 10])), max_size=9
    ),
    st.lists(st.sampled_from([99, 99, *range(1, 30)]), min_size=4, max_size=4),
    st.booleans(),
)
def test_what_was_erased_stays_away_and_nothing_else_goes(
    moves: list[tuple[int, int, int]], deaths: list[int], is_late: bool
) -> None:
    store = Store()
    early = {entry(90), entry(91), entry(92, month=2)}
    run(pushing(*early), store)
    run(compact(EAGER, "early"), store)
    run(pushing(entry(80), entry(81, month=2)), store)
    erasing = replace(EAGER, erase=frozenset({"s90", "s80"}))
    actors = [
        Actor(compact(erasing, "eraser")),
        Actor(compact(EAGER, "compactor")),
        Actor(compact(EAGER, "another")),
        Actor(pushing(entry(1), entry(90), fresh=False)),
    ]
    blow(store, actors, moves, deaths)
    run(compact(erasing, "again"), store)
    segments = (each for name, (each, _) in store.objects.items() if segment_name(name))
    assert not {entry(90), entry(80)} & {each for one in segments for each in one.entries}
    if is_late:
        run(pushing(entry(80), fresh=False), store)
    for _ in range(2):
        store.now += 100
        run(compact(EAGER, "last"), store)
    certain = {entry(91), entry(92, month=2), entry(81, month=2)}
    if actors[3].is_done:
        certain.add(entry(1))
    assert certain <= store.held()
    every = {each for contents, _ in store.objects.values() for each in contents.entries}
    assert not {entry(90), entry(80)} & every


def test_what_was_put_in_the_same_second_is_deleted_where_nothing_has_to_wait() -> None:
    for policy in (
        replace(EAGER, orphan_grace=100.0),
        replace(EAGER, grace=50.0, orphan_grace=100.0, erase=frozenset({"s1"})),
    ):
        store = Store()
        run(pushing(entry(1), entry(2)), store)
        done = run(compact(policy, "writer"), store)
        assert [name for name in store.objects if segment_name(name)] == []
        assert len(done.deleted) == 1
        assert store.held() == {entry(1), entry(2)} - {entry(1) if policy.erase else None}
        run(pushing(entry(3)), store)
        assert len(run(compact(policy, "writer"), store).deleted) == 1  # no name twice


def test_who_sleeps_before_its_snapshot_is_listed_finds_it_gone_and_folds_again() -> None:
    store = Store()
    run(pushing(entry(1)), store)
    asleep = Actor(compact(EAGER, "asleep"))
    while not isinstance(asleep.answer, Folded):
        asleep.step(store)
    store.now += EAGER.orphan_grace + 1
    # Another, who listed no segment yet, takes the snapshot for an orphan, and deletes it.
    orphan = asleep.answer.snapshot.name
    assert store.manifest is not None
    store.manifest = store.manifest.next("another", doomed=frozenset({orphan}))
    store.etag += 1
    store.answer(Delete((orphan,)))
    store.manifest = store.manifest.next("another", doomed=frozenset())
    store.etag += 1
    while not asleep.is_done:
        asleep.step(store)
    assert store.held() == {entry(1)}


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(
    st.integers(0, 2),
    st.lists(
        st.tuples(
            st.sampled_from([Missing.GONE, Missing.DAMAGED]), st.integers(0, 5), st.integers(0, 12)
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_what_only_one_compaction_cannot_read_is_not_lost(
    keep: int, failures: list[tuple[Missing, int, int]]
) -> None:
    policy = Policy(keep=keep, grace=0.0, orphan_grace=5.0)
    store = Store()
    certain = {entry(90), entry(91)}
    run(pushing(*certain), store)
    for number, (why, which, step) in enumerate(failures):
        run(pushing(entry(number)), store)
        certain.add(entry(number))
        actor = Actor(compact(policy, f"writer-{number}"))
        names = sorted(store.objects)
        for turn in itertools.count():
            store.failing = {names[which % len(names)]: why} if turn >= step else {}
            if actor.is_done:
                break
            actor.step(store)
        store.now += 1
    store.failing = {}
    run(pushing(entry(80)), store)
    run(compact(policy, "last"), store)
    assert certain <= store.held()
    store.now += 10
    run(compact(policy, "very last"), store)
    assert certain <= store.held()
    assert not [name for name in store.objects if segment_name(name)]
