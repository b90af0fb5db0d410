"""Checking a database: whether the file is sound, and every session what it was when it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchdb.errors import UserError
from benchdb.store.digest import session_digest
from benchdb.store.lost import unclosed
from benchdb.store.opening import connected, explaining, newest, opened, settle
from benchdb.store.progress import untold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchdb.config import Location
    from benchdb.store.connection import Connection
    from benchdb.store.progress import Progress


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` looked at, and a line for everything that is wrong."""

    sessions: int
    test_runs: int
    problems: tuple[str, ...]


def check(path: Location, progress: Progress = untold) -> Checked:
    """Look whether a database is sound and every closed session is what it was when it was closed.

    Raises
    ------
    UserError
        If it is so damaged that it can't be looked into, or none of benchdb's.
    """
    settle(path)
    progress("reading", 0, 0)
    problems = _file_problems(path) if isinstance(path, Path) else []
    runs = 0
    closed: list[tuple[int, str, str]] = []
    try:
        with (
            newest(path, progress) as at,
            explaining(path),
            connected(at) as connection,
        ):
            closed = connection.execute(
                "SELECT id, uid, digest FROM session WHERE digest IS NOT NULL ORDER BY started, uid"
            ).fetchall()
            for done, (row, uid, digest) in enumerate(closed):
                progress("checking", done, len(closed))
                count, problem = _check_session(connection, row, uid, digest)
                runs += count
                problems += problem
            progress("checking", len(closed), len(closed))
            if at != path:  # a copy, in which the lost sessions were closed that could be
                problems += unclosed(connection, path)
    except UserError as error:
        if not problems:
            raise
        problems.append(str(error))
    return Checked(len(closed), runs, tuple(problems))


def unsound(
    at: Location, keys: Iterable[tuple[str, str]], progress: Progress = untold
) -> dict[tuple[str, str], str]:
    """Return which of some sessions, by uid and digest, are not what they were, and a line each."""
    wanted = list(keys)
    found = {}
    with explaining(at), connected(at) as connection:
        for done, (uid, digest) in enumerate(wanted):
            progress("checking", done, len(wanted))
            query = "SELECT id FROM session WHERE uid=? AND digest=?"
            for (row,) in connection.execute(query, (uid, digest)).fetchall():
                _, problems = _check_session(connection, row, uid, digest)
                if problems:
                    found[uid, digest] = problems[0]
    return found


def _file_problems(path: Path) -> list[str]:
    problems = []
    with explaining(path), opened(path) as (connection, _):
        for (said,) in connection.execute("PRAGMA integrity_check(20)"):
            if said != "ok":
                problems.append(f"the file is damaged: {said}")
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            problems.append(f"row {row} of {table} refers to no row of {parent}")
    return problems


def _check_session(
    connection: Connection, row: int, uid: str, digest: str
) -> tuple[int, list[str]]:
    """Check one session in a transaction of its own, so that who records waits for none."""
    with connection.snapshot():
        there = connection.execute("SELECT digest FROM session WHERE id=?", (row,)).fetchone()
        if there != (digest,):
            return 0, []  # pruned or superseded meanwhile
        count = "SELECT count(*) FROM test_run WHERE session_id=?"
        (runs,) = connection.execute(count, (row,)).fetchone()
        try:
            same = session_digest(connection, row) == digest
        except (ValueError, TypeError, KeyError) as error:
            return runs, [f"session {uid} has a row that can't be read: {error}"]
    said = f"session {uid} was changed after it was closed: its rows don't give its digest {digest}"
    return runs, [] if same else [said]
