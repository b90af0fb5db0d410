"""Where artifacts are now: a finished session never changes, but its files are often put elsewhere.

What is said travels as every annotation does, and one says where any number of artifacts are: a
file by its SHA-256, what was recorded as a URL by that. Of several about one artifact the latest
holds. A remote may bring any text, so one that is no fit location is passed over here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from benchdb.store.annotations import add_annotation
from benchdb.store.values import just_after, read_instant, stored_instant
from benchdb.store.values import text as storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchdb.store.connection import Connection

LOCATION: Final = "location"

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")

#: A page that links such a URL would run what it says.
_RUN: Final = frozenset({"javascript", "vbscript", "data"})

_WITH_HOST: Final = frozenset({"http", "https", "s3", "gs"})

#: What no URL has (RFC 3986, 2.), and what isn't seen: categories of Unicode.
_EXCLUDED: Final = frozenset('<>"`{}|\\^')
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"})

#: Only what any URL may have: nearly all are told so, and a history may have very many.
_PLAIN: Final = re.compile(r"[!#-;=?-Z_a-z~]*")

_LONGEST: Final = 4096

#: Columns of test runs that say where something is.
_PAGES: Final = (
    "cluster_details_url",
    "cluster_cost_url",
    "performance_report_url",
    "cluster_dump_url",
    "memray_profiles_url",
    "py_spy_profiles_url",
)


@dataclass(frozen=True, slots=True)
class RecordedArtifact:
    """An artifact as it was recorded.

    Parameters
    ----------
    url
        Relative to the database's folder, or a URL.
    started
        When the newest session that has it began, as the database holds it.
    """

    kind: str
    name: str
    url: str | None
    size: int | None
    sha256: str | None
    started: str

    @property
    def key(self) -> str:
        """What tells it from others, in any session: its SHA-256, else the URL."""
        return self.sha256 or self.url or ""


def recorded_artifacts(connection: Connection) -> list[RecordedArtifact]:
    """Return all artifacts that can be told from others, those of the newest sessions first."""
    rows = connection.execute(
        "SELECT kind, name, url, size, sha256, max(started) "
        "FROM artifact JOIN session ON session_id = id WHERE coalesce(sha256, url, '') <> '' "
        "GROUP BY kind, name, url, size, sha256 ORDER BY max(started) DESC, url, kind, name"
    )
    return [RecordedArtifact(*row) for row in rows]


def artifacts_of_runs(
    connection: Connection,
) -> Iterator[tuple[int, str | None, str, RecordedArtifact]]:
    """Give all artifacts with the id of their session and the case, in the order they were made."""
    rows = connection.execute(
        "SELECT a.session_id, t.path, t.name, a.kind, a.name, a.url, a.size, a.sha256, s.started "
        "FROM artifact a JOIN test_run t ON t.session_id = a.session_id AND t.ordinal = a.ordinal "
        "JOIN session s ON s.id = a.session_id ORDER BY s.uid, a.ordinal, a.kind, a.name"
    )
    for session, path, name, *recorded in rows.fetchall():
        yield session, path, name, RecordedArtifact(*recorded)


def pages_of_runs(
    connection: Connection,
) -> Iterator[tuple[int, str | None, str, RecordedArtifact]]:
    """Give what test runs name in columns of their own and is on the web, as `artifacts_of_runs`.

    A file of the database's folder is among the artifacts.
    """
    named = " OR ".join(f"t.{one} LIKE '%://%'" for one in _PAGES)
    columns = ", ".join(f"t.{one}" for one in _PAGES)
    rows = connection.execute(
        f"SELECT t.session_id, t.path, t.name, s.started, {columns} "
        f"FROM test_run t JOIN session s ON s.id = t.session_id WHERE {named} "
        "ORDER BY s.uid, t.ordinal"
    )
    for session, path, name, started, *urls in rows.fetchall():
        for column, url in zip(_PAGES, urls, strict=True):
            if url and "://" in url:
                kind = column.removesuffix("_url")
                shown = kind.replace("_", " ")
                yield session, path, name, RecordedArtifact(kind, shown, url, None, None, started)


def unfit_location(url: str) -> str | None:
    """Return what is wrong about a location, as the end of a sentence; None where it is fit.

    It may be shown, and linked, wherever artifacts are.
    """
    scheme, _, rest = url.partition("://")
    is_whole = bool(rest and _SCHEME.fullmatch(scheme))
    is_plain = _PLAIN.fullmatch(url) is not None
    if not is_plain:
        try:
            urlsplit(url)
        except ValueError:  # brackets that are no address
            is_whole = False
    if not is_whole or (scheme.lower() in _WITH_HOST and rest.startswith("/")):
        return "is no URL: write all of it, as https://host/path or s3://bucket/key"
    if scheme.lower() in _RUN:
        return f"is no place: a page with a link of {scheme}: would run it"
    for char in "" if is_plain else url:
        if char in _EXCLUDED or unicodedata.category(char) in _UNSEEN:
            escaped = quote(char, errors="replace")
            return f"has {char!a} in it, which no URL has: write {escaped} instead"
    if len(url) > _LONGEST:
        return f"is longer than {_LONGEST:,} characters: give a shorter one"
    return None


def add_locations(
    connection: Connection,
    places: Mapping[RecordedArtifact, str],
    key: str,
    *,
    author: str | None = None,
    text: str | None = None,
) -> None:
    """Say where artifacts are.

    Parameters
    ----------
    connection
        On a database at the newest schema, in no transaction.
    places
        The location of each artifact, fit ones.
    key
        A new UUID.
    author, text
        Who says so, and what else.
    """
    locations = {one.key: url for one, url in places.items()}
    made = datetime.now(UTC)
    for one in places:
        # A slow clock would put it before what it is about, where a horizon may forget it.
        started = read_instant(one.started)
        if started is not None and started.year < MAXYEAR:
            made = max(made, started)
    follows = None
    with connection.transaction():
        for before, when, others in _said(connection):
            if not locations.keys().isdisjoint(others):
                follows, made = before, just_after(made, when)
        add_annotation(
            connection,
            {
                "key": key,
                "made": stored_instant(made),
                "kind": LOCATION,
                "follows": follows,
                "author": author and storable(author),
                "text": text and storable(text),
                "locations": json.dumps(locations, separators=(",", ":"), sort_keys=True),
            },
        )


def artifact_locations(connection: Connection) -> dict[str, str]:
    """Return where artifacts are said to be, by SHA-256, or by URL where they have none."""
    found: dict[str, str] = {}
    for _, _, locations in _said(connection):
        found.update(locations)
    return found


def _said(connection: Connection) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Give key, instant and the fit locations of each annotation, the earliest first."""
    rows = connection.execute(
        "SELECT key, made, locations FROM annotation "
        "WHERE kind = ? AND locations IS NOT NULL ORDER BY made, key",
        (LOCATION,),
    )
    for key, made, said in rows.fetchall():
        try:
            locations = json.loads(said)
        except (ValueError, TypeError, RecursionError):  # written by hand
            continue
        if isinstance(locations, dict):
            fit = {
                one: url
                for one, url in locations.items()
                if isinstance(url, str) and unfit_location(url) is None
            }
            yield key, made, fit
