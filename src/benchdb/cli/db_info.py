"""``benchdb db info``: what a database file or a remote is and holds."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, format_option, locate
from benchdb.cli.output import say, write, write_tables
from benchdb.cli.remote import absent, opened, server_options


@click.command("info", short_help="What the database, or a remote, is and holds.")
@click.argument("remote", metavar="[REMOTE]", required=False)
@server_options
@database_option
@format_option
def command(
    *,
    remote: str | None,
    endpoint_url: str | None,
    profile: str | None,
    db: str | None,
    form: str,
) -> None:
    """Tell what the database is and holds: size, schema, numbers of rows, open sessions.

    With REMOTE, s3://bucket/prefix or a folder: what is in that history, how old and how large. The
    exit code is 2 if its manifest can't be used.
    """
    if remote is not None:
        _remote(remote, endpoint_url, profile, form)
        return
    from benchdb.report import schemas
    from benchdb.report.database import file_content, file_table, holdings
    from benchdb.store.file_facts import file_facts
    from benchdb.store.opening import reading
    from benchdb.store.queries import counted_sessions

    path, _ = locate(db)
    with reading(path) as connection:
        facts = file_facts(path, connection)
        held = holdings(counted_sessions(connection, hidden=True))
    if form == "json":
        write(schemas.document(schemas.INFO, path, file_content(facts, held)))
    else:
        write_tables([file_table(facts, held)], form)


def _remote(remote: str, endpoint_url: str | None, profile: str | None, form: str) -> None:
    from benchdb.report import schemas
    from benchdb.report.remote import remote_content, remote_tables
    from benchdb.sync.looking import look

    objects = opened(remote, endpoint_url, profile)
    facts = look(objects)
    if not objects.exists():
        say(absent(objects))
    if form == "json":
        write(schemas.document(schemas.HISTORY, objects.url, remote_content(facts), "remote"))
    else:
        write_tables(remote_tables(objects.url, facts), form)
    if facts.damage:
        say(f"{objects.url}: {facts.damage}")
        click.get_current_context().exit(2)
