"""What a test gave, in the form in which its rows hold it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchdb.store.digest import DROPPED
from benchdb.store.values import UnfitValue, fitting, stored_instant, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchdb import records

#: Columns that the recorder keeps; a test's own values for them are refused.
OWN_COLUMNS: Final = frozenset(
    {
        *("session_id", "ordinal", "name", "originalname", "path", "version"),
        *("setup_outcome", "call_outcome", "teardown_outcome"),
        *("state", "phase", "phase_start", "attempt", "round", "beside", "cluster"),
    }
)

#: A closed row is bounded by both.
_NEVER_NULL: Final = frozenset({"start", "end"})

#: The columns of a measurement and of an artifact, beside those of the test run that it is of.
MEASUREMENT: Final = (
    *("metric", "unit", "direction", "value", "rounds", "n", "min", "max", "mean", "sd"),
)
ARTIFACT: Final = ("kind", "name", "url", "size", "sha256")


def fit_columns(
    values: Mapping[str, object], kinds: Mapping[str, str], problems: list[str]
) -> dict[str, Any]:
    """Return the values that a test run's columns can hold, in the form in which they do.

    Parameters
    ----------
    values
        By column.
    kinds
        What each column of the open database holds.
    problems
        Receives a line for each value that was left out.
    """
    fit: dict[str, Any] = {}
    for name, value in values.items():
        if name in OWN_COLUMNS:
            problems.append(f"test_run.{name} is kept by benchdb and was not changed")
            continue
        kind = kinds.get(name)
        if kind is None:
            problems.append(
                f"test_run.{name} is in the model but not in the database: "
                "make a migration with `alembic revision --autogenerate`"
            )
            continue
        try:
            held = fitting(kind, value)
        except UnfitValue as error:
            problems.append(f"test_run.{name} was not stored: {error}")
            continue
        if held is None and name in _NEVER_NULL:
            problems.append(f"test_run.{name} can't be None and was not changed")
            continue
        fit[name] = stored_instant(held) if kind == "instant" and held else held
    return fit


def fit_measurements(
    measurements: Sequence[records.Measurement], problems: list[str]
) -> list[tuple[Any, ...]]:
    """Return the values of `MEASUREMENT` for each metric, the last where one comes twice."""
    fit: dict[tuple[str, str], tuple[Any, ...]] = {}
    for one in measurements:
        metric, unit = text(one.metric), text(one.unit)
        if unit.lower().startswith(DROPPED):
            problems.append(
                f"the metric {metric} was not stored: units that begin with {DROPPED!r} are "
                "benchdb's own, name another one"
            )
            continue
        try:
            rounds = [fitting("float", value) for value in one.rounds]
            fit[metric, unit] = (
                metric,
                unit,
                one.direction,
                fitting("float", one.value),
                _array(rounds) if rounds else None,
                one.n,
                *(fitting("float", value) for value in (one.min, one.max, one.mean, one.sd)),
            )
        except UnfitValue as error:
            problems.append(f"the metric {metric} was not stored: {error}")
    return list(fit.values())


def _array(values: list[float | None]) -> str:
    """Return values as JSON, which has no word for infinity but a number as large."""
    return json.dumps(values).replace("Infinity", "9e999")


def fit_artifacts(artifacts: Sequence[records.Artifact]) -> list[tuple[Any, ...]]:
    """Return the values of `ARTIFACT` for each file or URL, the last where one comes twice."""
    fit: dict[tuple[str, str], tuple[Any, ...]] = {}
    for one in artifacts:
        kind, name, url = text(one.kind), text(one.name), one.url and text(one.url)
        fit[kind, name] = (kind, name, url, one.size, one.sha256)
    return list(fit.values())
