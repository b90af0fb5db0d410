"""What `benchdb gate` and the commands beside it print: that it is true, and runs as pasted."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from made_up import SETTINGS, History, add, commit, project, step
from recorded import environ

from benchdb.report import text

if TYPE_CHECKING:
    from pathlib import Path

    from markdown_it.token import Token
    from recorded import Project

CASE = "t.py::test_01"


def printed(of: Project, *arguments: object) -> list[list[str]]:
    """Return the commands of benchdb's that a command prints, split as a shell does."""
    said = re.sub(r"\s*\n", " ", of.benchdb(*arguments).out)
    found = [shlex.split(one) for one in re.findall("`(benchdb [^`]*)`", said)]
    return [one[1:] for one in found]


def inline(markdown: str) -> list[Token]:
    """Return what CommonMark makes of a text, but for its blocks."""
    from markdown_it import MarkdownIt  # rich brings it

    blocks = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [token for block in blocks for token in block.children or []]


def code_spans(markdown: str) -> list[str]:
    return [token.content for token in inline(markdown) if token.type == "code_inline"]


def text_of(markdown: str) -> str:
    return " ".join(token.content for token in inline(markdown) if token.type == "text")


def test_commands_that_are_printed_are_about_the_session_and_the_file_that_were_named(
    tmp_path: Path,
) -> None:
    of = project(tmp_path / "p", History(23, 3, effects={CASE: step(20, 1.3)}))
    of.database.rename(of.folder / "all days.db")
    commands = printed(of, "gate", f"commit:{commit(22)}", "--db", "all days.db")
    assert [one[0] for one in commands] == ["show", "explain", "ack"]
    assert of.benchdb(*commands[1]).out.startswith(f"{CASE} duration: REGRESSED")
    assert of.benchdb(*commands[2]).code == 0
    commands = printed(of, "changes", "--closed", "--db", "all days.db")
    commands += printed(of, "compare", "last:15", "last:3", "--db", "all days.db")
    assert [one[0] for one in commands] == ["show"]  # the event is settled
    assert of.benchdb(*commands[0]).code == 0


@pytest.mark.parametrize("value", ["`id`", "a``b` `", "one`", "pi|pe`", "<b>*_"])
def test_in_markdown_commands_are_code_spans_whatever_a_test_is_called(
    tmp_path: Path, value: str
) -> None:
    case = f"t.py::test_it[{value}]"
    of = project(tmp_path / "p", History(23, 3, effects={case: step(20, 1.3)}))
    gate = of.benchdb("gate", "last:1", "--format", "markdown").out
    spans = code_spans(gate)
    again = next(one for one in spans if one.startswith("pytest "))
    assert shlex.split(again)[-1] == case
    (explain,) = [one for one in spans if one.startswith("benchdb explain ")]
    assert of.benchdb(*shlex.split(explain)[1:]).out.startswith(f"{case} duration: REGRESSED")
    assert case in spans  # in the table, too
    suspect = of.benchdb("gate", f"commit:{commit(20)}", "--format", "markdown").out
    assert "git log 000000000019..000000000020" in code_spans(suspect)
    assert f"{case}, what changed: " in text_of(suspect)
    compared = of.benchdb("compare", "last:15", "last:3", "--format", "markdown").out
    (show,) = [one for one in code_spans(compared) if one.startswith("benchdb show ")]
    assert shlex.split(show)[2] == case


def test_a_password_is_in_no_command_that_is_printed() -> None:
    assert text.database("postgresql://me:secret@host/bench") == ""
    assert text.database("all days.db") == " --db 'all days.db'"


def test_where_no_commit_differs_the_gate_says_how_to_see_what_does(tmp_path: Path) -> None:
    made = History(33, 3, commits=False, effects={CASE: step(30, 1.3)})
    made.more = {
        "commit": lambda _: commit(7),
        "version:numpy": lambda session: "2.0" if session < 30 else "2.1",
    }
    of = project(tmp_path, made)
    assert "what changed: no commit; `benchdb compare" in of.benchdb("gate", "last:1").out
    command = next(one for one in printed(of, "gate", "last:1") if one[0] == "compare")
    differs = of.benchdb(*command).out
    assert "numpy" in differs
    assert "2.1" in differs


def test_without_any_session_of_the_trunk_the_gate_says_so(tmp_path: Path) -> None:
    made = History(12, 2)
    of = project(tmp_path, made, SETTINGS + 'trunk = ["develop", "stable"]\n')
    ran = of.benchdb("gate", "last:1")
    first, second = ran.out.splitlines()[:2]
    assert first.endswith("(4 new); but no session of the trunk is here to judge by")
    assert second.endswith("no session is here: [tool.benchdb] trunk, develop or stable")
    assert of.benchdb("gate", "last:1", "--format", "json").json["base_sessions"] == 0
    (of.folder / "pyproject.toml").write_text(SETTINGS)
    assert "no session of the trunk" not in of.benchdb("gate", "last:1").out
    assert of.benchdb("gate", "last:1", "--format", "json").json["base_sessions"] == 12


def test_a_shallow_clone_is_named_as_why_git_knows_no_merge_base(tmp_path: Path) -> None:
    made = project(tmp_path / "whole")
    made.git("init", "-b", "main")
    made.git("add", ".")
    made.git("commit", "-m", "first")
    made.git("checkout", "-b", "feature")
    made.git("commit", "--allow-empty", "-m", "second")
    tip = made.git("rev-parse", "HEAD")
    made.git("clone", "--depth=1", "-b", "feature", made.folder.as_uri(), str(tmp_path / "clone"))
    of = project(tmp_path / "clone", History(8, 2))
    branch = {"branch": "feature", "commit": tip, "start": "2026-02-01T00:00:00+00:00"}
    add(of, [{**row, **branch} for row in History(1, 2).rows()])
    said = " ".join(of.benchdb("gate", f"commit:{tip}").out.split())
    assert "as this clone is shallow: `git fetch --unshallow`" in said
    of.git("fetch", "--unshallow", "origin", "+refs/heads/*:refs/remotes/origin/*")
    assert "shallow" not in of.benchdb("gate", f"commit:{tip}").out


def test_explain_takes_the_former_name_of_a_renamed_test(tmp_path: Path) -> None:
    settings = SETTINGS + '[tool.benchdb.renamed]\n"t.py::test_old" = "t.py::test_01"\n'
    rows = History(9, 2).rows()
    for row in rows[:8]:
        row["test"] = row["test"].replace("test_01", "test_old")
    of = project(tmp_path, settings=settings)
    add(of, rows)
    assert of.benchdb("explain", "test_old", "last:1").out.startswith("t.py::test_01 duration")


def test_changes_of_one_test_say_how_many_series_were_searched(tmp_path: Path) -> None:
    of = project(tmp_path, History(30, 5, effects={CASE: step(20, 1.3)}))
    assert "searched 20 series of 5 tests over 30 sessions" in of.benchdb("changes", CASE).out
    quiet = of.benchdb("changes", "t.py::test_02").out
    assert "no change in 4 of them: searched 20 series of 5 tests" in quiet


def test_a_comparison_with_several_values_on_one_side_asks_for_no_repeats(tmp_path: Path) -> None:
    of = project(tmp_path, History(12, 3))
    asks = "one value a side decides nothing"
    assert asks not in of.benchdb("compare", "last:10", "last:1").out
    assert asks in of.benchdb("compare", "last:2", "last:1").out


def test_a_backtest_names_what_its_settings_misname(tmp_path: Path) -> None:
    of = project(tmp_path, History(12, 2))
    other = of.folder / "other.toml"
    other.write_text('[tool.benchdb]\nmetrics = ["speed"]\ncontrols = ["*spin*"]\n')
    misnamed = ["metrics 'speed'", "controls '*spin*'"]
    said = of.benchdb("backtest", "--config", other).out
    assert f"nothing is called so: {', '.join(misnamed)} of [tool.benchdb]" in said
    found = of.benchdb("backtest", "--config", other, "--format", "json").json
    assert found["unmatched"] == misnamed
    other.write_text('metrics = ["duration"]\n')
    ran = of.benchdb("backtest", "--config", other)
    assert ran.code == 2
    assert "has no table [tool.benchdb]: write the settings under it" in ran.err


@pytest.mark.skipif(sys.platform != "linux", reason="a device that is always full is Linux's")
def test_output_that_cannot_be_written_is_our_failure_and_no_regression(tmp_path: Path) -> None:
    of = project(tmp_path, History(9, 2))
    for form in ("table", "json"):
        with open("/dev/full", "w") as full:
            ran = subprocess.run(
                [sys.executable, "-m", "benchdb", "gate", "last:1", "--format", form],
                cwd=of.folder,
                env=environ(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert ran.returncode == 2
        assert ran.stderr.startswith("benchdb: the output can't be written (No space left")
        assert ran.stderr.count("\n") == 1


def test_of_levels_below_0_every_command_tells_the_difference(tmp_path: Path) -> None:
    level = {True: "-5.0", False: "-10.2"}
    below = {"balance [s higher]": lambda s: f"{level[s < 27]}{s % 3}"}
    of = project(tmp_path, History(30, 2, more=below))
    for arguments in (
        ["changes"],
        ["gate", "last:1"],
        ["gate", "last:1", "--format", "github"],
        ["compare", "last:30", "last:3"],
        ["explain", "test_00", "last:1", "--metric", "balance"],
        ["backtest"],
    ):
        out = of.benchdb(*arguments).out
        said = [line for line in out.splitlines() if "-5.20 s" in line and "balance" in line]
        assert said or "found: -5.20 s" in out, out
        assert not [line for line in said if "-100" in line or "-99" in line]


def test_one_call_reports_in_several_formats(tmp_path: Path) -> None:
    of = project(tmp_path / "p", History(23, 3, effects={CASE: step(20, 1.3)}))
    alone = {form: of.benchdb("gate", "last:1", "--format", form) for form in ("markdown", "json")}
    also = ("--save", "markdown=summary", "--save", "gate.json")
    both = of.benchdb("gate", "last:1", "--format", "github", *also, FORCE_COLOR="1")
    assert both.code == 1
    assert both.out.startswith("::error")
    assert (of.folder / "summary").read_text() == alone["markdown"].out
    assert (of.folder / "gate.json").read_text() == alone["json"].out
    wrong = of.benchdb("gate", "--save", "gate.html")
    assert (wrong.code, wrong.out) == (2, "")
    assert "the format of 'gate.html' isn't known: let it end in one of" in wrong.err
    nowhere = of.benchdb("gate", "last:1", "--save", "no/gate.md")
    assert nowhere.code == 2
    assert "there is no folder no: make it, or name another" in nowhere.err
