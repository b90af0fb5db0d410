"""Fetching the files of test runs out of a history, and saying where the others are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.cli.options import files_folder
from benchdb.cli.output import say, write
from benchdb.cli.progress import progress_bar
from benchdb.config import artifacts_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb.config import Location, Settings
    from benchdb.sync.objects import Objects

#: Locations that are said; the others are counted.
_SHOWN: Final = 3


def fetch_artifacts(path: Location, settings: Settings, objects: Objects) -> dict[str, str]:
    """Fetch the files that are not where they were recorded, and say what became of them.

    Returns
    -------
    dict
        Names of the objects that are damaged, and how.
    """
    from benchdb.report.text import counted
    from benchdb.report.units import with_unit
    from benchdb.sync.artifacts import ARTIFACTS, fetch_files, lacking_files

    base = files_folder(path, settings)
    folder = artifacts_folder(base, settings)
    with progress_bar() as progress:
        lacking = lacking_files(path, base, folder, settings.largest_artifact)
        brought = fetch_files(objects, lacking.wanted, progress)
    gone = f", {len(brought.gone):,} not in the history" if brought.gone else ""
    write(f"fetched {counted(brought.files, 'file')}{gone}\n")
    if lacking.large:
        say(
            f"{counted(len(lacking.large), 'file')} larger than largest_artifact in "
            f"[tool.benchdb], {with_unit(settings.largest_artifact, 'B')}, left: set it higher "
            "for them"
        )
    if lacking.left:
        say(
            f"{counted(len(lacking.left), 'file')} left, as {next(iter(lacking.left))}: files are "
            f"fetched into {folder} alone (artifacts in [tool.benchdb] names another folder), "
            "and none that pytest or Python might run"
        )
    _tell_locations(path, [*brought.gone, *brought.damaged, *lacking.large, *lacking.left.values()])
    return {f"{ARTIFACTS}{one}": "its bytes are not those of its name" for one in brought.damaged}


def _tell_locations(path: Location, lacking: Iterable[str]) -> None:
    """Say where files are, by their SHA-256, of which somebody said so; nothing is fetched there.

    Whoever may push may say so.
    """
    from benchdb.report.text import counted
    from benchdb.store.locations import artifact_locations
    from benchdb.store.opening import connected, explaining

    wanted = dict.fromkeys(lacking)
    if not wanted:
        return
    with explaining(path), connected(path) as connection:
        said = artifact_locations(connection)
    places = [said[one] for one in wanted if one in said]
    if places:
        more = len(places) - _SHOWN
        others = f" and {counted(more, 'other place')}" if more > 0 else ""
        say(
            f"{counted(len(places), 'file')} not fetched that "
            f"{'is' if len(places) == 1 else 'are'} said to be elsewhere: "
            f"{', '.join(places[:_SHOWN])}{others}"
        )
