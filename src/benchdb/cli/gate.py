"""``benchdb gate``: whether a session may pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, leading_subjects, locate
from benchdb.cli.output import drawn, medium, say, write
from benchdb.cli.saving import save as save_files
from benchdb.cli.saving import save_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.report.table import Medium

_FORMATS: Final = ("table", "markdown", "json", "github")


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
    type=click.Choice(_FORMATS),
    default="table",
    show_default=True,
    help="A table for people, Markdown for a step summary, JSON with raw numbers, or annotations "
    "that GitHub shows beside the tests.",
)
@save_option(_FORMATS)
def command(
    *,
    sessions: tuple[str, ...],
    fail_on: str | None,
    fail_on_undecided: bool,
    verbose: bool,
    db: str | None,
    form: str,
    save: tuple[tuple[str, Path], ...],
) -> int:
    """Judge a session against the trunk up to its merge base, else against the trunk's newest.

    By default that is the newest session recorded into this file; where none was, as in a file that
    was merged or imported, all sessions of HEAD's commit. A SESSION is named as in `benchdb
    compare`: session:UID, commit:COMMIT, last:1, …

    Exits with 0 if nothing regressed, also where all is UNDECIDED; with 1 if something did; with 2
    if there is nothing to judge. Regressions are confirmed from three sessions on, and suspects
    before. A regression fails the trunk once: then it is known, and listed while it lasts.
    """
    from benchdb.review.gate import judge
    from benchdb.store.opening import reading

    keep_freed_memory()
    path, settings = locate(db)
    if fail_on is not None:
        settings = replace(settings, fail_on=fail_on)
    with reading(path, say) as connection:
        found = judge(connection, settings, sessions)
    code = 1 if found.failing or (fail_on_undecided and found.undecided) else 0

    def parts(form: str, to: Medium) -> Iterator[str]:
        from benchdb.report import schemas
        from benchdb.report.annotations import workflow_commands
        from benchdb.report.gate import gate_content, gate_tables
        from benchdb.report.text import database

        if form == "json":
            yield from schemas.parts(schemas.GATE, path, gate_content(found, code))
        elif form == "github":
            yield workflow_commands(found)
        else:
            subjects = leading_subjects(settings)
            tables = gate_tables(found, subjects, verbose=verbose, place=database(db))
            yield drawn(tables, form, to)

    for part in parts(form, medium()):
        write(part)
    to = replace(medium(), width=None, color=False)
    save_files(save, lambda form: parts(form, to))
    return code
