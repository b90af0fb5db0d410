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


def test_the_highest_of_many_samples_of_many_processes_is_among_them() -> None:
    """A spike as wide as a sample, in any process and at any time, whatever the others do."""
    step, number = 100 / MOST, 40
    for process, sample in ((0, 1), (7, 1000), (39, MOST - 2)):
        sizes = [[5.0 + k % 3] * MOST for k in range(number)]
        sizes[process][sample] += 900
        many = [
            timeline(*((step * (n + k / number), sizes[k][n]) for n in range(MOST)))
            for k in range(number)
        ]
        held = sum(one[0] for one in sizes)
        average, peak = combined(many, 0, 100)
        assert peak == pytest.approx(held + 900)
        assert average == pytest.approx(held + 900 * step / 100)


def test_the_sum_is_that_at_each_moment_as_others_would_sum_it() -> None:
    np = pytest.importorskip("numpy")
    random = np.random.default_rng(7)
    begin, many = 1.7e9, []
    for k in range(6):
        times = begin + np.sort(random.uniform(-1, 11, 60))
        samples = zip(times.tolist(), random.uniform(1e8, 9e9, 60).tolist(), strict=True)
        many.append(timeline(*samples, from_begin=k > 0, to_end=k > 1))
    average, peak = combined(many, begin, begin + 10)
    moments = np.linspace(begin, begin + 10, 400_001)
    total = sum(
        np.interp(
            moments,
            one.times,
            one.sizes,
            left=None if one.from_begin else 0,
            right=None if one.to_end else 0,
        )
        for one in many
    )
    assert average == pytest.approx(total.mean(), rel=1e-4)
    assert peak == pytest.approx(total.max(), rel=1e-3)


def test_two_samples_of_one_moment_are_one() -> None:
    assert combined([timeline((0, 4), (2, 4), (2, 9), (4, 4))], 0, 4) == (4, 4)


def test_a_clock_that_may_be_right_is_believed() -> None:
    assert shift(10.5, 10, 11) == 0
    assert shift(7, 10, 11) == 3
    assert shift(20, 10, 11) == -9
