"""benchdb: a pytest plugin and a benchmark database.

`pytest --benchmark` writes a row for every benchmarked test into a SQLite file; the ``benchdb``
command reads it. Importing this package costs nothing: every part is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchdb.analysis.change_points import find_change_points, find_change_points_many
    from benchdb.analysis.results import ChangePoint, ChangePoints, Segment

__version__ = "0.1.0"

__all__ = [
    "ChangePoint",
    "ChangePoints",
    "Segment",
    "find_change_points",
    "find_change_points_many",
]

#: Where the public names live.
_HOMES: Final = {
    "ChangePoint": "results",
    "ChangePoints": "results",
    "Segment": "results",
    "find_change_points": "change_points",
    "find_change_points_many": "change_points",
}


def __getattr__(name: str) -> Any:
    """Import the analysis, and numpy with it, when something of it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"benchdb.analysis.{_HOMES[name]}"), name)
