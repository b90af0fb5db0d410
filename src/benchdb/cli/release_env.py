"""``benchdb release env``: a file that an environment is made of, or one on Coiled."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchdb.cli.output import write
from benchdb.cli.release_options import (
    channel_option,
    opened_recipe,
    platform_option,
    recipe_argument,
    variable_option,
    without_option,
)

if TYPE_CHECKING:
    from benchdb.release.environments import Form


@click.command("env", short_help="An environment.yml, requirements.txt, or Coiled's.")
@recipe_argument
@click.option(
    "--for",
    "form",
    type=click.Choice(["conda", "pip", "coiled"]),
    default="conda",
    show_default=True,
    help="What takes it: conda env create, pip install -r, or coiled.create_software_environment.",
)
@channel_option
@click.option(
    "--upstream",
    metavar="CHANNEL",
    is_flag=False,
    flag_value="dask/label/dev",
    default="",
    help="Take the newest dask and distributed from a channel of nightlies: dask/label/dev, or "
    "--upstream=CHANNEL. For pip, from their repositories.",
)
@click.option("--name", metavar="NAME", default="", help="Of the environment.")
@click.option("--add", metavar="SPEC", multiple=True, help="Another requirement, as 'pytest >=8'.")
@without_option
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; by default to the standard output.",
)
@click.option(
    "--coiled",
    "software",
    metavar="NAME",
    default="",
    help="Write nothing, and build the software environment NAME or WORKSPACE/NAME on Coiled.",
)
@platform_option
@variable_option
def command(
    *,
    recipe: str,
    form: Form,
    channels: tuple[str, ...],
    upstream: str,
    name: str,
    add: tuple[str, ...],
    without: tuple[str, ...],
    output: Path | None,
    software: str,
    platform: str | None,
    variables: tuple[str, ...],
) -> None:
    """Write the pins of RECIPE, rendered, as a file that other tools make an environment of."""
    from benchdb.errors import UserError, WrongSetting, reason
    from benchdb.release.conda.channels import DEFAULT
    from benchdb.release.environments import environment, for_conda

    if software and (output is not None or name or form == "pip"):
        raise WrongSetting("--coiled takes conda's packages and writes no file: leave out the rest")
    # A cluster's machines run Linux, whatever this one does.
    opened = opened_recipe(recipe, variables, platform or ("linux-64" if software else None))
    if software:
        _build(
            software,
            for_conda(opened, channels or (DEFAULT,), upstream=upstream, add=add, without=without),
            arm=platform == "linux-aarch64",
        )
        return
    text = environment(
        opened,
        form,
        channels or (DEFAULT,),
        name=name,
        upstream=upstream,
        add=add,
        without=without,
    )
    if output is None:
        write(text)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{output} can't be written ({reason(error)}): name another") from None


def _build(name: str, conda: dict[str, Any], *, arm: bool) -> None:
    """Build a software environment on Coiled; its log is shown on a terminal."""
    from benchdb.clusters import coiled_software

    def say(line: str) -> None:
        click.echo(line, err=True)

    made = coiled_software.create(
        name, conda=conda, arm=arm, say=say if sys.stderr.isatty() else None
    )
    write(f"built {made.name} on Coiled: clusters take it by COILED_SOFTWARE_NAME={made.name}\n")
