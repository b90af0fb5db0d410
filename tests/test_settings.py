"""``[tool.benchdb]``: what can be said there, and what is refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchdb.config import Settings, read_settings
from benchdb.errors import WrongSetting

if TYPE_CHECKING:
    from pathlib import Path


def settings(folder: Path, *lines: str) -> Settings:
    (folder / "pyproject.toml").write_text("\n".join(["[tool.benchdb]", *lines]))
    return read_settings(folder)


def test_a_tolerance_is_one_share_for_all_or_one_for_each_pattern(tmp_path: Path) -> None:
    assert settings(tmp_path).tolerance_of("a.py::test_x", "duration") == 0.02
    assert settings(tmp_path, "tolerance = 0.3").tolerance_of("a.py::test_x", "duration") == 0.3
    table = """tolerance = {"io/*" = 0.1, "* @ peak_*" = 0.05, "a.py::test_x[1] @ duration" = 0}"""
    made = settings(tmp_path, table)
    assert made.tolerance_of("a.py::test_x[2]", "duration") == 0.02
    assert made.tolerance_of("a.py::test_x[1]", "duration") == 0
    assert made.tolerance_of("io/b.py::test_y", "duration") == 0.1
    assert made.tolerance_of("io/b.py::test_y", "peak_memory") == 0.05


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "tolerance = '2%'",
            "tolerance must be a share below 1 (2 % is 0.02), or a table of tests and shares",
        ),
        ("tolerance = 3", "tolerance must be a share below 1 (2 % is 0.02), or a table"),
        ("tolerance = {a = -1}", "tolerance must be a share below 1 (2 % is 0.02), or a table"),
        ("tolerance = {a = true}", "tolerance must be a share below 1 (2 % is 0.02), or a table"),
        ("tolerance = nan", "tolerance must be a share below 1 (2 % is 0.02), or a table"),
        ("publish_every = 'x'", "publish_every 'x' is no duration: write it as 90d, 12h"),
        ("false_alarms = 1", "false_alarms must be a share between 0 and 1, as 0.01"),
        ("false_alarms = 'x'", "false_alarms must be a share between 0 and 1, as 0.01"),
        ("fail_on = 'never'", "fail_on must be 'confirmed' or 'suspect'"),
        ("fail_on = 5", "fail_on must be 'confirmed' or 'suspect'"),
        ("renamed = {a = 1}", "renamed must be a table of former names and new ones"),
        ("renamed = {'' = 'a'}", "renamed must be a table of former names and new ones"),
        ("controls = 'a'", "controls must be a list of strings"),
    ],
)
def test_a_setting_of_the_gate_that_makes_no_sense_is_one_line(
    tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(WrongSetting) as refused:
        settings(tmp_path, line)
    assert f"[tool.benchdb] {message}" in str(refused.value)
    assert "\n" not in str(refused.value)
