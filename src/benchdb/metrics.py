"""The built-in metrics: their names, units and directions, in one place.

The docs page of the fixtures lists them from here.
"""

from __future__ import annotations

from typing import Final

from benchdb.records import Metric

#: Raw rounds kept a measurement; more are thinned evenly, their n, min, max, mean and sd kept.
MOST_ROUNDS: Final = 1000

#: Metrics that are columns of ``test_run``.
COLUMN_METRICS: Final = (
    Metric(
        "duration",
        "s",
        meaning="wall time: the median of the unnamed timed blocks, else the call phase",
    ),
    Metric(
        "average_memory",
        "B",
        meaning="memory of the cluster (or this process and its children), averaged over time",
    ),
    Metric(
        "peak_memory",
        "B",
        meaning="highest sampled memory of the cluster (or this process and its children)",
    ),
    Metric("compute_time", "s", meaning="CPU and waiting inside tasks, summed over worker threads"),
    Metric(
        "disk_spill_time",
        "s",
        meaning="reading and writing spilled data, summed over worker threads",
    ),
    Metric(
        "serializing_time", "s", meaning="serialising and deserialising, summed over worker threads"
    ),
    Metric("transfer_time", "s", meaning="moving data between workers, summed over workers"),
    Metric(
        "scheduler_cpu_avg", "1", meaning="CPU time of the scheduler's event loop over wall time"
    ),
    Metric("scheduler_memory_max", "B", meaning="highest memory of the scheduler's process"),
    Metric("worker_max_tick", "s", meaning="longest tick of any worker's event loop"),
    Metric("scheduler_max_tick", "s", meaning="longest tick of the scheduler's event loop"),
)

#: Metrics that live in ``measurement`` rows alone.
OTHER_METRICS: Final = (
    Metric(
        "cpu_time",
        "s",
        meaning="CPU time of the pytest process during the call phase (--benchmark-auto)",
    ),
    Metric(
        "process_peak_memory",
        "B",
        meaning="peak resident memory of the pytest process in the call phase (--benchmark-auto)",
    ),
    Metric(
        "worker_peak_memory",
        "B",
        meaning="exact peak resident memory of the hungriest worker process",
    ),
    Metric(
        "duration.NAME", "s", meaning='wall time of a named block: `with benchmark_time("NAME"):`'
    ),
)

#: Metrics that no row holds: series count the test runs of each session by their outcome.
FAILED: Final = Metric("failed", "1", meaning="number of test runs of which a phase failed")
LOST: Final = Metric("lost", "1", meaning="number of test runs whose process was killed")
HUNG: Final = Metric("hung", "1", meaning="number of test runs that hung: with a `hang_class`")
OUTCOME_METRICS: Final = (FAILED, LOST, HUNG)

#: Metrics that a test can give a value, by name.
BUILT_IN: Final = {metric.name: metric for metric in (*COLUMN_METRICS, *OTHER_METRICS)}


def built_in(name: str) -> Metric | None:
    """Return the built-in metric of a name, ``duration`` for a part of it."""
    return BUILT_IN.get("duration" if name.startswith("duration.") else name)


def counts_outcomes(metric: Metric) -> bool:
    """Tell whether a metric is one of `OUTCOME_METRICS`."""
    return any((metric.name, metric.unit) == (one.name, one.unit) for one in OUTCOME_METRICS)


#: Kinds of artifact whose URL is a column of ``test_run`` too.
ARTIFACT_COLUMNS: Final = {
    kind: f"{kind}_url"
    for kind in ("performance_report", "cluster_dump", "memray_profiles", "py_spy_profiles")
}
