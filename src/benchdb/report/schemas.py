"""The JSON that commands print: its schemas, and how a document is written.

A field keeps its meaning as long as the number at the end of its schema stays; new fields may come.
Numbers are raw: seconds, bytes. Instants are ISO 8601 in UTC. What isn't known is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.config import Server

if TYPE_CHECKING:
    from benchdb.config import Location

SESSIONS: Final = "benchdb/sessions/1"
SERIES: Final = "benchdb/series/1"
CHANGES: Final = "benchdb/changes/1"
GATE: Final = "benchdb/gate/1"
BACKTEST: Final = "benchdb/backtest/1"
EXPLANATION: Final = "benchdb/explanation/1"
COMPARISON: Final = "benchdb/compare/1"
DASHBOARD: Final = "benchdb/dashboard/1"
SAYINGS: Final = "benchdb/sayings/1"
INFO: Final = "benchdb/info/1"
CHECK: Final = "benchdb/check/1"
PRUNE: Final = "benchdb/prune/1"
HISTORY: Final = "benchdb/history/1"
HISTORY_CHECK: Final = "benchdb/history-check/1"
RELEASE_SOLVE: Final = "benchdb/release-solve/1"
RELEASE_CHECK: Final = "benchdb/release-check/1"
RELEASE_VALIDATE: Final = "benchdb/release-validate/1"

#: What prints each schema.
COMMANDS: Final = {
    SESSIONS: "benchdb show --format json",
    SERIES: "benchdb show CASE --format json",
    CHANGES: "benchdb changes --format json",
    GATE: "benchdb gate --format json",
    BACKTEST: "benchdb backtest --format json",
    EXPLANATION: "benchdb explain CASE --format json",
    COMPARISON: "benchdb compare BASELINE CONTENDER --format json",
    DASHBOARD: "benchdb dashboard -o DIR, into DIR/summary.json",
    SAYINGS: "benchdb ack --list --format json",
    INFO: "benchdb db info --format json",
    CHECK: "benchdb db check --format json",
    PRUNE: "benchdb db prune --format json",
    HISTORY: "benchdb db info REMOTE --format json",
    HISTORY_CHECK: "benchdb db check REMOTE --format json",
    RELEASE_SOLVE: "benchdb release solve --format json",
    RELEASE_CHECK: "benchdb release check --format json",
    RELEASE_VALIDATE: "benchdb release validate --format json",
}


def document(
    schema: str, source: Location | str, content: dict[str, Any], named: str = "database"
) -> str:
    """Return a document of a schema, in ASCII, which every terminal and parser takes.

    Parameters
    ----------
    schema, content
        Its name, and what is in it.
    source, named
        What it is about, and the field that names that.
    """
    return "".join(parts(schema, source, content, named))


def parts(
    schema: str, source: Location | str, content: dict[str, Any], named: str = "database"
) -> Iterator[str]:
    """Yield a document of a schema piece by piece: items of an iterator are made one at a time."""
    before = "{"
    for name, value in {"schema": schema, named: str(source), **content}.items():
        yield f'{before}\n  "{name}": '
        before = ","
        if not isinstance(value, Iterator):
            yield _written(value, "  ")
            continue
        start = "["
        for item in value:
            yield f"{start}\n    {_written(item, '    ')}"
            start = ","
        yield "\n  ]" if start == "," else "[]"
    yield "\n}\n"


def _written(value: Any, indent: str) -> str:
    # No text in JSON holds a line break of its own.
    return json.dumps(_plain(value), indent=2, allow_nan=False).replace("\n", f"\n{indent}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (Path, Server)):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no infinity
    return value
