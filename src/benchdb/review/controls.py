"""Control tests: they run no code that is on trial, so what they do, too, was the machine."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchdb.metrics import counts_outcomes
from benchdb.records import Verdict
from benchdb.review.cases import cases_among
from benchdb.review.causes import begin_together, size
from benchdb.review.judged import SAME_PLACE
from benchdb.review.own_place import Limits, OwnPlaces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchdb.config import Settings
    from benchdb.review.judged import Judged
    from benchdb.review.lines import Line
    from benchdb.series import StoredSession
    from benchdb.verdicts import SeriesVerdict

#: A control that moved tells of a machine that differs by up to so many times as much.
_AS_CONTROL: Final = 2.0

#: The chance that any control seems to move although nothing did.
_CONTROL_P: Final = 0.01


def with_controls(
    verdicts: Sequence[SeriesVerdict],
    settings: Settings,
    lines: Sequence[Line],
    judged: Sequence[Judged],
) -> list[SeriesVerdict]:
    """Take back what a test does that a control did, too: that was the machine.

    Parameters
    ----------
    verdicts
        Of one session.
    settings
        They name the controls.
    lines, judged
        The series that the first of these are of, and what they were made of.
    """
    cases = sorted({one.key.case for one in verdicts})
    controls = {case for given in settings.controls for case in cases_among(given, cases)}
    if not controls:
        return list(verdicts)
    marked = [replace(one, control=one.key.case in controls) for one in verdicts]
    return _held(marked, lines, judged)


def raised_without_controls(
    verdicts: Sequence[SeriesVerdict],
    lines: Sequence[Line],
    judge: Callable[[Sequence[Line]], tuple[list[SeriesVerdict], list[Judged]]],
) -> list[SeriesVerdict]:
    """Tell anew since when there are alarms that a control's moving held back at first.

    Parameters
    ----------
    verdicts, lines
        From `with_controls`, and the series that they are of. There may be more verdicts.
    judge
        Judges series as they were.
    """
    found = list(verdicts)
    controls = {number for number in range(len(lines)) if verdicts[number].control}
    left = {
        number: next(at for at, one in enumerate(line.at) if one.row == said.raised.row)
        for number, (said, line) in enumerate(zip(verdicts, lines, strict=False))
        if controls and said.raised and said.verdict is Verdict.REGRESSED and not said.control
    }
    while left:
        together: dict[int, list[int]] = defaultdict(list)
        for number, at in left.items():
            together[lines[number].at[at].row].append(number)
        later: dict[int, int] = {}
        for numbers in together.values():
            session = lines[numbers[0]].at[left[numbers[0]]]
            places = {one.row: one for each in numbers if (one := verdicts[each].since)}
            if not _may_hold_back([*places.values()], lines, controls, session, judge):
                continue
            for number in _held_back(numbers, lines, controls, session, judge):
                at = left[number] + 1
                if at < len(lines[number].at) - 1:
                    later[number] = at
                    found[number] = replace(found[number], raised=lines[number].at[at])
                else:
                    found[number] = replace(found[number], raised=None)
        left = later
    return found


def _may_hold_back(
    places: Sequence[StoredSession],
    lines: Sequence[Line],
    controls: set[int],
    session: StoredSession,
    judge: Callable[[Sequence[Line]], tuple[list[SeriesVerdict], list[Judged]]],
) -> bool:
    """Tell whether a control may have held back at a session what began near one of some places.

    Else there is nothing to ask of thousands.
    """
    then = [lines[number].up_to(session) for number in sorted(controls)]
    then = [one for one in then if session in one.at[-1:]]
    if not then:
        return False
    told = [replace(one, control=True) for one in judge(then)[0]]
    return bool(_moved(told)) or any(
        control.may_have_moved(place)
        for _, control in _Beside(told, then).controls
        for place in places
    )


def _held_back(
    numbers: Sequence[int],
    lines: Sequence[Line],
    controls: set[int],
    session: StoredSession,
    judge: Callable[[Sequence[Line]], tuple[list[SeriesVerdict], list[Judged]]],
) -> list[int]:
    """Return the numbers of the series that were no alarm at a session, as a control moved."""
    then = {number: line.up_to(session) for number, line in enumerate(lines)}
    # All of them: where one began is told by what else moved there.
    then = {number: line for number, line in then.items() if session in line.at[-1:]}
    verdicts, judged = judge(list(then.values()))
    said = [
        replace(one, control=number in controls) for number, one in zip(then, verdicts, strict=True)
    ]
    held = dict(zip(then, _held(said, list(then.values()), judged), strict=True))
    return [number for number in numbers if held[number].certainty != "confirmed"]


def _held(
    verdicts: Sequence[SeriesVerdict], lines: Sequence[Line], judged: Sequence[Judged]
) -> list[SeriesVerdict]:
    """Take back what a control did, too, of verdicts that say which are of controls."""
    moved = _moved(verdicts)
    beside = _Beside(verdicts, lines)
    found = []
    for number, one in enumerate(verdicts):
        control = None
        if not one.control and one.certainty and not counts_outcomes(one.key.metric):
            control = next((each for each in moved if _explains(each, one)), None)
            if control is None and one.certainty == "confirmed" and number < len(lines):
                control = beside.moved_with(one, lines[number], judged[number])
        found.append(one if control is None else _taken_back(one, control))
    return found


def _taken_back(one: SeriesVerdict, control: SeriesVerdict) -> SeriesVerdict:
    why = f"the control test {control.key.case.id} moved, too"
    return replace(one, verdict=Verdict.UNDECIDED, certainty=None, why=why)


class _Beside:
    """The series of controls beside those of tests."""

    def __init__(self, verdicts: Sequence[SeriesVerdict], lines: Sequence[Line]) -> None:
        controls = [
            (said, line)
            for said, line in zip(verdicts, lines, strict=False)
            if said.control and not line.new
        ]
        p = _CONTROL_P / max(len(controls), 1)
        self.controls = [
            (said, OwnPlaces(line, Limits(p, said.tolerance, _AS_CONTROL)))
            for said, line in controls
        ]

    def moved_with(self, one: SeriesVerdict, line: Line, judged: Judged) -> SeriesVerdict | None:
        """Return what is said of a control that moved where a test is seen to have changed."""
        return next(
            (
                said
                for said, control in self.controls
                if _alike(said, one) and control.moved_with(line, judged)
            ),
            None,
        )


def _moved(verdicts: Sequence[SeriesVerdict]) -> list[SeriesVerdict]:
    """Return the verdicts on controls that tell of a machine that differs."""
    measured = [
        one for one in verdicts if one.control and not counts_outcomes(one.key.metric) and one.past
    ]
    return [
        one
        for one in measured
        if one.p <= _CONTROL_P / len(measured) and abs(one.effect) > one.tolerance
    ]


def _alike(control: SeriesVerdict, one: SeriesVerdict) -> bool:
    """Tell whether a control measures the same on the same machine."""
    return (
        control.key.metric.name == one.key.metric.name
        and control.key.conditions.environment == one.key.conditions.environment
    )


def _explains(control: SeriesVerdict, one: SeriesVerdict) -> bool:
    """Tell whether what a control is seen to do explains what a test does."""
    return (
        _alike(control, one)
        and (control.effect > 0) == (one.effect > 0)
        and _at_once(one, control)
        and size(one.effect) <= _AS_CONTROL * size(control.effect)
    )


def _at_once(one: SeriesVerdict, control: SeriesVerdict) -> bool:
    """Tell whether a control may have moved with a test: what it did long before tells nothing.

    Where one is a suspect only, the points before it may be of the new level, too.
    """
    if control.certainty is None or begin_together(one, control):
        return True
    sure = one.certainty == control.certainty == "confirmed"
    return not sure and abs(one.points - control.points) <= SAME_PLACE
