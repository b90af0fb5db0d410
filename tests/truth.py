"""The workloads of known truth that the page about accuracy is made with."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What the summary says of a scheduler, and of workers, in the process of the tests.
SHARED_SCHEDULER = (
    "scheduler_cpu_avg and scheduler_memory_max include this process: the scheduler of a"
    " LocalCluster runs in it"
)
SHARED_WORKERS = (
    "average_memory, peak_memory and worker_peak_memory are of this whole process: the workers of a"
    " LocalCluster with processes=False run in it"
)

#: What all meters of a cluster together fill in.
COLUMNS = {
    "average_memory",
    "peak_memory",
    "compute_time",
    "disk_spill_time",
    "serializing_time",
    "transfer_time",
    "scheduler_cpu_avg",
    "scheduler_memory_max",
    "scheduler_max_tick",
    "worker_max_tick",
}

SELF = Path(__file__).parents[1] / "benchmarks/self"


def load(name: str) -> Any:
    """Return a module of ``benchmarks/self``."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SELF / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # for its dataclasses
        spec.loader.exec_module(module)
    return sys.modules[name]


truths = load("truths")
kinds = load("kinds")


def off(found: Iterable[Any]) -> list[str]:
    """Return what is farther off than it may be, and by how much."""
    return [f"{one.what}: {one.metric} {one.error:+.2%}" for one in found if not one.met]


def missed(work: Callable[[], list[Any]]) -> list[str]:
    """Return what is farther off than it may be, of three times where it was so the first time."""
    return off(work()) and off(truths.typical(work, 3))
