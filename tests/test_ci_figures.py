"""What benchmarks/self makes of what it recorded, and where it puts it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from suites import Suite

HERE = Path(__file__).parents[1] / "benchmarks/self"

#: As figures.py names them, with wall seconds in two rounds; pytest is as fast as the reference.
RECORDED = """
import pytest

TIMES = {
    "test_thousand_tests[pytest]": (0.5, 0.6),
    "test_thousand_tests[benchdb]": (1.0, 1.0),
    "test_thousand_tests[pytest-benchmark]": (0.5, 0.5),
    "test_merge": (1.0, 3.0),
    "test_merge_again": (0.1, 0.1),
    "test_bare_insert": (0.5, 3.0),
}

@pytest.mark.parametrize("name", ["pytest", "benchdb", "pytest-benchmark"])
def test_thousand_tests(name, test_run_benchmark):
    record(test_run_benchmark)

def test_merge(test_run_benchmark):
    record(test_run_benchmark)
    test_run_benchmark.record("rows_merged", 600_000, "1")

def test_merge_again(test_run_benchmark):
    record(test_run_benchmark)

def test_bare_insert(test_run_benchmark):
    record(test_run_benchmark)

def record(row):
    wall = TIMES[row.name][row.round - 1]
    row.record("duration", wall)
    row.record("cpu_time", wall / 2)
"""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def report() -> ModuleType:
    return load("report")


def test_a_figure_has_its_target_its_range_and_whether_it_is_met(
    suite: Suite, report: ModuleType
) -> None:
    suite.write(RECORDED)
    suite.run("--benchmark", "--benchmark-repeat=2").assert_outcomes(passed=12)

    lines = report.report(suite.database).splitlines()

    cells = {line.split(" | ")[0]: line.split(" | ")[1:4] for line in lines if " | " in line}
    assert cells["| the same with a row for each on disk"] == [
        "≤ 2 x plain pytest",
        "1.83 x (1.67 x to 2.00 x), CPU 1.83 x",
        "yes",
    ]
    beside = cells["| beside pytest-benchmark, which keeps its results at the end"]
    assert beside == ["≤ 1.15 x", "2.00 x, CPU 2.00 x", "**no**"]
    assert cells["| rows merged a second, of 600,000 into an indexed file"] == [
        "≥ 300,000 where a bare insert does 435,000: 0.69 of it",
        "400,000 (200,000 to 600,000)",
        "yes",
    ]
    assert cells["| merged again, all there"][2] == "yes"
    assert cells["| installed but unused"][1:] == ["not measured", "**no**"]


def test_the_table_takes_the_place_of_the_last_one(report: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "figures.md"
    page.write_text("before\n<!-- figures:begin -->\nold\n<!-- figures:end -->\nafter\n")
    for table in (r"| new \1 |", "| newer |"):
        report.write(table, page)
        shown = f"before\n<!-- figures:begin -->\n{table}\n<!-- figures:end -->\nafter\n"
        assert page.read_text() == shown
    assert report.PAGE.read_text("utf-8").count("<!-- figures:") == 2


def test_a_page_without_a_place_for_the_table_is_named(report: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "figures.md"
    page.write_text("no place\n")
    with pytest.raises(LookupError, match=r"figures\.md should have one block"):
        report.write("| new |", page)
    assert page.read_text() == "no place\n"


def test_what_a_history_costs_is_measured_and_within_its_bounds(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    options = ("--rows", "5000", "--folder", tmp_path, "--results", results)
    subprocess.run([sys.executable, HERE / "costs.py", *options], check=True, capture_output=True)
    found = {one["what"]: one for one in map(json.loads, results.read_text().splitlines())}
    assert 0 < found["push"]["bytes"] <= 300_000
    assert found["nothing"]["requests"] <= 3
    assert found["pull"]["bytes"] == found["push"]["bytes"]
    load("histories")
    costs = load("costs")
    text = costs.table(list(found.values()))
    assert text.startswith("With a folder:\n\n| rows | 5,000 |\n")
    assert text.count("\n| ") == 1 + len(costs.WHAT) == 1 + len(found)
    assert list(tmp_path.iterdir()) == [results]
