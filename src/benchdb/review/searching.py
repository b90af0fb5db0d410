"""The search of a whole history, with what was found before in series that are as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchdb.analysis.results import ChangePoint
from benchdb.review.family import Searched, search
from benchdb.review.packing import packed, unpacked
from benchdb.review.remembered import code_of
from benchdb.store.cache import cached, cached_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchdb.review.remembered import Kept, Remembered
    from benchdb.store.connection import Connection

#: What the names of what was found begin with.
_KIND: Final = "found "

#: What is kept of a change, beside the series that it is of.
_NUMBERS: Final = ("index", "effect", "low", "high", "before", "after", "noise", "p")


def searched_history(connection: Connection, remembered: Remembered, kept: Kept) -> Searched:
    """Return what is found in each series of a history.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    remembered
        The history.
    kept
        Gets what is to be kept.
    """
    series = remembered.history.series
    name = f"{_KIND}{code_of('analysis')}"
    names = {one for one in cached_names(connection) if one.startswith(_KIND)}
    prints, before = _known(connection, name) if name in names else _nothing_known()
    same = _places(prints, remembered.prints)
    found = _taken(before, same)
    new = np.flatnonzero(same < 0).tolist()
    if new:
        times = np.array([one.place.timestamp() for one in remembered.history.sessions])
        some = [series[at] for at in new]
        result = search([one.values for one in some], [times[one.at] for one in some])
        found = _replaced(found, new, result)
    if new or len(prints) != len(series):
        kept.entries[name] = _packed(remembered.prints, found)
    kept.stale |= names - {name}
    return found


def _nothing(number: int) -> Searched:
    return Searched(
        {}, {}, np.ones(number, dtype=np.int64), np.zeros(number), np.full(number, np.inf)
    )


def _nothing_known() -> tuple[NDArray[np.uint64], Searched]:
    return np.zeros(0, dtype=np.uint64), _nothing(0)


def _known(connection: Connection, name: str) -> tuple[NDArray[np.uint64], Searched]:
    """Return what was found before, and the hashes of the series that it was found in."""
    try:
        arrays = unpacked(cached(connection, [name])[name])
        return arrays["prints"], _unpacked(arrays)
    except (KeyError, ValueError):
        return _nothing_known()


def _places(known: NDArray[np.uint64], prints: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where each series is known, -1 where it isn't."""
    if not len(known):
        return np.full(len(prints), -1, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    at = np.searchsorted(known[order], prints)
    at[at == len(order)] = 0
    places: NDArray[np.int64] = np.where(known[order[at]] == prints, order[at], -1)
    return places


def _taken(known: Searched, places: NDArray[np.int64]) -> Searched:
    """Return what is known of series, by where they are known."""
    found = _nothing(len(places))
    there = np.flatnonzero(places >= 0)
    before = places[there]
    found.tested[there] = known.tested[before]
    found.noise[there] = known.noise[before]
    found.floor[there] = known.floor[before]
    now = dict(zip(before.tolist(), there.tolist(), strict=True))
    steps = {now[at]: one for at, one in known.steps.items() if at in now}
    drifts = {now[at]: one for at, one in known.drifts.items() if at in now}
    return Searched(steps, drifts, found.tested, found.noise, found.floor)


def _replaced(found: Searched, at: list[int], new: Searched) -> Searched:
    """Put in what was found anew."""
    for column, other in (
        (found.tested, new.tested),
        (found.noise, new.noise),
        (found.floor, new.floor),
    ):
        column[at] = other
    steps = {**found.steps, **{at[one]: each for one, each in new.steps.items()}}
    drifts = {**found.drifts, **{at[one]: each for one, each in new.drifts.items()}}
    return Searched(
        {one: steps[one] for one in sorted(steps)},
        {one: drifts[one] for one in sorted(drifts)},
        found.tested,
        found.noise,
        found.floor,
    )


def _packed(prints: NDArray[np.uint64], found: Searched) -> bytes:
    return packed(
        {
            "prints": prints,
            "tested": found.tested,
            "noise": found.noise,
            "floor": found.floor,
            "steps": _rows([(at, one) for at, every in found.steps.items() for one in every]),
            "drifts": _rows(list(found.drifts.items())),
        }
    )


def _rows(changes: Sequence[tuple[int, ChangePoint]]) -> NDArray[np.float64]:
    rows = [(at, *(getattr(one, name) for name in _NUMBERS)) for at, one in changes]
    return np.array(rows, dtype=np.float64).reshape(-1, 1 + len(_NUMBERS))


def _unpacked(arrays: Mapping[str, NDArray[Any]]) -> Searched:
    steps: dict[int, tuple[ChangePoint, ...]] = {}
    for at, *numbers in arrays["steps"].tolist():
        steps[int(at)] = (*steps.get(int(at), ()), _change("step", numbers))
    drifts = {int(at): _change("drift", numbers) for at, *numbers in arrays["drifts"].tolist()}
    return Searched(steps, drifts, arrays["tested"], arrays["noise"], arrays["floor"])


def _change(kind: Any, numbers: Sequence[float]) -> ChangePoint:
    index, effect, low, high, before, after, noise, p = numbers
    return ChangePoint(int(index), kind, effect, low, high, before, after, noise, p)
