"""The suite in benchmarks/: how its data are sized, and that each workload says what it is for."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchdb.clusters.where import read_where, running
from benchdb.clusters.workers import connected
from benchdb.errors import UserError

if TYPE_CHECKING:
    from types import ModuleType

SUITE = Path(__file__).parent.parent / "benchmarks"
GIB = 2**30


def load_sizes() -> ModuleType:
    """Import by path: an installed pytest has no reason to have the root on its path."""
    spec = importlib.util.spec_from_file_location("benchmark_sizes", SUITE / "sizes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sizes = load_sizes()


@pytest.mark.parametrize("memory", [GIB, 2 * GIB, 3 * GIB, 64 * GIB])
def test_a_square_fills_its_share_of_the_memory_in_whole_chunks(memory: int) -> None:
    side, chunk = sizes.square(memory / 2, memory / 128)
    assert side % chunk == 0
    assert 0.75 * memory / 2 < side**2 * 8 <= memory / 2
    assert 0.99 * memory / 128 < chunk**2 * 8 <= memory / 128


def test_a_square_of_smaller_elements_has_more_of_them() -> None:
    assert sizes.square(400, 100, itemsize=1) == (20, 10)
    assert sizes.square(400, 100, itemsize=4) == (10, 5)


def test_a_square_has_one_chunk_where_memory_is_short() -> None:
    assert sizes.square(100, 800) == (10, 10)
    assert sizes.square(0, 0) == (1, 1)


def test_more_memory_gives_larger_chunks_and_not_more_of_them() -> None:
    for memory in (GIB, 8 * GIB):
        side, chunk = sizes.square(memory / 2, memory / 128)
        assert side // chunk == 8
        partitions, rows = sizes.table(memory / 2, memory / 128, row_nbytes=32)
        assert (partitions, rows) == (64, memory // 128 // 32)


def test_rows_are_as_wide_as_memory_allows() -> None:
    assert sizes.width(8000, rows=10) == 100
    assert sizes.width(8000, rows=10, itemsize=4) == 200
    assert sizes.width(8079, rows=10) == 100
    assert sizes.width(0, rows=10) == 1


def test_a_table_has_one_row_where_memory_is_short() -> None:
    assert sizes.table(10, 100, 1000) == (1, 1)


def test_the_memory_of_a_cluster_is_that_of_all_its_workers() -> None:
    pytest.importorskip("distributed")
    # More than five workers: Client.scheduler_info names no more than five in some releases.
    keywords = {"n_workers": 6, "processes": False, "memory_limit": "100MiB"}
    with running(read_where("local"), keywords) as cluster, connected(cluster) as client:
        assert sizes.cluster_memory(client) == 600 * 2**20


def test_a_cluster_without_a_memory_limit_is_refused_in_a_line() -> None:
    pytest.importorskip("distributed")
    keywords = {"processes": False, "memory_limit": None}
    with (
        running(read_where("local"), keywords) as cluster,
        connected(cluster) as client,
        pytest.raises(UserError, match="memory_limit="),
    ):
        sizes.cluster_memory(client)


def test_what_takes_long_grows_with_the_data_of_a_worker() -> None:
    assert sizes.deadline(GIB / 10) == sizes.deadline(GIB) == sizes.deadline(4 * GIB) / 4


def workloads() -> list[tuple[str, ast.FunctionDef]]:
    return [
        (path.relative_to(SUITE).as_posix(), node)
        for path in sorted(SUITE.rglob("test_*.py"))
        if "self" not in path.parts
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_every_workload_says_in_one_line_what_it_watches_for() -> None:
    for path, workload in workloads():
        said = ast.get_docstring(workload)
        assert said is not None, f"{path}::{workload.name} says nothing"
        assert "\n" not in said, f"{path}::{workload.name} says more than a line"


def test_the_table_in_the_readme_is_made_of_these_lines() -> None:
    table = [
        line
        for line in (SUITE / "README.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert table == [
        f"| `{path}::{workload.name}`{' *' if 'quick' in marks(workload) else ''} "
        f"| {ast.get_docstring(workload)} |"
        for path, workload in workloads()
    ]


def marks(workload: ast.FunctionDef) -> str:
    return " ".join(ast.unparse(decorator) for decorator in workload.decorator_list)
