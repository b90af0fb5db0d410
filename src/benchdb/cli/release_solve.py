"""``benchdb release solve``: whether a recipe or a requirement can be installed."""

from __future__ import annotations

import click

from benchdb.cli.options import format_option
from benchdb.cli.output import write, write_tables
from benchdb.cli.release_options import (
    channel_option,
    opened_channels,
    opened_recipe,
    python_option,
    variable_option,
    without_option,
)


@click.command("solve", short_help="What would be installed; or why nothing can be.")
@click.argument("wanted", metavar="RECIPE_OR_SPEC")
@channel_option
@python_option("As 3.12; several are solved each. By default the newest that fits.")
@click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM",
    multiple=True,
    help="As linux-64, osx-arm64; several are solved each. By default this machine's.",
)
@without_option
@variable_option
@format_option
def command(
    *,
    wanted: str,
    channels: tuple[str, ...],
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
    without: tuple[str, ...],
    variables: tuple[str, ...],
    form: str,
) -> int:
    """Solve the pins of a recipe, or a requirement as 'benchdb-runtime >=1', for each Python and
    platform.

    Exits with 1 where one can't be solved, and shows the tree of reasons. Solve before you test: a
    failed test and a missing package look the same.
    """  # noqa: D205
    from benchdb.release.conda.solving import pins_of, solve
    from benchdb.release.conda.specs import check_versions
    from benchdb.release.reading import is_recipe
    from benchdb.report import schemas
    from benchdb.report.release import solved_content, solved_tables

    found = []
    name = wanted
    for platform in platforms or (None,):
        opened = opened_channels(channels, platform)
        specs = [wanted]
        if is_recipe(wanted):
            recipe = opened_recipe(wanted, variables, platform, without)
            check_versions(recipe)
            specs, name = pins_of(recipe), f"{recipe.name} {recipe.version}"
        found += [solve(specs, opened, python, name=name) for python in pythons or ("",)]
    if form == "json":
        content = solved_content(found)
        write(schemas.document(schemas.RELEASE_SOLVE, name, content, "wanted"))
    else:
        write_tables(solved_tables(name, found), form)
    return 1 if any(one.why for one in found) else 0
