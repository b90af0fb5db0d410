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
