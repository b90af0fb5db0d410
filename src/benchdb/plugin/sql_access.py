"""The database for tests that read it by SQL; a write is refused with a line on what to use."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from benchdb.plugin.start import BENCH

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from benchdb.config import Location
    from benchdb.plugin.start import Bench


def reading_engine(config: pytest.Config) -> Engine:
    """Return a read-only engine: on the session's database, or on an empty one."""
    from benchdb.store.sql_access import empty_engine, refusing_engine

    bench = config.stash.get(BENCH, None)
    controller: Any = config.pluginmanager.getplugin("benchdb-controller")
    path = controller.recorded_into if controller else _recorded_into(bench) if bench else None
    return empty_engine() if path is None else refusing_engine(path)


def _recorded_into(bench: Bench) -> Location | None:
    """Return what a worker's controller records into, None where it can't be seen from here.

    The controller told its workers before it knew whether the wanted file takes the session. The
    file that it changed to last is the last of them.
    """
    from benchdb.errors import UserError
    from benchdb.store.opening import connected
    from benchdb.store.recording import candidates

    for place in reversed(candidates(bench.database, bench.uid, bench.folder)):
        # They are found to be there, foreign, or of another schema by asking them.
        with contextlib.suppress(sqlite3.Error, UserError), connected(place) as connection:
            query = "SELECT 1 FROM session WHERE uid = ?"
            if connection.execute(query, (bench.uid,)).fetchone():
                return place
    return None


def reading_session(engine: Any) -> Session:
    """Return a session that refuses to flush."""
    from benchdb.store.sql_access import refusing_session

    return refusing_session(engine)
