"""A site is built: everything is read in one state of the database, and written part by part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchdb.dashboard import data
from benchdb.dashboard.artifacts import artifacts
from benchdb.dashboard.cases import CaseHistories, case_shards
from benchdb.dashboard.comparisons import SidesCompared
from benchdb.dashboard.events import events
from benchdb.dashboard.files import Site, data_script
from benchdb.dashboard.headline import Counts, failing_cases, headline, summaries
from benchdb.dashboard.health import health
from benchdb.dashboard.outcomes import Outcomes
from benchdb.dashboard.page import index_page, single_page
from benchdb.dashboard.releases import releases
from benchdb.dashboard.repository import Repository
from benchdb.dashboard.series import Recent, series_table
from benchdb.dashboard.session_pages import SessionPages, session_shards
from benchdb.dashboard.sessions import PackageChanges, sessions
from benchdb.dashboard.shards import pair_name, shard_name
from benchdb.dashboard.sources import Sources
from benchdb.dashboard.summary import (
    Finding,
    feed,
    plain_tables,
    summary_csv,
    summary_json,
    summary_markdown,
)
from benchdb.dashboard.survey import Survey, Wanted, worse
from benchdb.errors import UserError
from benchdb.metrics import built_in, counts_outcomes
from benchdb.report import text
from benchdb.report.sessions import conflict_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchdb.config import Settings
    from benchdb.records import Metric
    from benchdb.review.remembered import Kept
    from benchdb.store.connection import Connection

#: The page's script and its style: made from TypeScript, and committed.
_STATIC: Final = Path(__file__).parent / "static"
_BUILT: Final = ("app.js", "app.css")


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be built.

    Parameters
    ----------
    folder
        Where the site goes.
    wanted
        What of the history.
    leading
        Names of the subjects that stand for a revision, the first first.
    source
        The folder of the code: its repository, and the files of the tests.
    files
        What the paths of test runs' files are relative to.
    single
        Whether to put everything into one page.
    """

    folder: Path
    wanted: Wanted
    leading: tuple[str, ...]
    source: Path
    files: Path
    single: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """What was built: the finding, and how many files were written and removed."""

    headline: str
    files: int
    written: int
    removed: int


def build(connection: Connection, settings: Settings, request: Request, kept: Kept) -> Built:
    """Build a site.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    kept
        Gets what may be kept, so that the next build costs what is new.

    Raises
    ------
    UserError
        If the folder isn't fit, nothing fits what is wanted, or the page's script is missing.
    """
    built = {name: _built(name) for name in _BUILT}
    site = Site(request.folder)
    survey = Survey(connection, settings, request.wanted, kept)
    return _Building(connection, survey, request, site, built).build()


def _built(name: str) -> bytes:
    try:
        return (_STATIC / name).read_bytes()
    except OSError:
        raise UserError(
            f"this benchdb was installed without its page ({name} is missing): install it again"
        ) from None


class _Building:
    """One build."""

    def __init__(
        self,
        connection: Connection,
        survey: Survey,
        request: Request,
        site: Site,
        built: dict[str, bytes],
    ) -> None:
        self._survey = survey
        self._request = request
        self._site = site
        self._files = built
        leading = request.leading
        self._outcomes = Outcomes(survey)
        self._recent = Recent(survey)
        self._counts = Counts(survey, self._recent)
        self._repository = Repository(request.source, survey.settings, _commits(survey))
        self._packages = PackageChanges(connection, survey)
        self._artifacts = artifacts(connection, survey, request.files, site)
        self._sources = Sources(request.source, survey.cases)
        self._releases = releases(survey, leading)
        self._compared = SidesCompared(connection, survey, self._releases)
        self._summaries = summaries(survey, self._outcomes, self._counts, self._compared.suite())

    def build(self) -> Built:
        """Write all files that differ, and remove those that are no longer wanted."""
        single: list[str] = []
        for name, content in self._data():
            if self._request.single:
                single.append(data_script(name, content).decode("ascii"))
            else:
                self._site.data(name, content)
        finding = self._finding()
        tables = plain_tables(finding)
        site = self._site
        if self._request.single:
            style, app = (self._files[name].decode() for name in ("app.css", "app.js"))
            site.write("index.html", single_page(finding, tables, style, app, single))
        else:
            for name, content in self._files.items():
                site.write(name, content)
            site.write("index.html", index_page(finding, tables))
        site.write("summary.json", summary_json(finding))
        site.write("summary.csv", summary_csv(finding))
        site.write("summary.md", summary_markdown(finding))
        site.write("feed.xml", feed(finding))
        gone = site.finish()
        return Built(finding.headline, site.size, len(site.written), len(gone))

    def _data(self) -> Iterator[tuple[str, object]]:
        """Yield all data files by name; the index, without which the page waits, last."""
        survey = self._survey
        histories = CaseHistories(survey, self._outcomes, self._artifacts.of_case)
        for number, shard in histories.shards():
            yield f"cases/{shard_name(number)}", shard
        pages = SessionPages(survey, self._outcomes, self._packages, self._artifacts)
        for number, page in pages.shards():
            yield f"sessions/{shard_name(number)}", page
        for number, source in self._sources.each():
            yield f"sources/{shard_name(number)}", source
        for pair in self._compared.each(self._repository):
            yield f"compare/{pair_name(pair.baseline, pair.contender)}", pair
        tolerance = dict(survey.settings.tolerance)["*"]
        yield "releases", self._compared.heat_map(tolerance)
        yield "health", health(survey, self._outcomes)
        yield "index", self._index(tolerance)

    def _index(self, tolerance: float) -> data.Index:
        survey = self._survey
        table = series_table(survey, self._outcomes, self._recent)
        newest = max((one.started for one in survey.sessions), default=None)
        return data.Index(
            schema=data.SCHEMA,
            title=self._title,
            newest=None if newest is None else int(newest.timestamp()),
            window=survey.window,
            recent=survey.recent,
            tolerance=tolerance,
            links=self._repository.links,
            metrics=[_metric(one) for one in survey.metrics],
            conditions=survey.conditions(),
            sessions=sessions(
                survey, self._outcomes, self._repository, self._packages, self._request.leading
            ),
            cases=data.Cases(
                id=[one.id for one in survey.cases],
                path=[one.path for one in survey.cases],
                name=[one.name for one in survey.cases],
                source=[self._sources.has(one) for one in survey.cases],
            ),
            series=table,
            summaries=self._summaries,
            events=events(survey, self._repository),
            releases=self._releases,
            sides=self._compared.sides,
            pairs=[list(one) for one in self._compared.pairs],
            shards=data.Shards(case_shards(survey), session_shards(survey), self._sources.shards),
            notes=_notes(survey),
        )

    @property
    def _title(self) -> str:
        return self._request.leading[0] if self._request.leading else self._request.source.name

    def _finding(self) -> Finding:
        survey = self._survey
        return Finding(
            survey,
            self._recent,
            title=self._title,
            headline=headline(survey, self._counts),
            summaries=self._summaries,
            failing=[survey.cases[one].id for one in failing_cases(survey, self._outcomes)],
        )


def _commits(survey: Survey) -> list[str]:
    return [each.commit for one in survey.sessions for each in one.subjects if each.commit]


def _metric(one: Metric) -> data.Metric:
    return data.Metric(one.name, one.unit, _label(one), worse(one), counts_outcomes(one))


#: Metrics that have another name for people.
_LABELS: Final = {"duration": "Wall time", "cpu_time": "CPU time"}


def _label(one: Metric) -> str:
    """Return what people call a metric: the user's own as they wrote it."""
    if one.name in _LABELS:
        return _LABELS[one.name]
    if counts_outcomes(one) or built_in(one.name) is not None:
        head, dot, tail = one.name.partition(".")
        said = _LABELS.get(head, head.replace("_", " ").capitalize())
        return f"{said}: {tail}" if dot else said
    return one.name


def _notes(survey: Survey) -> list[str]:
    """Return what to know of the whole."""
    notes = []
    if survey.changes.conflicts:
        notes.append(text.plain(conflict_line(survey.changes.conflicts)).replace("`", ""))
    if survey.history.fallback:
        branches = " or ".join(survey.settings.trunk)
        whose = text.counted(len(survey.history.fallback), "test")
        notes.append(f"no clean session on {branches} yet for {whose}: every session is used there")
    return notes
