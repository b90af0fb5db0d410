"""What every page of the site is given: `data/index.js`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.dashboard.data.events import Event, Release, Side


@dataclass(frozen=True, slots=True)
class Index:
    """The overview, and what all pages share.

    Parameters
    ----------
    schema
        `SCHEMA`.
    title
        The project.
    newest
        When the newest session started; None where there is none.
    window
        How many sessions, the newest, "recent" means: ``--last``.
    recent
        The number of the first of them.
    tolerance
        The effect that does not matter where nobody chose another.
    links
        How commits and comparisons are reached.
    sides
        What the compare page offers.
    pairs
        Of which sides there is a comparison: the numbers of baseline and contender. The other way
        round is the same file, read as its inverse.
    shards
        In how many files each kind of data is; the page finds one by a hash (`benchdb.dashboard.
        shards`).
    """

    schema: int
    title: str
    newest: int | None
    window: int
    recent: int
    tolerance: float
    links: Links
    metrics: list[Metric]
    conditions: list[Conditions]
    sessions: Sessions
    cases: Cases
    series: SeriesTable
    summaries: list[Summary]
    events: list[Event]
    releases: list[Release]
    sides: list[Side]
    pairs: list[list[int]]
    shards: Shards
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Shards:
    """In how many files each kind of data is."""

    cases: int
    sessions: int
    sources: int


@dataclass(frozen=True, slots=True)
class Links:
    """Templates of addresses; empty where the repository has no page.

    Parameters
    ----------
    commit
        With ``{commit}``.
    compare
        With ``{good}`` and ``{bad}``.
    """

    commit: str
    compare: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Parameters
    ----------
    label
        For people: ``Wall time``.
    worse
        1 where more is worse, -1 where less is, 0 where neither way is.
    outcome
        Whether it counts outcomes: failed, lost, hung.
    """

    name: str
    unit: str
    label: str
    worse: int
    outcome: bool


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what series ran.

    Parameters
    ----------
    label
        Short, and of no other conditions here.
    details
        Pairs of a name and a value.
    """

    label: str
    details: list[list[str]]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Columns of sessions in order of place.

    Parameters
    ----------
    uid
        Whole.
    started, place
        Instants.
    trunk
        Whether series stand on it.
    commit, version, branch, dirty
        Of the main subject; empty where unknown.
    subject, author
        Of the commit, where the repository was there; else empty.
    conditions
        The environment's label.
    host
        Its name, or empty.
    ci
        URL of the CI run, or empty.
    state
        ``finished``, ``lost``, ``interrupted``.
    runs, failed, lost
        Numbers of test runs.
    packages
        What changed since the session before it on the same environment: package, before, after.
        An empty version is a package that was not there.
    """

    uid: list[str]
    started: list[int]
    place: list[int]
    trunk: list[bool]
    commit: list[str]
    version: list[str]
    branch: list[str]
    dirty: list[bool]
    subject: list[str]
    author: list[str]
    conditions: list[str]
    host: list[str]
    ci: list[str]
    state: list[str]
    runs: list[int]
    failed: list[int]
    lost: list[int]
    packages: list[list[list[str]]]


@dataclass(frozen=True, slots=True)
class Cases:
    """Columns of cases.

    Parameters
    ----------
    id
        ``path::name``.
    path, name
        Its two parts.
    source
        Whether its source is in the site.
    """

    id: list[str]
    path: list[str]
    name: list[str]
    source: list[bool]


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """Columns of series, those that measure and those that count outcomes.

    One that counts outcomes is there if there ever was one to count.

    Parameters
    ----------
    case, metric, conditions
        What the series is of.
    version
        Of the test, from its marker; empty without.
    points
        How many it has.
    now
        The level that it has come to, in the metric's unit: of what drifts the end of its slope, of
        what counts outcomes the share of the sessions of its last stretch that had one.
    noise, floor
        Relative; None where they are not known.
    effect, low, high
        Of its newest change among the recent sessions, with the 95 % interval; None without one,
        and where the old level was 0: then `since` tells that there is one.
    before
        The level before that change, or of the earlier half of what drifts; None without either.
    verdict
        1 where that made it worse, -1 better, 0 else.
    since
        The first session behind that change, -1 without one.
    event
        The event of that change, -1 without one.
    drift
        Its slow change without a moment, None without one.
    last
        The session of its newest point.
    failing
        In how many of the newest three sessions of its case on its conditions the case failed or
        was lost.
    spark
        Its history at most 60 characters long: ``0``-``9A``-``Za``-``z`` are heights from the
        lowest to the highest, a blank is a gap.
    """

    case: list[int]
    metric: list[int]
    conditions: list[int]
    version: list[str]
    points: list[int]
    now: list[float]
    noise: list[float | None]
    floor: list[float | None]
    before: list[float | None]
    effect: list[float | None]
    low: list[float | None]
    high: list[float | None]
    verdict: list[int]
    since: list[int]
    event: list[int]
    drift: list[float | None]
    last: list[int]
    failing: list[int]
    spark: list[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the top of the overview says of one metric.

    Parameters
    ----------
    headline
        A sentence that states the finding.
    regressed, improved
        Series whose newest recent change made them worse, better, without those that people
        settled: whose event is not open.
    suite, suite_low, suite_high
        The whole suite now against the session before the recent ones: a geometric mean with its
        95 % interval; None where that cannot be said.
    failing
        Cases that failed or were lost in one of the newest three sessions.
    noise
        The median noise of the series.
    index
        Of each session the geometric mean of the series' values, each relative to its own median;
        None where too few ran.
    worse, better
        Of each session how many series of this metric changed in events that it is the first
        after.
    """

    metric: int
    headline: str
    regressed: int
    improved: int
    suite: float | None
    suite_low: float | None
    suite_high: float | None
    failing: int
    noise: float | None
    index: list[float | None]
    worse: list[int]
    better: list[int]
