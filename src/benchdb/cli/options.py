"""Options that commands share, and where the database is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchdb.cli.output import say
from benchdb.config import Settings, database_location, find_root, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchdb.config import Location
    from benchdb.store.progress import Progress


def database_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--db``."""
    return click.option(
        "--db",
        metavar="PATH_OR_URL",
        help="The database; by default the one that pytest records into here.",
    )(command)


def format_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--format``."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "markdown", "json"]),
        default="table",
        show_default=True,
        help="A table for people, Markdown, or JSON with raw numbers.",
    )(command)


def _a_number(_: click.Context, __: click.Parameter, given: float) -> float:
    """Refuse what is no number: a range takes it for one within."""
    if math.isnan(given):
        raise click.BadParameter("nan is not in the range 0<x<1.")
    return given


def rate_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--fdr``."""
    return click.option(
        "--fdr",
        "rate",
        metavar="Q",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        callback=_a_number,
        default=0.05,
        show_default=True,
        help="The share of false ones among all events that is allowed for.",
    )(command)


def locate(db: str | None) -> tuple[Location, Settings]:
    """Return the database that is meant, and the settings of the project around this folder.

    Parameters
    ----------
    db
        What ``--db`` said.

    Raises
    ------
    UserError
        For a URL of a database that benchdb doesn't know.
    """
    settings = read_settings(find_root(Path.cwd()))
    return database_location(db, settings), settings


def leading_subjects(settings: Settings) -> tuple[str, ...]:
    """Return which subjects stand for a revision, the first first: those set, else the project."""
    from benchdb.collect.revision import named_project
    from benchdb.keys import normalised

    names = settings.subjects or (named_project(settings.root)[0] or settings.root.name,)
    return tuple(normalised(one) for one in names)


def files_folder(place: Location, settings: Settings) -> Path:
    """Return the folder that the paths of test runs' files are relative to.

    It is the database's own, or the rootdir where that is on a server.
    """
    return place.parent if isinstance(place, Path) else settings.root


def prepare(path: Location, progress: Progress) -> None:
    """Make a database ready to be written, and say so where it had to be upgraded."""
    from benchdb.store.opening import make_writable

    if backup := make_writable(path, progress):
        say(f"upgraded {path} to this benchdb's schema, {backup.name} is as it was")
