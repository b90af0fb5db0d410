"""``benchdb release build``: a metapackage into a channel in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchdb.cli.output import say, write, write_tables
from benchdb.cli.release_options import (
    channel_option,
    opened_channels,
    opened_recipe,
    platform_option,
    recipe_argument,
    variable_option,
    without_option,
)


@click.command("build", short_help="A metapackage into a channel in a folder.")
@recipe_argument
@channel_option
@click.option(
    "--output",
    "-o",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist/conda"),
    show_default=True,
    help="The channel; it is made where there is none.",
)
@click.option("--upload", "owner", metavar="CHANNEL", help="Put it into a channel on anaconda.org.")
@click.option(
    "--label",
    default="dev",
    show_default=True,
    help="Under which it is found there: CHANNEL/label/dev; `main` is for everybody.",
)
@click.option("--upload-url", metavar="URL", help="Of a server of your own for --upload.")
@platform_option
@without_option
@variable_option
def command(
    *,
    recipe: str,
    channels: tuple[str, ...],
    output: Path,
    owner: str | None,
    label: str,
    upload_url: str | None,
    platform: str | None,
    without: tuple[str, ...],
    variables: tuple[str, ...],
) -> int:
    """Build the metapackage of RECIPE, a folder with recipe.yaml or meta.yaml, and index it.

    Where channels are named, its pins are solved against them first: exits with 1, and the reason,
    where nothing satisfies them all. VERSION_SUFFIX, DASK_VERSION, DISTRIBUTED_VERSION and
    PYTHON_VERSION make variants of it; a version with a suffix must order below the one without.
    The token for --upload is taken from ANACONDA_API_TOKEN.
    """
    from benchdb.release.conda.building import build
    from benchdb.release.conda.solving import pins_of, solve
    from benchdb.release.variants import this_platform

    read = opened_recipe(recipe, variables, platform, without, built=True)
    if channels:
        opened = opened_channels(channels, platform)
        solved = solve(pins_of(read), opened, name=f"{read.name} {read.version}")
        if solved.why:
            from benchdb.report.release import solved_tables

            write_tables(solved_tables(f"{read.name} {read.version}", [solved]), "table")
            say("nothing was built: the pins can't be satisfied together")
            return 1
    _, file = build(read, output, platform or this_platform())
    write(f"{file}\n")
    if owner is not None:
        from benchdb.release.conda.uploading import upload

        upload(file, owner, label, os.environ, upload_url)
        say(f"{file.name} is in {owner}/label/{label}")
    return 0
