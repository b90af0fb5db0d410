"""``benchdb gate``: whether a session may pass."""

from __future__ import annotations

from dataclasses import replace

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, leading_subjects, locate
from benchdb.cli.output import say, write, write_tables


@click.command("gate", short_help="Judges a session against its trunk; for CI.")
@click.argument("sessions", metavar="[SESSION]...", nargs=-1)
@click.option(
    "--fail-on",
    type=click.Choice(["confirmed", "suspect"]),
    help="What fails; by default [tool.benchdb] fail_on, else confirmed regressions on the trunk "
    "and suspects, too, elsewhere.",
)
@click.option("--fail-on-undecided", is_flag=True, help="Exit with 1 if nothing is decided.")
@click.option("--verbose", is_flag=True, help="Show every row, also what is unchanged.")
@database_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "json", "github"]),
    default="table",
    show_default=True,
    help="A table for people, Markdown for a step summary, JSON with raw numbers, or annotations "
    "that GitHub shows beside the tests.",
)
def command(
    *,
    sessions: tuple[str, ...],
    fail_on: str | None,
    fail_on_undecided: bool,
    verbose: bool,
    db: str | None,
    form: str,
) -> int:
    """Judge a session against the trunk up to its merge base, else against the trunk's newest.

    By default that is the newest session recorded into this file; where none was, as in a file that
    was merged or imported, all sessions of HEAD's commit. A SESSION is named as in `benchdb
    compare`: session:UID, commit:COMMIT, last:1, …

    Exits with 0 if nothing regressed, also where all is UNDECIDED; with 1 if something did; with 2
    if there is nothing to judge. Regressions are confirmed from three sessions on, and suspects
    before. A regression fails the trunk once: then it is known, and listed while it lasts.
    """
    from benchdb.report import schemas
    from benchdb.report.annotations import workflow_commands
    from benchdb.report.gate import gate_content, gate_tables
    from benchdb.report.text import database
    from benchdb.review.gate import judge
    from benchdb.store.opening import reading

    keep_freed_memory()
    path, settings = locate(db)
    if fail_on is not None:
        settings = replace(settings, fail_on=fail_on)
    with reading(path, say) as connection:
        found = judge(connection, settings, sessions)
    code = 1 if found.failing or (fail_on_undecided and found.undecided) else 0
    if form == "json":
        for part in schemas.parts(schemas.GATE, path, gate_content(found, code)):
            write(part)
    elif form == "github":
        write(workflow_commands(found))
    else:
        subjects = leading_subjects(settings)
        write_tables(gate_tables(found, subjects, verbose=verbose, place=database(db)), form)
    return code
