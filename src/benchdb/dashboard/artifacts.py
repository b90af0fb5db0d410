"""Files of test runs: copied into the site, or linked where they are on the web."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from benchdb.dashboard.data import Artifact
from benchdb.review.renaming import current
from benchdb.series import Case
from benchdb.store.locations import (
    artifact_locations,
    artifacts_of_runs,
    pages_of_runs,
    unfit_location,
)

if TYPE_CHECKING:
    from pathlib import Path

    from benchdb.dashboard.files import Site
    from benchdb.dashboard.survey import Survey
    from benchdb.store.connection import Connection
    from benchdb.store.locations import RecordedArtifact

#: What isn't copied into a file's name.
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

#: A file of a longer name is cut.
_LONGEST_NAME: Final = 80


@dataclass(slots=True)
class Artifacts:
    """All artifacts that a reader can reach.

    Parameters
    ----------
    of_case
        Of each case.
    of_session
        Of each session, by its number: with the cases.
    """

    of_case: dict[Case, list[Artifact]] = field(default_factory=lambda: defaultdict(list))
    of_session: dict[int, list[tuple[Case, Artifact]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def artifacts(connection: Connection, survey: Survey, folder: Path, site: Site) -> Artifacts:
    """Copy files into the site, and return what is reached where.

    Parameters
    ----------
    folder
        What recorded paths are relative to.

    Notes
    -----
    Copied are the files of the recent sessions, as large as a remote takes them; of any session
    there is a link where an artifact is on the web: http and https alone are places to go to.
    """
    found = Artifacts()
    locations = artifact_locations(connection)
    renamed = survey.settings.renamed
    seen: set[tuple[int, Case, str]] = set()
    for row, path, test, recorded in chain(
        artifacts_of_runs(connection), pages_of_runs(connection)
    ):
        session = survey.numbers.get(row)
        case = current(Case(path or "", test), renamed)
        if session is None or case not in survey.case_numbers:
            continue
        href = _link(locations.get(recorded.key) or recorded.url)
        if not href and session >= survey.recent:
            href = _copied(folder, recorded, site, survey.settings.largest_artifact)
        if href and (session, case, href) not in seen:
            seen.add((session, case, href))
            one = Artifact(session, recorded.kind, recorded.name, href)
            found.of_case[case].append(one)
            found.of_session[session].append((case, one))
    return found


def _link(url: str | None) -> str:
    """Return a URL that a page may link; nothing of any other kind."""
    if not url or "://" not in url or unfit_location(url) is not None:
        return ""
    return url if urlsplit(url).scheme.lower() in ("http", "https") else ""


def _copied(folder: Path, recorded: RecordedArtifact, site: Site, largest: int) -> str:
    """Copy a file; return where it is in the site, or nothing where that can't be done.

    A record may come from anybody, and name any file of the project, `.env` or the database: what
    is not the very content that was recorded stays where it is.
    """
    url, sha256 = recorded.url, recorded.sha256
    if not url or "://" in url or "\0" in url or not sha256 or not _SHA256.fullmatch(sha256):
        return ""
    try:
        root = folder.resolve()
        file = (root / url).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return ""
        length = file.stat().st_size
        if length > largest or recorded.size not in (None, length):
            return ""
        shown = _STRANGE.sub("-", file.name).strip(".-")[-_LONGEST_NAME:].lstrip(".-") or "file"
        name = f"artifacts/{sha256[:16]}/{shown}"
        if site.keep(name, length):
            return name
        content = file.read_bytes()
    except (OSError, ValueError):
        return ""
    if hashlib.sha256(content).hexdigest() != sha256:
        return ""
    site.write(name, content)
    return name
