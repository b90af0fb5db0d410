"""Locations with placeholders: where many artifacts are, said once."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from benchdb.errors import UserError
from benchdb.store.locations import unfit_location

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb.store.locations import RecordedArtifact

_PLACEHOLDERS: Final = ("path", "name", "sha256", "kind")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")

#: A key in a bucket is what is written, here and in these stores' own tools: nothing is escaped.
_LITERAL: Final = ("s3://", "gs://")


def unfit_template(template: str) -> str | None:
    """Return what is wrong about a location with placeholders, whatever the artifact; None if fit.

    Parameters
    ----------
    template
        A URL in which ``{path}``, ``{name}``, ``{sha256}`` and ``{kind}`` stand for an artifact's.
    """
    for name in _PLACEHOLDER.findall(template):
        if name not in _PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in _PLACEHOLDERS)
            return f"{{{name}}} can't be filled in: use {known}"
    unfit = unfit_location(_PLACEHOLDER.sub("x", template))
    return f"{template!r} {unfit}" if unfit else None


def filled_in(artifacts: Iterable[RecordedArtifact], template: str) -> dict[RecordedArtifact, str]:
    """Return where each artifact is.

    Parameters
    ----------
    artifacts
        No two of them the same.
    template
        A location, with placeholders where there are several artifacts.

    Raises
    ------
    UserError
        If that is no fit location, or the same for two.
    """
    places: dict[str, RecordedArtifact] = {}
    for one in artifacts:
        at = _filled(template, one)
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
    """Return a location with the placeholders filled in; a `UserError` where one has nothing."""
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
    url = artifact.url or ""
    if "://" in url:
        try:
            url = unquote(urlsplit(url).path).lstrip("/")
        except ValueError:
            return None
    is_inside = not url.startswith("/") and ":" not in url.partition("/")[0]
    return url if url and is_inside and ".." not in url.split("/") else None
