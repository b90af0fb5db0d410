"""``benchdb db info``: what a database file is and holds."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, format_option, locate
from benchdb.cli.output import write, write_tables


@click.command("info", short_help="What the database is and holds.")
@database_option
@format_option
def command(db: str | None, form: str) -> None:
    """Tell what the database is and holds: size, schema, numbers of rows, open sessions."""
    from benchdb.report import schemas
    from benchdb.report.database import file_content, file_table, holdings
    from benchdb.store.file_facts import file_facts
    from benchdb.store.opening import reading
    from benchdb.store.queries import counted_sessions

    path, _ = locate(db)
    with reading(path) as connection:
        facts = file_facts(path, connection)
        held = holdings(counted_sessions(connection))
    if form == "json":
        write(schemas.document(schemas.INFO, path, file_content(facts, held)))
    else:
        write_tables([file_table(facts, held)], form)
