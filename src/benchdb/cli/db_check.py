"""``benchdb db check``: whether a database is sound."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, format_option, locate
from benchdb.cli.output import say, write, write_tables
from benchdb.cli.progress import progress_bar


@click.command("check", short_help="Check that it is sound.")
@database_option
@format_option
def command(db: str | None, form: str) -> None:
    """Check that the file is sound, and every closed session what it was when it was closed.

    The exit code is 2 if anything is wrong, and each of it is named.
    """
    from benchdb.report import schemas
    from benchdb.report.table import Column, Table
    from benchdb.report.text import counted
    from benchdb.store.check import check

    path, _ = locate(db)
    with progress_bar() as progress:
        checked = check(path, progress)
    looked = f"{counted(checked.sessions, 'session')} with {counted(checked.test_runs, 'test run')}"
    if form == "json":
        content = {
            "sessions": checked.sessions,
            "test_runs": checked.test_runs,
            "problems": list(checked.problems),
        }
        write(schemas.document(schemas.CHECK, path, content))
    elif checked.problems:
        rows = tuple((problem,) for problem in checked.problems)
        write_tables([Table((Column("problem", fold=True),), rows)], form)
    else:
        write_tables([Table((), (), remarks=(f"{path} is sound: {looked}",))], form)
    if checked.problems:
        say(
            f"{path} has {counted(len(checked.problems), 'problem')} ({looked} looked at): "
            "put a sound copy back, or merge the sound sessions of several copies"
        )
        click.get_current_context().exit(2)
