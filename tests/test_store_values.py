"""Values on their way into the database."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from store_samples import EPOCH, closed, facts, names, query

from benchdb.records import Measurement
from benchdb.store.recorder import Recorder
from benchdb.store.values import UnfitValue, fitting, text

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "given", "held"),
    [
        *((kind, None, None) for kind in ("text", "integer", "float", "boolean", "instant")),
        ("text", "plain …", "plain …"),
        ("text", 12, "12"),
        ("text", "a\0b", r"a\u0000b"),
        ("text", "\ud800", r"\ud800"),
        ("integer", 3, 3),
        ("integer", 3.0, 3),
        ("integer", True, 1),
        ("integer", -(2**63), -(2**63)),
        ("integer", np.int64(7), 7),
        ("integer", math.nan, None),
        ("float", 3, 3.0),
        ("float", "0.5", 0.5),
        ("float", math.nan, None),
        ("float", math.inf, math.inf),
        ("float", np.float32(0.5), 0.5),
        ("float", np.array(2.0), 2.0),
        ("float", timedelta(milliseconds=1500), 1.5),
        ("float", Decimal("0.1"), 0.1),
        ("float", Fraction(1, 4), 0.25),
        ("boolean", np.bool_(True), True),
        ("boolean", 0, False),
        ("instant", NOON, NOON),
        ("instant", datetime(2026, 1, 2, 12), NOON),  # noqa: DTZ001 - as older suites write it
        ("instant", NOON.astimezone(timezone(timedelta(hours=2))), NOON),
        ("instant", "2026-01-02T12:00:00+00:00", NOON),
    ],
)
def test_a_value_is_held_as_its_column_holds_it(kind: str, given: object, held: object) -> None:
    made = fitting(kind, given)
    assert made == held
    assert type(made) is type(held)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("integer", 2.5),
        ("integer", 2**63),
        ("integer", "many"),
        ("integer", math.inf),
        ("float", "fast"),
        ("float", 1j),
        ("float", [1, 2]),
        ("float", np.array([1, 2])),
        ("float", 10**400),
        ("boolean", "yes"),
        ("instant", 5),
        ("instant", "noon"),
        ("instant", date(2026, 1, 2)),
    ],
)
def test_a_value_that_would_change_its_meaning_is_unfit(kind: str, given: object) -> None:
    with pytest.raises(UnfitValue):
        fitting(kind, given)


def test_a_metric_that_cannot_be_held_is_named_and_the_rest_is_stored(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.db", facts())
    run = replace(
        closed(hang_class="x", attempts_left=1, duration="slow"),
        measurements=(
            Measurement("huge", "1", None, 10**400),  # type: ignore[arg-type]
            Measurement("small", "1", None, 0.5, (0.5, math.nan), 2, 0.5, 0.5, math.nan, None),
        ),
    )
    problems = recorder.close(recorder.open(EPOCH, names()), run)
    recorder.finish(EPOCH)
    assert [problem.split(":")[0] for problem in problems] == [
        "test_run.duration was not stored",
        "test_run.attempts_left is in the model but not in the database",
        "the metric huge was not stored",
    ]
    assert query(tmp_path / "a.db", "select metric, value, rounds, mean from measurement") == [
        ("small", 0.5, "[0.5, null]", None)
    ]
    assert query(tmp_path / "a.db", "select hang_class, duration from test_run") == [("x", None)]


def test_text_that_every_database_holds_is_left_alone() -> None:
    given = "äöü 😀 \n\t"
    assert text(given) is given or text(given) == given
