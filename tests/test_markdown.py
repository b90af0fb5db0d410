"""Markdown of every command fits into a comment on GitHub, and says what it leaves out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from recorded import Project
from store_samples import EPOCH, closed, facts

from benchdb.metrics import OUTCOME_METRICS
from benchdb.store.recorder import Recorder

LIMIT = 65_536


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Many cases with long names, and many sessions of one."""
    project = Project(tmp_path_factory.mktemp("many"))
    for day in range(3):
        recorder = Recorder(project.database, facts(f"session-{day}", day))
        for number in range(300):
            name = f"test_{number:03}[{'long' * 20}]"
            ordinal = recorder.open(EPOCH, (name, name.partition("[")[0], "test_it.py"))
            recorder.close(ordinal, closed(number))
        recorder.finish(EPOCH + timedelta(days=day, hours=1))
    return project


def rows(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith("| `test_it.py")]


def test_more_rows_than_fit_are_counted(many: Project) -> None:
    ran = many.benchdb("show", "*", "--format", "markdown")
    assert LIMIT - 500 < len(ran.out) <= LIMIT
    more = re.search(r"^([\d,]+) more rows: `--format json` has all$", ran.out, re.MULTILINE)
    assert more
    left_out = int(more[1].replace(",", ""))
    every = [line for line in many.benchdb("show", "*").out.splitlines() if " duration" in line]
    assert len(every) == 300
    all_lines = len(many.benchdb("show", "*", "--format", "json").json["series"])
    zeros = len(OUTCOME_METRICS) * 300  # failed, lost and the like, which nothing did
    shown = [line for line in ran.out.splitlines() if re.match(r"\| .*`(duration|rows|aver)", line)]
    assert len(shown) + left_out == all_lines - zeros
    assert rows(ran.out)[0].startswith("| `test_it.py::test_000[")


def test_what_fits_is_whole(many: Project) -> None:
    ran = many.benchdb("show", "test_00*", "--format", "markdown")
    assert len(rows(ran.out)) == 10
    assert "more row" not in ran.out


def test_a_small_table_is_whole_beside_a_large_one() -> None:
    from benchdb.report.markdown import as_markdown
    from benchdb.report.table import Column, Medium, Table

    columns = (Column("a"),)
    large = Table(columns, tuple((f"large {number}",) for number in range(100)), "one")
    small = Table(columns, (("small 1",), ("small 2",)), "two", remarks=("remark",))
    drawn = as_markdown([large, small], Medium(), 900)
    assert len(drawn) <= 900
    assert "| small 2 |" in drawn
    assert "remark" in drawn
    assert re.search(r"\| large 3 \|\n(\| .*\n)*\n\d+ more rows: ", drawn)


def test_tables_that_do_not_fit_at_all_are_counted() -> None:
    from benchdb.report.markdown import as_markdown
    from benchdb.report.table import Column, Medium, Table

    every = [Table((Column("a"),), (("x",),), f"table {number}") for number in range(100)]
    drawn = as_markdown(every, Medium(), 2000)
    assert len(drawn) <= 2000
    shown = drawn.count("###")
    assert shown > 5
    assert drawn.endswith(f"{100 - shown} more tables: `--format json` has all\n")


def test_nobody_is_told_of_a_name_in_a_cell() -> None:
    from benchdb.report.markdown import as_markdown
    from benchdb.report.table import Column, Medium, Table

    table = Table((Column("a"),), (("test_`@ada`, fixes #1, see owner/name#2",),), "one")
    drawn = as_markdown([table], Medium())
    assert "@ada" not in drawn
    assert not re.search(r"#\d", drawn)
    assert "@<!-- -->ada" in drawn  # which a reader sees and copies as it was
