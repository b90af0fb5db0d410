"""The workloads of the suite in benchmarks/, run small: each ends, is right and fills its row."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from truth import COLUMNS

if TYPE_CHECKING:
    from suites import Suite

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

SUITE = Path(__file__).parent.parent / "benchmarks"

#: In this process, a cluster takes little time to start, and each test gets one.
LEAN = "default: {local: {processes: false, n_workers: 2, memory_limit: 1GiB}}\n"

#: Modules by who runs them, so that these take about equally long. What isn't here is about
#: processes: runtime/, and workers that are killed or scaled.
PARTS = {
    "arrays": "array rechunk xarray zarr spill",
    "tables": "dataframe join aggregations pressure",
    "files": "parquet csv h2o futures work_stealing replicates ml",
}


@pytest.fixture
def benchmarks(suite: Suite) -> Suite:
    """A copy of the suite, whose database is its own."""
    shutil.copytree(
        SUITE, suite.folder / "benchmarks", ignore=shutil.ignore_patterns("self", "__pycache__")
    )
    (suite.folder / "lean.yaml").write_text(LEAN)
    return suite


@pytest.mark.long
@pytest.mark.parametrize("modules", PARTS.values(), ids=PARTS)
def test_workloads_are_right_and_fill_their_rows(benchmarks: Suite, modules: str) -> None:
    files = {path.stem.removeprefix("test_"): path for path in SUITE.rglob("test_*.py")}
    chosen = [str(Path("benchmarks", files[each].relative_to(SUITE))) for each in modules.split()]

    done = benchmarks.run(
        *("--benchmark", "--benchmark-scale=0.01", "--cluster-kwargs=lean.yaml", "-W", "ignore"),
        *chosen,
    )

    outcomes = done.parseoutcomes()
    assert done.ret == 0, done.stdout.str()
    assert set(outcomes) <= {"passed", "xfailed", "skipped", "deselected", "warnings"}
    assert len(benchmarks.runs("name", "call_outcome = 'passed'")) == outcomes["passed"] > 10
    for column in ("duration", *sorted(COLUMNS)):
        assert benchmarks.runs("name", f"call_outcome = 'passed' and {column} is null") == [], (
            column
        )


def test_every_workload_is_run_here_or_says_why_not() -> None:
    run = set(" ".join(PARTS.values()).split())
    about_processes = {"killed_workers", "scaling"}
    there = {
        path.stem.removeprefix("test_")
        for path in SUITE.rglob("test_*.py")
        if path.parent.name not in {"runtime", "self"}
    }
    assert there == run | about_processes
