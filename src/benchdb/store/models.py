"""The tables, as typed SQLAlchemy models. Above each stands what one row is.

Names are what people type into ``sqlite3``; the docs page of the schema is made from here. To
change a table, edit its model and run ``alembic revision --autogenerate`` in the checkout.

Digests are made under the names that columns had first, so who renames or retypes one says so in
`benchdb.store.frozen`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Instant(TypeDecorator[datetime]):
    """An instant in UTC; stored without an offset, as ``YYYY-MM-DD HH:MM:SS.ffffff`` in SQLite."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Take an aware datetime to UTC; a naive one is UTC already."""
        if value is None or value.tzinfo is None:
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


#: Sizes and counts: 64 bits in PostgreSQL too, and SQLite's own rowid type.
BigCount = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """What all tables share: their constraints have names, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant,
        str: Text,
        int: BigCount,
        float: Float,
        bytes: LargeBinary,
    }


class Environment(Base):
    """A machine, its OS and its Python: the fields that the fingerprint hashes."""

    __tablename__ = "environment"

    fingerprint: Mapped[str] = mapped_column(primary_key=True, comment="hash of the other fields")
    cpu_model: Mapped[str | None] = mapped_column(comment="as the operating system names it")
    cpu_count: Mapped[int | None] = mapped_column(comment="logical cores")
    memory_gib: Mapped[int | None] = mapped_column(comment="memory, rounded to GiB")
    os: Mapped[str | None] = mapped_column(comment="Linux, Darwin or Windows")
    architecture: Mapped[str | None] = mapped_column(comment="x86_64, arm64, …")
    python_implementation: Mapped[str | None] = mapped_column(comment="CPython, PyPy, …")
    python_minor: Mapped[str | None] = mapped_column(comment="3.11, 3.12, …")
    extra: Mapped[str | None] = mapped_column(
        comment="what [tool.benchdb] fingerprint added, a JSON object"
    )


class Cluster(Base):
    """The shape and the versions of a Dask cluster, without ids and addresses; stored once."""

    __tablename__ = "cluster"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, comment="hash of the other fields")
    kind: Mapped[str] = mapped_column(comment="local, address or coiled")
    workers: Mapped[int | None]
    threads: Mapped[int | None] = mapped_column(comment="threads of a worker")
    memory_limit: Mapped[int | None] = mapped_column(comment="bytes a worker")
    scheduler_instance_type: Mapped[str | None]
    worker_instance_type: Mapped[str | None]
    region: Mapped[str | None]
    scheduler_versions: Mapped[str | None] = mapped_column(comment="JSON object, package: version")
    worker_versions: Mapped[str | None] = mapped_column(comment="JSON object, package: version")


class Package(Base):
    """A package in one version from one source; stored once."""

    __tablename__ = "package"
    __table_args__ = (UniqueConstraint("name", "version", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(comment="normalised: lower case, dashes")
    version: Mapped[str]
    source: Mapped[str] = mapped_column(
        comment="URL and commit it came from, empty for an ordinary index"
    )


class PackageSet(Base):
    """The packages of an environment as a whole; equal sets are stored once."""

    __tablename__ = "package_set"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, comment="hash of the sorted list")


class PackageSetPackage(Base):
    """One package belongs to one package set."""

    __tablename__ = "package_set_package"

    package_set: Mapped[int] = mapped_column(
        ForeignKey("package_set.id", ondelete="CASCADE"), primary_key=True
    )
    package: Mapped[int] = mapped_column(ForeignKey("package.id"), primary_key=True)


class Revision(Base):
    """Versions and commits of all subject packages, the code on trial; stored once."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, comment="hash of its packages' rows")


class RevisionPackage(Base):
    """One subject package of a revision."""

    __tablename__ = "revision_package"

    revision: Mapped[int] = mapped_column(
        ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(comment="of an editable install: read at run time")
    commit_hash: Mapped[str | None]
    committed: Mapped[datetime | None] = mapped_column(comment="committer time")
    branch: Mapped[str | None]
    dirty: Mapped[bool | None] = mapped_column(comment="tracked files differ from the commit")


class Session(Base):
    """One `pytest --benchmark` with all its xdist workers, or one imported group of runs."""

    __tablename__ = "session"
    __table_args__ = (UniqueConstraint("uid", "digest"), Index(None, "started"))

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(comment="UUIDv7; of an imported one UUIDv8, a hash")
    digest: Mapped[str | None] = mapped_column(
        comment="SHA-256 of all its rows, made when it ends; NULL while it is open"
    )
    started: Mapped[datetime]
    finished: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(comment="open, finished or lost (its process was killed)")
    ci_run_url: Mapped[str | None]
    command_line: Mapped[str | None] = mapped_column(comment="secrets redacted")
    branch: Mapped[str | None]
    dirty: Mapped[bool | None] = mapped_column(comment="a subject's tracked files were changed")
    tags: Mapped[str | None] = mapped_column(comment="JSON object, from --benchmark-tag")
    host: Mapped[str | None]
    xdist_workers: Mapped[int | None] = mapped_column(comment="NULL without pytest-xdist")
    benchdb_version: Mapped[str | None] = mapped_column(comment="of the benchdb that recorded it")
    environment: Mapped[str | None] = mapped_column(ForeignKey("environment.fingerprint"))
    revision: Mapped[int | None] = mapped_column(ForeignKey("revision.id"))
    package_set: Mapped[int | None] = mapped_column(ForeignKey("package_set.id"))


class TestRun(Base):
    """One case executed once in a session: its outcomes, times and measurements."""

    __test__ = False  # pytest: this is no test class
    __tablename__ = "test_run"
    __table_args__ = (Index(None, "name", "path"),)

    session_id: Mapped[int] = mapped_column(
        ForeignKey("session.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="its number in the session, from 1"
    )
    name: Mapped[str] = mapped_column(comment="with class and parameters: TestIO::test_read[1-a]")
    originalname: Mapped[str] = mapped_column(comment="without parameters: TestIO::test_read")
    path: Mapped[str | None] = mapped_column(comment="of the file, relative to rootdir")
    version: Mapped[str | None] = mapped_column(
        comment="from @pytest.mark.benchmark_version; another version is another series"
    )
    attempt: Mapped[int] = mapped_column(comment="1; 2 and more are reruns of a failed test")
    round: Mapped[int] = mapped_column(comment="1; up to N with --benchmark-repeat N")
    beside: Mapped[int] = mapped_column(
        comment="most benchmarked tests that ran beside it at once (pytest-xdist)"
    )
    setup_outcome: Mapped[str | None] = mapped_column(comment="passed, failed or skipped")
    call_outcome: Mapped[str | None] = mapped_column(
        comment="passed, failed, skipped, xfailed or xpassed; NULL where it did not come to it"
    )
    teardown_outcome: Mapped[str | None] = mapped_column(comment="passed or failed")
    state: Mapped[str] = mapped_column(
        comment="open while it runs; closed; lost (process killed); interrupted (Ctrl-C, -x)"
    )
    phase: Mapped[str | None] = mapped_column(
        comment="setup, call or teardown: where an open, lost or interrupted one is or was"
    )
    phase_start: Mapped[datetime | None] = mapped_column(comment="when that phase began")
    coiled_runtime_version: Mapped[str | None]
    coiled_software_name: Mapped[str | None]
    dask_version: Mapped[str | None] = mapped_column(comment="the cluster's, where there is one")
    distributed_version: Mapped[str | None] = mapped_column(
        comment="the cluster's, where there is one"
    )
    python_version: Mapped[str | None]
    platform: Mapped[str | None]
    ci_run_url: Mapped[str | None]
    start: Mapped[datetime]
    end: Mapped[datetime | None]
    duration: Mapped[float | None] = mapped_column(
        comment="seconds: the median of the timed blocks, else the call phase"
    )
    average_memory: Mapped[float | None] = mapped_column(comment="bytes, of the whole cluster")
    peak_memory: Mapped[float | None] = mapped_column(comment="bytes, of the whole cluster")
    compute_time: Mapped[float | None] = mapped_column(comment="seconds, summed over threads")
    disk_spill_time: Mapped[float | None] = mapped_column(comment="seconds, summed over threads")
    serializing_time: Mapped[float | None] = mapped_column(comment="seconds, summed over threads")
    transfer_time: Mapped[float | None] = mapped_column(comment="seconds, summed over workers")
    scheduler_cpu_avg: Mapped[float | None] = mapped_column(comment="CPU seconds per second")
    scheduler_memory_max: Mapped[float | None] = mapped_column(comment="bytes")
    worker_max_tick: Mapped[float | None] = mapped_column(comment="seconds, event loop")
    scheduler_max_tick: Mapped[float | None] = mapped_column(comment="seconds, event loop")
    cluster: Mapped[int | None] = mapped_column(ForeignKey("cluster.id"))
    cluster_name: Mapped[str | None]
    cluster_id: Mapped[str | None] = mapped_column(comment="the provider's id")
    cluster_details_url: Mapped[str | None]
    cluster_cost_url: Mapped[str | None] = mapped_column(comment="what Coiled bills for it")
    performance_report_url: Mapped[str | None]
    cluster_dump_url: Mapped[str | None]
    memray_profiles_url: Mapped[str | None]
    py_spy_profiles_url: Mapped[str | None]
    hang_class: Mapped[str | None]

    def record(
        self, name: str, value: float, unit: str | None = None, direction: str | None = None
    ) -> None:
        """Store a value of any metric, without a migration.

        Parameters
        ----------
        name
            The metric. Several values of one name in a test are its rounds.
        value
            A number.
        unit
            ``"s"``, ``"B"``, ``"1"`` or any word; another unit is another series.
        direction
            ``"LOWER_IS_BETTER"``, ``"HIGHER_IS_BETTER"``, or None where neither is.

        Raises
        ------
        RuntimeError
            For a row that is not the one of the running test.
        """
        self._readings().record(name, value, unit, direction)

    def attach(self, kind: str, path_or_url: Any) -> None:
        """Attach an artifact: a file (which is kept with the database) or a URL."""
        self._readings().attach(kind, path_or_url)

    def _readings(self) -> Any:
        readings = self.__dict__.get("_running")
        if readings is None:
            raise RuntimeError(
                "only the row of the running test takes .record and .attach: "
                "use the fixture test_run_benchmark"
            )
        return readings


class Measurement(Base):
    """The value of one metric in one test run, with its raw rounds where there were any."""

    __tablename__ = "measurement"
    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "ordinal"],
            ["test_run.session_id", "test_run.ordinal"],
            ondelete="CASCADE",
        ),
    )

    session_id: Mapped[int] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    metric: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    direction: Mapped[str | None] = mapped_column(comment="LOWER_IS_BETTER or HIGHER_IS_BETTER")
    value: Mapped[float | None] = mapped_column(comment="of several rounds, their median")
    rounds: Mapped[str | None] = mapped_column(comment="JSON array, at most 1000, thinned evenly")
    n: Mapped[int | None] = mapped_column(comment="of all rounds, as are min, max, mean and sd")
    min: Mapped[float | None]
    max: Mapped[float | None]
    mean: Mapped[float | None]
    sd: Mapped[float | None]


class Artifact(Base):
    """A file of a test run, or the URL that it was given as."""

    __tablename__ = "artifact"
    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "ordinal"],
            ["test_run.session_id", "test_run.ordinal"],
            ondelete="CASCADE",
        ),
    )

    session_id: Mapped[int] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True, comment="performance_report, dump, …")
    name: Mapped[str] = mapped_column(primary_key=True, comment="the file's name, or the URL")
    url: Mapped[str | None] = mapped_column(comment="relative to the database's folder, or a URL")
    size: Mapped[int | None] = mapped_column(comment="bytes")
    sha256: Mapped[str | None]


class Annotation(Base):
    """What people said of sessions, series or artifacts; never changed, the latest one holds."""

    __tablename__ = "annotation"
    __table_args__ = (Index(None, "session_uid"),)

    key: Mapped[str] = mapped_column(primary_key=True, comment="UUIDv7")
    made: Mapped[datetime]
    kind: Mapped[str] = mapped_column(
        comment="keep or withdraw (a session); expected, noise, fixed, wont-fix, open (an event); "
        "location (artifacts)"
    )
    follows: Mapped[str | None] = mapped_column(comment="key of the annotation that it follows")
    author: Mapped[str | None]
    text: Mapped[str | None] = mapped_column(comment="in their words")
    session_uid: Mapped[str | None] = mapped_column(comment="the session that it is about")
    session_digest: Mapped[str | None] = mapped_column(comment="the form of it to keep")
    series: Mapped[str | None] = mapped_column(
        comment="keys or globs of the series it is about, a line each: path::name metric unit"
    )
    revision_from: Mapped[str | None] = mapped_column(
        comment="the change began behind this revision: commit and instant"
    )
    revision_to: Mapped[str | None] = mapped_column(comment="and at the latest with this one")
    direction: Mapped[str | None] = mapped_column(comment="up or down; NULL for both")
    fixed_by: Mapped[str | None] = mapped_column(comment="commit of the fix")
    locations: Mapped[str | None] = mapped_column(
        comment="JSON object: SHA-256 of an artifact, or its URL where it has none, to where it is"
    )


class LocalPackageScan(Base):
    """The installed packages as last seen in these folders; spares a session to look again."""

    __tablename__ = "local_package_scan"

    key: Mapped[str] = mapped_column(primary_key=True, comment="hash of the folders and mtimes")
    packages: Mapped[str] = mapped_column(comment="JSON")


class LocalPruned(Base):
    """A session that `benchdb db prune` removed from this file, so that nothing brings it back."""

    __tablename__ = "local_pruned"

    uid: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    pruned: Mapped[datetime]


class LocalFresh(Base):
    """A session or annotation made in this very file that never left it by a push."""

    __tablename__ = "local_fresh"

    uid: Mapped[str] = mapped_column(primary_key=True, comment="or the key of an annotation")


class LocalRecorded(Base):
    """A session that was recorded into this very file, and not merged into it."""

    __tablename__ = "local_recorded"

    uid: Mapped[str] = mapped_column(primary_key=True)


class LocalCache(Base):
    """Something that was computed from this file, so that it needn't be again; may be emptied."""

    __tablename__ = "local_cache"

    name: Mapped[str] = mapped_column(primary_key=True, comment="what it is, and what it is of")
    content: Mapped[bytes]


class LocalRemote(Base):
    """A remote history that this file was synchronised with; without it more is looked up there."""

    __tablename__ = "local_remote"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)
    born: Mapped[str] = mapped_column(comment="which history it was; another one starts anew")
    generation: Mapped[int] = mapped_column(comment="of its manifest, when it was last read")


class LocalRemoteEntry(Base):
    """A session or annotation that a remote holds, as far as is known here."""

    __tablename__ = "local_remote_entry"

    remote: Mapped[int] = mapped_column(
        ForeignKey("local_remote.id", ondelete="CASCADE"), primary_key=True
    )
    uid: Mapped[str] = mapped_column(primary_key=True, comment="or the key of an annotation")
    digest: Mapped[str] = mapped_column(primary_key=True, comment='or "annotation"')


class LocalRemoteObject(Base):
    """An object of a remote that holds nothing which this file lacks."""

    __tablename__ = "local_remote_object"

    remote: Mapped[int] = mapped_column(
        ForeignKey("local_remote.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)
