"""The header of a table of text: which column says what of a test run or of its session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import UserError
from benchdb.importers.cells import CONVERTERS
from benchdb.importers.text_lines import unfit
from benchdb.importers.units import metric_named
from benchdb.keys import normalised
from benchdb.metrics import COLUMN_METRICS, counts_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchdb.records import Metric

#: Columns that must be there.
NEEDED: Final = ("test", "start")
_OF_SESSION: Final = ("commit", "branch", "environment")
_PREFIXES: Final = ("tag:", "version:")

#: More columns than this don't go into one table of SQLite's.
_MOST_COLUMNS: Final = 1500


@dataclass(slots=True)
class Header:
    """Which column is what, by its place.

    Parameters
    ----------
    width
        How many columns there are.
    facts
        What is said of sessions: ``commit``, ``tag:NAME`` and so on, by place.
    columns
        Of ``test_run``: the name, the place, and what converts its cells.
    metrics
        All others, and their places.
    """

    width: int
    test: int
    start: int
    session: int | None = None
    outcome: int | None = None
    end: int | None = None
    facts: dict[str, int] = field(default_factory=dict)
    columns: list[tuple[str, int, Callable[[str], Any]]] = field(default_factory=list)
    metrics: list[tuple[Metric, int]] = field(default_factory=list)


def read_header(file: str, names: Sequence[str], kinds: Mapping[str, str]) -> Header:
    """Return what the first line of a file says.

    Parameters
    ----------
    file
        Its name, for messages.
    names
        The cells of the line.
    kinds
        The columns of ``test_run`` that lines may give, and their kinds.

    Raises
    ------
    UnfitLine
        If it can't be used.
    """
    places: dict[str, int] = {}
    headings = [name.strip() for name in names]
    for place, name in enumerate(headings):
        if not name:
            raise unfit(file, 1, f"column {place + 1} has no name")
        if name in places:
            raise unfit(file, 1, f"columns {places[name] + 1} and {place + 1} are both {name!r}")
        places[name] = place
    for needed in NEEDED:
        if needed not in places:
            raise unfit(file, 1, f"there is no column {needed!r}: test and start must be there")
    if len(headings) > _MOST_COLUMNS:
        raise unfit(file, 1, f"it has more than {_MOST_COLUMNS:,} columns")
    header = Header(
        len(headings),
        places.pop("test"),
        places.pop("start"),
        places.pop("session", None),
        places.pop("outcome", None),
        places.pop("end", None),
    )
    units = {metric.name: metric for metric in COLUMN_METRICS}
    for name, place in places.items():
        if name in _OF_SESSION or name.startswith(_PREFIXES):
            header.facts[_fact(file, name)] = place
            continue
        try:
            metric = metric_named(name)
        except UserError as error:
            raise unfit(file, 1, str(error)) from None
        if name in kinds or (metric.name in units and units[metric.name].unit == metric.unit):
            kind = kinds[metric.name]
            header.columns.append((metric.name, place, CONVERTERS[kind]))
        else:
            header.metrics.append((_checked(file, metric, kinds), place))
    header.columns.sort(key=lambda one: one[0])
    header.metrics.sort(key=lambda one: (one[0].name, one[0].unit))
    keys = [one[0] for one in header.columns]
    keys += [f"{one.name} [{one.unit}]" for one, _ in header.metrics]
    if double := next((key for key in keys if keys.count(key) > 1), None):
        raise unfit(file, 1, f"two columns are both {double!r}")
    return header


def _fact(file: str, name: str) -> str:
    """Return what a column says of sessions, in the one way in which it can be said."""
    kind, colon, of = name.partition(":")
    of = of.strip()
    if colon and not of:
        raise unfit(file, 1, f"{name!r} must be followed by a name")
    return f"{kind}:{normalised(of) if kind == 'version' else of}" if colon else name


def _checked(file: str, metric: Metric, kinds: Mapping[str, str]) -> Metric:
    """Return a metric that no column holds, if a line may give it."""
    if counts_outcomes(metric):
        raise unfit(file, 1, f"{metric.name!r} is counted from `outcome`: name it otherwise")
    if metric.unit.lower().startswith("column:"):
        raise unfit(file, 1, f"the unit {metric.unit!r} is benchdb's own: name it otherwise")
    if metric.name in _KEPT:
        raise unfit(file, 1, f"{metric.name!r} is kept by benchdb: {_KEPT[metric.name]}")
    return metric


_CASE: Final = "give path::name as `test`"
_OUTCOME: Final = "give `outcome`"
_KEPT: Final = {
    **dict.fromkeys(("name", "originalname", "path"), _CASE),
    **dict.fromkeys(("setup_outcome", "call_outcome", "teardown_outcome", "state"), _OUTCOME),
    **dict.fromkeys(("phase", "phase_start"), _OUTCOME),
    **dict.fromkeys(
        ("session_id", "ordinal", "cluster", "attempt", "round", "beside"), "leave it out"
    ),
}
