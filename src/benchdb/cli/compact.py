"""``benchdb compact``: fold a history's segments into snapshots."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from benchdb.cli.instants import instant
from benchdb.cli.options import database_option, locate
from benchdb.cli.progress import progress_bar
from benchdb.cli.remote import (
    do_compact,
    opened,
    policy,
    publish_if_old,
    refuse_own,
    remote_argument,
    server_options,
    tell_compacted,
    tell_remaining,
    tell_unusable,
)
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.store.progress import Progress
    from benchdb.sync.erasing import Forgotten
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.compact import Compacted, Policy


@click.command("compact", short_help="Fold a history's segments into snapshots.")
@remote_argument
@click.option(
    "--retain",
    metavar="DATE|365d",
    help="Forget sessions that began before, for ever: pushes and pulls obey it.",
)
@click.option(
    "--erase",
    metavar="UID",
    multiple=True,
    help="Remove this session and its files from everything, for ever; may be repeated.",
)
@click.option("--upgrade", is_flag=True, help="Fold into the newest schema.")
@click.option(
    "--grace", metavar="DURATION", help="How long folded segments stay; by default compact_grace."
)
@server_options
@database_option
def command(
    *,
    remote: str,
    retain: str | None,
    erase: tuple[str, ...],
    upgrade: bool,
    grace: str | None,
    endpoint_url: str | None,
    profile: str | None,
    db: str | None,
) -> None:
    """Fold the segments of each month of REMOTE into one snapshot, and delete folded ones.

    It is safe beside pushes and pulls. What is folded stays for compact_grace, and as many earlier
    snapshots as keep_snapshots in [tool.benchdb] says. `sync` and `pull` do it by themselves above
    compact_above segments. --retain and --erase forget for ever; local files keep what they have.
    """
    from benchdb.config import seconds
    from benchdb.store.values import stored_instant

    path, settings = locate(db)
    objects = opened(remote, endpoint_url, profile)
    refuse_own(objects, path)
    changes: dict[str, Any] = {}
    if retain is not None:
        horizon = instant(retain, "--retain")
        if horizon > datetime.now(UTC) - timedelta(days=1):
            raise UserError(
                f"--retain {retain} would forget everything, for ever: name a date that is past, "
                "or an age of a day or more"
            )
        changes["horizon"] = stored_instant(horizon)
    if grace is not None:
        changes["grace"] = seconds(grace, "--grace")
    with progress_bar() as progress:
        (done, unusable), forgotten = _compact(
            objects, policy(settings, **changes), erase, progress, upgrade=upgrade
        )
    tell_compacted(done, objects, forgotten)
    tell_unusable(unusable, objects)
    if forgotten is not None:
        tell_remaining(forgotten, objects)
    with progress_bar() as progress:
        published = publish_if_old(objects, path, settings, progress, now=forgotten is not None)
    is_left = forgotten is not None and (forgotten.remaining or not published)
    if unusable or done.unfinished or is_left:
        click.get_current_context().exit(2)


def _compact(
    objects: Objects, how: Policy, erase: Sequence[str], progress: Progress, *, upgrade: bool
) -> tuple[tuple[Compacted, dict[str, str]], Forgotten | None]:
    """Compact; return what that did, and what came of forgetting, if that was asked for."""
    if not erase and how.horizon is None:
        return do_compact(objects, how, progress, upgrade=upgrade), None
    from benchdb.sync.erasing import forget

    def compact(uids: frozenset[str]) -> tuple[Compacted, dict[str, str]]:
        return do_compact(objects, replace(how, erase=uids), progress, upgrade=upgrade)

    return forget(objects, erase, compact, horizon=how.horizon, progress=progress)
