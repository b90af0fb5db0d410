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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchdb.config import Settings
    from benchdb.review.lines import Line
    from benchdb.series import StoredSession
    from benchdb.verdicts import SeriesVerdict

#: A control that moved tells of a machine that differs by up to so many times as much.
_AS_CONTROL: Final = 2.0

#: The chance that any control seems to move although nothing did.
_CONTROL_P: Final = 0.01


def with_controls(verdicts: Sequence[SeriesVerdict], settings: Settings) -> list[SeriesVerdict]:
    """Take back what a test does that a control did, too: that was the machine.

    Parameters
    ----------
    verdicts
        Of one session.
    settings
        They name the controls.
    """
    cases = sorted({one.key.case for one in verdicts})
    controls = {case for given in settings.controls for case in cases_among(given, cases)}
    if not controls:
        return list(verdicts)
    marked = [replace(one, control=one.key.case in controls) for one in verdicts]
    moved = _moved(marked)
    return [_beside(one, moved) for one in marked]


def raised_without_controls(
    verdicts: Sequence[SeriesVerdict],
    lines: Sequence[Line],
    judge: Callable[[Sequence[Line]], list[SeriesVerdict]],
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
    controls = [line for said, line in zip(verdicts, lines, strict=False) if said.control]
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
            for number in _held_back(numbers, lines, controls, session, judge):
                at = left[number] + 1
                if at < len(lines[number].at) - 1:
                    later[number] = at
                    found[number] = replace(found[number], raised=lines[number].at[at])
                else:
                    found[number] = replace(found[number], raised=None)
        left = later
    return found


def _held_back(
    numbers: Sequence[int],
    lines: Sequence[Line],
    controls: Sequence[Line],
    session: StoredSession,
    judge: Callable[[Sequence[Line]], list[SeriesVerdict]],
) -> list[int]:
    """Return the numbers of the series that were no alarm at a session, as a control moved."""
    beside = [one for one in (each.up_to(session) for each in controls) if session in one.at[-1:]]
    told = [replace(one, control=True) for one in judge(beside)] if beside else []
    if not _moved(told):
        return []  # so there is nothing to ask of thousands
    then = [*beside, *(lines[number].up_to(session) for number in numbers)]
    controlled = len(beside)
    said = [replace(one, control=number < controlled) for number, one in enumerate(judge(then))]
    moved = _moved(said)
    return [
        number
        for number, one in zip(numbers, said[controlled:], strict=True)
        if _beside(one, moved).certainty != "confirmed"
    ]


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


def _beside(one: SeriesVerdict, moved: Sequence[SeriesVerdict]) -> SeriesVerdict:
    if one.control or one.certainty is None or counts_outcomes(one.key.metric):
        return one
    for control in moved:
        same = (
            control.key.metric.name == one.key.metric.name
            and control.key.conditions.environment == one.key.conditions.environment
            and (control.effect > 0) == (one.effect > 0)
            and _at_once(one, control)
        )
        if same and size(one.effect) <= _AS_CONTROL * size(control.effect):
            why = f"the control test {control.key.case.id} moved, too"
            return replace(one, verdict=Verdict.UNDECIDED, certainty=None, why=why)
    return one


def _at_once(one: SeriesVerdict, control: SeriesVerdict) -> bool:
    """Tell whether a control may have moved with a test: what it did long before tells nothing.

    Where one is a suspect only, the points before it may be of the new level, too.
    """
    if control.certainty is None or begin_together(one, control):
        return True
    sure = one.certainty == control.certainty == "confirmed"
    return not sure and abs(one.points - control.points) <= SAME_PLACE
