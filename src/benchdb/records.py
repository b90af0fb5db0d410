"""The frozen records that layers pass to one another.

Memory is in bytes, time in seconds, instants are timezone-aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

#: In the place of a session's digest, in the key of an annotation among those of sessions.
ANNOTATION: Final = "annotation"


class Direction(StrEnum):
    """Which way a metric gets better; applied in a verdict and nowhere else."""

    LOWER_IS_BETTER = "LOWER_IS_BETTER"
    HIGHER_IS_BETTER = "HIGHER_IS_BETTER"


class Verdict(StrEnum):
    """What a comparison proves; the only place where a direction is applied."""

    REGRESSED = "REGRESSED"
    IMPROVED = "IMPROVED"
    UNCHANGED = "UNCHANGED"
    UNDECIDED = "UNDECIDED"


def verdict_on_change(effect: float, direction: Direction | None) -> Verdict | None:
    """Apply the direction of a metric to an effect that is none of noise's.

    Returns
    -------
    Verdict or None
        REGRESSED or IMPROVED; None where neither way is better, or nothing changed.
    """
    if direction is None or effect == 0:
        return None
    worse = (effect > 0) is (direction is Direction.LOWER_IS_BETTER)
    return Verdict.REGRESSED if worse else Verdict.IMPROVED


def worse_way(direction: Direction | None) -> int:
    """Return the sign of effects for the worse; 1 where neither way is better."""
    return -1 if direction is Direction.HIGHER_IS_BETTER else 1


def in_utc(instant: datetime) -> datetime:
    """Return an instant in UTC; one that names no zone is taken to be in it."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that can be measured; another unit is another metric.

    Parameters
    ----------
    name
        As in the column or the ``measurement`` row, for instance ``peak_memory``.
    unit
        ``"s"``, ``"B"``, ``"1"`` for counts and ratios, or any word of the user's.
    direction
        Which way it gets better; None where neither way does.
    meaning
        One line for the docs.
    """

    name: str
    unit: str
    direction: Direction | None = Direction.LOWER_IS_BETTER
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """Machine, OS and Python of a session: the fields that the fingerprint hashes.

    A field that ``[tool.benchdb] fingerprint`` removed is None; what it added is in ``extra``.
    """

    fingerprint: str
    cpu_model: str | None
    cpu_count: int | None
    memory_gib: int | None
    os: str | None
    architecture: str | None
    python_implementation: str | None
    python_minor: str | None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One installed package; ``source`` is a commit or a URL where it came from neither index."""

    name: str
    version: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class PackageSet:
    """Every installed package, sorted by name; ``key`` is a hash of the list."""

    key: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class SubjectRevision:
    """The version and commit of one subject package."""

    name: str
    version: str
    commit: str | None = None
    committed: datetime | None = None
    branch: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """Versions and commits of all subjects, sorted by name; ``key`` is a hash of their content."""

    key: str
    subjects: tuple[SubjectRevision, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Shape and versions of a Dask cluster: no ids, no addresses, so equal clusters are equal.

    Parameters
    ----------
    kind
        ``"local"``, ``"address"`` or ``"coiled"``.
    workers, threads
        Number of workers, and of threads in each (in the smallest, where they differ).
    memory_limit
        Bytes a worker, None where it has no limit.
    scheduler_versions, worker_versions
        Package name to version, as the scheduler and the workers report it; where workers differ
        the versions are joined by a comma.
    """

    kind: str
    workers: int | None = None
    threads: int | None = None
    memory_limit: int | None = None
    scheduler_instance_type: str | None = None
    worker_instance_type: str | None = None
    region: str | None = None
    scheduler_versions: tuple[tuple[str, str], ...] = ()
    worker_versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """All that is known of a session when it starts."""

    uid: str
    started: datetime
    environment: Environment
    packages: PackageSet
    revision: Revision
    command_line: str = ""
    ci_run_url: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    host: str | None = None
    xdist_workers: int | None = None
    tags: tuple[tuple[str, str], ...] = ()
    benchdb_version: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The value of one metric in one test run.

    Parameters
    ----------
    metric
        Its name; a metric that is a column has a measurement where it has rounds.
    value
        The value; of several rounds, their median.
    rounds
        The raw rounds, thinned evenly to `benchdb.metrics.MOST_ROUNDS`; empty where there was one.
    n, min, max, mean, sd
        Of all rounds, before thinning; ``sd`` has n - 1 in the denominator.
    """

    metric: str
    unit: str
    direction: str | None
    value: float | None
    rounds: tuple[float, ...] = ()
    n: int | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a test run, by name, size and SHA-256, or a URL."""

    kind: str
    name: str
    url: str | None = None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ClosedTestRun:
    """What the worker side knows of a test run when its teardown is over.

    ``columns`` holds values of ``test_run`` columns (instants as aware datetimes); ``unknown``
    names attributes that were set but are no column.
    """

    setup_outcome: str | None
    call_outcome: str | None
    teardown_outcome: str | None
    start: datetime
    end: datetime
    version: str | None = None
    attempt: int = 1
    round: int = 1
    columns: dict[str, object] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    cluster: Cluster | None = None
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def imported_uid(uid: str) -> bool:
    """Tell whether a session was imported: its uid is a hash (UUIDv8), not a time (UUIDv7)."""
    return len(uid) == 36 and uid[14] == "8"


@dataclass(frozen=True, slots=True)
class ImportedSession:
    """What another tool's file says of a session as a whole; what it doesn't say is None.

    It is a function of the file alone: no clock, no host and no release of ours enters, so that
    whoever imports the same file has the same session.
    """

    command_line: str
    branch: str | None = None
    environment: Environment | None = None
    packages: PackageSet | None = None
    revision: Revision | None = None
    tags: tuple[tuple[str, str], ...] = ()


class ImportedRun(NamedTuple):
    """A test run in another tool's file; a tuple, as there are millions.

    Parameters
    ----------
    session
        Which of `Imported.sessions` it belongs to.
    outcome
        One of `OUTCOMES`.
    columns, values
        Of each of `Imported.columns` and `Imported.metrics`; None where the file has no value.
    """

    session: int
    path: str | None
    name: str
    start: datetime
    end: datetime | None
    outcome: str
    columns: Sequence[Any]
    values: Sequence[float | None]


@dataclass(slots=True)
class Imported:
    """A file of another tool's that is being read.

    Parameters
    ----------
    columns
        Names of the columns of ``test_run`` that it has values for, sorted.
    metrics
        The other metrics that it has values for, sorted by name and unit.
    runs
        Its test runs, in any order, each read as it is asked for.
    sessions
        Those of the test runs that were read.
    """

    columns: tuple[str, ...]
    metrics: tuple[Metric, ...]
    runs: Iterator[ImportedRun]
    sessions: list[ImportedSession]


#: What a file may say of how a test run ended.
OUTCOMES: Final = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "lost")
