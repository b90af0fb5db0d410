"""The database for tests that read it by SQL; a write is refused with a line on what to use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchdb.plugin.start import BENCH

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


def reading_engine(config: pytest.Config) -> Engine:
    """Return a read-only engine: on the session's database, or on an empty one."""
    from benchdb.store.reading import empty_engine, refusing_engine

    bench = config.stash.get(BENCH, None)
    controller: Any = config.pluginmanager.getplugin("benchdb-controller")
    path = controller.recorded_into if controller else bench.database if bench else None
    return empty_engine() if path is None else refusing_engine(path)


def reading_session(engine: Any) -> Session:
    """Return a session that refuses to flush."""
    from benchdb.store.reading import refusing_session

    return refusing_session(engine)
