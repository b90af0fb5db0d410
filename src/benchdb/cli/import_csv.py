"""``benchdb import csv``: what other tools recorded, as tables of text."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchdb.cli.merge import tell_conflicts
from benchdb.cli.options import database_option, locate, prepare
from benchdb.cli.output import say, write
from benchdb.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from benchdb.config import Location, Settings
    from benchdb.records import Imported
    from benchdb.store.importing import Importing
    from benchdb.store.progress import Progress

    #: Opens a file, given the columns of ``test_run``, and who to tell how far it is.
    Opens = Callable[[Path | None, "dict[str, str]", Progress], AbstractContextManager[Imported]]

#: The package that commits are of, where nothing names one.
_SUBJECT = "project"

#: Metrics that a line names.
_NAMED = 5


@click.command("csv", short_help="CSV: a line is a test run.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--subject",
    metavar="NAME",
    help="The package that commits are of; by default the one that [tool.benchdb] subjects names, "
    "else the project's.",
)
@click.option("--all", "bring_back", is_flag=True, help="Take back what was pruned before, too.")
@database_option
def command(files: tuple[str, ...], subject: str | None, bring_back: bool, db: str | None) -> None:
    """Import the test runs in each FILE, which may be compressed by gzip; - is standard input.

    A line is a test run. The header must name the columns test (path::name) and start (ISO 8601; in
    UTC where it names no zone), and may name commit, branch, environment, outcome, end, session,
    tag:NAME and version:PACKAGE. Every other column is a metric: one of test_run's, or NAME [UNIT],
    or NAME [UNIT higher] where higher is better. An empty cell is no value.

    Lines of one value of session are a session; without one, those of equal commit, branch,
    environment, tags and versions on one day in UTC. Where no branch is named they are on the
    trunk.

    What was imported before is left out. Where a line can't be imported it is named, nothing is
    imported, and the exit code is 2.
    """
    from benchdb.importers.comma_separated import reading_csv

    path, settings = locate(db)
    named = subject or _subject(settings)
    import_files(
        path,
        [None if file == "-" else Path(file) for file in files],
        lambda file, columns, progress: reading_csv(file, columns, named, progress),
        bring_back=bring_back,
        db=db,
    )


def _subject(settings: Settings) -> str:
    from benchdb.collect.revision import named_project

    if settings.subjects and len(settings.subjects) == 1:
        return settings.subjects[0]
    return named_project(settings.root)[0] or _SUBJECT


def import_files(
    path: Location,
    files: Sequence[Path | None],
    opens: Opens,
    *,
    bring_back: bool,
    db: str | None,
) -> None:
    """Import files of one format, and tell what that did.

    Parameters
    ----------
    path
        The database.
    files
        What to import; None is the standard input.
    opens
        Opens one of them.
    bring_back
        Whether to take back what was pruned.
    db
        What ``--db`` said.
    """
    from benchdb.report.text import counted, literal
    from benchdb.scratch import scratch_folder
    from benchdb.store.importing import Importing
    from benchdb.store.merge import merge_file
    from benchdb.store.opening import connected, explaining

    undirected: list[str] = []
    with scratch_folder() as folder, progress_bar() as progress:
        scratch = folder / "imported.db"
        with explaining(scratch), contextlib.closing(Importing(scratch, progress)) as importing:
            _take(importing, files, opens, progress, undirected)
            prepare(path, progress)
            with explaining(path), connected(path) as connection:
                held = importing.build(connection)
        merged = merge_file(path, scratch, bring_back=bring_back, progress=progress)
    sessions = counted(merged.added, "session")
    if merged.added:
        said = [f"{path}: {sessions} with {counted(merged.runs, 'test run')} added"]
    else:
        said = [f"{path}: nothing to add"]
    if held:
        said.append(f"{counted(held, 'test run')} there already")
    if merged.held:
        said.append(f"{counted(merged.held, 'session')} held already")
    if merged.pruned:
        said.append(f"{counted(merged.pruned, 'session')} pruned before (--all takes them back)")
    write(literal(", ".join(said)) + "\n")
    if merged.added and undirected:
        say(_undirected_line(undirected))
    write(literal(f"look at them: benchdb show{'' if db is None else _option(db)}") + "\n")
    for line in merged.unfit:
        say(f"{line}: it was left out")
    tell_conflicts(path)
    if merged.conflicts or merged.unfit:
        click.get_current_context().exit(2)


def _option(db: str) -> str:
    from benchdb.config import Server, location

    place = location(db, Path())
    return f" --db {shlex.quote(str(place) if isinstance(place, Server) else db)}"


def _take(
    importing: Importing,
    files: Sequence[Path | None],
    opens: Opens,
    progress: Progress,
    undirected: list[str],
) -> None:
    for file in files:
        with opens(file, importing.columns, progress) as imported:
            importing.take(imported)
            names = [one.name for one in imported.metrics if one.direction is None]
            undirected += [name for name in names if name not in undirected]


def _undirected_line(names: list[str]) -> str:
    """Return a line that says of which metrics nobody knows which way is better."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return (
        f"which way is better of {', '.join(names[:_NAMED])}{more} is not known, so no change of "
        "it is a regression: head the column NAME [UNIT lower] or NAME [UNIT higher]"
    )
