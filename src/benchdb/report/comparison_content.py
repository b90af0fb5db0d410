"""Two sides compared, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchdb.report.series import conditions_content

if TYPE_CHECKING:
    from benchdb.comparisons import (
        ComparedCase,
        ComparedOutcome,
        OverallEffect,
        Side,
        SidesCompared,
    )
    from benchdb.records import Metric


def comparison_content(found: SidesCompared) -> dict[str, Any]:
    """Return the content of ``benchdb/compare/1``; items are made as they are written."""
    return {
        "regressed": found.regressed,
        "baseline": _side_content(found.baseline),
        "contender": _side_content(found.contender),
        "differences": [
            {
                "kind": one.kind,
                "name": one.name,
                "baseline": list(one.before),
                "contender": list(one.after),
            }
            for one in found.differences
        ],
        "overall": [_overall_content(one) for one in found.overall],
        "cases": (_case_content(one) for one in found.cases),
        "outcomes": [_outcome_content(one) for one in found.outcomes],
        "not_compared": [
            {
                "case": one.case.id,
                "metric": one.metric and one.metric.name,
                "unit": one.metric and one.metric.unit,
                "side": one.side,
                "reason": one.reason,
            }
            for one in found.not_compared
        ],
        "left_out": found.left_out,
    }


def _side_content(side: Side) -> dict[str, Any]:
    return {
        "given": side.given,
        "kind": side.kind,
        "meaning": side.meaning,
        "sessions": [one.uid for one in side.sessions],
        "notes": list(side.notes),
    }


def _metric_content(metric: Metric) -> dict[str, Any]:
    return {"metric": metric.name, "unit": metric.unit, "direction": metric.direction}


def _overall_content(one: OverallEffect) -> dict[str, Any]:
    same = ("cases", "effect", "low", "high", "p", "verdict")
    return {
        **_metric_content(one.metric),
        **{name: getattr(one, name) for name in same},
        "basis": "cases" if one.over_cases else "sessions",
        "verdicts": {str(verdict): count for verdict, count in one.verdicts.items()},
    }


def _case_content(one: ComparedCase) -> dict[str, Any]:
    same = ("effect", "low", "high", "effect_size", "p", "verdict", "alone", "more_runs")
    more = ("baseline", "contender", "baseline_values", "contender_values", "tolerance")
    other = one.contender_conditions
    return {
        "case": one.case.id,
        **_metric_content(one.metric),
        **conditions_content(one.conditions),
        "on_trial": list(one.on_trial),
        "contender_conditions": None if other == one.conditions else conditions_content(other),
        **{name: getattr(one, name) for name in (*same, *more)},
        "values": "runs" if one.of_runs else "sessions",
    }


def _outcome_content(one: ComparedOutcome) -> dict[str, Any]:
    same = ("baseline", "contender", "baseline_sessions", "contender_sessions", "p", "verdict")
    return {
        "case": one.case.id,
        "metric": one.metric.name,
        **{name: getattr(one, name) for name in same},
    }
