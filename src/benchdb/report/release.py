"""What is said of a release: what was solved and checked, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb.report.table import Cell, Column, Table
from benchdb.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.recipes import Checked, CheckedPin, Finding, Solved

#: What is shown of each grade, the worst first.
GRADES: Final = {"no": Cell("NO", "bad"), "note": Cell("note"), "ok": Cell("ok", "good")}

#: Things that have a grade.
_Graded = TypeVar("_Graded", "Finding", "CheckedPin")


def worst_first(found: Sequence[_Graded]) -> list[_Graded]:
    """Return what was found, by grade."""
    order = list(GRADES)
    return sorted(found, key=lambda one: order.index(one.grade))


def solved_tables(wanted: str, found: Sequence[Solved]) -> list[Table]:
    """Return what would be installed; what can't be solved first, with its reasons."""
    tables = []
    for one in sorted(found, key=lambda one: not one.why):
        if one.why:
            heading = f"{wanted}: no solution for {one.name}"
            tables.append(Table((), (), heading, remarks=tuple(one.why.splitlines())))
        else:
            columns = (
                Column("package", code=True),
                Column("version"),
                Column("build", rank=1),
                Column("channel", rank=2, optional=True),
            )
            rows = tuple((it.name, it.version, it.build, it.channel) for it in one.packages)
            said = counted(len(rows), "package")
            tables.append(Table(columns, rows, f"{wanted}: {one.name}", said))
    return tables


def solved_content(found: Sequence[Solved]) -> dict[str, Any]:
    """Return what was solved, for JSON."""
    return {
        "solved": not any(one.why for one in found),
        "solutions": [asdict(one) for one in found],
    }


def checked_tables(found: Checked) -> list[Table]:
    """Return what was found of an environment; what is wrong first."""
    rows = tuple(
        (
            GRADES[one.grade],
            one.pin.name,
            one.pin.versions,
            one.installed,
            one.newest,
            one.said,
        )
        for one in worst_first(found.pins)
    )
    columns = (
        Column(""),
        Column("package", code=True),
        Column("pinned"),
        Column("installed"),
        Column("newest", rank=1, optional=True),
        Column("", optional=True, fold=True),
    )
    others = tuple((GRADES[one.grade], one.what, one.said) for one in worst_first(found.findings))
    heading = f"{found.runtime} in {found.prefix}: {_verdict(found)}"
    tables = [Table((Column(""), Column(""), Column("", fold=True)), others, heading)]
    return [*tables, Table(columns, rows, "", counted(len(rows), "pin"))]


def _verdict(found: Checked) -> str:
    count = found.wrong
    return f"{counted(count, 'thing is', 'things are')} wrong" if count else "as it should be"


def checked_content(found: Checked) -> dict[str, Any]:
    """Return what was found of an environment, for JSON."""
    return {
        "runtime": found.runtime,
        "passed": found.passed,
        "pins": [_pin_content(one) for one in found.pins],
        "findings": [asdict(one) for one in found.findings],
    }


def _pin_content(one: CheckedPin) -> dict[str, Any]:
    return {
        "package": one.pin.name,
        "versions": one.pin.versions,
        "installed": one.installed or None,
        "newest": one.newest or None,
        "behind": one.behind,
        "grade": one.grade,
        "said": one.said,
    }
