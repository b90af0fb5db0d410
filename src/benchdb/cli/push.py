"""``benchdb push``: what a history lacks into it."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, locate
from benchdb.cli.progress import progress_bar
from benchdb.cli.remote import (
    do_push,
    opened,
    refuse_own,
    remote_argument,
    server_options,
    tell_push,
)


@click.command("push", short_help="Put what a history lacks into it.")
@remote_argument
@click.option(
    "--all",
    "again",
    is_flag=True,
    help="Look up anew what it has, files of test runs too, whatever is known here.",
)
@server_options
@database_option
def command(
    *, remote: str, again: bool, endpoint_url: str | None, profile: str | None, db: str | None
) -> None:
    """Put the sessions and annotations that REMOTE lacks into it.

    REMOTE is s3://bucket/prefix or a folder. Nothing that is there is changed, and any number of
    jobs may push at once. To push again changes nothing.
    """
    path, settings = locate(db)
    objects = opened(remote, endpoint_url, profile)
    refuse_own(objects, path)
    with progress_bar() as progress:
        done = do_push(path, objects, settings, progress, again=again)
    tell_push(done, objects)
    if done.unsound:
        click.get_current_context().exit(2)
