"""``benchdb merge``: local files into one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchdb.cli.options import database_option, locate
from benchdb.cli.output import say, write
from benchdb.errors import NoDatabase, UserError

if TYPE_CHECKING:
    from benchdb.store.merge import Merged


@click.command("merge", short_help="Merge files into the database.")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--all", "bring_back", is_flag=True, help="Take back what was pruned before, too.")
@database_option
def command(files: tuple[Path, ...], bring_back: bool, db: str | None) -> None:
    """Merge the sessions of each FILE into the database, which is made if there is none.

    Whole sessions are copied, and each once: to merge again, or in another order, changes nothing.
    The files stay as they are. Where one can't be read the others are merged, and the exit code is
    2, as it is when a session is first found in two forms that differ.
    """
    from benchdb.report.sessions import conflict_line
    from benchdb.report.text import literal
    from benchdb.store.database import raw
    from benchdb.store.forms import conflicts
    from benchdb.store.maintenance import make_writable, reading
    from benchdb.store.merge import merge

    path, _ = locate(db)
    for file in files:
        if not file.exists():
            raise NoDatabase(f"there is no file {file}: nothing was merged, check the name")
    if backup := make_writable(path):
        say(f"upgraded {path} to this benchdb's schema, {backup.name} is as it was")
    failed = False
    for file in files:
        try:
            (merged,) = merge(path, [file], bring_back=bring_back)
        except UserError as error:
            failed = True
            say(str(error))
            continue
        write(literal(f"{file}: {_line(merged)}") + "\n")
        failed = failed or bool(merged.conflicts)
    with reading(path) as connection:
        double = conflicts(raw(connection))
    if double:
        say(conflict_line(double))
    if failed:
        click.get_current_context().exit(2)


def _line(merged: Merged) -> str:
    """Return what merging one file did."""
    from benchdb.report.text import counted

    said = [f"{counted(merged.added, 'session')} with {counted(merged.runs, 'test run')} added"]
    if not merged.added:
        said = ["nothing to add"]
    if merged.held:
        said.append(f"{merged.held:,} held already")
    if merged.live:
        said.append(f"{merged.live:,} still being recorded")
    if merged.pruned:
        said.append(f"{merged.pruned:,} pruned before (--all takes them back)")
    if merged.conflicts:
        said.append(f"{len(merged.conflicts):,} in conflict")
    return ", ".join(said)
