"""How effects are told to people."""

from __future__ import annotations

import math

import pytest

from benchdb.report.effects import effect_text, size_text

pytestmark = pytest.mark.portable


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0.0812, 0.0721, 0.0899), "+8.1 % (+7.2 to +9.0 %)"),
        ((-0.0812, -0.09, 0.01), "-8.1 % (-9.0 to +1.0 %)"),
        ((0.0012, 0.0, 0.0024), "+0.12 % (0.00 to +0.24 %)"),
        ((1.5, 1.2, 1.9), "+150 % (+120 to +190 %)"),
        ((11.0, 10.0, 12.0), "12 times (11 to 13 times)"),
        ((0.5, 0.5, 0.5), "+50.0 %"),
        ((0.5, None, None), "+50.0 %"),
        ((-1.0, -1.0, -1.0), "-100 %"),
        ((0.0, 0.0, 0.0), "0.00 %"),
        ((math.inf, math.inf, math.inf), "from 0"),
        ((0.5, 0.1, math.inf), "+50.0 %"),
    ],
)
def test_an_effect_keeps_its_sign_and_has_its_interval_beside_it(
    given: tuple[float, float | None, float | None], said: str
) -> None:
    assert effect_text(*given) == said


@pytest.mark.parametrize(
    ("given", "before", "said"),
    [
        ((-1.0, -1.02, -0.98), -5.2, "-5.20 s (-5.30 to -5.10 s)"),
        ((2.0, -0.1, 4.1), -0.005, "+10.0 ms (-0.5 to +20.5 ms)"),
        ((-30.0, -30.0, -30.0), -1.0, "-30 s"),
        ((0.0, 0.0, 0.0), -2.0, "0 s"),
        ((-11.0, -12.0, -10.0), 1.0, "-1100 % (-1200 to -1000 %)"),
        ((math.inf, math.inf, math.inf), -0.0, "from 0"),
    ],
)
def test_of_a_level_below_0_the_difference_is_told(
    given: tuple[float, float | None, float | None], before: float, said: str
) -> None:
    assert effect_text(*given, before=before, unit="s") == said


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (0.0123, "1.2 %"),
        (0.054, "5.4 %"),
        (1.0, "100 %"),
        (8.9, "890 %"),
        (9.1, "10 times"),
        (5e6, "5,000,000 times"),
    ],
)
def test_a_size_is_told_in_two_digits_and_a_large_one_in_times(effect: float, said: str) -> None:
    assert size_text(effect) == said
