"""Tables as GitHub's Markdown, for a step summary or a comment, which take so many characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchdb.report.table import cells, without_empty, written_table
from benchdb.report.text import code_cell, code_span, counted, markdown, prose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.report.table import Medium, Table

#: Characters that GitHub takes in a comment; in a step summary they are more.
MOST_CHARACTERS: Final = 65_536

#: What the lines about rows and tables that are left out may take, each.
_SAID: Final = 100


def as_markdown(tables: Sequence[Table], medium: Medium, most: int | None = MOST_CHARACTERS) -> str:
    """Return tables as GitHub's Markdown, an empty line between two.

    Parameters
    ----------
    tables
        Each with its most important rows first: where they are too many, the last go, and how many
        they are is said in their place. What stands around the rows goes only where that alone is
        too much: then the last tables go.
    most
        Characters to fill at most; None for any number.
    """
    drawn = [_Drawn.of(table, medium) for table in tables]
    drawn = [one for one in drawn if one.fixed or one.rows]
    if most is None or sum(one.size for one in drawn) + len(drawn) <= most:
        return "\n".join(one.text(len(one.rows)) for one in drawn)
    fixed = [sum(map(_length, one.fixed)) + _SAID for one in drawn]
    kept = len(drawn)
    while kept and sum(fixed[:kept]) > most - _SAID:
        kept -= 1
    room = most - _SAID - sum(fixed[:kept])
    shown = _shared([[_length(row) for row in one.rows] for one in drawn[:kept]], room)
    texts = [one.text(count) for one, count in zip(drawn, shown, strict=False)]
    if gone := len(drawn) - kept:
        texts.append(f"{counted(gone, 'more table')}: `--format json` has all\n")
    return "\n".join(texts)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One table, line by line.

    Parameters
    ----------
    head, rows, tail
        What stands above the rows, the rows, and what stands beneath.
    """

    head: tuple[str, ...]
    rows: tuple[str, ...]
    tail: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, medium: Medium) -> _Drawn:
        """Draw a table."""
        shown = written_table(without_empty(table), medium)
        head: list[str] = []
        if shown.heading:
            head += [f"### {code_span(shown.heading)}", ""]
        if shown.subheading:
            head += [markdown(shown.subheading), ""]
        if shown.rows:
            titles = [markdown(column.title) for column in shown.columns]
            head.append(f"| {' | '.join(titles)} |")
            head.append(f"| {' | '.join('---:' if c.right else '---' for c in shown.columns)} |")
        rows = []
        for row in shown.rows:
            said = (
                code_cell(cell.text) if column.code else markdown(cell.text)
                for column, cell in zip(shown.columns, cells(row), strict=True)
            )
            rows.append(f"| {' | '.join(said)} |")
        tail = [line for remark in shown.remarks for line in (prose(remark), "")]
        return cls(tuple(head), tuple(rows), tuple(tail))

    @property
    def fixed(self) -> tuple[str, ...]:
        """What stays however few rows are shown."""
        return (*self.head, *self.tail)

    @property
    def size(self) -> int:
        """Characters of it all."""
        return sum(map(_length, (*self.fixed, *self.rows))) + 1

    def text(self, count: int) -> str:
        """Return the table with so many of its rows, and how many more there are."""
        lines = [*self.head, *self.rows[:count]]
        if self.rows:
            lines.append("")
        if more := len(self.rows) - count:
            lines += [f"{counted(more, 'more row')}: `--format json` has all", ""]
        return "".join(f"{line}\n" for line in (*lines, *self.tail))[:-1]


def _length(line: str) -> int:
    return len(line) + 1


def _shared(tables: list[list[int]], room: int) -> list[int]:
    """Return how many of its first rows each table may show, given the lengths of all rows.

    Tables that fit into an equal share show all of their rows; what they leave is for the others.
    """
    shown = [0] * len(tables)
    by_size = sorted(range(len(tables)), key=lambda number: sum(tables[number]))
    for place, number in enumerate(by_size):
        share = room // (len(by_size) - place)
        for length in tables[number]:
            if length > share:
                break
            share -= length
            room -= length
            shown[number] += 1
    return shown
