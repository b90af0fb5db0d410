"""index.html: what shows without a script, and what loads the page that does."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Final

from benchdb.report.table import cells
from benchdb.report.text import literal, minute, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.dashboard.summary import Finding
    from benchdb.report.table import Table

#: Nothing is loaded from elsewhere, and no script runs but ours.
POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"


def index_page(finding: Finding, tables: Sequence[Table]) -> bytes:
    """Return the page of a site that has its files beside it."""
    return _page(
        finding,
        tables,
        POLICY,
        '<link rel="stylesheet" href="app.css">\n'
        '<link rel="alternate" type="application/atom+xml" href="feed.xml">\n'
        # deferred: the plain table isn't drawn first where scripts run
        '<script defer src="app.js"></script>\n<script defer src="data/index.js"></script>',
        "",
    )


def single_page(
    finding: Finding, tables: Sequence[Table], style: str, app: str, data: Sequence[str]
) -> bytes:
    """Return a page that holds everything; its policy names each script by its hash.

    Parameters
    ----------
    style, app
        The two built files.
    data
        All data files, that of the index last.
    """
    # A data file holds no `<` at all; the built script must not end itself.
    scripts = [app.replace("</script", "<\\/script"), *data]
    hashes = " ".join(_hash(one) for one in scripts)
    css = style.replace("</style", "<\\/style")
    policy = f"default-src 'none'; script-src {hashes}; style-src {_hash(css)}; img-src data:"
    return _page(
        finding,
        tables,
        policy,
        f"<style>{css}</style>",
        "".join(f"<script>{one}</script>\n" for one in scripts),
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _page(finding: Finding, tables: Sequence[Table], policy: str, head: str, scripts: str) -> bytes:
    title = _text(f"{finding.title}: benchmarks")
    newest = finding.newest
    shown = "".join(_table(one) for one in tables)
    when = f"<p>Newest session: {minute(newest)} (UTC)</p>\n" if newest else ""
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n{head}\n</head>\n<body>\n"
        f'<main id="app">\n<h1>{_text(finding.headline)}</h1>\n{when}{shown}</main>\n'
        f"{scripts}</body>\n</html>\n"
    ).encode("utf-8", "backslashreplace")


def _table(table: Table) -> str:
    remarks = "".join(f"<p>{_text(plain(one))}</p>\n" for one in table.remarks)
    if not table.rows:
        return remarks
    head = "".join(f'<th scope="col">{_text(one.title)}</th>' for one in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_text(cell.text)}</td>' for cell in cells(row))}</tr>\n"
        for row in table.rows
    )
    caption = _text(table.heading or "What changed in the recent sessions")
    return (
        f"<table>\n<caption>{caption}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n{remarks}"
    )


def _text(said: str) -> str:
    return escape(literal(said))
