"""Many pairs of sides at once: the same as one after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchdb import compare
from benchdb.analysis.comparison import MOST_RUNS
from benchdb.analysis.comparison_many import compare_many, quantiles
from benchdb.analysis.student import two_sided_quantile
from benchdb.records import Verdict

VALUES = st.one_of(
    st.floats(0.5, 2.0),
    st.sampled_from([1.0, 1.5, 3.0]),
    st.floats(-2.0, 2.0).map(lambda value: round(value, 1)),
)
SIDE = arrays.arrays(float, st.integers(1, 24), elements=VALUES)
PLUS = arrays.arrays(float, st.integers(1, 24), elements=st.floats(1e-3, 1e3))


def near(found: float, expected: float) -> bool:
    if math.isnan(expected) or math.isinf(expected):
        return (math.isnan(found) and math.isnan(expected)) or found == expected
    return found == pytest.approx(expected, rel=1e-7, abs=1e-9)


@settings(deadline=None, max_examples=120, derandomize=True)
@given(st.lists(st.tuples(SIDE, SIDE) | st.tuples(PLUS, PLUS), min_size=1, max_size=6))
def test_many_are_compared_as_each(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    found = compare_many([one for one, _ in pairs], [two for _, two in pairs])
    for number, (one, two) in enumerate(pairs):
        alone = compare(one, two)
        for name in ("effect", "low", "high", "effect_size", "baseline", "contender"):
            value, expected = float(getattr(found, name)[number]), getattr(alone, name)
            assert near(value, expected), (name, value, expected, one, two)


def test_quantiles_are_those_of_the_function_for_one() -> None:
    freedom = np.r_[1.0, 1.05, 1.5, 2.0, 2.7, 5.5, 9.0, 33.3, 1000.0, 1e6]
    expected = [two_sided_quantile(0.05, float(one)) for one in freedom]
    assert quantiles(freedom) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("tolerance", [0.01, 0.05, 0.3])
def test_more_runs_are_those_that_prove_it_the_same(tolerance: float) -> None:
    dice = np.random.default_rng(4)
    ones = [dice.lognormal(0, 0.05, n) for n in (2, 3, 8, 20, 40)]
    twos = [dice.lognormal(0.0, 0.05, n) for n in (2, 5, 8, 20, 40)]
    more = compare_many(ones, twos).more_runs(tolerance)
    for number, (one, two) in enumerate(zip(ones, twos, strict=True)):
        alone = compare(one, two, tolerance=tolerance)
        if alone.verdict is Verdict.UNCHANGED:
            assert more[number] == 0
        elif abs(math.log1p(alone.effect)) < math.log1p(tolerance):
            assert more[number] == (-1 if alone.more_runs is None else alone.more_runs)


def test_what_a_tolerance_lies_across_needs_more_runs_and_what_is_beyond_none() -> None:
    dice = np.random.default_rng(6)
    one = dice.lognormal(0, 0.02, 10)
    found = compare_many([one, one, one], [1.5 * one, 1.05 * one, one[:1]])
    assert found.more_runs(0.03)[0] == 0
    assert found.more_runs(0.05)[1] != 0
    alone = compare_many([one[:1]], [one[:1]])
    assert alone.more_runs(0.03).tolist() == [2]
    assert MOST_RUNS == 1000
