"""Change points: what is one, what is none, and what a user may hand over."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import benchdb
from benchdb import find_change_points, find_change_points_many
from benchdb.analysis import trend
from benchdb.analysis.student import two_sided_p, two_sided_quantile


def made(*levels: tuple[float, int], noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """Return a series of segments: their levels, and how many points each has."""
    random = np.random.default_rng(seed)
    heights = np.concatenate([np.full(points, np.log(level)) for level, points in levels])
    return np.exp(heights + random.normal(0, noise, len(heights)))


def indexes(values: object, **options: object) -> list[int]:
    return [one.index for one in find_change_points(values, **options)]  # type: ignore[arg-type]


@pytest.mark.portable
def test_a_step_is_found_at_its_point_with_its_effect() -> None:
    (found,) = find_change_points(made((2.0, 50), (2.4, 30)))
    assert found.index == 50
    assert found.kind == "step"
    assert found.low < 0.2 < found.high
    assert found.high - found.low < 0.04
    assert found.before == pytest.approx(2.0, rel=0.02)
    assert found.after == pytest.approx(2.4, rel=0.02)
    assert found.noise == pytest.approx(0.02, rel=0.4)
    assert found.p < 1e-6


@pytest.mark.portable
def test_the_interval_holds_the_true_effect_nineteen_times_of_twenty() -> None:
    held = 0
    for found in find_change_points_many(
        made((1.0, 30), (1.1, 30), seed=seed) for seed in range(200)
    ):
        (one,) = found
        held += one.low < 0.1 < one.high
    assert 180 <= held <= 198


@pytest.mark.portable
def test_several_steps_are_found_each_between_its_neighbours() -> None:
    assert indexes(made((1.0, 30), (1.2, 20), (0.9, 40), (1.0, 30))) == [30, 50, 90]


@pytest.mark.portable
def test_noise_alone_is_no_change() -> None:
    series = [made((1.0, 100), noise=0.03, seed=seed) for seed in range(200)]
    assert sum(map(len, find_change_points_many(series))) <= 2


@pytest.mark.portable
def test_a_single_slow_run_is_no_change_wherever_it_is() -> None:
    values = made((1.0, 40))
    for at in (0, 20, 38, 39):
        slow = values.copy()
        slow[at] *= 3
        assert indexes(slow) == []


@pytest.mark.portable
def test_a_step_hides_no_later_one() -> None:
    assert indexes(made((1.0, 40), (3.0, 40), (3.3, 40))) == [40, 80]


@pytest.mark.portable
def test_a_machine_with_two_speeds_is_no_change() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        values = made((1.0, 120)) * np.where(random.random(120) < 0.4, 1.15, 1.0)
        assert indexes(values) == []


def two_speeds(*stays: int, seed: int) -> np.ndarray:
    """Return a machine that stays so long in its fast mode, then in its slow one, in turns."""
    return made(*((1.2 if at % 2 else 1.0, n) for at, n in enumerate(stays)), noise=0.01, seed=seed)


@pytest.mark.portable
@pytest.mark.parametrize("seed", range(5))
def test_a_mode_that_sticks_as_it_did_before_is_no_change_and_one_that_stays_is(seed: int) -> None:
    assert indexes(two_speeds(30, 2, 20, 2, 25, 4, seed=seed)) == []
    assert indexes(two_speeds(30, 2, 20, 2, 25, 4, 20, seed=seed)) == []  # both edges go
    assert indexes(two_speeds(30, 2, 20, 2, 25, 30, seed=seed)) == [79]


@pytest.mark.portable
@pytest.mark.parametrize("seed", range(5))
def test_a_first_excursion_is_a_change(seed: int) -> None:
    assert indexes(two_speeds(79, 4, seed=seed)) == [79]
    assert indexes(two_speeds(60, 5, 30, seed=seed)) == [60, 65]


@pytest.mark.portable
def test_a_slow_drift_is_a_drift_and_no_flight_of_steps() -> None:
    values = made((1.0, 150), noise=0.01) * np.linspace(1, 1.2, 150)
    found = find_change_points(values)
    assert list(found) == []
    assert found.drift is not None
    assert found.drift.kind == "drift"
    assert found.drift.effect == pytest.approx(0.1, abs=0.03)


@pytest.mark.portable
def test_a_drift_is_one_over_the_times_that_are_given() -> None:
    times = np.sort(np.random.default_rng(2).exponential(size=150)).cumsum()
    values = made((1.0, 150), noise=0.01) * np.exp(0.3 * times / times[-1])
    found = find_change_points(values, times)
    assert list(found) == []
    assert found.drift is not None


@pytest.mark.portable
def test_counters_without_noise_change_where_they_change() -> None:
    assert indexes([1000] * 20 + [1005] * 20) == []  # less than the least effect
    (found,) = find_change_points([5] * 50 + [6] * 20)
    assert (found.index, found.effect) == (50, pytest.approx(0.2))
    assert found.low == found.effect == found.high
    assert indexes([100] * 20 + [103] * 20) == [20]
    assert indexes([7] * 30) == []


@pytest.mark.portable
def test_missing_points_are_left_out_and_counted() -> None:
    values = made((1.0, 30), (1.3, 30))
    whole = np.full(120, np.nan)
    whole[::2] = values
    found = find_change_points(whole)
    assert [one.index for one in found] == [60]
    assert found.points == 60


@pytest.mark.portable
def test_values_that_are_zero_or_negative_are_taken() -> None:
    (found,) = find_change_points([0.0] * 20 + [5.0] * 20)
    assert (found.index, found.effect) == (20, np.inf)
    assert indexes([0.0] * 40) == []
    assert indexes([-1.0] * 20 + [1.0] * 20) == [20]


@pytest.mark.portable
@pytest.mark.parametrize("values", [[], [1.0], [1.0, 9.0], [np.nan] * 9, [1.0, np.nan, 2.0]])
def test_too_few_points_have_no_change(values: list[float]) -> None:
    found = find_change_points(values)
    assert (list(found), found.drift) == ([], None)


def test_a_hundred_thousand_points_are_taken() -> None:
    assert indexes(made((1.0, 60_000), (1.02, 40_000), noise=0.01)) == [60_000]


@pytest.mark.portable
def test_a_gate_looks_at_what_is_recent() -> None:
    values = made((1.0, 100), (1.2, 60))
    assert indexes(values) == [100]
    assert indexes(values, sensitivity="confirmed") == []
    assert indexes(values[:104], sensitivity="confirmed") == [100]
    assert indexes(values[:102], sensitivity="confirmed") == []  # too few points yet
    assert indexes(values[:102], sensitivity="suspect") == [100]


@pytest.mark.portable
def test_a_gate_takes_no_drift_for_a_step() -> None:
    values = made((1.0, 80), noise=0.01) * np.linspace(1, 1.1, 80)
    assert all(indexes(values[:stop], sensitivity="confirmed") == [] for stop in range(60, 81))


@pytest.mark.portable
def test_noise_that_remembers_long_seldom_alarms_a_gate_and_a_jump_in_it_does() -> None:
    random = np.random.default_rng(5)
    wander = random.normal(0, 0.03, (100, 100))
    for at in range(1, 100):
        wander[:, at] = 0.9 * wander[:, at - 1] + np.sqrt(1 - 0.81) * wander[:, at]
    null = find_change_points_many(list(np.exp(wander)), sensitivity="confirmed")
    assert sum(map(bool, null)) <= 2
    wander[:, 95:] += 0.2
    jumped = find_change_points_many(list(np.exp(wander)), sensitivity="confirmed")
    assert sum(map(bool, jumped)) >= 80


@pytest.mark.portable
def test_segments_tile_the_series_with_their_levels() -> None:
    values = made((1.0, 30), (1.3, 30), (1.1, 20))
    values[[0, 35, 79]] = np.nan
    found = find_change_points(values)
    assert [(one.start, one.stop) for one in found.segments] == [(1, 30), (30, 60), (60, 80)]
    assert [one.points for one in found.segments] == [29, 29, 19]
    assert [one.level for one in found.segments] == pytest.approx([1.0, 1.3, 1.1], rel=0.02)
    assert [one.spread for one in found.segments] == pytest.approx([0.02] * 3, rel=0.6)


@pytest.mark.portable
def test_p_is_rarely_small_without_a_change() -> None:
    series = [made((1.0, 60), noise=0.03, seed=seed) for seed in range(1000)]
    least = [
        min((change.p for change in (*one.steps, *one.candidates)), default=1.0)
        for one in find_change_points_many(series)
    ]
    assert sum(p <= 0.05 for p in least) <= 60
    assert sum(p <= 0.001 for p in least) <= 3


@pytest.mark.portable
def test_what_was_weighed_and_found_too_weak_is_a_candidate_with_its_p() -> None:
    found = find_change_points(made((1.0, 40), (1.008, 40), noise=0.002))
    assert list(found) == []  # less than the least effect
    (weighed,) = found.candidates
    assert abs(weighed.index - 40) <= 2
    assert weighed.p < 0.01


@pytest.mark.portable
def test_two_spikes_in_a_row_are_no_sure_change_where_spikes_are_usual() -> None:
    values = made((1.0, 100))
    values[[10, 30, 50, 70, 71]] *= 1.5
    found = find_change_points(values)
    assert all(change.p > 0.01 for change in (*found.steps, *found.candidates))


@pytest.mark.portable
def test_a_slowdown_as_large_as_the_noise_floor_is_mostly_seen_within_five_runs() -> None:
    series = [made((1.0, 65), noise=0.03, seed=seed) for seed in range(200)]
    floors = [one.noise_floor for one in find_change_points_many([one[:60] for one in series])]
    for values, floor in zip(series, floors, strict=True):
        values[60:] *= 1 + floor
    seen = [
        any(abs(change.index - 60) <= 2 for change in one)
        for one in find_change_points_many(series, sensitivity="confirmed")
    ]
    assert 0.6 <= np.mean(seen) <= 0.98


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        arrays.arrays(
            float,
            st.integers(0, 40),
            elements=st.one_of(
                st.floats(0.1, 10), st.sampled_from([0.0, 1.0, -1.0, np.nan, 1e-300, 1e300])
            ),
        ),
        max_size=6,
    )
)
def test_many_series_give_what_each_gives_alone(series: list[np.ndarray]) -> None:
    together = find_change_points_many(series)
    assert repr(together) == repr([find_change_points(one) for one in series])


@pytest.mark.portable
@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([1.0, np.inf], {}, "finite"),
        ([[1.0, 2.0]], {}, "one row of numbers"),
        ([1.0], {"sensitivity": "high"}, "'high' is unknown: take one of report"),
        ([1.0, 2.0], {"times": [1]}, "2 values, but times of shape"),
        ([1.0, 2.0], {"times": [2, 1]}, "ascend"),
    ],
)
def test_what_can_not_be_used_is_named(
    values: object, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        find_change_points(values, **options)  # type: ignore[arg-type]


@pytest.mark.portable
def test_times_are_given_for_each_series() -> None:
    with pytest.raises(ValueError, match="there are 2 series, but times for 1"):
        find_change_points_many([[1.0], [2.0]], [[1.0]])


@pytest.mark.portable
@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [
        (0.0, 5.0, 1.0),
        (1.0, 1.0, 0.5),
        (2.228138852, 10.0, 0.05),
        (-2.570581836, 5.0, 0.05),
        (12.70620474, 1.0, 0.05),
        (1.959963985, 1e7, 0.05),
        (50.0, 30.0, 1.2e-30),
    ],
)
def test_p_is_that_of_the_tables(t: float, freedom: float, p: float) -> None:
    assert two_sided_p(t, freedom) == pytest.approx(p, rel=0.5 if p < 1e-9 else 1e-6)
    if 1e-9 < p < 1:
        assert two_sided_quantile(p, freedom) == pytest.approx(abs(t), rel=1e-6)


@pytest.mark.portable
def test_numpy_is_imported_when_the_analysis_is_first_used() -> None:
    script = (
        "import sys, benchdb; print('numpy' in sys.modules); "
        "benchdb.find_change_points; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")


@pytest.mark.portable
def test_what_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(benchdb, "nothing")


@pytest.mark.portable
@pytest.mark.parametrize("sensitivity", ["report", "suspect", "confirmed"])
@pytest.mark.parametrize(("before", "after"), [(0.0, 3.0), (5.0, 6.0), (6.0, 5.0)])
def test_a_level_without_noise_that_gets_one_with_noise_is_a_step(
    sensitivity: str, before: float, after: float
) -> None:
    rng = np.random.default_rng(1)
    for points in (3, 5, 9):
        values = np.r_[np.full(38, before), after * rng.lognormal(0, 0.02, points)]
        found = benchdb.find_change_points(values, sensitivity=sensitivity)
        assert [one.index for one in found.steps] == [38]
        assert found.steps[0].after == pytest.approx(after, rel=0.05)


@pytest.mark.portable
def test_points_beside_a_counters_value_now_and_then_are_no_change() -> None:
    rng = np.random.default_rng(2)
    values = np.where(rng.random((200, 60)) < 0.1, 5 * rng.random((200, 60)), 0.0)
    found = benchdb.find_change_points_many(list(values), sensitivity="confirmed")
    assert sum(bool(one.steps) for one in found) <= 4


def test_steps_that_are_taken_out_of_an_inverse_leave_what_a_new_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    noise = np.cumsum(rng.normal(0, 0.001, 4000)) + rng.normal(0, 0.01, 4000)
    ramp = np.exp(noise + np.linspace(0, 3, 4000))
    found = []
    for many in (5, 10_000):
        monkeypatch.setattr(trend, "_MANY", many)
        found.append(benchdb.find_change_points(ramp))
    assert len(found[0].steps) > 5
    assert [one.index for one in found[0].steps] == [one.index for one in found[1].steps]
    assert found[0].drift == found[1].drift
