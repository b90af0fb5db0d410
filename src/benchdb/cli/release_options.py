"""Options that commands on releases share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchdb.recipes import Recipe
    from benchdb.release.conda.channels import Channels


def recipe_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``RECIPE``."""
    return click.argument("recipe", metavar="RECIPE")(command)


def channel_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--channel``."""
    return click.option(
        "--channel",
        "-c",
        "channels",
        metavar="DIR_OR_URL",
        multiple=True,
        help="A folder, a URL or a channel of anaconda.org; several in their order. By default "
        "conda-forge.",
    )(command)


def platform_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--platform``."""
    return click.option(
        "--platform", metavar="PLATFORM", help="As linux-64, osx-arm64; by default this machine's."
    )(command)


def python_option(meaning: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--python``, with what it means to a command."""
    return click.option("--python", "pythons", metavar="VERSION", multiple=True, help=meaning)


def variable_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--variable``."""
    return click.option(
        "--variable",
        "variables",
        metavar="NAME",
        multiple=True,
        help="Give the recipe this environment variable, too.",
    )(command)


def without_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--without``."""
    return click.option(
        "--without",
        metavar="NAME",
        multiple=True,
        help="Leave out what the recipe pins of this package, as no channel has it.",
    )(command)


def opened_recipe(
    given: str,
    further: Sequence[str] = (),
    platform: str | None = None,
    without: Sequence[str] = (),
    *,
    built: bool = False,
) -> Recipe:
    """Return the recipe that is meant, rendered, without the pins of some packages.

    Variables that are set and that it doesn't ask for are named. One whose package is to be built
    must ask for VERSION_SUFFIX: a nightly would be taken for the release otherwise.
    """
    from benchdb.cli.output import say
    from benchdb.errors import WrongRecipe
    from benchdb.release.environments import kept_pins
    from benchdb.release.reading import find_recipe, read_recipe
    from benchdb.release.variants import SUFFIX, variables

    environ = variables(further)
    recipe = read_recipe(find_recipe(given), environ, platform)
    # PYTHON_VERSION is what Python's own images have set, and selectors may ask for `py`.
    heeded = {*dict(recipe.variables), "PYTHON_VERSION"}
    passed_over = [name for name, value in environ.items() if value and name not in heeded]
    if built and SUFFIX in passed_over:
        raise WrongRecipe(
            f"{recipe.file} asks for no {SUFFIX}, so it would be the release that is built: add it "
            "to the version there, or unset it"
        )
    if passed_over:
        say(f"{recipe.file} asks for no {', '.join(passed_over)}: without effect")
    return replace(recipe, pins=kept_pins(recipe, without))


def opened_channels(given: Sequence[str], platform: str | None = None) -> Channels:
    """Return the channels that are meant, for a platform."""
    from benchdb.release.conda.channels import Channels
    from benchdb.release.variants import this_platform

    return Channels(given, platform or this_platform())
