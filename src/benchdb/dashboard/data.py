"""What the site's pages are given: the records that become data files, and the types of the page.

A data file is a script that calls ``benchdb(NAME, CONTENT)``: scripts alone may be loaded where a
page was opened from a folder. Columns stand for rows, so that a million points stay small. Numbers
that name something (a session, a case) are its index in the column of the index file. Shares are
relative: 0.1 for 10 %. An effect is None where it is infinite, as the old level was 0. Instants are
seconds since 1970 in UTC. ``dashboard/generate_types.py`` makes the page's types of these classes,
so a field is a number, a string, a bool, None, a list or another of these classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: A page refuses data of another number.
SCHEMA: Final = 1


# -- index.js: what every page needs, and the overview


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


@dataclass(frozen=True, slots=True)
class Event:
    """One cause: what moved at one boundary, as ``benchdb changes`` tells it.

    Parameters
    ----------
    id
        As ``benchdb ack`` takes it.
    verdict
        1, -1 or 0.
    cause
        In words: what is to be suspected.
    environment
        Whether the machine moved, and not the code.
    state
        ``open``, ``expected``, ``noise``, ``fixed``, ``wont-fix``.
    said
        Who said so, when and why; empty where nobody did.
    back
        Whether it all went back since.
    last_before, first_after
        Sessions.
    ranges
        The commits of each subject between them.
    differences
        What else is not the same, beside the subjects: kind, name, before, after.
    controls
        Ids of control tests that moved.
    moved
        The series, those that moved most first.
    series, cases
        How many were measured on both sides.
    """

    id: str
    verdict: int
    cause: str
    environment: bool
    state: str
    said: str
    back: bool
    last_before: int
    first_after: int
    ranges: list[CommitRange]
    differences: list[list[str]]
    controls: list[str]
    moved: list[Moved]
    series: int
    cases: int


@dataclass(frozen=True, slots=True)
class CommitRange:
    """Commits of a subject between two sessions.

    Parameters
    ----------
    good, bad, good_version, bad_version
        Empty where unknown.
    command
        ``git log …``, ready to paste.
    commits
        The newest of them, where the repository was there.
    more
        How many others there are.
    """

    subject: str
    good: str
    bad: str
    good_version: str
    bad_version: str
    command: str
    commits: list[Commit]
    more: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, made at an instant."""

    commit: str
    subject: str
    author: str
    committed: int


@dataclass(frozen=True, slots=True)
class Moved:
    """One series that moved: its number in the table, and by how much."""

    series: int
    effect: float | None
    low: float | None
    high: float | None
    verdict: int


@dataclass(frozen=True, slots=True)
class Release:
    """The first session of a version of the main subject without a local part."""

    name: str
    session: int


@dataclass(frozen=True, slots=True)
class Side:
    """One side that can be compared.

    Parameters
    ----------
    key
        For the URL: ``release:1.2.0``, ``last:10``, ``tag:KEY=VALUE``, ``session:UID``.
    label
        For people.
    kind
        ``release``, ``last``, ``tag``, ``session``, ``commits``.
    asked
        What ``benchdb compare`` takes for it; empty where it has no word for these sessions.
    sessions
        In order of place.
    """

    key: str
    label: str
    kind: str
    asked: str
    sessions: list[int]


# -- cases/NN.js


@dataclass(frozen=True, slots=True)
class CaseShard:
    """The cases whose ids have one hash."""

    cases: list[CaseHistory]


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """All series of a case, with their points.

    Parameters
    ----------
    id
        Of the case.
    series
        In the order of the table.
    failed, lost, hung
        Sessions in which a run of it ended so, by conditions: the numbers of conditions and of
        sessions, in pairs.
    artifacts
        Files of its runs.
    """

    id: str
    series: list[PointSeries]
    failed: list[list[int]]
    lost: list[list[int]]
    hung: list[list[int]]
    artifacts: list[Artifact]


@dataclass(frozen=True, slots=True)
class PointSeries:
    """A series with its points, in order of place.

    Parameters
    ----------
    series
        Its number in the table.
    at
        Of each point the number of its session, less that of the point before. Empty where they
        are those of the series before in the file.
    values
        In the metric's unit, to five digits.
    segments
        The stretches with one level.
    changes
        The boundaries between them that are established; those of `segments` that are not are
        too small to be told from chance in the family of all series.
    drift
        The slow change without a moment; None without one.
    """

    series: int
    at: list[int]
    values: list[float]
    segments: list[Segment]
    changes: list[Change]
    drift: Drift | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch with one level: its first point, the level, where nine of ten values lie.

    The level of what counts outcomes is how many there were in a session on average.
    """

    start: int
    level: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """A change point.

    Parameters
    ----------
    point
        The first point behind it, where a segment starts.
    p
        The chance that a series without a change shows as much at any place.
    event
        The event that it is a part of.
    """

    point: int
    effect: float | None
    low: float | None
    high: float | None
    p: float
    verdict: int
    event: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A slow change: the later half of a series against the earlier one.

    Parameters
    ----------
    first, last
        The ends of one slope through all points, at the first and the last; None where there are
        steps beside it, whose levels tell more.
    """

    effect: float | None
    low: float | None
    high: float | None
    verdict: int
    first: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a run: where it is now, in the site or elsewhere."""

    session: int
    kind: str
    name: str
    href: str


# -- sessions/NN.js


@dataclass(frozen=True, slots=True)
class SessionShard:
    """The sessions whose uids have one hash."""

    sessions: list[SessionPage]


@dataclass(frozen=True, slots=True)
class SessionPage:
    """What is unusual in a session.

    Parameters
    ----------
    before
        The session that its packages and commits are held against: the trunk's before it on its
        environment; -1 without one.
    judged
        How many series were held against their level.
    unusual
        Those beyond what their past lets one expect, the worst first.
    failed, lost, hung
        Ids of cases.
    missing
        Ids of cases of the session before that did not run, 500 at most.
    facts
        Pairs of a name and a value: command line, branch, tags, versions.
    packages
        What changed since `before`: package, before, after.
    artifacts
        Of hung and lost runs: dumps and reports.
    rerun
        The command that runs what is unusual again; empty where nothing is.
    """

    uid: str
    before: int
    judged: int
    unusual: list[Unusual]
    failed: list[str]
    lost: list[str]
    hung: list[str]
    missing: list[str]
    facts: list[list[str]]
    packages: list[list[str]]
    artifacts: list[CaseArtifact]
    rerun: str


@dataclass(frozen=True, slots=True)
class Unusual:
    """A value beyond what its series' past lets one expect.

    Parameters
    ----------
    series
        Its number in the table, -1 where there is none.
    effect
        The value against the level before it.
    low, high
        Between which effects 95 of 100 usual values lie; None for an end that there is not.
    """

    series: int
    value: float
    level: float
    effect: float | None
    low: float | None
    high: float | None
    verdict: int


@dataclass(frozen=True, slots=True)
class CaseArtifact:
    """A file of a run of a case."""

    case: str
    kind: str
    name: str
    href: str


# -- compare/A~B.js, releases.js, health.js, sources/NN.js


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides compared, the first one the baseline: series that both have.

    The other way round every ratio 1 + effect is its inverse, low is made of high, and the levels
    change places.

    Parameters
    ----------
    baseline, contender
        Keys of the sides.
    differences
        What is not the same on the two sides, beside the subjects: kind, name, before, after.
    ranges
        The commits between them.
    series
        Numbers in the table.
    effect, low, high
        With the 95 % interval; None for an end that is not known.
    size
        The difference in standard deviations.
    before, after
        The two levels.
    more
        For each of `ladder` about how many more sessions of each side would put the interval wholly
        beyond the tolerance, or wholly within it; 0 where it is so, -1 where a thousand would not.
    ladder
        Tolerances.
    alone
        How many series of each side have no values on the other.
    overall
        Of each metric: its number, and the geometric mean of all its series with the interval.
    """

    baseline: str
    contender: str
    differences: list[list[str]]
    ranges: list[CommitRange]
    series: list[int]
    effect: list[float | None]
    low: list[float | None]
    high: list[float | None]
    size: list[float | None]
    before: list[float]
    after: list[float]
    ladder: list[float]
    more: list[list[int]]
    alone: list[int]
    overall: list[list[float | None]]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Each release against the one before it, module by module.

    Parameters
    ----------
    tolerance
        An interval counts where all of it is beyond.
    columns
        Pairs of keys of sides: baseline and contender.
    modules
        Paths of files of tests; the first row is the whole suite, with an empty path.
    metrics
        By metric.
    """

    tolerance: float
    columns: list[list[str]]
    modules: list[str]
    metrics: list[HeatMetric]


@dataclass(frozen=True, slots=True)
class HeatMetric:
    """Of one metric: the effect and the counts, by module and column; None where nothing ran."""

    metric: int
    effect: list[list[float | None]]
    worse: list[list[int]]
    better: list[list[int]]


@dataclass(frozen=True, slots=True)
class Health:
    """Where to spend effort.

    Parameters
    ----------
    flaky
        Cases that failed or were lost in some of the recent sessions, those that did so most often
        first.
    longest
        Cases by their share of the suite's time.
    missing
        Cases that ran on the trunk before, and not in its newest session.
    hosts
        Machines, with how their times compare.
    """

    flaky: list[Flaky]
    longest: list[Longest]
    missing: list[Missing]
    hosts: list[Host]


@dataclass(frozen=True, slots=True)
class Flaky:
    """Of the recent sessions that ran a case: in how many it failed, or was lost."""

    case: int
    sessions: int
    failed: int
    lost: int
    changes: int


@dataclass(frozen=True, slots=True)
class Longest:
    """The median seconds of a case, and its share of the suite's."""

    case: int
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Missing:
    """A case, and the last session that ran it."""

    case: int
    last: int


@dataclass(frozen=True, slots=True)
class Host:
    """A machine: its sessions, and its times relative to the series' levels; None if too few."""

    name: str
    conditions: str
    sessions: int
    last: int
    effect: float | None


@dataclass(frozen=True, slots=True)
class SourceShard:
    """The tests' sources whose files' paths have one hash."""

    sources: list[Source]


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a test, as it is in the repository now.

    Parameters
    ----------
    test
        ``path::originalname``.
    line
        Of the file, from 1.
    """

    test: str
    line: int
    text: str
