"""Builds the package of a recipe into a channel in a folder."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchdb.errors import UnusableChannel, WrongRecipe, reason
from benchdb.recipes import Package
from benchdb.release.conda.channels import index
from benchdb.release.conda.specs import check_versions, dependency

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.recipes import Recipe


def build(recipe: Recipe, into: Path, platform: str) -> tuple[Package, Path]:
    """Build a metapackage, and index the channel that it goes into.

    Parameters
    ----------
    into
        The folder of the channel; it is made where it isn't there.
    platform
        Of a package that isn't noarch.

    Returns
    -------
    The package, and its file.

    Raises
    ------
    WrongRecipe
        If it isn't a metapackage's: nothing of a recipe is run.
    UnusableChannel
        If the folder can't be written.
    """
    if recipe.script:
        raise WrongRecipe(
            f"{recipe.file} builds by a script, and a metapackage has none: "
            "build that one with `rattler-build` or `conda build`"
        )
    check_versions(recipe)
    import rattler_build

    subdir = "noarch" if recipe.noarch else platform
    about = dict(recipe.about)
    build_string = recipe.build or str(recipe.number)
    file = into / subdir / f"{recipe.name}-{recipe.version}-{build_string}.conda"
    replaced = file.exists()
    when = os.environ.get("SOURCE_DATE_EPOCH", "")
    made_at = datetime.fromtimestamp(int(when), UTC) if when.isdecimal() else datetime.now(UTC)
    try:
        (into / subdir).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as empty:
            rattler_build.assemble_package(
                recipe.name,
                recipe.version,
                subdir,
                build_string,
                into / subdir,
                files_dir=empty,
                homepage=about.get("homepage"),
                license=about.get("license"),
                summary=about.get("summary"),
                description=about.get("description"),
                depends=[dependency(pin) for pin in recipe.pins],
                constrains=list(recipe.constrains),
                build_number=recipe.number,
                noarch=recipe.noarch,
                timestamp=made_at,
                detect_prefix=False,
            )
    except (OSError, rattler_build.RattlerBuildError) as error:
        said = " ".join(reason(error).split())
        raise UnusableChannel(
            f"no package can be written into {into} ({said}): name another folder with --output"
        ) from None
    index(into, anew=replaced)
    return Package(recipe.name, recipe.version, build_string, str(into)), file
