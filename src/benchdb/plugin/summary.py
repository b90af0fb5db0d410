"""What the summary of a pytest run says about its recording."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.config import Location
    from benchdb.plugin.start import Bench
    from benchdb.store.recording import Recording

_MOST_NAMED = 10


def summary_lines(
    bench: Bench, recording: Recording, lost: list[str], unknown: list[str], notes: list[str]
) -> list[str]:
    """Return the lines: where the rows are, what went wrong, how to look at them."""
    lines = []
    if recording.location is not None:
        runs = "1 test run" if recording.rows == 1 else f"{recording.rows} test runs"
        lines.append(f"recorded {runs} in {_shown(recording.location)}, session {bench.uid}")
    lines += [f"lost: {nodeid} (its process died)" for nodeid in lost[:_MOST_NAMED]]
    if len(lost) > _MOST_NAMED:
        lines.append(f"… and {len(lost) - _MOST_NAMED} more lost")
    for name in unknown:
        lines.append(
            f'test_run has no column "{name}", so it was not stored: '
            f'use test_run_benchmark.record("{name}", value, unit=…)'
        )
    lines += notes[: 2 * _MOST_NAMED]
    if len(notes) > 2 * _MOST_NAMED:
        lines.append(f"… and {len(notes) - 2 * _MOST_NAMED} more notes")
    if recording.location is not None and recording.rows:
        lines.append(f"look at it with: benchdb show{_option(bench, recording.location)}")
    return lines


def _option(bench: Bench, place: Location) -> str:
    """Return the option that names the database to the command, where it needs one."""
    from benchdb.config import database_location

    named = database_location(None, bench.settings, os.environ)
    return "" if named == place else f" --db {shlex.quote(_shown(place))}"


def _shown(place: Location) -> str:
    try:
        return str(place.relative_to(Path.cwd()) if isinstance(place, Path) else place)
    except (ValueError, OSError):
        return str(place)
