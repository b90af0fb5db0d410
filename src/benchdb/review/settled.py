"""Alarms held against what people said: of these series, or of the event that they are part of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchdb.review.acknowledged import ACCEPTED
from benchdb.review.causes import AS_MUCH, size
from benchdb.review.places import boundary_near

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from benchdb.findings import Saying
    from benchdb.review.acknowledged import Acknowledged, Cause
    from benchdb.review.judged import Judged
    from benchdb.review.lines import Line

#: So many changes behind one another are looked at.
_MOST: Final = 5

#: So many points on either side tell by how much a series moved.
_NEAR: Final = 20


class Settled(NamedTuple):
    """What is said of a series, and what people said of that.

    Parameters
    ----------
    judged
        What is said.
    saying
        What people said of that, where it holds.
    unfixed
        Where they said that it is fixed, and it isn't.
    """

    judged: Judged
    saying: Saying | None = None
    unfixed: Saying | None = None


def settled(
    lines: Sequence[Line],
    judged: Sequence[Judged],
    said: Acknowledged,
    numbers: Mapping[int, int],
    judge: Callable[[Sequence[Line]], list[Judged]],
) -> list[Settled]:
    """Return what is said of series in the light of what people said.

    Behind a change that is settled there may be another: so the series is judged again as if that
    level had always been there, which for an accepted one is all that counts.

    Parameters
    ----------
    lines, judged
        The series, and what is said of each.
    said, numbers
        As `benchdb.review.lines.verdicts_of` takes them.
    judge
        Judges series anew.
    """
    found = [Settled(one) for one in judged]
    lines = list(lines)
    left = [number for number, one in enumerate(judged) if one.certainty is not None]
    for _ in range(_MOST):
        held: dict[int, Saying] = {}
        for number in left:
            saying = _saying(number, found[number].judged, lines, said, numbers)
            if saying is not None and is_unfixed(
                saying, lines[number], found[number].judged, said, numbers
            ):
                found[number] = found[number]._replace(unfixed=saying)
            elif saying is not None:
                found[number] = found[number]._replace(saying=saying)
                if not lines[number].new:
                    held[number] = saying
                    begins = found[number].judged.begins
                    lines[number] = lines[number]._replace(accepted=begins)
        if not held:
            break
        left = []
        for number, again in zip(held, judge([lines[one] for one in held]), strict=True):
            if again.certainty is not None and again.begins > lines[number].accepted:
                found[number] = Settled(again)
                left.append(number)
            elif held[number].state in ACCEPTED:
                found[number] = Settled(again)
    return found


def _saying(
    number: int,
    judged: Judged,
    lines: Sequence[Line],
    said: Acknowledged,
    numbers: Mapping[int, int],
) -> Saying | None:
    """Return what people said of the change that a series is alarmed by."""
    line = lines[number]
    if line.new:
        return saying_at(line, judged, said, numbers)
    if not 0 < judged.begins < len(line.at) or any(one.row not in numbers for one in line.at):
        return None
    near = boundary_near(number, _numbers(line, numbers), line.values, judged)
    direction = "up" if judged.effect > 0 else "down"
    saying = said.of_change(line.key, direction, near.first, near.last)
    if saying is None:
        for cause in said.causes(direction, near.first, near.last):
            sizes = [
                _size_at(cause, one, numbers)
                for one in lines
                if said.covers(cause.saying, one.key, direction)
            ]
            if size(judged.effect) <= AS_MUCH * max(sizes, default=math.inf):
                saying = cause.saying
    return saying


def saying_at(
    line: Line, judged: Judged, said: Acknowledged, numbers: Mapping[int, int]
) -> Saying | None:
    """Return what people said of a change of a series that begins just where it is seen."""
    since = line.at[judged.begins] if judged.begins < len(line.at) else line.new[0][0]
    if since.row not in numbers:
        return None
    cut = numbers[since.row]
    return said.of_change(line.key, "up" if judged.effect > 0 else "down", cut, cut)


def is_unfixed(
    saying: Saying,
    line: Line,
    judged: Judged,
    said: Acknowledged,
    numbers: Mapping[int, int],
    *,
    values: ArrayLike | None = None,
) -> bool:
    """Tell whether a change of the trunk lasts that people said was fixed.

    Parameters
    ----------
    saying, line, judged, said, numbers
        As the rest of this module takes them.
    values
        The points as levels are told; by default those of the series.
    """
    if line.new or judged.begins >= len(line.at):
        return False
    levels = (judged.level, judged.value)
    at = _numbers(line, numbers)
    points = line.values if values is None else values
    return said.fixes.failed(saying, at, points, levels, at[judged.begins])


def _numbers(line: Line, numbers: Mapping[int, int]) -> list[int]:
    return [numbers.get(one.row, len(numbers)) for one in line.at]


def _size_at(cause: Cause, line: Line, numbers: Mapping[int, int]) -> float:
    """Return how much a series moved where an event began."""
    at = int(np.searchsorted(_numbers(line, numbers), cause.begins))
    before, after = line.values[max(at - _NEAR, 0) : at], line.values[at : at + _NEAR]
    if not len(before) or not len(after):
        return 0.0
    old, new = float(np.median(before)), float(np.median(after))
    return size(new / old - 1) if old else math.inf
