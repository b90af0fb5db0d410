"""``benchdb release check``: an environment against the recipe of its runtime."""

from __future__ import annotations

from pathlib import Path

import click

from benchdb.cli.options import format_option
from benchdb.cli.output import write, write_tables
from benchdb.cli.release_options import (
    channel_option,
    opened_channels,
    opened_recipe,
    platform_option,
    variable_option,
    without_option,
)


@click.command("check", short_help="An environment against its recipe.")
@click.argument("prefix", metavar="PREFIX", type=click.Path(path_type=Path))
@click.option("--recipe", metavar="RECIPE", required=True, help="The recipe of what is installed.")
@channel_option
@click.option(
    "--index",
    metavar="URL",
    help="An index of PyPI's form, as https://pypi.org/simple, to name what is newer there.",
)
@click.option("--no-cluster", is_flag=True, help="Start no Dask cluster in the environment.")
@platform_option
@without_option
@variable_option
@format_option
def command(
    *,
    prefix: Path,
    recipe: str,
    channels: tuple[str, ...],
    index: str | None,
    no_cluster: bool,
    platform: str | None,
    without: tuple[str, ...],
    variables: tuple[str, ...],
    form: str,
) -> int:
    """Check that the environment in the folder PREFIX is what a recipe says.

    Every pin must be satisfied by what conda and Python say is installed, and what the recipe's
    tests name be importable. If it has Dask, a cluster is started: client, scheduler and workers
    must agree, and whatever Client.get_versions() compares must be pinned. With --channel, each pin
    must be there, and how far it lags behind the newest release is said.

    Exits with 1 where something is not as it should be.
    """
    from benchdb.release.checking import Published, check, published
    from benchdb.release.pypi import newest_on_index
    from benchdb.report import schemas
    from benchdb.report.release import checked_content, checked_tables

    read = opened_recipe(recipe, variables, platform, without)
    there = Published(
        published(read, opened_channels(channels, platform)) if channels else None,
        newest_on_index(read, index) if index else {},
    )
    found = check(read, prefix, there, cluster=not no_cluster)
    if form == "json":
        content = checked_content(found)
        write(schemas.document(schemas.RELEASE_CHECK, str(prefix), content, "prefix"))
    else:
        write_tables(checked_tables(found), form)
    return 0 if found.passed else 1
