"""``benchdb release validate``: go or no-go."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from benchdb.cli.interrupts import heeding_sigterm
from benchdb.cli.options import database_option, locate
from benchdb.cli.output import medium, say, write, write_tables
from benchdb.cli.release_options import (
    channel_option,
    opened_recipe,
    platform_option,
    python_option,
    recipe_argument,
    variable_option,
    without_option,
)
from benchdb.cli.saving import save as save_files
from benchdb.cli.saving import save_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.recipes import Validation

_FORMATS: Final = ("table", "markdown", "html", "json")


@click.command("validate", short_help="Go or no-go, on one page.")
@recipe_argument
@channel_option
@click.option(
    "--against", metavar="RUNTIME", help="Compare with this one; by default the last release."
)
@click.option("--first-release", "first", is_flag=True, help="There is none to compare with.")
@click.option(
    "--branch",
    "branches",
    metavar="BRANCH",
    multiple=True,
    help="Count sessions of this branch as those of the trunk, whoever recorded them.",
)
@click.option(
    "--run",
    "suite",
    metavar="ARGUMENTS",
    help="Run pytest --benchmark with these in the new environment, as 'benchmarks -m quick'; by "
    "default the recorded sessions are taken.",
)
@click.option(
    "--pip",
    metavar="REQUIREMENT",
    multiple=True,
    help="Install this into the environment, by pip: what the suite needs beside the pins.",
)
@without_option
@click.option(
    "--sessions",
    "repeat",
    metavar="N",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How many times to run it.",
)
@python_option("To solve for, as 3.12; may be repeated, the first is installed.")
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the channel that is built into.",
)
@click.option(
    "--prefix", metavar="DIR", type=click.Path(path_type=Path), help="Keep the environment."
)
@click.option("--no-cluster", is_flag=True, help="Start no Dask cluster in the environment.")
@click.option(
    "--known-issues",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="By default known_issues.toml beside the recipe.",
)
@platform_option
@variable_option
@database_option
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="table",
    show_default=True,
    help="The page as text, Markdown, HTML, or JSON with raw numbers.",
)
@save_option(_FORMATS)
def command(
    *,
    recipe: str,
    channels: tuple[str, ...],
    against: str | None,
    first: bool,
    branches: tuple[str, ...],
    suite: str | None,
    pip: tuple[str, ...],
    without: tuple[str, ...],
    repeat: int,
    pythons: tuple[str, ...],
    output: Path | None,
    prefix: Path | None,
    no_cluster: bool,
    known_issues: Path | None,
    platform: str | None,
    variables: tuple[str, ...],
    db: str | None,
    form: str,
    save: tuple[tuple[str, Path], ...],
) -> int:
    """Say whether the runtime of RECIPE is good to go, and why not.

    It is solved, built, installed and checked; the sessions that ran in it (their
    COILED_RUNTIME_VERSION is its version) are compared with those of the last release, open
    regressions are looked up, and the known issues that cover a pin. Exits with 0 for go, 1 for
    no-go. What can't be said for want of data is a no-go, too.
    """
    from benchdb.errors import WrongSetting
    from benchdb.release.issues import NAME, read_known
    from benchdb.release.validating import Plan, validate
    from benchdb.release.variants import this_platform

    try:
        words = None if suite is None else shlex.split(suite)
    except ValueError as error:
        raise WrongSetting(f"--run {suite!r}: {error}: write it as in a shell") from None
    if first and against is not None:
        raise WrongSetting(
            "--first-release has nothing to compare --against with: give one of both"
        )
    read = opened_recipe(recipe, variables, platform, built=True)
    known = read_known(known_issues or read.file.with_name(NAME))
    database, settings = locate(db)
    with heeding_sigterm(), _folder(output) as channel, _folder(prefix) as environment:
        plan = Plan(
            channels=channels,
            platform=platform or this_platform(),
            pythons=pythons,
            output=channel,
            prefix=environment,
            against=against,
            first=first,
            branches=branches,
            suite=words,
            repeat=repeat,
            pip=pip,
            without=without,
            cluster=not no_cluster,
        )
        found = validate(read, plan, known, database, settings, say=say)
    if form == "table":
        from benchdb.report.release_page import validation_tables

        write_tables(validation_tables(found), form)
    else:
        write(_page(found, form))
    save_files(save, lambda one: [_page(found, one)])
    return 1 if found.reasons else 0


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Yield a folder that was named, or one that is gone afterwards."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="benchdb-release-") as folder:
        yield Path(folder)


def _page(found: Validation, form: str) -> str:
    from benchdb.report import schemas
    from benchdb.report.markdown import as_markdown
    from benchdb.report.release_page import validation_content, validation_html, validation_tables
    from benchdb.report.table import Medium, terminal

    if form == "html":
        return validation_html(found)
    if form == "json":
        content = validation_content(found)
        return schemas.document(schemas.RELEASE_VALIDATE, found.runtime, content, "runtime")
    tables = validation_tables(found)
    if form == "markdown":
        return as_markdown(tables, medium())
    return "\n".join(drawn for one in tables if (drawn := terminal(one, Medium())))
