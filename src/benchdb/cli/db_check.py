"""``benchdb db check``: whether a database or a remote is sound."""

from __future__ import annotations

import click

from benchdb.cli.options import database_option, format_option, locate
from benchdb.cli.output import say, write, write_tables
from benchdb.cli.progress import progress_bar
from benchdb.cli.remote import absent, opened, server_options
from benchdb.errors import UserError


@click.command("check", short_help="Check that it, or a remote, is sound.")
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
    """Check that the file is sound, and every closed session what it was when it was closed.

    With REMOTE, s3://bucket/prefix or a folder: all that is in that history, which is fetched for
    it. The exit code is 2 if anything is wrong, and each of it is named.
    """
    if remote is not None:
        _check_remote(remote, endpoint_url, profile, form)
        return
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


def _check_remote(remote: str, endpoint_url: str | None, profile: str | None, form: str) -> None:
    from benchdb.report import schemas
    from benchdb.report.table import Column, Table
    from benchdb.report.text import Command, Line, counted
    from benchdb.sync.looking import check_remote

    objects = opened(remote, endpoint_url, profile)
    with progress_bar() as progress:
        checked = check_remote(objects, progress)
    if not (checked.is_begun or checked.objects or checked.foreign):
        raise UserError(absent(objects))
    looked = (
        f"{counted(checked.objects, 'object')} with {counted(checked.entries, 'entry', 'entries')}"
    )
    if form == "json":
        content = {
            "objects": checked.objects,
            "entries": checked.entries,
            "files_absent": checked.absent,
            "problems": list(checked.problems),
        }
        write(schemas.document(schemas.HISTORY_CHECK, objects.url, content, "remote"))
    else:
        said: list[Line] = []
        if not checked.problems:
            said.append(f"{objects.url} is sound: {looked}")
        if checked.absent:
            files = counted(checked.absent, "file")
            said.append(
                (
                    f"{files} of test runs not there, too large or removed: ",
                    Command("benchdb push --all"),
                    " puts those up to largest_artifact",
                )
            )
        columns = (Column("problem", fold=True),) if checked.problems else ()
        rows = tuple((problem,) for problem in checked.problems)
        write_tables([Table(columns, rows, remarks=tuple(said))], form)
    if checked.foreign:
        others = counted(len(checked.foreign), "object")
        say(f"{others} of others left alone, as {checked.foreign[0]}")
    if checked.problems:
        say(
            f"{objects.url} has {counted(len(checked.problems), 'problem')} ({looked} looked at)"
            + (f": {'; '.join(checked.advice)}" if checked.advice else "")
        )
        click.get_current_context().exit(2)
