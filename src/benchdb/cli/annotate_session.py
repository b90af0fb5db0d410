"""``benchdb annotate session``: which form of a session to keep, or that it is withdrawn."""

from __future__ import annotations

import click

from benchdb.cli.db_prune import named_sessions
from benchdb.cli.options import database_option, locate, prepare
from benchdb.cli.output import say, write
from benchdb.cli.progress import progress_bar
from benchdb.cli.saying import this_user
from benchdb.errors import UserError


@click.command("session", short_help="Keep one form of a session, or withdraw it.")
@click.argument("uid", metavar="UID")
@click.option(
    "--keep", metavar="DIGEST", help="Of several forms use this one; brings one back, too."
)
@click.option("--withdraw", is_flag=True, help="Hide the session everywhere.")
@database_option
def command(*, uid: str, keep: str | None, withdraw: bool, db: str | None) -> None:
    """Say which form of the session UID to use, or that none is to be used.

    The beginning or end of its uid or digest is enough. Nothing is removed, and the latest that was
    said holds. It travels with `merge` and `sync`.
    """
    from benchdb.report.text import literal
    from benchdb.store.annotations import annotate_session
    from benchdb.store.opening import connected, explaining, reading
    from benchdb.store.queries import stored_sessions
    from benchdb.store.values import new_uid

    if withdraw == (keep is not None):
        raise click.UsageError("give --keep DIGEST or --withdraw", click.get_current_context())
    path, _ = locate(db)
    with reading(path, say) as connection:
        every = [one for one in stored_sessions(connection, hidden=True) if one.digest]
    (meant,) = {one.uid for one in named_sessions(every, [uid], path, forms=True)}
    form = None
    if keep is not None:
        wanted = keep.strip().lower()
        forms = [one.digest or "" for one in every if one.uid == meant]
        found = [one for one in forms if one.startswith(wanted) or one.endswith(wanted)]
        if len(found) != 1 or not wanted:
            raise UserError(
                f"session {meant} has {len(found)} forms with the digest {keep!r}: "
                f"give one of {', '.join(one[:12] for one in sorted(forms))}"
            )
        form = found[0]
    with progress_bar() as progress:
        prepare(path, progress)
    with explaining(path), connected(path, write=True) as raw:
        annotate_session(raw, meant, new_uid(), keep=form, author=this_user())
    said = f"of session {meant} the form {form[:12]} is used" if form else f"{meant} is withdrawn"
    write(literal(said) + "\n")
