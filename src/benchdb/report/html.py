"""Tables as one HTML file, which needs nothing else: it is kept and mailed."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from benchdb.report.table import Medium, cells, without_empty, written_table
from benchdb.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.report.table import Column, Table

#: A link, and a command of ours in backticks.
_MARKED: Final = re.compile(r"(https?://[^\s<>\"'`()]*[\w/]|`(?:benchdb|git) [^`\n]+`)")

#: The colours are the dashboard's: red and green look alike to many.
_STYLE: Final = """\
:root { color-scheme: light dark; --line: light-dark(#e6e6e2, #282c34) }
body { background: light-dark(#fefefe, #0f1216); color: light-dark(#14171c, #e8eaed);
  font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin-top: 2rem; overflow-wrap: anywhere }
a { color: light-dark(#2f5597, #92b2f2) }
.bad { color: light-dark(#b8400b, #ff9a62); font-weight: 600 }
.good { color: light-dark(#0b6a8f, #5cc3ee) }
.wide { overflow-x: auto }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .8rem .25rem 0; text-align: left }
td { vertical-align: top } .right { text-align: right }
.fold { overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
"""


def as_html(title: str, style: str, tables: Sequence[Table]) -> str:
    """Return tables as one HTML file.

    Parameters
    ----------
    title
        Of the page, and its heading: that of the first table is left out.
    style
        Of the heading: ``bad`` or ``good``.
    tables
        In their order.
    """
    said = html.escape(title)
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{said}</title>",
        f"<style>\n{_STYLE}</style>",
        "</head>",
        "<body>",
        f'<h1 class="{style}">{said}</h1>',
    ]
    for number, table in enumerate(tables):
        parts += _drawn(without_empty(written_table(table, Medium())), heading=number > 0)
    return "\n".join([*parts, "</body>", "</html>", ""])


def _drawn(table: Table, *, heading: bool) -> Iterator[str]:
    if table.heading and heading:
        yield f"<h2>{html.escape(table.heading)}</h2>"
    if table.subheading:
        yield f"<p>{html.escape(table.subheading)}</p>"
    if table.rows:
        yield '<div class="wide"><table>'
        yield f"<tr>{''.join(_cell('th', one, one.title) for one in table.columns)}</tr>"
        for row in table.rows:
            pairs = zip(table.columns, cells(row), strict=True)
            yield f"<tr>{''.join(_cell('td', one, it.text, it.style) for one, it in pairs)}</tr>"
        yield "</table></div>"
    if table.remarks:
        yield f"<pre>{_shown(chr(10).join(map(plain, table.remarks)))}</pre>"


def _cell(tag: str, column: Column, text: str, style: str = "") -> str:
    named = [style] if style in ("bad", "good") else []
    named += ["right"] if column.right else []
    named += ["fold"] if column.fold and tag == "td" else []
    said = f' class="{" ".join(named)}"' if named else ""
    is_code = column.code and tag == "td"
    shown = f"<code>{html.escape(text)}</code>" if is_code else _shown(text)
    return f"<{tag}{said}>{shown}</{tag}>"


def _shown(text: str) -> str:
    """Return text as HTML, with links to follow and commands to copy in it."""
    parts = []
    for part in _MARKED.split(text):
        said = html.escape(part)
        if part.startswith("`") and _MARKED.fullmatch(part):
            said = f"<code>{said[1:-1]}</code>"
        elif part.startswith(("http://", "https://")) and _MARKED.fullmatch(part):
            said = f'<a href="{said}" rel="noopener noreferrer">{said}</a>'
        parts.append(said)
    return "".join(parts)
