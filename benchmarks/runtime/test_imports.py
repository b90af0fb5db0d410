"""Imports, each in a process of its own: what every script and every worker pays first."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

#: Imports that are measured, after one that fills the caches of files and of compiled modules.
ROUNDS = 5

#: Seconds that one may take.
TIMEOUT = 120

PROGRAM = """
import importlib, sys, time
begun = time.perf_counter()
importlib.import_module(sys.argv[1])
print("took", time.perf_counter() - begun, "modules", len(sys.modules))
"""


@pytest.mark.parametrize("module", ["dask", "distributed", "dask.array", "dask.dataframe"])
def test_import(module: str, test_run_benchmark: Any, benchmark_time: Any) -> None:
    """How long an import takes in a new process, and how many modules come with it."""

    def imported() -> tuple[float, int]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, module],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        _, seconds, _, modules = done.stdout.splitlines()[-1].split()
        return float(seconds), int(modules)

    imported()
    for _ in range(ROUNDS):
        with benchmark_time:
            seconds, modules = imported()
        test_run_benchmark.record("import_time", seconds, unit="s", direction="LOWER_IS_BETTER")
    test_run_benchmark.record("imported_modules", modules, direction="LOWER_IS_BETTER")
