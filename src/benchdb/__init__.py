"""benchdb: a pytest plugin and a benchmark database.

`pytest --benchmark` writes a row for every benchmarked test into a SQLite file; the ``benchdb``
command reads it. Importing this package costs nothing: every part is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchdb.analysis.change_points import find_change_points, find_change_points_many
    from benchdb.analysis.comparison import Comparison, compare
    from benchdb.analysis.prediction import Judgement, judge_points
    from benchdb.analysis.results import Baseline, ChangePoint, ChangePoints, Segment
    from benchdb.records import Direction, Verdict
    from benchdb.review.frame import read

__version__ = "0.1.0"

__all__ = [
    "Baseline",
    "ChangePoint",
    "ChangePoints",
    "Comparison",
    "Direction",
    "Judgement",
    "Segment",
    "Verdict",
    "compare",
    "find_change_points",
    "find_change_points_many",
    "judge_points",
    "read",
]

#: The modules where the public names live.
_HOMES: Final = {
    "Baseline": "analysis.results",
    "ChangePoint": "analysis.results",
    "ChangePoints": "analysis.results",
    "Comparison": "analysis.comparison",
    "Direction": "records",
    "Judgement": "analysis.prediction",
    "Segment": "analysis.results",
    "Verdict": "records",
    "compare": "analysis.comparison",
    "find_change_points": "analysis.change_points",
    "find_change_points_many": "analysis.change_points",
    "judge_points": "analysis.prediction",
    "read": "review.frame",
}


def __getattr__(name: str) -> Any:
    """Import the analysis, and numpy with it, when something of it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"benchdb.{_HOMES[name]}"), name)
