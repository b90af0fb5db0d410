"""What one running test has measured so far: every meter writes here, the recorder reads once."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Final

from benchdb.collect.blocks import Blocks
from benchdb.metrics import COLUMN_METRICS, MOST_ROUNDS, built_in
from benchdb.records import Artifact, Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.records import Cluster

#: The unit of a metric that was recorded without one.
NO_UNIT: Final = "1"

_COLUMNS: Final = {(metric.name, metric.unit) for metric in COLUMN_METRICS}


def default_unit(name: str) -> str:
    """Return the unit of a metric that was recorded without one."""
    known = built_in(name)
    return known.unit if known else NO_UNIT


def thinned(rounds: Sequence[float], most: int = MOST_ROUNDS) -> tuple[float, ...]:
    """Return at most `most` of the rounds, evenly spaced, the first and the last among them."""
    count = len(rounds)
    if count <= most:
        return tuple(rounds)
    return tuple(rounds[index * (count - 1) // (most - 1)] for index in range(most))


def measurement(
    name: str, rounds: Sequence[float], unit: str | None = None, direction: str | None = None
) -> Measurement:
    """Return the measurement of one metric from its rounds.

    Parameters
    ----------
    name, unit, direction
        The metric; what a built-in metric leaves out is taken from `benchdb.metrics`.
    rounds
        At least one value, in the order they were measured.
    """
    known = built_in(name)
    unit = unit or default_unit(name)
    if direction is None and known is not None:
        direction = known.direction
    if len(rounds) == 1:
        return Measurement(name, unit, direction, rounds[0])
    finite = [value for value in rounds if math.isfinite(value)]
    if not finite:
        return Measurement(name, unit, direction, None, thinned(rounds), n=len(rounds))
    return Measurement(
        name,
        unit,
        direction,
        statistics.median(finite),
        rounds=thinned(rounds),
        n=len(rounds),
        min=min(finite),
        max=max(finite),
        mean=statistics.fmean(finite),
        sd=statistics.stdev(finite) if len(finite) > 1 else None,
    )


class Readings:
    """What one test run has measured so far.

    Attributes
    ----------
    columns
        Values for columns of ``test_run``, by column name. The last one set holds.
    rounds
        Raw values by metric name, unit and direction, in the order they were recorded.
    artifacts
        Files and URLs that belong to the test run.
    cluster
        The Dask cluster it ran on, None where there was none.
    notes
        Lines for the summary of the pytest run: what could not be measured, and why.
    """

    __slots__ = ("_blocks", "artifacts", "cluster", "columns", "notes", "rounds")

    def __init__(self) -> None:
        self.columns: dict[str, object] = {}
        self.rounds: dict[tuple[str, str | None, str | None], list[float]] = {}
        self.artifacts: list[Artifact] = []
        self.cluster: Cluster | None = None
        self.notes: list[str] = []
        self._blocks: Blocks | None = None

    @property
    def blocks(self) -> Blocks:
        """What several blocks of one meter add up to; made when the first meter asks."""
        if self._blocks is None:
            self._blocks = Blocks(self)
        return self._blocks

    def set(self, column: str, value: object) -> None:
        """Set a column of the test run."""
        self.columns[column] = value

    def record(
        self, name: str, value: float, unit: str | None = None, direction: str | None = None
    ) -> None:
        """Add a value of any metric; the values of one name, unit and direction are its rounds."""
        self.rounds.setdefault((name, unit, direction), []).append(value)

    def attach(self, artifact: Artifact) -> None:
        """Add a file or a URL."""
        self.artifacts.append(artifact)

    def note(self, line: str) -> None:
        """Say something in the summary of the pytest run; the same line is said once."""
        if line not in self.notes:
            self.notes.append(line)

    def measurements(self) -> list[Measurement]:
        """Return a measurement for each name and unit that was recorded."""
        merged: dict[tuple[str, str], tuple[list[float], str | None]] = {}
        for (name, unit, direction), rounds in self.rounds.items():
            key = (name, unit or default_unit(name))
            before, said = merged.get(key, ([], None))
            merged[key] = (before + rounds, direction or said)
        return [
            measurement(name, rounds, unit, direction)
            for (name, unit), (rounds, direction) in merged.items()
        ]

    def results(self) -> tuple[dict[str, object], list[Measurement]]:
        """Return the columns, and the measurements that no column holds.

        What was recorded under the name and in the unit of a column makes that column, where no
        meter did: in another unit it is another metric. One that has rounds is kept beside it.
        """
        columns = dict(self.columns)
        left = []
        for one in self.measurements():
            made = (one.metric, one.unit) in _COLUMNS and one.metric not in columns
            if made:
                columns[one.metric] = one.value
            if not made or one.rounds:
                left.append(one)
        return columns, left
