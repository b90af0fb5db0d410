"""``benchdb db upgrade``: to the newest schema."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, locate
from benchdb.cli.output import write
from benchdb.cli.progress import progress_bar


@click.command("upgrade", short_help="Upgrade it to the newest schema.")
@database_option
def command(db: str | None) -> None:
    """Upgrade the database to the newest schema, after a copy beside it."""
    from benchdb.report.text import literal
    from benchdb.store.opening import upgrade_file
    from benchdb.store.revisions import head

    path, _ = locate(db)
    with progress_bar() as progress:
        upgraded = upgrade_file(path, progress)
    if upgraded is None:
        said = f"{path} is at the newest schema, {head()}"
    else:
        former, copy = upgraded
        said = f"{path} is upgraded from schema {former} to {head()}; {copy} is as it was"
    write(f"{literal(said)}\n")
