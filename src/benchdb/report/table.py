"""A table, and how it looks on a terminal and in a pipe; `benchdb.report.markdown` has the rest."""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from benchdb.report.sparkline import sparkline
from benchdb.report.text import for_encoding, literal, mapped, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table as RichTable

    from benchdb.report.text import Line

#: Stands for a space that no line ends at; no text has it.
_KEPT: Final = "\0"

#: Wide enough for any line: in a pipe nothing is cut or wrapped.
_ENDLESS: Final = 1_000_000

#: Characters between two columns: one of padding, one where other boxes have a line.
_GAP: Final = 2

#: A column that may be folded gets at least so many before others are left out.
_FOLDED: Final = 32

#: Characters that rows stand in under what leads them.
_INDENT: Final = 2

#: Columns that were left out are named, if they are no more.
_NAMED: Final = 3

#: What the styles of cells look like.
_STYLES: Final = {"bad": "red", "good": "green", "quiet": "dim", "strong": "bold", "live": "cyan"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    title
        As it stands above.
    right
        Whether it holds numbers, which stand at the right.
    code
        Whether Markdown shows its cells as code.
    rank
        0 for one that always stays; where the terminal is too narrow, the highest goes first.
    optional
        Whether to leave it out where every cell is empty.
    fold
        Whether its cells may take several lines where the terminal is narrow.
    above
        Whether its cells stand on a line of their own above their row where a terminal is narrow;
        only of the first columns.
    """

    title: str
    right: bool = False
    code: bool = False
    rank: int = 0
    optional: bool = False
    fold: bool = False
    above: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a style, or values that are drawn as a sparkline."""

    text: str = ""
    style: str = ""
    values: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns, a heading above, remarks beneath."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    heading: str = ""
    subheading: str = ""
    remarks: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Medium:
    """What a table is written to.

    Parameters
    ----------
    width
        Characters in a line of the terminal; None in a pipe, where nothing is cut or wrapped.
    color
        Whether it takes styles.
    encoding
        What it can hold.
    """

    width: int | None = None
    color: bool = False
    encoding: str = "utf-8"

    @property
    def ascii_only(self) -> bool:
        """Whether blocks and lines can't be drawn on it."""
        return for_encoding("▁█─", self.encoding) != "▁█─"


def terminal(table: Table, medium: Medium) -> str:
    """Return a table for a terminal or a pipe."""
    from rich.box import SIMPLE_HEAD, Box
    from rich.cells import cell_len
    from rich.table import Table as RichTable
    from rich.text import Text

    whole = written_table(without_empty(table), medium)
    leading = _leading(whole, medium.width, cell_len)
    beside = _only(whole, list(range(leading, len(whole.columns))))
    room = medium.width and medium.width - (_INDENT if leading else 0)
    fitting, left_out = _fitting(beside, room, cell_len)
    console = _console(medium)
    drawn = RichTable(
        box=Box(str(SIMPLE_HEAD).replace("─", "-"), ascii=True)
        if medium.ascii_only
        else SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        header_style="bold",
        show_header=any(column.title for column in fitting.columns),
        border_style="dim",
    )
    for column in fitting.columns:
        drawn.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            overflow="fold" if column.fold and not leading else "ellipsis",
            no_wrap=bool(leading) or not column.fold or medium.width is None,
        )
    for row in fitting.rows:
        drawn.add_row(*(Text(cell.text, _STYLES.get(cell.style, "")) for cell in cells(row)))
    with console.capture() as captured:
        if fitting.heading:
            console.print(Text(fitting.heading, "bold"), soft_wrap=medium.width is None)
        if fitting.subheading:
            console.print(Text(fitting.subheading, "dim"), soft_wrap=medium.width is None)
        if fitting.rows and leading:
            _print_with_leads(console, drawn, [cells(row[:leading]) for row in whole.rows])
        elif fitting.rows:
            console.print(drawn)
        if fitting.rows and (fitting.remarks or left_out):
            console.print()
        for remark in fitting.remarks:
            _print_remark(console, remark, medium.width)
        if left_out:
            console.print(Text(_too_narrow(left_out), "dim"))
    said = captured.get()
    if medium.ascii_only:  # of cells that were cut, and between what leads a row
        said = said.replace("…", "~").replace("·", "|")
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def _leading(table: Table, width: int | None, measure: Callable[[str], int]) -> int:
    """Return how many of the first columns go above their rows: none where all fit beside."""
    if width is None or sum(_widths(table, measure)) + _GAP * (len(table.columns) - 1) <= width:
        return 0
    return sum(column.above for column in table.columns)


def _print_remark(console: Console, remark: Line, width: int | None) -> None:
    """Print a remark, with no end of a line in any command of it: that may be pasted.

    A terminal breaks a command that is too long by itself, which is copied as one line.
    """
    from rich.text import Text

    if width is None or isinstance(remark, str):
        console.print(Text(plain(remark), "dim"), soft_wrap=width is None)
        return
    kept = tuple(
        part if isinstance(part, str) else replace(part, text=part.text.replace(" ", _KEPT))
        for part in remark
    )
    for one in textwrap.wrap(plain(kept), width, break_long_words=False, break_on_hyphens=False):
        console.print(Text(one.replace(_KEPT, " "), "dim"), soft_wrap=True)


def _print_with_leads(console: Console, drawn: RichTable, leads: list[list[Cell]]) -> None:
    """Print a table whose rows take a line each, and above a row what leads it."""
    from rich.segment import Segment, Segments
    from rich.text import Text

    options = console.options.update(width=max(1, console.width - _INDENT))
    lines = console.render_lines(drawn, options, pad=False)
    above = len(lines) - len(leads)  # its head
    for number, line in enumerate(lines):
        lead = leads[number - above] if number >= above else []
        if said := " · ".join(cell.text for cell in lead if cell.text):
            console.print(Text(said, "bold", overflow="fold"))
        console.print(Segments([Segment(" " * _INDENT), *line, Segment.line()]), end="")


def _too_narrow(left_out: list[str]) -> str:
    if len(left_out) > _NAMED:
        return f"too narrow for {len(left_out)} more columns: --format json has them all"
    return f"too narrow for: {', '.join(reversed(left_out))}"


def cells(row: tuple[str | Cell, ...]) -> list[Cell]:
    """Return a row with a cell where plain text stands for one."""
    return [Cell(cell) if isinstance(cell, str) else cell for cell in row]


def without_empty(table: Table) -> Table:
    """Leave out optional columns whose every cell is empty."""
    kept = [
        number
        for number, column in enumerate(table.columns)
        if not column.optional
        or any(cell.text or cell.values for cell in (cells(row)[number] for row in table.rows))
    ]
    return _only(table, kept)


def _only(table: Table, kept: list[int]) -> Table:
    return replace(
        table,
        columns=tuple(table.columns[number] for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in table.rows),
    )


def written_table(table: Table, medium: Medium) -> Table:
    """Return a table whose every text can be written and is seen as it is."""

    def written(text: str) -> str:
        return for_encoding(literal(text), medium.encoding)

    def cell(one: Cell) -> Cell:
        if one.values:
            return Cell(sparkline(one.values, ascii_only=medium.ascii_only), one.style)
        return Cell(written(one.text), one.style)

    return Table(
        tuple(replace(column, title=written(column.title)) for column in table.columns),
        tuple(tuple(cell(one) for one in cells(row)) for row in table.rows),
        written(table.heading),
        written(table.subheading),
        tuple(mapped(remark, written) for remark in table.remarks),
    )


def _fitting(
    table: Table, width: int | None, measure: Callable[[str], int]
) -> tuple[Table, list[str]]:
    """Leave out columns until a table fits the width; return also what was left out."""
    widths = [
        min(natural, _FOLDED) if column.fold else natural
        for natural, column in zip(_widths(table, measure), table.columns, strict=True)
    ]
    kept = list(range(len(table.columns)))
    left_out: list[str] = []
    while width is not None and sum(widths[number] + _GAP for number in kept) - _GAP > width:
        dropped = max(kept, key=lambda number: table.columns[number].rank)
        if not table.columns[dropped].rank:
            break
        kept.remove(dropped)
        left_out.append(table.columns[dropped].title)
    return _only(table, kept), left_out


def _widths(table: Table, measure: Callable[[str], int]) -> list[int]:
    """Return how many characters each column takes, with no cell folded."""
    return [
        max(measure(text) for text in (column.title, *(row[number].text for row in rows)))
        for rows in [[cells(row) for row in table.rows]]
        for number, column in enumerate(table.columns)
    ]


def _console(medium: Medium) -> Console:
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        force_terminal=medium.color,
        width=medium.width or _ENDLESS,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
