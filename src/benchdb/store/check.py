"""Checking a database: whether the file is sound, and every session what it was when it ended."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchdb.errors import UserError
from benchdb.records import ANNOTATION
from benchdb.store.digest import session_digest
from benchdb.store.fitness import (
    Fitness,
    annotation_line,
    is_undecodable,
    session_line,
    unfit_annotations,
)
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
            fitness = Fitness(connection, len(closed))
            for done, (row, uid, digest) in enumerate(closed):
                progress("checking", done, len(closed))
                count, problem = _check_session(connection, fitness, row, uid, digest)
                runs += count
                problems += problem
            progress("checking", len(closed), len(closed))
            problems += [
                annotation_line(key, said) for key, said in unfit_annotations(connection).items()
            ]
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
    """Return what of some keys must not travel, and a line each.

    That is a session whose rows are not what they were, or hold what their columns can't, and an
    annotation that does.

    Parameters
    ----------
    keys
        (uid, digest) of sessions, (key, `ANNOTATION`) of annotations.
    """
    wanted = list(keys)
    found = {}
    with explaining(at), connected(at) as connection:
        said = {key for key, kind in wanted if kind == ANNOTATION}
        fitness = Fitness(connection, len(wanted) - len(said))
        for key, line in unfit_annotations(connection, said).items():
            found[key, ANNOTATION] = annotation_line(key, line)
        for done, (uid, digest) in enumerate(wanted):
            if digest == ANNOTATION:
                continue
            progress("checking", done, len(wanted))
            query = "SELECT id FROM session WHERE uid=? AND digest=?"
            for (row,) in connection.execute(query, (uid, digest)).fetchall():
                _, problems = _check_session(connection, fitness, row, uid, digest)
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
    connection: Connection, fitness: Fitness, row: int, uid: str, digest: str
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
            unfit = fitness.unfit(row) if same else None
        except (ValueError, TypeError, KeyError, sqlite3.OperationalError) as error:
            if isinstance(error, sqlite3.OperationalError) and not is_undecodable(error):
                raise
            return runs, [f"session {uid} has a row that can't be read: {error}"]
    if unfit is not None:
        return runs, [session_line(uid, unfit)]
    said = f"session {uid} was changed after it was closed: its rows don't give its digest {digest}"
    return runs, [] if same else [said]
