"""``benchdb release bump``: newer pins, and the next version."""

from __future__ import annotations

from pathlib import Path

import click

from benchdb.cli.output import say, write, write_tables
from benchdb.cli.release_options import (
    channel_option,
    opened_channels,
    platform_option,
    python_option,
    recipe_argument,
    without_option,
)


@click.command("bump", short_help="Newer pins, and the next version.")
@recipe_argument
@channel_option
@python_option("The pins must be installable with, as 3.12; may be repeated, the first chooses.")
@click.option("--package", "only", metavar="NAME", multiple=True, help="Bump this one alone.")
@without_option
@click.option(
    "--version", metavar="VERSION", help="Of the next release; by default its last number plus 1."
)
@click.option(
    "--feedstock",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write version, pins and sha256 of RECIPE as it stands into the checkout of a fork of a "
    "feedstock, and change nothing else.",
)
@click.option(
    "--archive",
    metavar="FILE_OR_URL",
    help="The source archive of the release, for the feedstock's sha256; by default the one that "
    "its recipe names.",
)
@click.option("--dry-run", is_flag=True, help="Show the difference alone.")
@platform_option
def command(
    *,
    recipe: str,
    channels: tuple[str, ...],
    pythons: tuple[str, ...],
    only: tuple[str, ...],
    without: tuple[str, ...],
    version: str | None,
    feedstock: Path | None,
    archive: str | None,
    dry_run: bool,
    platform: str | None,
) -> int:
    """Propose newer pins for RECIPE, and write them with the next version and build number 0.

    They are the newest releases in the channels that can be installed together; those of other
    platforms alone are looked for there. recipe.yaml is edited in place, meta.yaml beside it
    generated anew, and the difference shown. Exits with 1 where nothing can be installed together.
    """
    from benchdb.release.bumping import check_version, edited, propose
    from benchdb.release.edits import write_all
    from benchdb.release.feedstocks import feedstock as written
    from benchdb.release.platforms import BARE
    from benchdb.release.reading import find_recipe, read_recipe
    from benchdb.release.variants import this_platform
    from benchdb.report.release import solved_tables

    context = click.get_current_context()
    if feedstock is not None and (only or without or version is not None):
        raise click.UsageError("with --feedstock the recipe is written as it stands", context)
    if feedstock is None and archive is not None:
        raise click.UsageError("--archive is for --feedstock DIR", context)
    # Pins are those of no variant.
    read = read_recipe(find_recipe(recipe), BARE, platform)
    if feedstock is not None:
        files, notes = written(read, feedstock, archive)
    else:
        notes = [] if version is None else check_version(read, version)
        found = propose(
            read,
            lambda where: opened_channels(channels, where),
            platform or this_platform(),
            pythons,
            only=[one.lower() for one in only],
            without=[one.lower() for one in without],
        )
        if found.failed:
            write_tables(solved_tables(f"{read.name} with newer pins", found.failed), "table")
            return 1
        notes += found.notes
        if found.newer or version is not None:
            files, more = edited(read, found.newer, version)
            notes += more
        else:
            files = []
            write("every pin is the newest release that fits: nothing to do\n")
    for file in files:
        write(file.difference())
    if not dry_run:
        write_all(files)
    for note in notes:
        say(note)
    return 0
