"""``benchdb pull``: what the local database lacks out of a history."""

from __future__ import annotations

import contextlib

import click

from benchdb.cli.files import fetch_artifacts
from benchdb.cli.instants import month
from benchdb.cli.merge import tell_conflicts
from benchdb.cli.options import database_option, locate, prepare
from benchdb.cli.output import say
from benchdb.cli.progress import progress_bar
from benchdb.cli.remote import (
    compact_if_crowded,
    opened,
    refuse_own,
    remote_argument,
    server_options,
    tell_lost_manifest,
    tell_pull,
    tell_unusable,
)
from benchdb.errors import UnusableHistory


@click.command("pull", short_help="Merge what a history has into the database.")
@remote_argument
@click.option(
    "--since",
    metavar="DATE|90d",
    help="Only the months from this date on, or from that many days ago on.",
)
@click.option("--all", "bring_back", is_flag=True, help="Take back what was pruned before, too.")
@click.option("--artifacts", is_flag=True, help="Fetch the files of test runs, too.")
@server_options
@database_option
def command(
    *,
    remote: str,
    since: str | None,
    bring_back: bool,
    artifacts: bool,
    endpoint_url: str | None,
    profile: str | None,
    db: str | None,
) -> None:
    """Merge the sessions and annotations of REMOTE that the database lacks into it.

    REMOTE is s3://bucket/prefix or a folder; to read it is enough. Whatever is fetched is verified
    before it is used: what is damaged is named and skipped, and the exit code is 2.
    """
    from benchdb.sync.history import pull

    first = None if since is None else month(since, "--since")
    path, settings = locate(db)
    objects = opened(remote, endpoint_url, profile)
    refuse_own(objects, path)
    with progress_bar() as progress:
        prepare(path, progress)
        done = pull(path, objects, since=first, bring_back=bring_back, progress=progress)
    is_lost = tell_lost_manifest(done, objects)
    if done.segments or not is_lost:
        tell_pull(done, objects, path)
    unusable = dict(done.unusable)
    if artifacts:
        unusable.update(fetch_artifacts(path, settings, objects))
    # All that was asked for is done.
    with contextlib.suppress(UnusableHistory), progress_bar() as progress:
        compact_if_crowded(objects, path, done, settings, progress)
    tell_unusable(unusable, objects)
    tell_conflicts(path)
    if done.foreign:
        say(f"objects that are none of benchdb's lie in {objects.url}: {done.foreign:,}")
    if unusable or done.conflicts or is_lost:
        click.get_current_context().exit(2)
