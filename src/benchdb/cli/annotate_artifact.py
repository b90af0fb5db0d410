"""``benchdb annotate artifact``: where files of test runs are now."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
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

_PLACEHOLDERS: Final = ("path", "name", "sha256", "kind")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")

#: A key in a bucket is what is written, here and in these stores' own tools: nothing is escaped.
_LITERAL: Final = ("s3://", "gs://")

#: Of a SHA-256; fewer digits might be a word.
_BEGINNING: Final = re.compile(r"[0-9a-f]{8,64}")


def _template(context: click.Context, _: click.Parameter, given: str) -> str:
    """Refuse what would be no location, whatever the artifact."""
    from benchdb.collect.redaction import redact
    from benchdb.store.locations import unfit_location

    for name in _PLACEHOLDER.findall(given):
        if name not in _PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in _PLACEHOLDERS)
            raise click.UsageError(f"{{{name}}} can't be filled in: use {known}", context)
    if unfit := unfit_location(_PLACEHOLDER.sub("x", given)):
        raise click.UsageError(f"{given!r} {unfit}", context)
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
    places = _places(list(chosen.values()), location)
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


def _places(chosen: list[RecordedArtifact], location: str) -> dict[RecordedArtifact, str]:
    """Return where each artifact is, by a location with placeholders.

    Raises
    ------
    UserError
        If that is no fit location, or the same for two.
    """
    from benchdb.store.locations import unfit_location

    places: dict[str, RecordedArtifact] = {}
    for one in chosen:
        at = _filled(location, one)
        if unfit := unfit_location(at):
            raise UserError(f"the location of {one.url or one.name}, {at!r}, {unfit}")
        if at in places:
            other = places[at]
            raise UserError(
                f"{at} would be the place of {other.url or other.name} and of "
                f"{one.url or one.name}: put {{path}} or {{sha256}} into LOCATION"
            )
        places[at] = one
    return {one: at for at, one in places.items()}


def _filled(location: str, artifact: RecordedArtifact) -> str:
    """Return a location with the placeholders filled in.

    Raises
    ------
    UserError
        If the artifact has no such thing.
    """
    from urllib.parse import quote

    is_literal = location.lower().startswith(_LITERAL)
    values = {
        "path": _path(artifact),
        "name": PurePosixPath(_path(artifact) or artifact.name).name,
        "sha256": artifact.sha256,
        "kind": artifact.kind,
    }

    def filled(found: re.Match[str]) -> str:
        value = values[found[1]]
        if not value:
            raise UserError(
                f"{artifact.url or artifact.name} has nothing for {found[0]}: put another of "
                f"{', '.join(f'{{{name}}}' for name, held in values.items() if held)} into LOCATION"
            )
        return value if is_literal else quote(value, safe="/" if found[1] == "path" else "")

    return _PLACEHOLDER.sub(filled, location)


def _path(artifact: RecordedArtifact) -> str | None:
    """Return an artifact's path below the folder of the database, or in its URL; None without."""
    from urllib.parse import unquote, urlsplit

    url = artifact.url or ""
    if "://" in url:
        try:
            url = unquote(urlsplit(url).path).lstrip("/")
        except ValueError:
            return None
    is_inside = not url.startswith("/") and ":" not in url.partition("/")[0]
    return url if url and is_inside and ".." not in url.split("/") else None
