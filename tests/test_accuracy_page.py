"""The page about accuracy, and the tables that a command puts there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from truth import load

if TYPE_CHECKING:
    from pathlib import Path

load("truths")
load("kinds")
accuracy = load("accuracy")


def results() -> dict[str, Any]:
    """Return what two versions measured, of which the second misses every limit."""
    facts = {"rounds": 2, "tasks": 100, "python": "3.11.7", "load": 0.5}

    def found(measured: float, what: str = "a plateau") -> list[dict[str, Any]]:
        one = {"what": what, "metric": "average_memory"}
        return [{**one, "measured": measured, "truth": 5e8, "tolerance": 0.03}]

    def cost(seconds: float) -> dict[str, Any]:
        each = {key: [seconds, seconds] for key in accuracy.FIXTURES}
        ratios = {key: [1 + seconds / 10] for key in accuracy.FIXTURES}
        return {"ratios": ratios, "bare": [10.0], "empty": each}

    def end(seconds: float) -> dict[str, Any]:
        return {"2": {"heartbeat": 0.5, "seconds": {key: [seconds] for key in accuracy.FIXTURES}}}

    given = {
        "truth": (found(5.05e8), [*found(6e8), *found(5e8, "a new one")]),
        "clusters": ({"threads": found(5e8)}, {"threads": found(6e8), "commands": found(5e8)}),
        "cost": (cost(0.1), cost(0.4)),
        "end": (end(0.5), end(1)),
    }
    run = {"day": "2026-11-22", "minutes": 21.6, "cores": 2, "parts": list(accuracy.PARTS)}
    return {"run": run} | {
        part: {
            version: {**facts, "value": value} for version, value in zip("AB", both, strict=True)
        }
        for part, both in given.items()
    }


def tables() -> dict[str, str]:
    return {name: table(results()[name]) for name, table in accuracy.TABLES.items()}


def test_what_is_off_or_over_its_limit_is_set_in_bold() -> None:
    made = {name: table.splitlines() for name, table in tables().items()}
    of = "+1.00% of 500 MB | **+20.00% of 500 MB**"
    assert made["truth"][2] == f"| a plateau | `average_memory` | 3% | {of} |"
    cells = "+0.0%, **+20.0%** | -, +0.0%"
    assert made["clusters"][2] == f"| a plateau | `average_memory` | {cells} |"
    (all_,) = (line for line in made["cost"] if line.startswith("| `benchmark_all`"))
    assert " 1.010 x (" in all_
    assert "**1.040 x**" in all_
    assert "**" not in made["cost"][2]
    limit = "| 0.500 s (0.500 s to 0.500 s) | **1.000 s** (1.000 s to 1.000 s) |"
    assert made["end"][-3].endswith(limit)
    assert "in one run of 22 minutes on 2026-11-22" in tables()["run"]


def test_a_truth_that_one_version_alone_has_is_a_row() -> None:
    row = tables()["truth"].splitlines()[3]
    assert row == "| a new one | `average_memory` | 3% | not measured | +0.00% of 500 MB |"


def test_a_run_of_some_parts_says_which() -> None:
    run = {**results()["run"], "parts": ["cost"]}
    assert accuracy.run_line(run).startswith("cost: measured in one run")


def test_tables_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    blocks = [f"<!-- {name}:begin -->\nold\n<!-- {name}:end -->" for name in accuracy.TABLES]
    page.write_text("\n".join(["before", *blocks, "after"]), "utf-8")
    for _ in range(2):
        accuracy.write(tables(), page)
        text = page.read_text("utf-8")
        assert "old" not in text
        assert text.startswith("before\n")
        assert text.endswith("\nafter")
        assert all(text.count(table) == 1 for table in tables().values())


def test_a_page_without_a_place_for_a_table_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing", "utf-8")
    with pytest.raises(LookupError, match="should have a block from run:begin"):
        accuracy.write(tables(), page)
    assert page.read_text("utf-8") == "nothing"


def test_the_page_has_a_table_of_each_kind() -> None:
    text = accuracy.PAGE.read_text("utf-8")
    for name in accuracy.TABLES:
        table = text.partition(f"<!-- {name}:begin -->\n")[2].partition(f"<!-- {name}:end -->")[0]
        assert "measured in one run" in table if name == "run" else table.startswith("| ")
