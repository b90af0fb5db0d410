"""The page that says whether a release is good to go: as tables, as HTML and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchdb.report.comparison import changed_tables
from benchdb.report.comparison_content import comparison_content
from benchdb.report.html import as_html
from benchdb.report.release import GRADES, checked_tables, solved_tables, worst_first
from benchdb.report.table import Column, Table
from benchdb.report.text import counted

if TYPE_CHECKING:
    from benchdb.comparisons import SidesCompared
    from benchdb.recipes import Validation


def validation_headline(found: Validation) -> str:
    """Return the verdict in a line."""
    reasons = found.reasons
    if not reasons:
        return f"GO: {found.runtime}"
    return f"NO-GO: {found.runtime}, {counted(len(reasons), 'reason')}"


def validation_tables(found: Validation) -> list[Table]:
    """Return the page: the verdict and its reasons first, then what led to them."""
    rows = tuple((GRADES[one.grade], one.what, one.said) for one in worst_first(found.findings))
    against = f"against {found.against}" if found.against else ""
    columns = (Column(""), Column("step"), Column("what was found", fold=True))
    tables = [Table(columns, rows, validation_headline(found), against)]
    if found.compared is not None:
        tables += changed_tables(found.compared)
    tables += solved_tables(found.runtime, found.solved)
    if found.checked is not None and not found.checked.passed:
        tables += checked_tables(found.checked)
    return tables


def validation_html(found: Validation) -> str:
    """Return the page as one HTML file, which needs nothing else."""
    verdict = "bad" if found.reasons else "good"
    return as_html(validation_headline(found), verdict, validation_tables(found))


def validation_content(found: Validation) -> dict[str, Any]:
    """Return the content of ``benchdb/release-validate/1``."""
    return {
        "go": not found.reasons,
        "against": found.against or None,
        "findings": [asdict(one) for one in found.findings],
        "comparison": None if found.compared is None else _whole(found.compared),
        "unsolved": [asdict(one) for one in found.solved],
    }


def _whole(found: SidesCompared) -> dict[str, Any]:
    """Return a comparison's content with its items made: only a document's own are streamed."""
    content = comparison_content(found)
    return {**content, "cases": list(content["cases"])}
