"""Comparing two sides, and judging new points by the past of their series."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchdb import (
    Baseline,
    Direction,
    Verdict,
    compare,
    find_change_points,
    find_change_points_many,
    judge_points,
)

pytestmark = pytest.mark.portable

REGRESSED, IMPROVED, UNCHANGED, UNDECIDED = Verdict


def runs(level: float, points: int, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    return level * np.exp(np.random.default_rng(seed).normal(0, noise, points))


def test_the_interval_holds_the_true_ratio_nineteen_times_of_twenty() -> None:
    held = sum(
        found.low <= 0.1 <= found.high
        for seed in range(0, 800, 2)
        for found in [compare(runs(1, 8, seed=seed), runs(1.1, 8, seed=seed + 1))]
    )
    assert 370 <= held <= 392  # of 400: 95 % are 380


def test_a_slowdown_regresses_and_more_of_a_rate_improves() -> None:
    slower = compare(runs(1, 10), runs(1.1, 10, seed=1))
    assert slower.verdict == REGRESSED
    assert slower.low < 0.1 < slower.high
    assert slower.effect_size == pytest.approx(5, rel=0.5)
    assert slower.more_runs == 0
    rate = compare(runs(1, 10), runs(1.1, 10, seed=1), direction=Direction.HIGHER_IS_BETTER)
    assert rate.verdict == IMPROVED
    assert rate.effect == slower.effect  # as measured, its sign never flipped
    neither = compare(runs(1, 10), runs(1.1, 10, seed=1), direction=None)
    assert neither.verdict == UNDECIDED


def test_unchanged_is_proved_and_not_assumed() -> None:
    few = compare(runs(1, 5), runs(1, 5, seed=1))
    assert few.verdict == UNDECIDED
    assert few.more_runs is not None
    assert 1 <= few.more_runs <= 60
    assert compare(runs(1, 60), runs(1, 60, seed=1)).verdict == UNCHANGED
    assert compare(runs(1, 5), runs(1, 5, seed=1), tolerance=0.1).verdict == UNCHANGED


def test_as_many_more_runs_as_it_says_decide() -> None:
    few = compare(runs(1, 4, noise=0.05), runs(1.05, 4, noise=0.05, seed=1))
    assert few.verdict == UNDECIDED
    more = few.more_runs
    assert more is not None
    decided = [
        compare(
            runs(1, 4 + more, noise=0.05, seed=seed),
            runs(1 + few.effect, 4 + more, noise=0.05, seed=seed + 100),
        ).verdict
        for seed in range(20)
    ]
    assert 5 <= len([verdict for verdict in decided if verdict != UNDECIDED]) <= 20


def test_one_value_a_side_decides_nothing_and_two_more_would_tell() -> None:
    found = compare([1.0], [2.0])
    assert (found.effect, found.low, found.high) == (1.0, -1.0, math.inf)
    assert (found.verdict, found.p, found.more_runs) == (UNDECIDED, 1.0, 2)


def test_one_value_is_held_against_the_spread_of_the_other_side() -> None:
    assert compare(runs(1, 10), [1.2]).verdict == REGRESSED
    assert compare(runs(1, 10), [1.03]).verdict == UNDECIDED


def test_a_spike_has_no_say() -> None:
    spiked = runs(1, 10)
    spiked[3] *= 5
    assert compare(spiked, runs(1.1, 10, seed=1)).verdict == REGRESSED


def test_noise_that_remembers_widens_the_interval() -> None:
    random = np.random.default_rng(0)
    wander = np.zeros(80)
    for at in range(1, 80):
        wander[at] = 0.9 * wander[at - 1] + random.normal(0, 0.01)
    shuffled = random.permutation(wander)
    apart = [compare(np.exp(one[:40]), np.exp(one[40:])) for one in (wander, shuffled)]
    assert apart[0].high - apart[0].low > 1.5 * (apart[1].high - apart[1].low)


def test_counters_without_noise_are_certain() -> None:
    up = compare([5] * 3, [6] * 3)
    assert (up.verdict, up.effect, up.low, up.high) == (REGRESSED, *[pytest.approx(0.2)] * 3)
    assert compare([5] * 3, [5] * 3).verdict == UNCHANGED
    assert compare([0] * 3, [0] * 3).verdict == UNCHANGED
    none_before = compare([0] * 3, [4] * 3)
    assert (none_before.verdict, none_before.effect) == (REGRESSED, math.inf)


def test_a_baseline_that_may_be_zero_has_no_ratio() -> None:
    found = compare([-1.0, 0.5, 0.4, -0.2], [1.0, 2.0, 1.5, 1.2])
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.verdict == UNDECIDED


def test_negative_values_are_compared_by_their_size() -> None:
    found = compare(-runs(1, 10), -runs(1.2, 10, seed=1))
    assert found.low < -0.2 < found.high
    assert found.verdict == IMPROVED  # less, which is what is better


def test_an_effect_below_zero_means_less_whoever_tells_it() -> None:
    before, after = -runs(1, 30), -runs(1.2, 30, seed=1)
    told = [
        compare(before, after, direction="LOWER_IS_BETTER"),
        *find_change_points([*before, *after]),
        judge_points(find_change_points(before).baseline, after),
    ]
    assert [one.effect for one in told] == [pytest.approx(-0.2, abs=0.02)] * 3
    assert told[0].verdict == IMPROVED


def test_what_is_masked_is_missing() -> None:
    values = np.ma.masked_array([1.0, 1.1, 99.0, 1.05, 0.95], mask=[0, 0, 1, 0, 0])
    bare = [1.0, 1.1, np.nan, 1.05, 0.95]
    assert compare(values, values) == compare(bare, bare)
    assert compare(values, values).baseline_runs == 4
    assert find_change_points(values).baseline == find_change_points(bare).baseline
    baseline = find_change_points(runs(1, 30)).baseline
    assert judge_points(baseline, values) == judge_points(baseline, bare)
    whole = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
    assert compare(whole, whole).baseline_runs == 2


@pytest.mark.parametrize(("one", "two"), [([], [1.0]), ([1.0], [np.nan]), ([], [])])
def test_a_side_without_values_is_undecided(one: list[float], two: list[float]) -> None:
    found = compare(one, two)
    assert found.verdict == UNDECIDED
    assert math.isnan(found.effect)


@settings(max_examples=100, deadline=None)
@given(
    *[st.lists(st.floats(allow_infinity=False, width=64), max_size=9)] * 2,
    st.floats(0, 1),
)
def test_any_values_are_taken(one: list[float], two: list[float], tolerance: float) -> None:
    found = compare(one, two, tolerance=tolerance)
    assert not found.low > found.high
    judged = judge_points(find_change_points(one).baseline, two)
    assert 0 <= judged.p_above <= 1
    assert 0 <= judged.p_below <= 1


@pytest.mark.parametrize(
    ("one", "options", "said"),
    [
        ([np.inf], {}, "finite"),
        ([[1.0]], {}, "one row of numbers"),
        ([1.0], {"tolerance": -0.1}, "tolerance must be a share"),
    ],
)
def test_what_can_not_be_compared_is_named(one: object, options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compare(one, [1.0], **options)


def past(values: np.ndarray) -> Baseline:
    found = find_change_points(values).baseline
    assert found is not None
    return found


def test_a_point_is_held_against_what_the_past_leads_to_expect() -> None:
    baseline = past(runs(2, 40))
    usual, slow = judge_points(baseline, 2.02), judge_points(baseline, 2.4)
    assert usual.p_above > 0.05
    assert usual.low < 0 < usual.high
    assert slow.p_above < 1e-5
    assert slow.p_below > 0.99
    assert slow.low < 0.2 < slow.high
    assert slow.low > 0.05
    assert slow.level == pytest.approx(2, rel=0.02)


def test_noise_alone_is_as_rare_as_p_says() -> None:
    found = find_change_points_many([runs(1, 30, seed=seed) for seed in range(400)])
    p = np.array(
        [
            judge_points(one.baseline, runs(1, 1, seed=seed)).p_above
            for seed, one in enumerate(found, 10**4)
        ]
    )
    assert 3 <= (p < 0.05).sum() <= 30
    assert (p < 0.001).sum() <= 2


def test_a_spike_is_nothing_where_spikes_are_usual() -> None:
    values = runs(1, 60)
    assert judge_points(past(values), 1.4).p_above < 1e-6
    values[5::12] *= 1.4
    assert judge_points(past(values), 1.4).p_above > 0.01
    assert judge_points(past(values), 1 / 1.4).p_below < 1e-6  # and the other side is as it was


def test_several_points_tell_more_than_one_and_a_spike_among_them_nothing() -> None:
    baseline = past(runs(1, 40))
    one, three = (judge_points(baseline, [1.06] * times).p_above for times in (1, 3))
    assert three < one / 100
    assert judge_points(baseline, [1.0, 1.5, 1.0]).p_above > 0.001
    assert judge_points(baseline, [1.5, np.nan]).points == 1


def test_the_level_is_that_of_the_last_segment() -> None:
    baseline = past(np.concatenate([runs(1, 40), runs(1.3, 20, seed=1)]))
    judged = judge_points(baseline, [1.3])
    assert judged.level == pytest.approx(1.3, rel=0.02)
    assert judged.p_above > 0.01


def test_without_a_past_nothing_is_known() -> None:
    assert find_change_points([]).baseline is None
    assert judge_points(None, [1.0]).p_above == 1
    assert judge_points(past(np.array([1.0])), [9.0]).p_above == 1
    assert math.isnan(judge_points(past(runs(1, 9)), []).effect)


def test_a_baseline_can_be_kept_as_text() -> None:
    baseline = past(runs(1, 40))
    kept = json.loads(json.dumps(dataclasses.asdict(baseline)))
    kept |= {name: tuple(kept[name]) for name in ("highest", "lowest")}
    assert Baseline(**kept) == baseline


def test_a_value_below_zero_is_judged_by_a_past_above_it() -> None:
    judged = judge_points(past(runs(1, 40)), [-1.0])
    assert judged.effect == pytest.approx(-2, rel=0.05)
    assert judged.p_below < 1e-6
