"""Builds the package of a recipe into a channel in a folder.

It is made beside the packages that are there, and takes its place when it is whole. Where then the
channel can't be indexed, all is put back: a build that fails leaves the channel as it was. One
process at a time does so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from benchdb.errors import UnusableChannel, WrongRecipe, WrongSetting, reason
from benchdb.locks import HeldByAnother, patiently
from benchdb.recipes import Package
from benchdb.release.conda.indexing import index, is_package
from benchdb.release.conda.panics import Panic, said, tamed
from benchdb.release.conda.specs import check_versions, dependency
from benchdb.release.variants import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchdb.recipes import Recipe

#: The file of a channel's lock, which stays, and the folder of what is being made.
_LOCK: Final = ".lock"
_WORKPLACE: Final = ".building"

#: Seconds to wait for another build; to index a large channel takes some.
_PATIENCE: Final = 300

#: The first and the last year that the archive of a package can tell.
_YEARS: Final = (1980, 2107)


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
    WrongSetting
        If SOURCE_DATE_EPOCH is no time.
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

    made_at = _made_at()
    subdir = "noarch" if recipe.noarch else platform
    package = Package(recipe.name, recipe.version, recipe.build or _build_string(recipe), str(into))
    file = into / subdir / f"{package.name}-{package.version}-{package.build}.conda"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(into) as (workplace, is_clean):
            _assemble(recipe, package, subdir, workplace, made_at)
            _put(workplace / file.name, file, into, anew=file.exists() or not is_clean)
    except (OSError, Panic, rattler_build.RattlerBuildError) as error:
        why = reason(error) if isinstance(error, OSError) else said(error)
        raise UnusableChannel(
            f"no package can be written into {into} ({why}): name another folder with --output"
        ) from None
    return package, file


def _build_string(recipe: Recipe) -> str:
    """Return the build number; before it the variant, which would replace another one else."""
    variant = [f"{name}={value}" for name, value in recipe.variables if name != SUFFIX]
    if not variant:
        return str(recipe.number)
    return f"h{hashlib.sha256(' '.join(variant).encode()).hexdigest()[:7]}_{recipe.number}"


def _made_at() -> datetime:
    """Return when the package was made: now, or as SOURCE_DATE_EPOCH says for equal builds."""
    written = os.environ.get("SOURCE_DATE_EPOCH", "").strip()
    if not written:
        return datetime.now(UTC)
    (first, last) = (datetime(year, 1, 1, tzinfo=UTC) for year in _YEARS)
    try:
        return max(first, min(last, datetime.fromtimestamp(int(written), UTC)))
    except (ValueError, OverflowError, OSError):
        raise WrongSetting(
            f"SOURCE_DATE_EPOCH is {written[:60]!r}: set it to seconds since 1970, or to nothing"
        ) from None


@contextlib.contextmanager
def _alone(into: Path) -> Iterator[tuple[Path, bool]]:
    """Hold the lock of a channel; yield an empty folder in it, and if no build was killed there."""
    try:
        lock = patiently(into / _LOCK, _PATIENCE)
    except HeldByAnother:
        raise UnusableChannel(
            f"another process builds into {into} for {_PATIENCE} s already: "
            "see what it does, then try again"
        ) from None
    with contextlib.suppress(OSError):  # whoever may build here, may lock
        lock.path.chmod(into.stat().st_mode & 0o666)
    workplace = into / _WORKPLACE
    try:
        is_clean = not workplace.exists()
        if not is_clean:
            shutil.rmtree(workplace)
        workplace.mkdir()
        yield workplace, is_clean
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
        # The file stays, or who waits for it would hold another one than who comes next.
        lock.release(remove=False)


def _assemble(
    recipe: Recipe, package: Package, subdir: str, folder: Path, made_at: datetime
) -> None:
    import rattler_build

    about = dict(recipe.about)
    with tempfile.TemporaryDirectory() as empty, tamed():
        rattler_build.assemble_package(
            package.name,
            package.version,
            subdir,
            package.build,
            folder,
            files_dir=empty,
            homepage=about.get("homepage", ""),  # without any of these there is no about.json,
            license=about.get("license"),  # which an upload needs
            summary=about.get("summary"),
            description=about.get("description"),
            depends=[dependency(pin) for pin in recipe.pins],
            constrains=list(recipe.constrains),
            build_number=recipe.number,
            noarch=recipe.noarch,
            timestamp=made_at,
            detect_prefix=False,
        )


def _put(made: Path, file: Path, into: Path, *, anew: bool) -> None:
    """Put a package into its place and index the channel; or leave all as it was."""
    if not is_package(made):
        raise OSError("what was made is not whole")
    folders = {file.parent, into / "noarch", *(one for one in into.glob("[!.]*") if one.is_dir())}
    before: dict[Path, Path | None] = {}
    for number, path in enumerate([file, *(one / "repodata.json" for one in folders)]):
        before[path] = made.with_name(f"{number}.before") if path.exists() else None
        if path.exists():
            shutil.copy2(path, made.with_name(f"{number}.before"))
    try:
        os.replace(made, file)
        index(into, anew=anew)
    except BaseException:
        for path, kept in before.items():
            if kept is None:
                path.unlink(missing_ok=True)
            else:
                os.replace(kept, path)
        shutil.rmtree(into / ".tmp", ignore_errors=True)  # where rattler writes an index first
        raise
