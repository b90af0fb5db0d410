"""``benchdb sync``: pull, push, and look after the history."""

from __future__ import annotations

import contextlib

import click

from benchdb.cli.instants import month
from benchdb.cli.merge import tell_conflicts
from benchdb.cli.options import database_option, locate, prepare
from benchdb.cli.progress import progress_bar
from benchdb.cli.remote import (
    compact_if_crowded,
    do_push,
    opened,
    publish_if_old,
    refuse_own,
    remote_argument,
    server_options,
    tell_lost_manifest,
    tell_pull,
    tell_push,
    tell_unusable,
)
from benchdb.errors import NoAccess


@click.command("sync", short_help="Pull from a history, then push to it.")
@remote_argument
@click.option(
    "--since",
    metavar="DATE|90d",
    help="Pull only the months from this date on, or from that many days ago on.",
)
@server_options
@database_option
def command(
    *,
    remote: str,
    since: str | None,
    endpoint_url: str | None,
    profile: str | None,
    db: str | None,
) -> None:
    """Pull from REMOTE what the database lacks, and push to it what it lacks.

    REMOTE is s3://bucket/prefix or a folder. Many may do so at once, and be killed anywhere:
    nothing is lost, and the next sync goes on. A history of many segments is compacted, and
    benchmark.db in it renewed once a day, for those who have nothing but SQLite.
    """
    from benchdb.sync.history import pull

    first = None if since is None else month(since, "--since")
    path, settings = locate(db)
    objects = opened(remote, endpoint_url, profile)
    refuse_own(objects, path)
    with progress_bar() as progress:
        prepare(path, progress)
        pulled = pull(path, objects, since=first, progress=progress)
    is_lost = tell_lost_manifest(pulled, objects)
    if pulled.manifest is not None or pulled.segments:  # else there will be in a moment
        tell_pull(pulled, objects, path)
    with progress_bar() as progress:
        pushed = do_push(path, objects, settings, progress)
    tell_push(pushed, objects)
    unusable = dict(pulled.unusable)
    with progress_bar() as progress:
        unusable.update(compact_if_crowded(objects, path, pulled, settings, progress))
        with contextlib.suppress(NoAccess):  # it was not asked for
            publish_if_old(objects, path, settings, progress)
    tell_unusable(unusable, objects)
    tell_conflicts(path)
    if unusable or pulled.conflicts or pushed.unsound or is_lost:
        click.get_current_context().exit(2)
