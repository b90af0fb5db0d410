"""Benchmark fixtures in the manner of benchdb's ancestor, as a yardstick for its own.

Written anew after what such suites do: the database is migrated by Alembic when the session starts,
each test has a SQLAlchemy session and an ORM object, which its teardown adds and commits.
"""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import alembic.command
import alembic.config
import pytest
import sqlalchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine


class Base(DeclarativeBase):
    """The one table."""


class TestRun(Base):
    """A test that was run."""

    __tablename__ = "test_run"
    __test__ = False

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str | None]
    name: Mapped[str]
    originalname: Mapped[str]
    path: Mapped[str | None]
    setup_outcome: Mapped[str | None]
    call_outcome: Mapped[str | None]
    teardown_outcome: Mapped[str | None]
    dask_version: Mapped[str | None]
    distributed_version: Mapped[str | None]
    python_version: Mapped[str | None]
    platform: Mapped[str | None]
    ci_run_url: Mapped[str | None]
    start: Mapped[datetime | None]
    end: Mapped[datetime | None]
    duration: Mapped[float | None]
    average_memory: Mapped[float | None]
    peak_memory: Mapped[float | None]
    compute_time: Mapped[float | None]
    disk_spill_time: Mapped[float | None]
    serializing_time: Mapped[float | None]
    transfer_time: Mapped[float | None]
    scheduler_cpu_avg: Mapped[float | None]
    scheduler_memory_max: Mapped[float | None]
    worker_max_tick: Mapped[float | None]
    scheduler_max_tick: Mapped[float | None]
    cluster_name: Mapped[str | None]
    cluster_id: Mapped[str | None]
    cluster_details_url: Mapped[str | None]
    performance_report_url: Mapped[str | None]
    cluster_dump_url: Mapped[str | None]


_REPORTS: pytest.StashKey[dict[str, str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the database."""
    parser.addoption("--record-into", required=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the outcomes for the fixture's teardown."""
    report = yield
    item.stash.setdefault(_REPORTS, {})[report.when] = report.outcome
    return report


@pytest.fixture(scope="session")
def database_engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """Migrate the database and open it."""
    url = f"sqlite:///{pytestconfig.getoption('--record-into')}"
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url)
    alembic.command.upgrade(config, "head")
    engine = sqlalchemy.create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def database_session(database_engine: Engine) -> Iterator[Session]:
    """Open a session for one test."""
    with Session(database_engine) as session:
        yield session


@pytest.fixture
def test_run(request: pytest.FixtureRequest, database_session: Session) -> Iterator[TestRun]:
    """Give the row of this test; it is committed when the test is over."""
    node = request.node
    run = TestRun(
        session_id=str(request.config.invocation_params.dir),
        name=node.name,
        originalname=node.originalname,
        path=str(node.path.relative_to(request.config.rootpath)),
        python_version=".".join(map(str, sys.version_info[:3])),
        platform=platform.system().lower(),
        start=datetime.now(UTC),
    )
    yield run
    outcomes = node.stash.get(_REPORTS, {})
    run.setup_outcome = outcomes.get("setup")
    run.call_outcome = outcomes.get("call")
    run.end = datetime.now(UTC)
    database_session.add(run)
    database_session.commit()


@pytest.fixture
def benchmark_time(test_run: TestRun) -> AbstractContextManager[None]:
    """Time a block of the test."""
    return _timed(test_run)


@contextlib.contextmanager
def _timed(run: TestRun) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    run.duration = time.perf_counter() - begun
