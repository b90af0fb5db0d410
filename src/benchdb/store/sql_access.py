"""Read-only engines and sessions, for tests that look into the database by SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from benchdb.errors import UserError
from benchdb.store.models import Base
from benchdb.store.opening import reading_engine

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from benchdb.config import Location

#: What a test is told that tries to write.
REFUSAL: Final = (
    "the benchmark database is read-only in tests: store a value by "
    "test_run_benchmark.record(name, value), or by setting a column of test_run_benchmark"
)


def refusing_engine(location: Location) -> Engine:
    """Return an engine on which every write is refused with `REFUSAL`."""
    made = reading_engine(location)
    _refuse(made)
    return made


def empty_engine() -> Engine:
    """Return a read-only engine on an empty database in memory, at the newest schema."""
    made = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(made)
    with made.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    _refuse(made)
    return made


def refusing_session(on: Any) -> Session:
    """Return a session that refuses to flush."""
    session = Session(on)

    @event.listens_for(session, "before_flush")
    def refuse(*_: object) -> NoReturn:
        raise UserError(REFUSAL)

    return session


def _refuse(on: Engine) -> None:
    @event.listens_for(on, "handle_error")
    def explain(context: Any) -> None:
        said = str(context.original_exception)
        if isinstance(context.sqlalchemy_exception, DBAPIError) and (
            "readonly" in said or "read-only transaction" in said
        ):
            raise UserError(REFUSAL) from context.original_exception
