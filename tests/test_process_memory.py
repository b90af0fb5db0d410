"""Memory of this process and its children."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from benchdb.collect.process_memory import measure_process_memory, peak, reset_peak
from benchdb.collect.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.portable

MIB = 2**20

#: A transient that no allocator keeps, and the least of it that must be seen.
TRANSIENT, SEEN = 200 * MIB, 150 * MIB


@pytest.fixture
def exact() -> None:
    if not reset_peak():
        pytest.skip("this system can't set the peak of a process back")


@pytest.fixture
def child_that_holds() -> Iterator[None]:
    script = f"block = b'x' * {TRANSIENT}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield
        child.communicate(b"\n")


def transient() -> None:
    bytearray(b"x") * TRANSIENT  # no zeros, which a system may share


@pytest.mark.usefixtures("exact")
def test_a_transient_is_in_the_peak_and_gone_after_the_next_reset() -> None:
    assert reset_peak()
    before = peak()
    transient()
    during = peak()
    assert reset_peak()
    after = peak()

    assert before is not None
    assert during is not None
    assert after is not None
    assert during - before > SEEN
    assert during - after > SEEN


@pytest.mark.usefixtures("exact")
def test_a_block_sees_a_transient_that_is_too_short_for_any_sample() -> None:
    readings = Readings()
    with measure_process_memory(readings, interval=3600):
        transient()

    assert readings.columns["peak_memory"] - readings.columns["average_memory"] > SEEN


@pytest.mark.usefixtures("exact")
def test_a_transient_is_seen_beside_children_that_hold_more(child_that_holds: None) -> None:
    readings = Readings()
    with measure_process_memory(readings, interval=3600):
        transient()

    assert readings.columns["peak_memory"] - readings.columns["average_memory"] > SEEN


@pytest.mark.usefixtures("exact")
def test_a_block_takes_nothing_from_the_peak_of_the_whole_test() -> None:
    reset_peak()
    before = peak()
    transient()
    with measure_process_memory(Readings()):
        pass
    after = peak()

    assert before is not None
    assert after is not None
    assert after - before > SEEN


def test_memory_of_children_counts(request: pytest.FixtureRequest) -> None:
    alone, together = Readings(), Readings()
    with measure_process_memory(alone):
        pass
    request.getfixturevalue("child_that_holds")
    with measure_process_memory(together):
        pass

    assert together.columns["average_memory"] - alone.columns["average_memory"] > SEEN
    assert together.columns["peak_memory"] - alone.columns["peak_memory"] > SEEN


def test_a_child_that_ends_inside_the_block_harms_nothing() -> None:
    readings = Readings()
    with measure_process_memory(readings, interval=0.001):
        for _ in range(5):
            subprocess.run([sys.executable, "-S", "-c", ""], check=True)

    assert readings.notes == []
    assert 0 < readings.columns["average_memory"] <= readings.columns["peak_memory"]


def test_the_sampling_thread_is_there_inside_the_block_only() -> None:
    def sampling() -> bool:
        return any(thread.name == "benchdb-memory" for thread in threading.enumerate())

    assert not sampling()
    with measure_process_memory(Readings()):
        assert sampling()
    assert not sampling()


def test_a_block_that_raises_is_measured_and_its_exception_seen() -> None:
    readings = Readings()
    with pytest.raises(ZeroDivisionError), measure_process_memory(readings):
        raise ZeroDivisionError

    assert readings.columns["peak_memory"] > 0
    assert not any(thread.name == "benchdb-memory" for thread in threading.enumerate())


@pytest.mark.usefixtures("exact")
def test_a_later_block_takes_nothing_from_the_peak_of_an_earlier_one() -> None:
    readings = Readings()
    with measure_process_memory(readings):
        transient()
    first = readings.columns["peak_memory"]
    with measure_process_memory(readings):
        pass

    assert readings.columns["peak_memory"] == first


def test_a_block_within_a_block_is_part_of_it() -> None:
    readings = Readings()
    with measure_process_memory(readings):
        with measure_process_memory(readings):
            pass
        assert readings.columns == {}

    assert set(readings.columns) == {"average_memory", "peak_memory"}


def test_the_functions_for_every_test_import_nothing_heavy() -> None:
    script = (
        "import sys; from benchdb.collect.process_memory import peak, reset_peak;"
        "reset_peak(); peak(); print({'psutil', 'distributed', 'numpy'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert answer.stdout == "set()\n"
