"""What the summary of a pytest run says about its recording."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchdb.plugin.start import Bench
    from benchdb.store.recording import Recording

_MOST_NAMED = 10


def summary_lines(
    bench: Bench, recording: Recording, lost: list[str], unknown: list[str], notes: list[str]
) -> list[str]:
    """Return the lines: where the rows are, what went wrong, how to look at them."""
    lines = []
    if recording.path is not None:
        runs = "1 test run" if recording.rows == 1 else f"{recording.rows} test runs"
        lines.append(f"recorded {runs} in {_shown(recording.path)}, session {bench.uid}")
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
    if recording.path is not None and recording.rows:
        lines.append(f"look at it with: benchdb show{_option(bench, recording.path)}")
    return lines


def _option(bench: Bench, path: Path) -> str:
    """Return the option that names the database to the command, where it needs one."""
    from benchdb.config import database_location

    location = database_location(None, bench.settings, os.environ)
    return "" if location == str(path) else f" --db {shlex.quote(_shown(path))}"


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
