"""``benchdb explain``: why the gate says what it says."""

from __future__ import annotations

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, format_option, leading_subjects, locate
from benchdb.cli.output import say, write, write_tables


@click.command("explain", short_help="Why the gate says of a case what it says.")
@click.argument("case")
@click.argument("sessions", metavar="[SESSION]...", nargs=-1)
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric; may be repeated."
)
@database_option
@format_option
def command(
    *, case: str, sessions: tuple[str, ...], metrics: tuple[str, ...], db: str | None, form: str
) -> None:
    """Show the points, segments, limits and formulas behind the verdicts on CASE.

    CASE is named as in `benchdb show`. The session is the one that `benchdb gate` judges, or those
    that are named, as there.
    """
    from benchdb.report import schemas
    from benchdb.report.explanation import explanation_content, explanation_tables
    from benchdb.review.explanation import explain
    from benchdb.store.opening import reading

    keep_freed_memory()
    path, settings = locate(db)
    with reading(path, say) as connection:
        found = explain(connection, settings, case, sessions, metrics)
    if form == "json":
        for part in schemas.parts(schemas.EXPLANATION, path, explanation_content(found)):
            write(part)
    else:
        write_tables(explanation_tables(found, leading_subjects(settings)), form)
