"""What was imported before, and by what its rows are known again.

That is a hash of case, start, environment, outcome and values: equal ones are one row, whether they
stand in a file that is read or in a session of an earlier import.
"""

from __future__ import annotations

import bisect
import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from benchdb.records import imported_uid
from benchdb.store.columns import quoted
from benchdb.store.rows import OWN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchdb.store.connection import Connection

#: Outcomes of a file to those of setup, call and teardown, the state, and the phase that it is in.
ENDS: Final[dict[str, tuple[str | None, ...]]] = {
    **{
        outcome: ("passed", outcome, "passed", "closed", None)
        for outcome in ("passed", "failed", "skipped", "xfailed", "xpassed")
    },
    "error": ("failed", None, "passed", "closed", None),
    "lost": ("passed", None, None, "lost", "call"),
}

#: What is said of how a row ended, in `ENDS` and in the table.
ENDED: Final = ("setup_outcome", "call_outcome", "teardown_outcome", "state", "phase")

#: What a row is known by; the rest is counted or follows from it.
_NAMES: Final = ("path", "name", "start", *ENDED)
_FOLLOWING: Final = (OWN_COLUMNS | {"start", "end"}) - {"version"}

#: Of a row's hash.
BITS: Final = 128
_HASH: Final = BITS // 8


def importable_columns(connection: Connection) -> dict[str, str]:
    """Return the columns of ``test_run`` that a file may give, and their kinds."""
    kinds = connection.column_kinds("test_run")
    return {name: kind for name, kind in kinds.items() if name not in _FOLLOWING}


def present(labels: Iterable[str], values: Iterable[Any]) -> tuple[str, list[Any]]:
    """Return the labels of the values that are there, as one text, and these values.

    Labels are names of columns, sorted, and then names with units of metrics, sorted.
    """
    there = [pair for pair in zip(labels, values, strict=True) if pair[1] is not None]
    return "\0\0".join([label for label, _ in there]), [value for _, value in there]


def row_hash(names: tuple[str | None, ...], labels: str, values: list[Any]) -> bytes:
    """Return the hash of a row: environment, path, name, start, outcome; labels and values."""
    content = f"{names!r}{labels}{values!r}"
    return hashlib.blake2b(content.encode(), digest_size=_HASH).digest()


def imported_sessions(connection: Connection) -> list[Any]:
    """Return id, uid, environment, start and end of sessions that were imported."""
    query = "SELECT id, uid, environment, started, finished FROM session WHERE digest IS NOT NULL"
    return [row for row in connection.execute(query) if imported_uid(row[1])]


def spans(
    connection: Connection, table: str, environments: Mapping[int, str]
) -> dict[str, tuple[list[str], list[str]]]:
    """Return by environment when sessions run: starts and ends of spans that are apart.

    Parameters
    ----------
    table
        The test runs of a file that was read.
    environments
        The fingerprints of sessions, by number.
    """
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    query = f"SELECT session, min(start), max(start) FROM {table} GROUP BY session ORDER BY 2"
    for number, first, last in connection.execute(query):
        if number not in environments:
            continue
        starts, ends = found[environments[number]]
        if ends and first <= ends[-1]:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return found


def overlaps(apart: tuple[list[str], list[str]], first: str, last: str) -> bool:
    """Tell whether any of some spans has an instant from the first to the last."""
    starts, ends = apart
    place = bisect.bisect_left(ends, first)
    return place < len(starts) and starts[place] <= last


def stored_hashes(connection: Connection, session: int, environment: str) -> Iterator[bytes]:
    """Give the hash of each row of a session."""
    columns = sorted(importable_columns(connection))
    names = quoted(["ordinal", *_NAMES, *columns])
    measured: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for ordinal, metric, unit, value in connection.execute(
        "SELECT ordinal, metric, unit, value FROM measurement "
        "WHERE session_id=? AND value IS NOT NULL",
        (session,),
    ):
        measured[ordinal].append((f"{metric}\0{unit}", value))
    query = f"SELECT {names} FROM test_run WHERE session_id=?"
    outcomes = {ended: outcome for outcome, ended in ENDS.items()}
    for ordinal, path, name, start, *row in connection.execute(query, (session,)):
        ended, values = tuple(row[: len(ENDED)]), row[len(ENDED) :]
        more = sorted(measured.get(ordinal, ()))
        labels = [*columns, *(label for label, _ in more)]
        values += [value for _, value in more]
        outcome = outcomes.get(ended, repr(ended))
        yield row_hash((environment, path, name, start, outcome), *present(labels, values))
