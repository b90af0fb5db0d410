"""What several processes' memory over time makes together."""

from __future__ import annotations

from array import array

import pytest

from benchdb.collect.dask_timelines import MOST, Timeline, combined, shift


def timeline(
    *samples: tuple[float, float], from_begin: bool = True, to_end: bool = True
) -> Timeline:
    times, sizes = zip(*samples, strict=True)
    return Timeline(array("d", times), array("d", sizes), from_begin, to_end)


def test_the_highest_moment_is_no_sum_of_peaks() -> None:
    first = timeline((0, 1), (1, 9), (2, 1), (10, 1))
    second = timeline((0, 2), (7, 2), (8, 10), (9, 2), (10, 2))
    average, peak = combined([first, second], 0, 10)
    assert peak == 11
    assert average == pytest.approx((10 + 8 + 20 + 8) / 10)


def test_what_came_and_left_counts_while_it_was_there() -> None:
    came = timeline((5, 4), (8, 4), from_begin=False)
    left = timeline((-1, 6), (2, 6), (2.5, 0), to_end=False)
    average, peak = combined([came, left], 0, 10)
    assert peak == 6
    assert average == pytest.approx((4 * 5 + 6 * 2.25) / 10, rel=0.05)


def test_of_nothing_there_is_nothing() -> None:
    assert combined([], 0, 10) == (0, 0)
    assert combined([timeline((0, 5))], 3, 3) == (5, 5)


def test_many_samples_of_many_processes_are_summed_at_fewer_moments() -> None:
    step = 10 / MOST
    many = [timeline(*((step * (n + k / 9), 7.0) for n in range(MOST))) for k in range(9)]
    assert combined(many, 0, 10) == (pytest.approx(63), 63)


def test_a_clock_that_may_be_right_is_believed() -> None:
    assert shift(10.5, 10, 11) == 0
    assert shift(7, 10, 11) == 3
    assert shift(20, 10, 11) == -9
