"""``benchdb annotate artifact``: where files of test runs are now."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from benchdb.cli.options import database_option, files_folder, locate, prepare
from benchdb.cli.output import say, write
from benchdb.cli.progress import progress_bar
from benchdb.cli.saying import author_options, this_user
from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.store.locations import RecordedArtifact

#: Of a SHA-256; fewer digits might be a word.
_BEGINNING: Final = re.compile(r"[0-9a-f]{8,64}")


def _template(context: click.Context, _: click.Parameter, given: str) -> str:
    """Refuse what would be no location, whatever the artifact."""
    from benchdb.collect.redaction import redact
    from benchdb.store.location_templates import unfit_template

    if unfit := unfit_template(given):
        raise click.UsageError(unfit, context)
    if redact(given) != given:
        raise click.UsageError(
            "there is a password or a token in LOCATION, which everybody could read: give it "
            "without",
            context,
        )
    return given


@click.command("artifact", short_help="Say where artifacts are now.")
@click.argument("artifacts", nargs=-1, required=True, metavar="ARTIFACT...")
@click.option(
    "--at",
    "location",
    required=True,
    metavar="LOCATION",
    callback=_template,
    help="Its URL; for several, with {path}, {name}, {sha256} or {kind} in it.",
)
@author_options
@database_option
def command(
    *,
    artifacts: tuple[str, ...],
    location: str,
    text: str | None,
    author: str | None,
    db: str | None,
) -> None:
    """Say that each ARTIFACT is at LOCATION now; it travels with `merge` and `sync`.

    An ARTIFACT is a file, or a folder with files, told by their SHA-256; or the beginning of a
    SHA-256; or the path or URL that was recorded, or a name, where * and ? stand for anything. For
    {path} the recorded path is filled in. Nothing is fetched or moved: of several locations the
    latest holds.
    """
    from benchdb.report.text import counted, literal
    from benchdb.store.location_templates import filled_in
    from benchdb.store.locations import add_locations, recorded_artifacts
    from benchdb.store.opening import connected, explaining, reading
    from benchdb.store.values import new_uid

    path, settings = locate(db)
    with reading(path, say) as connection:
        recorded = recorded_artifacts(connection)
    # Whoever reads a file of the database here must have no connection to it.
    base = files_folder(path, settings)
    chosen: dict[str, RecordedArtifact] = {}
    for given in artifacts:
        for one in _meant(given, recorded, base):
            chosen.setdefault(one.key, one)
    places = filled_in(chosen.values(), location)
    with progress_bar() as progress:
        prepare(path, progress)
    with explaining(path), connected(path, write=True) as connection:
        add_locations(connection, places, new_uid(), author=author or this_user(), text=text)
    first, at = next(iter(places.items()))
    more = f", and {counted(len(places) - 1, 'other')} likewise" if len(places) > 1 else ""
    write(literal(f"noted: {first.url or first.name} is at {at}{more}") + "\n")


def _meant(given: str, recorded: list[RecordedArtifact], base: Path) -> list[RecordedArtifact]:
    """Return the artifacts that an argument means, of equal ones the newest first.

    Raises
    ------
    UserError
        If there is none, or it isn't clear which.
    """
    from benchdb.globs import matches

    if os.path.isfile(given) or os.path.isdir(given):
        if found := list(_lying_at(Path(given), recorded, base)):
            return found
        raise UserError(
            f"{given} is no artifact of a test run here, nor are files in it: give one that "
            "was recorded, or its recorded path, and --db for another database"
        )
    if found := [one for one in recorded if given in (one.url, one.key)]:
        return found
    digits = given.lower()
    if _BEGINNING.fullmatch(digits):
        found = [one for one in recorded if (one.sha256 or "").startswith(digits)]
        several = sorted({one.key for one in found})
        if len(several) > 1:
            raise UserError(
                f"{given} begins the SHA-256 of {len(several):,} artifacts: give more of it, as "
                f"{several[0]}"
            )
    found = found or [
        one for one in recorded if matches(given, one.url or "") or matches(given, one.name)
    ]
    if found:
        return found
    raise UserError(
        f"no artifact of a test run here is {given!r}: give a file, a SHA-256, or a path or URL "
        "that was recorded, as in the table artifact"
    )


def _lying_at(
    place: Path, recorded: list[RecordedArtifact], base: Path
) -> Iterator[RecordedArtifact]:
    """Give the artifacts whose bytes are those of a file, or of the files in a folder."""
    from benchdb.sync.segments import checksum

    known: dict[str, list[RecordedArtifact]] = {}
    for one in recorded:
        if one.sha256:
            known.setdefault(one.sha256, []).append(one)
    sizes = {one.size for same in known.values() for one in same}
    for file in _files(place):
        try:
            if file.stat().st_size not in sizes and None not in sizes:
                continue
            same = known.get(checksum(file), [])
        except OSError as error:
            raise UserError(f"{file} can't be read ({reason(error)}): mend that first") from error
        # Equal bytes may have been recorded elsewhere, which is not where these went.
        at = file.resolve()
        here = (one for one in same if one.url and (base / one.url).resolve() == at)
        if same:
            yield next(here, same[0])


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            if (file := Path(folder, name)).is_file():
                yield file
