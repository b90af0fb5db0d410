"""``benchdb db upgrade``: to the newest schema."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, locate
from benchdb.cli.output import write
from benchdb.cli.progress import progress_bar


@click.command("upgrade", short_help="Upgrade it to the newest schema.")
@database_option
def command(db: str | None) -> None:
    """Upgrade the database to the newest schema: a file after a copy beside it.

    Of a database on a server, make a copy with pg_dump before.
    """
    from benchdb.report.text import literal
    from benchdb.store.opening import upgrade_database
    from benchdb.store.revisions import head

    path, _ = locate(db)
    with progress_bar() as progress:
        upgraded = upgrade_database(path, progress)
    if upgraded is None:
        said = f"{path} is at the newest schema, {head()}"
    else:
        former, copy = upgraded
        kept = "" if copy is None else f"; {copy} is as it was"
        said = f"{path} is upgraded from schema {former} to {head()}{kept}"
    write(f"{literal(said)}\n")
